"""A partner is told what happens to it and its customers: an event in the transaction of each change."""

from importlib import import_module

from django.db import migrations, models
from django.db.models.functions import Now

from retivo.database.prefixed_id import PrefixedId
from retivo.database.sql import InForce

_entries = import_module("tenants.migrations.0018_audit_chain").TENANTS_AUDITENTRY
_leaked = import_module("tenants.migrations.0014_leaked_keys").REVOKE_LEAKED_KEY

# As it was until a key was never revoked before it was issued.
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
            RETURNING id, tenant_id, jsonb_build_object('key_id', id, 'prefix', prefix) AS data
        ), entry AS (
            INSERT INTO public.tenants_auditentry (actor, action, tenant_id, target_type, target_id, address, detail)
            SELECT 'anonymous', 'api_key.leaked', tenant_id, 'api_key', id, reported_from, data FROM revoked
        )
        INSERT INTO public.tenants_partnerevent (tenant_id, type, version, customer_id, external_id, actor, data)
        SELECT coalesce(t.parent_id, t.id), 'api_key.leaked', 1, CASE WHEN t.parent_id IS NOT NULL THEN t.id END,
            t.external_id, 'anonymous', r.data
        FROM revoked r JOIN public.tenants_tenant t ON t.id = r.tenant_id WHERE t.tenant_role <> 'standalone';
        -- A transaction that wrote nothing does not wait for the disk, which could be told from one that did.
        PERFORM pg_logical_emit_message(true, 'revoke_leaked_key', '');
    END
    $$;

REVOKE ALL ON FUNCTION revoke_leaked_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION revoke_leaked_key TO app_web;
"""  # noqa: E501

# As it was until tenants read the audit trail.
TENANTS_AUDITENTRY = r"""
-- A tenant appends to the audit trail, of itself or of a customer, by its keys; staff alone read it. Nobody changes it or
-- takes anything out of it: chain_entry gives each entry its position and the hash of the one before.
ALTER TABLE tenants_auditentry ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_auditentry;
CREATE POLICY tenant_isolation ON tenants_auditentry TO app_web
    USING (
        tenant_id = (SELECT current_tenant())
        OR EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_auditentry.tenant_id
                AND t.parent_id = (SELECT current_tenant())
        )
    )
    WITH CHECK (
        actor LIKE 'api\_key:%'
        AND (
            tenant_id = (SELECT current_tenant())
            OR EXISTS (
                SELECT 1 FROM tenants_tenant t
                WHERE t.id = tenants_auditentry.tenant_id
                    AND t.parent_id = (SELECT current_tenant())
            )
        )
    );

DROP POLICY IF EXISTS staff ON tenants_auditentry;
CREATE POLICY staff ON tenants_auditentry TO app_staff USING (true) WITH CHECK (true);

REVOKE INSERT, UPDATE, DELETE ON tenants_auditentry FROM app_staff;
GRANT INSERT (actor, action, tenant_id, target_type, target_id, address, request_id, detail) ON tenants_auditentry TO app_web, app_staff;
"""  # noqa: E501

# As it was until it moved the head once a transaction.
NUMBER_EVENT = """\
-- Gives a partner's event its number, without gaps and in the order of commits: whoever reads up to a number has missed
-- nothing before it.
--
-- A transaction that numbers an event makes others of the same partner wait until it has committed, so the numbers are
-- given at COMMIT.
CREATE OR REPLACE FUNCTION number_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        number bigint;
    BEGIN
        INSERT INTO public.tenants_eventhead AS head (tenant_id, seq) VALUES (NEW.tenant_id, 1)
        ON CONFLICT (tenant_id) DO UPDATE SET seq = head.seq + 1 RETURNING head.seq INTO number;
        UPDATE public.tenants_partnerevent SET seq = number WHERE id = NEW.id;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION number_event FROM PUBLIC;

DROP TRIGGER IF EXISTS event_written ON tenants_partnerevent;
CREATE CONSTRAINT TRIGGER event_written AFTER INSERT ON tenants_partnerevent DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION number_event();
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0022_ids_of_customers")]

    operations = [
        migrations.CreateModel(
            name="EventHead",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenants.tenant",
                    ),
                ),
                ("seq", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="PartnerEvent",
            fields=[
                (
                    "id",
                    models.CharField(
                        db_default=PrefixedId(prefix="evt"), max_length=40, primary_key=True, serialize=False
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        help_text="The partner",
                        on_delete=models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "seq",
                    models.BigIntegerField(editable=False, help_text="In the partner's feed, without gaps", null=True),
                ),
                ("type", models.CharField(max_length=64)),
                ("version", models.PositiveSmallIntegerField()),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("customer_id", models.UUIDField(help_text="None of an event about the partner itself", null=True)),
                ("external_id", models.CharField(help_text="The customer's, then", max_length=255, null=True)),
                ("actor", models.CharField(max_length=200)),
                ("request_id", models.CharField(blank=True, db_default="", max_length=128)),
                ("data", models.JSONField()),
                ("previous", models.JSONField(help_text="What changed members of `data` were before", null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("customer_id__isnull", False)),
                        fields=["customer_id", "seq"],
                        name="partner_event_of_customer",
                    ),
                    models.Index(fields=["created_at"], name="partner_event_age"),
                ],
                "constraints": [models.UniqueConstraint(fields=("tenant", "seq"), name="partner_event_seq_unique")],
            },
        ),
        InForce(
            "tenants",
            "tenants_partnerevent",
            digest="5f2d20f13e08",
            reverse_sql=[
                "DROP POLICY staff ON tenants_partnerevent",
                "DROP POLICY tenant_isolation ON tenants_partnerevent",
            ],
        ),
        InForce(
            "tenants",
            "tenants_eventhead",
            digest="119fa688468e",
            reverse_sql=["DROP POLICY staff ON tenants_eventhead", "DROP POLICY tenant_isolation ON tenants_eventhead"],
        ),
        migrations.RunSQL(
            sql=[NUMBER_EVENT],
            reverse_sql=["DROP TRIGGER event_written ON tenants_partnerevent", "DROP FUNCTION number_event"],
        ),
        migrations.AddField(
            model_name="auditentry",
            name="target_type",
            field=models.CharField(blank=True, editable=False, max_length=32, null=True),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="target_id",
            field=models.CharField(blank=True, editable=False, max_length=64, null=True),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="request_id",
            field=models.CharField(blank=True, editable=False, max_length=128, null=True),
        ),
        migrations.RunSQL(sql=[TENANTS_AUDITENTRY], reverse_sql=[_entries]),
        migrations.RunSQL(sql=[REVOKE_LEAKED_KEY], reverse_sql=[_leaked]),
    ]
