"""Nobody deletes a revision, nor a secret's version, before their partner goes."""

from django.db import migrations

REFUSE_LOSS_OF_REVISION = """CREATE OR REPLACE FUNCTION refuse_loss_of_revision() RETURNS trigger
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
        RAISE EXCEPTION 'permission denied: a revision stays as it was published'
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_loss_of_revision FROM PUBLIC;

CREATE OR REPLACE TRIGGER revision_kept BEFORE DELETE ON integrations_revision FOR EACH ROW
    EXECUTE FUNCTION refuse_loss_of_revision();

CREATE OR REPLACE TRIGGER revision_kept BEFORE DELETE ON integrations_revisiontemplate FOR EACH ROW
    EXECUTE FUNCTION refuse_loss_of_revision();

CREATE OR REPLACE TRIGGER version_kept BEFORE DELETE ON integrations_secretversion FOR EACH ROW
    EXECUTE FUNCTION refuse_loss_of_revision();
"""


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("integrations", "0022_sharings_put_off")]

    operations = [
        migrations.RunSQL(
            sql=[REFUSE_LOSS_OF_REVISION],
            reverse_sql=[
                "DROP TRIGGER version_kept ON integrations_secretversion",
                "DROP TRIGGER revision_kept ON integrations_revisiontemplate",
                "DROP TRIGGER revision_kept ON integrations_revision",
                "DROP FUNCTION refuse_loss_of_revision",
            ],
        ),
    ]
