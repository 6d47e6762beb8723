"""A certification stays as it ended."""

from django.db import migrations

REFUSE_CHANGE_OF_CERTIFICATION = """CREATE OR REPLACE FUNCTION refuse_change_of_certification() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF TG_OP = 'DELETE' AND (
            current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID)
            OR NOT EXISTS (
                SELECT FROM public.tenants_tenant t
                WHERE t.id = OLD.tenant_id AND (t.delete_at <= clock_timestamp()) IS NOT TRUE
            )
        ) THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'permission denied: a certification stays as it ended' USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_change_of_certification FROM PUBLIC;

CREATE OR REPLACE TRIGGER certification_stays BEFORE UPDATE OR DELETE ON delivery_certification FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION refuse_change_of_certification();
"""


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("delivery", "0038_answers_of_before")]

    operations = [
        migrations.RunSQL(
            sql=[REFUSE_CHANGE_OF_CERTIFICATION],
            reverse_sql=[
                "DROP TRIGGER certification_stays ON delivery_certification",
                "DROP FUNCTION refuse_change_of_certification",
            ],
        ),
    ]
