"""What a tenant, its partner and staff say of the tenant, each in a layer of its own.

What is in force today is entered in the layer of whoever set it last, as far as the audit trail tells. The release
before goes on writing the tenant's row: the trigger `switches` enters that in the controls.
"""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from retivo.database.sql import InForce

_use = import_module("tenants.migrations.0013_use_of_keys")

_CONSTRAINT = """
    ALTER TABLE tenants_control ADD CONSTRAINT control_of_tenant
        FOREIGN KEY (tenant_id) REFERENCES tenants_tenant (id) ON DELETE CASCADE
"""

# Who said last that a switch is on: the tenant's own key, its partner's, or staff.
_SAID = """(
    SELECT CASE
        WHEN e.actor LIKE 'staff:%%' THEN 'staff'
        WHEN k.tenant_id = t.parent_id THEN 'partner'
        ELSE 'self'
    END
    FROM tenants_auditentry e
    LEFT JOIN tenants_apikey k ON e.actor = 'api_key:' || k.id
    WHERE e.tenant_id = t.id AND e.action = 'tenant.changed' AND e.detail -> 'changes' ? '{0}'
    ORDER BY e.id DESC LIMIT 1
)"""

_DROP_REFUSAL = ["SET LOCAL ROLE app_auth", "DROP FUNCTION refusal_of_key", "RESET ROLE"]

_ENTER = f"""
    INSERT INTO tenants_control (tenant_id, layer, kill_switch_since, shadow_mode_since, suspended_since,
        suspension_mode, cascade_days)
    SELECT said.id, said.layer, max(since) FILTER (WHERE control = 'kill_switch'),
        max(since) FILTER (WHERE control = 'shadow_mode'), max(since) FILTER (WHERE control = 'suspension'),
        max('full') FILTER (WHERE control = 'suspension'),
        max(14) FILTER (WHERE control = 'suspension' AND layer = 'staff')
    FROM (
        SELECT t.id, 'kill_switch' AS control, coalesce({_SAID.format("kill_switch_active")}, 'self') AS layer
        FROM tenants_tenant t WHERE t.kill_switch_active
        UNION ALL
        SELECT t.id, 'shadow_mode', coalesce({_SAID.format("shadow_mode")}, 'self')
        FROM tenants_tenant t WHERE t.shadow_mode
        UNION ALL
        SELECT t.id, 'suspension', CASE WHEN t.suspended_by_staff OR t.parent_id IS NULL THEN 'staff' ELSE 'partner' END
        FROM tenants_tenant t WHERE t.plan_status = 'suspended'
    ) said, (SELECT now()) AS n (since)
    GROUP BY said.id, said.layer
"""

# As it was until keys could be bound to networks.
AUTHENTICATE = """\
-- Looks up an API key by its digest, and notes that it was used. If the key is valid, sets the tenant context of the
-- transaction.
--
-- This is the only function that reads across tenants before there is a context. It returns data about the given key
-- only. Its owner, app_auth, cannot log in and can read three tables: see the policies `key_lookup` of tenants_tenant,
-- tenants_apikey and tenants_control.
--
-- A suspension that holds lets keys in: events are taken, decisions are logged, and nothing is sent.

-- app_auth creates the function itself: app_owner can act as app_auth but does not inherit its rights, so it could not
-- replace a function that app_auth owns. To create it, app_auth needs CREATE on the schema, until the end of this file.
GRANT CREATE ON SCHEMA public TO app_auth;
SET LOCAL ROLE app_auth;

CREATE OR REPLACE FUNCTION authenticate_api_key(
    key_digest bytea,
    OUT verdict text, OUT key_id uuid, OUT tenant_id uuid, OUT tenant_role text, OUT scopes text[]
)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        credential record;
    BEGIN
        SELECT k.id, k.tenant_id, k.scopes, k.revoked_at, k.expires_at, k.last_used_at, t.tenant_role,
               CASE WHEN EXISTS (
                   SELECT FROM public.tenants_control c WHERE c.tenant_id IN (t.id, t.parent_id) AND public.holds(c)
               ) THEN (SELECT f.ingesting FROM public.controls_in_force(t.id, t.parent_id) f) END AS ingesting
          INTO credential
          FROM public.tenants_apikey k JOIN public.tenants_tenant t ON t.id = k.tenant_id
         WHERE k.digest = key_digest;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        verdict := CASE
            WHEN credential.revoked_at IS NOT NULL THEN 'revoked'
            WHEN credential.expires_at <= now() THEN 'expired'
            WHEN credential.ingesting = 'off' THEN 'suspended'
            ELSE 'ok'
        END;
        key_id := credential.id;
        -- To the minute, and never waiting for another request of the same key.
        IF credential.last_used_at IS NULL OR credential.last_used_at < now() - interval '1 minute' THEN
            UPDATE public.tenants_apikey SET last_used_at = now() WHERE id = (
                SELECT id FROM public.tenants_apikey WHERE id = credential.id FOR NO KEY UPDATE SKIP LOCKED
            );
        END IF;
        IF verdict = 'ok' THEN
            tenant_id := credential.tenant_id;
            tenant_role := credential.tenant_role;
            scopes := credential.scopes;
            PERFORM set_config('retivo.tenant_id', concat(
                credential.tenant_id,
                -- A worker's session needs no seal, and the release before, whose role is a worker, knows of none.
                CASE WHEN NOT pg_has_role(session_user, 'app_worker', 'MEMBER')
                    THEN public.context_seal(credential.tenant_id) END
            ), true);
        END IF;
        RETURN NEXT;
    END
    $$;

REVOKE ALL ON FUNCTION authenticate_api_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_api_key TO app_web;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM app_auth;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0024_customers_by_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="Control",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant", "layer", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "layer",
                    models.CharField(
                        choices=[("self", "Tenant"), ("partner", "Partner"), ("staff", "Staff")], max_length=8
                    ),
                ),
                ("kill_switch_since", models.DateTimeField(null=True)),
                ("kill_switch_reason", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("shadow_mode_since", models.DateTimeField(null=True)),
                ("shadow_mode_reason", models.CharField(blank=True, db_default="", default="", max_length=500)),
                ("suspended_since", models.DateTimeField(null=True)),
                (
                    "suspension_mode",
                    models.CharField(choices=[("hold", "Hold"), ("full", "Full")], max_length=4, null=True),
                ),
                ("suspension_reason", models.CharField(blank=True, db_default="", default="", max_length=500)),
                (
                    "cascade_days",
                    models.SmallIntegerField(
                        help_text="After which a partner's suspension in full refuses its customers' keys, too",
                        null=True,
                    ),
                ),
                ("action_budget_usd_max", models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ("action_budget_usd_locked", models.BooleanField(db_default=False, default=False)),
                ("holdout_percent_min", models.DecimalField(decimal_places=6, max_digits=8, null=True)),
                ("holdout_percent_locked", models.BooleanField(db_default=False, default=False)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="controls",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("layer__in", ["self", "partner", "staff"])), name="control_layer_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cascade_days", None), ("suspended_since", None), ("suspension_mode", None)),
                            models.Q(
                                ("suspended_since__isnull", False),
                                ("suspension_mode__isnull", False),
                                ("suspension_mode__in", ["hold", "full"]),
                            ),
                            _connector="OR",
                        ),
                        name="control_suspension_has_mode",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("layer", "self"), _negated=True),
                            models.Q(
                                ("suspended_since", None),
                                ("action_budget_usd_locked", False),
                                ("action_budget_usd_max", None),
                                ("holdout_percent_locked", False),
                                ("holdout_percent_min", None),
                            ),
                            _connector="OR",
                        ),
                        name="control_of_ones_own",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("layer", "staff"), _negated=True),
                            ("suspended_since", None),
                            models.Q(("cascade_days__isnull", False), ("cascade_days__range", (0, 365))),
                            _connector="OR",
                        ),
                        name="control_staff_cascade",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("action_budget_usd_max__gte", 0)), name="control_budget_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("holdout_percent_min__range", (0, 50))), name="control_holdout_in_range"
                    ),
                ],
            },
        ),
        migrations.RunSQL(sql=_CONSTRAINT, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(sql=[_ENTER], reverse_sql=migrations.RunSQL.noop),
        InForce("tenants", "tenants_control", digest="6d942f0ff715", reverse_sql=migrations.RunSQL.noop),
        InForce("tenants", "holds", digest="717405dca7b1", reverse_sql="DROP FUNCTION holds"),
        InForce("tenants", "controls_in_force", digest="fcbe88425270", reverse_sql="DROP FUNCTION controls_in_force"),
        InForce("tenants", "controls_of_caller", digest="cb4ca0a4f11b", reverse_sql="DROP FUNCTION controls_of_caller"),
        InForce("tenants", "refusal_of_key", digest="250d6508ec4f", reverse_sql=_DROP_REFUSAL),
        InForce("tenants", "within_bounds", digest="a677cbcc5703", reverse_sql="DROP FUNCTION within_bounds"),
        InForce(
            "tenants",
            "hold_to_controls",
            digest="b5ed48d58946",
            reverse_sql=["DROP TRIGGER within_controls ON tenants_tenant", "DROP FUNCTION hold_to_controls"],
        ),
        InForce(
            "tenants",
            "apply_controls",
            digest="f79f6c6aa773",
            reverse_sql=["DROP TRIGGER control_changed ON tenants_control", "DROP FUNCTION apply_controls"],
        ),
        InForce(
            "tenants",
            "note_switches",
            digest="e7c4591a843b",
            reverse_sql=["DROP TRIGGER switches ON tenants_tenant", "DROP FUNCTION note_switches"],
        ),
        migrations.RunSQL(sql=[AUTHENTICATE], reverse_sql=[_use.AUTHENTICATE]),
    ]
