"""When a tenant is deleted, what was told of it goes out of the audit trail and the partner's feed; the rest stays."""

from django.db import migrations, models

from retivo.database.sql import InForce

# As it was until the content was hashed with a salt.
REDACT_AUDIT_ENTRIES = """\
-- Takes out of the audit trail what was told of a tenant that is gone: details, which may hold names and labels, and
-- addresses. Who did what and when stays, and so does each entry's hash, which the next one in the chain carries.
--
-- An entry from before there was a chain of all has no place in it, and gets none.
CREATE OR REPLACE FUNCTION redact_audit_entries(tenant uuid) RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH redacted AS (
            UPDATE public.tenants_auditentry e
               SET redacted_hash = CASE WHEN e.position IS NOT NULL THEN public.audit_hash(e) END,
                   detail = '{}', address = NULL
             WHERE e.tenant_id = redact_audit_entries.tenant AND e.action NOT LIKE '%.deleted'
               AND (e.detail, e.address) IS DISTINCT FROM ('{}'::jsonb, NULL::inet)
               AND NOT EXISTS (SELECT FROM public.tenants_tenant t WHERE t.id = redact_audit_entries.tenant)
            RETURNING 1
        )
        SELECT count(*) FROM redacted
    $$;

REVOKE ALL ON FUNCTION redact_audit_entries FROM PUBLIC;
GRANT EXECUTE ON FUNCTION redact_audit_entries TO app_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0032_deletions")]

    operations = [
        migrations.AddField(
            model_name="auditentry",
            name="redacted_hash",
            field=models.BinaryField(
                help_text="As it was written: its tenant was deleted, and `detail` and `address` with it",
                max_length=32,
                null=True,
            ),
        ),
        migrations.RunSQL(sql=[REDACT_AUDIT_ENTRIES], reverse_sql="DROP FUNCTION redact_audit_entries"),
        InForce(
            "tenants", "redact_partner_events", digest="e9f44ea70d6a", reverse_sql="DROP FUNCTION redact_partner_events"
        ),
    ]
