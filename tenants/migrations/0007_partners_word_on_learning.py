"""What a partner says of a customer's learning is its own to change, as `overage` is."""

from importlib import import_module

from django.db import migrations

_before = import_module("tenants.migrations.0005_own_plan")._TRIGGER

_DROP = "DROP TRIGGER own_plan ON tenants_tenant"


_OWN_PLAN = """
CREATE OR REPLACE FUNCTION refuse_own_plan() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: a tenant does not change its own plan'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_own_plan FROM PUBLIC;

CREATE OR REPLACE TRIGGER own_plan BEFORE UPDATE ON tenants_tenant FOR EACH ROW
    WHEN (
        NEW.id = NULLIF(current_setting('retivo.tenant_id', true), '')::uuid
        AND (
            (OLD.plan_tier, OLD.plan_status, OLD.tracked_user_limit)
                IS DISTINCT FROM (NEW.plan_tier, NEW.plan_status, NEW.tracked_user_limit)
            OR OLD.tenant_role = 'customer'
                AND (OLD.config -> 'overage', OLD.config -> 'retention_days', OLD.config -> 'learning_by_partner')
                    IS DISTINCT FROM
                    (NEW.config -> 'overage', NEW.config -> 'retention_days', NEW.config -> 'learning_by_partner')
        )
    )
    EXECUTE FUNCTION refuse_own_plan();
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0006_answer_about")]

    operations = [migrations.RunSQL(sql=[_OWN_PLAN], reverse_sql=[_DROP, _before])]
