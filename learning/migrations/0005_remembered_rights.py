"""Whose remembered decisions these are; they go with their user, or after 90 days."""

from django.db import migrations

from retivo.database.rls import isolate

_USER = """
    ALTER TABLE learning_remembereddecision ADD CONSTRAINT remembered_user FOREIGN KEY (tenant_id, user_id)
    REFERENCES events_trackeduser (tenant_id, user_id) ON DELETE CASCADE
"""

# 90 days: learning.services.KEPT_DAYS.
_FORGET = """
    CREATE FUNCTION forget_remembered_decisions() RETURNS bigint LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH gone AS (
            DELETE FROM public.learning_remembereddecision
            WHERE decided_at < now() - interval '90 days' RETURNING 1
        )
        SELECT count(*) FROM gone
    $$
"""


class Migration(migrations.Migration):
    dependencies = [("learning", "0004_remembereddecision")]

    operations = [
        isolate("learning_remembereddecision", visible="tenant_id = {tenant}", grants="SELECT, INSERT"),
        migrations.RunSQL(
            sql=[
                _USER,
                _FORGET,
                "REVOKE ALL ON FUNCTION forget_remembered_decisions FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION forget_remembered_decisions TO app_rt",
            ],
            reverse_sql=[
                "DROP FUNCTION forget_remembered_decisions",
                "ALTER TABLE learning_remembereddecision DROP CONSTRAINT remembered_user",
            ],
        ),
    ]
