"""A key that was found in a public place is revoked by whoever found it.

The column is added to the catalogue alone; the next migration checks its constraint, while rows may be written.
"""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

# As it was until partners were told of it.
REVOKE_LEAKED_KEY = """\
-- Revokes an API key that was found in a public place, whichever tenant's it is, and enters that in the audit trail.
--
-- Runs with its owner's rights, because whoever reports a key has no tenant. It answers nothing, and does as good as the
-- same whether or not there is such a key: one look-up, and one commit that waits for the disk.
CREATE OR REPLACE FUNCTION revoke_leaked_key(key_digest bytea, reported_from inet) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        WITH revoked AS (
            UPDATE public.tenants_apikey SET revoked_at = now(), revoked_reason = 'leaked'
            WHERE digest = key_digest AND revoked_at IS NULL
            RETURNING id, tenant_id, prefix
        )
        INSERT INTO public.tenants_auditentry (actor, action, tenant_id, address, detail)
        SELECT 'anonymous', 'api_key.leaked', tenant_id, reported_from, jsonb_build_object('key_id', id, 'prefix', prefix)
        FROM revoked;
        -- A transaction that wrote nothing does not wait for the disk, which could be told from one that did.
        PERFORM pg_logical_emit_message(true, 'revoke_leaked_key', '');
    END
    $$;

REVOKE ALL ON FUNCTION revoke_leaked_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION revoke_leaked_key TO app_web;
"""  # noqa: E501


class Migration(migrations.Migration):
    dependencies = [("tenants", "0013_use_of_keys")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="revoked_reason",
            field=models.CharField(
                choices=[("leaked", "Reported as leaked")], editable=False, max_length=16, null=True
            ),
        ),
        AddConstraintNotValid(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("revoked_reason", None))
                | models.Q(("revoked_at__isnull", False), ("revoked_reason__in", ["leaked"])),
                name="api_key_revoked_reason_known",
            ),
        ),
        migrations.RunSQL(sql=[REVOKE_LEAKED_KEY], reverse_sql="DROP FUNCTION revoke_leaked_key"),
    ]
