"""What a worker asks across tenants, before it knows whose context to take: ids and counts, and no row of anyone's."""

from django.db import migrations

_WAITING = """
    CREATE FUNCTION tenants_with_waiting_examples() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT DISTINCT tenant_id FROM public.learning_example WHERE features IS NOT NULL $$
"""

# 90 days: learning.services.KEPT_DAYS.
_FORGET = """
    CREATE FUNCTION forget_learned_examples() RETURNS bigint LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH gone AS (
            DELETE FROM public.learning_example
            WHERE features IS NULL AND recorded_at < now() - interval '90 days' RETURNING 1
        )
        SELECT count(*) FROM gone
    $$
"""

_NAMES = ("tenants_with_waiting_examples", "forget_learned_examples")


class Migration(migrations.Migration):
    dependencies = [("learning", "0002_isolation")]

    operations = [
        migrations.RunSQL(
            sql=[
                _WAITING,
                _FORGET,
                *(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC" for name in _NAMES),
                *(f"GRANT EXECUTE ON FUNCTION {name} TO app_rt" for name in _NAMES),
            ],
            reverse_sql=[f"DROP FUNCTION {name}" for name in _NAMES],
        ),
    ]
