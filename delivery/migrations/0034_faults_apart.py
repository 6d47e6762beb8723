"""One webhook, recovery or endpoint that cannot be worked on keeps no other from being."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_webhooks = import_module("delivery.migrations.0024_partner_webhooks")
_recoveries = import_module("delivery.migrations.0031_recoveries_and_certifications")
_registered = import_module("delivery.migrations.0032_register_endpoint")

# One address at a time.
REGISTER_ENDPOINT = """CREATE OR REPLACE FUNCTION register_endpoint(owner uuid, address text) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
    INSERT INTO public.delivery_endpoint AS e
        (tenant_id, id, url, registered_at, consecutive_failures, openings, last_failure)
    SELECT owner, md5(owner::text || address)::uuid, address, now(), 0, 0, ''
     -- ON CONFLICT locks a row that it leaves as it is, too.
     WHERE NOT EXISTS (
        SELECT FROM public.delivery_endpoint r
         WHERE r.tenant_id = owner AND r.id = md5(owner::text || address)::uuid AND r.registered_at IS NOT NULL
     )
    ON CONFLICT (tenant_id, id) DO UPDATE SET registered_at = now() WHERE e.registered_at IS NULL
    $$;

REVOKE ALL ON FUNCTION register_endpoint FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0033_failed_by_expiry"), ("tenants", "0039_audit_entries_linked")]

    operations = [
        migrations.AddField(
            model_name="webhookreader",
            name="rests_until",
            field=models.DateTimeField(
                help_text="After a fault, which keeps no other reader from going on",
                null=True,
            ),
        ),
        # New names, for they return more: workers of the release before go on with the former ones.
        InForce("delivery", "hand_out_events", digest="5d82afdde582", reverse_sql="DROP FUNCTION hand_out_events"),
        InForce("delivery", "fan_out_events", digest="43efb13a7b8e", reverse_sql=[_webhooks.FAN_OUT_EVENTS]),
        InForce(
            "delivery",
            "advance_recoveries",
            digest="9df82be3ffe8",
            reverse_sql="DROP FUNCTION advance_recoveries",
        ),
        InForce("delivery", "recover_actions", digest="bbb82fe47747", reverse_sql=[_recoveries.RECOVER_ACTIONS]),
        InForce("delivery", "count_endpoints", digest="6db38cfcd0df", reverse_sql=[_recoveries.COUNT_ENDPOINTS]),
        InForce(
            "delivery", "claim_certifications", digest="b7d20fbd3742", reverse_sql=[_recoveries.CLAIM_CERTIFICATIONS]
        ),
        migrations.RunSQL(sql=[REGISTER_ENDPOINT], reverse_sql=[_registered.REGISTER_ENDPOINT]),
    ]
