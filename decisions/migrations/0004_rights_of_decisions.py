"""Whose decisions these are, and which switches stop them. What is of a user goes with the user."""

from django.db import migrations

from retivo.database.rls import isolate, undo_isolation
from retivo.database.sql import InForce

_USER = """
    ALTER TABLE decisions_decision ADD CONSTRAINT decision_for_own_user FOREIGN KEY (tenant_id, user_id)
    REFERENCES events_trackeduser (tenant_id, user_id) ON DELETE CASCADE
"""

# As it was until there were layers of controls.
SWITCHES = """\
-- Returns whether the kill switch of the tenant in context is on, and whether its partner's is. Runs with its owner's
-- rights, and returns no more than two booleans, because a customer cannot read its partner's row.
CREATE OR REPLACE FUNCTION switches_of_caller(OUT own boolean, OUT partners boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT t.kill_switch_active, coalesce(p.kill_switch_active, false)
        FROM public.tenants_tenant t LEFT JOIN public.tenants_tenant p ON p.id = t.parent_id
        WHERE t.id = (SELECT public.current_tenant())
    $$;

REVOKE ALL ON FUNCTION switches_of_caller FROM PUBLIC;
GRANT EXECUTE ON FUNCTION switches_of_caller TO app_web;
"""


class Migration(migrations.Migration):
    dependencies = [("decisions", "0003_decisions"), ("tenants", "0004_switches"), ("events", "0003_isolation")]

    operations = [
        isolate("decisions_decision", visible="tenant_id = {tenant}", grants="SELECT, INSERT, UPDATE"),
        InForce("decisions", "decisions_budget", digest="02bd44f30ade", reverse_sql=undo_isolation("decisions_budget")),
        migrations.RunSQL(
            sql=_USER, reverse_sql="ALTER TABLE decisions_decision DROP CONSTRAINT decision_for_own_user"
        ),
        migrations.RunSQL(sql=[SWITCHES], reverse_sql="DROP FUNCTION switches_of_caller"),
    ]
