"""A partner and its customers have a chain of audit entries of their own, which they may read."""

from importlib import import_module

import django.db.models.functions.datetime
from django.db import migrations, models

from retivo.database.sql import InForce

_chain = import_module("tenants.migrations.0018_audit_chain")

# As they were until all entries of a transaction were chained at once.
AUDIT_FAMILY_HASH = """\
-- The hash of an audit entry in the chain of its family: SHA-256 of the hash of the one before in hex, and of what tenants
-- are shown of it as JSON. docs/retivo_verify.py makes the same of an export.
--
-- Of what goes when a tenant is deleted, only the hash is in it.
CREATE OR REPLACE FUNCTION audit_family_hash(entry tenants_auditentry) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT sha256(convert_to(encode(entry.family_previous_hash, 'hex') || jsonb_build_object(
            'id', 'aud_' || entry.id,
            'seq', entry.family_seq,
            'created_at', to_char(entry.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'actor', entry.shown_actor,
            'action', entry.action,
            'target_type', entry.target_type,
            'target_id', entry.target_id,
            'customer', nullif(entry.tenant_id, entry.family_id),
            'request_id', entry.request_id,
            'content_sha256', encode(
                CASE WHEN entry.redacted_hash IS NULL THEN public.audit_content_hash(entry) ELSE entry.content_hash END,
                'hex'
            )
        )::text, 'UTF8'))
    $$;

REVOKE ALL ON FUNCTION audit_family_hash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_family_hash TO app_staff;
"""  # noqa: E501

LINK_AUDIT_ENTRY = """\
-- An audit entry with its place in the chain of its family: that of a partner and its customers, or of a tenant without a
-- partner. An entry that is about no tenant has none.
--
-- Whoever calls this holds the head of the chain of all, so that nobody else takes the place, and writes what comes back.
CREATE OR REPLACE FUNCTION link_audit_entry(entry tenants_auditentry) RETURNS tenants_auditentry
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF entry.tenant_id IS NULL THEN
            RETURN entry;
        END IF;
        entry.family_id := coalesce(
            (SELECT coalesce(t.parent_id, t.id) FROM public.tenants_tenant t WHERE t.id = entry.tenant_id),
            -- One that is deleted stays in the family that it was in.
            (SELECT e.family_id FROM public.tenants_auditentry e
              WHERE e.tenant_id = entry.tenant_id AND e.family_id IS NOT NULL ORDER BY e.id DESC LIMIT 1),
            entry.tenant_id
        );
        entry.shown_actor := CASE
            WHEN entry.actor ~ '^(api_key|client_token):' THEN entry.actor
            WHEN entry.actor ~ '^(staff|command):' THEN 'staff'
            ELSE 'system'
        END;
        SELECT e.family_seq + 1, e.family_hash INTO entry.family_seq, entry.family_previous_hash
        FROM public.tenants_auditentry e
        WHERE e.family_id = entry.family_id AND e.family_seq IS NOT NULL ORDER BY e.family_seq DESC LIMIT 1;
        IF NOT FOUND THEN
            entry.family_seq := 1;
            entry.family_previous_hash := decode(repeat('00', 32), 'hex');
        END IF;
        entry.content_hash := public.audit_content_hash(entry);
        entry.family_hash := public.audit_family_hash(entry);
        RETURN entry;
    END
    $$;

REVOKE ALL ON FUNCTION link_audit_entry FROM PUBLIC;
"""  # noqa: E501


def _field(name: str, field: models.Field) -> migrations.AddField:  # type: ignore[type-arg]
    return migrations.AddField(model_name="auditentry", name=name, field=field)


# As it was until the content was hashed with a salt.
AUDIT_CONTENT_HASH = """\
-- SHA-256 of what goes out of an audit entry when its tenant is deleted, as the tenant was shown it.
CREATE OR REPLACE FUNCTION audit_content_hash(entry tenants_auditentry) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT sha256(convert_to(jsonb_build_object(
            'changes', public.audit_changes(entry.detail)::jsonb,
            'ip', CASE WHEN entry.shown_actor <> 'staff' THEN host(entry.address) END
        )::text, 'UTF8'))
    $$;

REVOKE ALL ON FUNCTION audit_content_hash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_content_hash TO app_staff;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0037_rate_limits_validated")]

    operations = [
        _field(
            "family_id",
            models.UUIDField(editable=False, help_text="The partner, or the tenant where it has none", null=True),
        ),
        _field(
            "family_seq",
            models.BigIntegerField(editable=False, help_text="In its family's chain, without gaps", null=True),
        ),
        _field("family_previous_hash", models.BinaryField(max_length=32, null=True)),
        _field("family_hash", models.BinaryField(max_length=32, null=True)),
        _field(
            "content_hash",
            models.BinaryField(help_text="Of what goes when the tenant is deleted", max_length=32, null=True),
        ),
        _field(
            "shown_actor",
            models.CharField(
                editable=False, help_text="As tenants see it: staff have no name", max_length=200, null=True
            ),
        ),
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("family_id", models.UUIDField()),
                ("day", models.DateField(help_text="In UTC, on which it was signed")),
                ("signed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seq", models.BigIntegerField(help_text="Of the newest entry then")),
                ("hash", models.BinaryField(max_length=32)),
                ("jws", models.TextField()),
            ],
            options={
                "indexes": [models.Index(fields=["family_id", "signed_at", "id"], name="audit_checkpoint_listed")],
                "constraints": [models.UniqueConstraint(fields=("family_id", "day"), name="audit_checkpoint_daily")],
            },
        ),
        InForce("tenants", "tenants_auditcheckpoint", digest="d403dfb3fa6a", reverse_sql=migrations.RunSQL.noop),
        InForce("tenants", "audit_hash", digest="3610ce7161b9", reverse_sql=[_chain.AUDIT_HASH]),
        InForce("tenants", "audit_changes", digest="ed7c484319e8", reverse_sql="DROP FUNCTION audit_changes"),
        migrations.RunSQL(sql=[AUDIT_CONTENT_HASH], reverse_sql="DROP FUNCTION audit_content_hash"),
        migrations.RunSQL(sql=[AUDIT_FAMILY_HASH], reverse_sql="DROP FUNCTION audit_family_hash"),
        migrations.RunSQL(sql=[LINK_AUDIT_ENTRY], reverse_sql="DROP FUNCTION link_audit_entry"),
    ]
