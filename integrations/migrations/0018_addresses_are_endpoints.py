"""Each address of a partner's integrations is an endpoint with a row, also while it is well.

The release before registers integrations as this one does; the trigger makes the rows.
"""

from django.db import migrations

# One address at a time.
NOTE_ADDRESS = """CREATE OR REPLACE FUNCTION note_address() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        PERFORM public.register_endpoint(NEW.tenant_id, NEW.delivery_webhook);
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION note_address FROM PUBLIC;

CREATE OR REPLACE TRIGGER note_address AFTER INSERT OR UPDATE OF delivery_webhook ON integrations_revisiontemplate
    FOR EACH ROW EXECUTE FUNCTION note_address();
"""


class Migration(migrations.Migration):
    dependencies = [("integrations", "0017_templates_by_address"), ("delivery", "0032_register_endpoint")]

    operations = [
        migrations.RunSQL(
            sql=[NOTE_ADDRESS],
            reverse_sql=[
                "DROP TRIGGER note_address ON integrations_revisiontemplate",
                "DROP FUNCTION note_address",
            ],
        ),
        migrations.RunSQL(
            sql="""
                SELECT register_endpoint(a.tenant_id, a.delivery_webhook)
                  FROM (SELECT DISTINCT tenant_id, delivery_webhook FROM integrations_revisiontemplate) a
                 ORDER BY a.tenant_id, a.delivery_webhook
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
