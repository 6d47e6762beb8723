"""Whose decisions these are, and which switches stop them. What is of a user goes with the user."""

from django.db import migrations

from retivo.database.rls import isolate

_OWN = "tenant_id = {tenant}"

_USER = """
    ALTER TABLE decisions_decision ADD CONSTRAINT decision_for_own_user FOREIGN KEY (tenant_id, user_id)
    REFERENCES events_trackeduser (tenant_id, user_id) ON DELETE CASCADE
"""

# Two booleans, because a customer does not see its partner's row.
_SWITCHES = """
    CREATE FUNCTION switches_of_caller(OUT own boolean, OUT partners boolean) LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT t.kill_switch_active, coalesce(p.kill_switch_active, false)
        FROM public.tenants_tenant t LEFT JOIN public.tenants_tenant p ON p.id = t.parent_id
        WHERE t.id = NULLIF(current_setting('retivo.tenant_id', true), '')::uuid
    $$
"""


class Migration(migrations.Migration):
    dependencies = [("decisions", "0003_decisions"), ("tenants", "0004_switches"), ("events", "0003_isolation")]

    operations = [
        isolate("decisions_decision", visible=_OWN, grants="SELECT, INSERT, UPDATE"),
        isolate("decisions_budget", visible=_OWN, grants="SELECT, INSERT, UPDATE"),
        migrations.RunSQL(
            sql=[
                _USER,
                _SWITCHES,
                "REVOKE ALL ON FUNCTION switches_of_caller FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION switches_of_caller TO app_rt",
            ],
            reverse_sql=[
                "DROP FUNCTION switches_of_caller",
                "ALTER TABLE decisions_decision DROP CONSTRAINT decision_for_own_user",
            ],
        ),
    ]
