"""What happened to a partner and what was certified stays, and what staff say about a partner stays between them."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_former = import_module("tenants.migrations.0035_deleting")

REFUSE_LOSS_OF_EVENT = """CREATE OR REPLACE FUNCTION refuse_loss_of_event() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID)
            OR NOT EXISTS (
                SELECT FROM public.tenants_tenant t
                WHERE t.id = OLD.tenant_id AND (t.delete_at <= clock_timestamp()) IS NOT TRUE
            )
        THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'permission denied: % keeps what happened to its partner', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_loss_of_event FROM PUBLIC;

CREATE OR REPLACE TRIGGER events_stay BEFORE DELETE ON tenants_partnerevent FOR EACH ROW
    EXECUTE FUNCTION refuse_loss_of_event();

CREATE OR REPLACE TRIGGER events_stay BEFORE DELETE ON tenants_eventhead FOR EACH ROW
    EXECUTE FUNCTION refuse_loss_of_event();
"""

REFUSE_CHANGE_OF_CERTIFICATE = """CREATE OR REPLACE FUNCTION refuse_change_of_certificate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        RAISE EXCEPTION 'permission denied: a deletion that is verified stays as its certificate says it'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_change_of_certificate FROM PUBLIC;

CREATE OR REPLACE TRIGGER certificate_stays BEFORE UPDATE ON tenants_deletion FOR EACH ROW
    WHEN (
        OLD.status = 'verified'
        AND (
            to_jsonb(OLD) - '{subject_id,owner_id,reason}'::text[]
                <> to_jsonb(NEW) - '{subject_id,owner_id,reason}'::text[]
            OR NEW.subject_id IS NOT NULL
            OR NEW.owner_id IS DISTINCT FROM OLD.owner_id AND NEW.owner_id IS NOT NULL
        )
    )
    EXECUTE FUNCTION refuse_change_of_certificate();
"""


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("tenants", "0044_record_partner_event")]

    operations = [
        InForce("tenants", "controls_in_force", digest="c462aa0be029", reverse_sql=[_former.CONTROLS_IN_FORCE]),
        migrations.RunSQL(
            sql=[REFUSE_LOSS_OF_EVENT],
            reverse_sql=[
                "DROP TRIGGER events_stay ON tenants_eventhead",
                "DROP TRIGGER events_stay ON tenants_partnerevent",
                "DROP FUNCTION refuse_loss_of_event",
            ],
        ),
        migrations.RunSQL(
            sql=[REFUSE_CHANGE_OF_CERTIFICATE],
            reverse_sql=[
                "DROP TRIGGER certificate_stays ON tenants_deletion",
                "DROP FUNCTION refuse_change_of_certificate",
            ],
        ),
    ]
