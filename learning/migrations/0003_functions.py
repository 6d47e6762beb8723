"""What a worker asks across tenants, before it knows whose context to take: ids and counts, and no row of anyone's."""

from django.db import migrations

from retivo.database.sql import InForce

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


class Migration(migrations.Migration):
    dependencies = [("learning", "0002_isolation")]

    operations = [
        InForce(
            "learning",
            "tenants_with_waiting_examples",
            digest="5ceda3145421",
            reverse_sql="DROP FUNCTION tenants_with_waiting_examples",
        ),
        migrations.RunSQL(
            sql=[
                _FORGET,
                "REVOKE ALL ON FUNCTION forget_learned_examples FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION forget_learned_examples TO app_rt",
            ],
            reverse_sql="DROP FUNCTION forget_learned_examples",
        ),
    ]
