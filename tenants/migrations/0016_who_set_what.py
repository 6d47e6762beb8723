"""What partners have set of their customers' configs so far, as far as the audit trail tells it.

A key that the customer changed itself is its own; the rest was set by its partner when it was provisioned, or since, or
by staff. `learning` in the config is always the customer's own word.
"""

from django.db import migrations

_FIND = """
    UPDATE tenants_tenant t SET config_by_partner = (
        SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}') FROM jsonb_each(t.config) AS c
        WHERE c.key <> 'learning' AND NOT EXISTS (
            SELECT FROM tenants_auditentry e
            JOIN tenants_apikey k
                ON k.tenant_id = e.tenant_id AND e.actor IN ('api_key:' || k.prefix, 'api_key:' || k.id)
            WHERE e.tenant_id = t.id AND e.action = 'tenant.changed'
                AND e.detail #> ARRAY['changes', 'config', 'from', c.key]
                    IS DISTINCT FROM e.detail #> ARRAY['changes', 'config', 'to', c.key]
        )
    )
    WHERE tenant_role = 'customer' AND jsonb_typeof(config) = 'object' AND config <> '{}'
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0015_config_by_partner")]

    operations = [migrations.RunSQL(sql=_FIND, reverse_sql=migrations.RunSQL.noop)]
