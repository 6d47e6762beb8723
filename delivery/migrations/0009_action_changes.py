"""What became of actions is noted as it happens, so that nobody has to look through all of them for it."""

import django.db.models.deletion
from django.db import migrations, models

from retivo.database.sql import InForce

NOTE_CHANGE = """
-- Notes that an action ended or that its outcome was reported, so that periodic work finds the tenants it has something
-- to do for. Runs with its owner's rights, because actions are also expired without a tenant's context.
CREATE OR REPLACE FUNCTION note_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        INSERT INTO public.delivery_actionchange (tenant_id, action_id, due_at) VALUES (NEW.tenant_id, NEW.id, now());
        IF NEW.status = 'failed' AND NEW.expires_at > now() THEN
            INSERT INTO public.delivery_actionchange (tenant_id, action_id, due_at)
            VALUES (NEW.tenant_id, NEW.id, NEW.expires_at);
        END IF;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION note_change FROM PUBLIC;

CREATE OR REPLACE TRIGGER note_change AFTER UPDATE OF status, outcome_status ON delivery_action FOR EACH ROW
    WHEN (
        NEW.status <> 'pending' AND NEW.status <> 'dispatched'
        AND (NEW.status, NEW.outcome_status) IS DISTINCT FROM (OLD.status, OLD.outcome_status)
    )
    EXECUTE FUNCTION note_change();
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0008_format_claim_actions"), ("tenants", "0008_entries_without_a_tenant")]

    operations = [
        migrations.CreateModel(
            name="ActionChange",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                ("action_id", models.CharField(max_length=40)),
                ("due_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(models.F("tenant"), models.F("due_at"), name="action_change_due")],
            },
        ),
        InForce("delivery", "delivery_actionchange", digest="13de9e250011", reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(
            sql=[NOTE_CHANGE],
            reverse_sql="DROP TRIGGER note_change ON delivery_action; DROP FUNCTION note_change",
        ),
    ]
