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


# As they were until tenants could be deleted.
CONTROLS_IN_FORCE = """\
-- Returns the state that follows from all that the layers say of a tenant and of its partner. The strictest wins.
--
-- `sending` is held if there is anything in `because`, which has the reasons, the strictest first: a suspension in full,
-- one that holds, a kill switch, shadow mode; of two alike staff's, the partner's, then the tenant's own. `since`,
-- `said_by` and `reason` are those of the first. `ingesting` is off under a suspension in full, and keys are refused then.
--
-- A partner's own switches and what staff say of the partner apply to its customers. A suspension of the partner holds
-- them at first, and one in full refuses their keys, too, after `cascade_days`.
--
-- Sees what its caller may see: of a customer, call controls_of_caller.
CREATE OR REPLACE FUNCTION controls_in_force(
    of_tenant uuid, of_partner uuid,
    OUT sending text, OUT ingesting text, OUT because text[], OUT since timestamptz, OUT said_by text, OUT reason text
)
    LANGUAGE plpgsql STABLE
    AS $$
    DECLARE
        said record;
    BEGIN
        sending := 'on';
        ingesting := 'on';
        because := '{}';
        -- As of most tenants.
        IF NOT EXISTS (
            SELECT FROM public.tenants_control c WHERE c.tenant_id IN (of_tenant, of_partner) AND public.holds(c)
        ) THEN
            RETURN;
        END IF;
        FOR said IN
            SELECT s.code, s.since, s.reason, s.strictness, l.layer
            FROM public.tenants_control c
            CROSS JOIN LATERAL (
                SELECT CASE WHEN c.layer = 'self' AND c.tenant_id = of_partner THEN 'partner' ELSE c.layer END
            ) AS l (layer)
            CROSS JOIN LATERAL (
                SELECT CASE l.layer WHEN 'self' THEN '' ELSE l.layer || '_' END
            ) AS p (prefix)
            CROSS JOIN LATERAL (VALUES
                (
                    CASE WHEN l.layer = 'partner' THEN 'tenant_suspended' WHEN c.tenant_id = of_partner
                        THEN 'partner_suspended' ELSE 'suspended_by_staff' END,
                    c.suspended_since, c.suspension_reason,
                    CASE WHEN c.suspension_mode = 'full' AND (
                        c.tenant_id = of_tenant OR c.suspended_since + make_interval(days => c.cascade_days) <= now()
                    ) THEN 0 ELSE 1 END
                ),
                (p.prefix || 'kill_switch', c.kill_switch_since, c.kill_switch_reason, 2),
                (p.prefix || 'shadow_mode', c.shadow_mode_since, c.shadow_mode_reason, 3)
            ) AS s (code, since, reason, strictness)
            WHERE c.tenant_id IN (of_tenant, of_partner) AND s.since IS NOT NULL
            ORDER BY s.strictness, array_position('{staff,partner,self}', l.layer), s.since
        LOOP
            IF sending = 'on' THEN
                sending := 'held';
                ingesting := CASE said.strictness WHEN 0 THEN 'off' ELSE 'on' END;
                since := said.since;
                said_by := said.layer;
                reason := nullif(said.reason, '');
            END IF;
            IF said.code <> ALL (because) THEN
                because := because || said.code;
            END IF;
        END LOOP;
    END
    $$;

REVOKE ALL ON FUNCTION controls_in_force FROM PUBLIC;
GRANT EXECUTE ON FUNCTION controls_in_force TO app_web, app_staff, app_auth;
"""  # noqa: E501

CONTROLS_OF_CALLER = """\
-- Returns controls_in_force of the tenant in context. Runs with its owner's rights, because a customer cannot read what is
-- said of its partner.
CREATE OR REPLACE FUNCTION controls_of_caller(
    OUT sending text, OUT ingesting text, OUT because text[], OUT since timestamptz, OUT said_by text, OUT reason text
)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        tenant CONSTANT uuid := public.current_tenant();
    BEGIN
        SELECT * INTO sending, ingesting, because, since, said_by, reason
        FROM public.controls_in_force(tenant, (SELECT t.parent_id FROM public.tenants_tenant t WHERE t.id = tenant));
    END
    $$;

REVOKE ALL ON FUNCTION controls_of_caller FROM PUBLIC;
GRANT EXECUTE ON FUNCTION controls_of_caller TO app_web;
"""  # noqa: E501

REFUSAL_OF_KEY = """\
-- Returns why the key with this digest is refused where its tenant is suspended: whose suspension it is, since when and
-- for what reason.
GRANT CREATE ON SCHEMA public TO app_auth;
SET LOCAL ROLE app_auth;

CREATE OR REPLACE FUNCTION refusal_of_key(key_digest bytea, OUT because text, OUT since timestamptz, OUT reason text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        SELECT f.because[1], f.since, f.reason INTO because, since, reason
        FROM public.tenants_apikey k JOIN public.tenants_tenant t ON t.id = k.tenant_id
        CROSS JOIN LATERAL public.controls_in_force(t.id, t.parent_id) f
        WHERE k.digest = key_digest AND f.ingesting = 'off';
    END
    $$;

REVOKE ALL ON FUNCTION refusal_of_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refusal_of_key TO app_web;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM app_auth;
"""

APPLY_CONTROLS = """\
-- Keeps a tenant's row in step with what is said of the tenant: its plan's status, its switches, and in its config the
-- budget and the holdout within their bounds.
--
-- `plan_status`, `suspended_by_staff`, `kill_switch_active` and `shadow_mode` are copies, by which lists filter and which
-- the release before reads: whether any layer says so of the tenant itself. Runs with its owner's rights, because a
-- partner may not write `suspended_by_staff`.
CREATE OR REPLACE FUNCTION apply_controls() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        UPDATE public.tenants_tenant t SET
            plan_status = CASE WHEN c.is_suspended THEN 'suspended' ELSE 'active' END,
            suspended_by_staff = c.by_staff,
            kill_switch_active = c.kill_switch,
            shadow_mode = c.shadow_mode,
            config = public.within_bounds(t.config, c.largest_budget, c.smallest_holdout)
        FROM (
            SELECT coalesce(bool_or(suspended_since IS NOT NULL), false) AS is_suspended,
                coalesce(bool_or(suspended_since IS NOT NULL AND layer = 'staff'), false) AS by_staff,
                coalesce(bool_or(kill_switch_since IS NOT NULL), false) AS kill_switch,
                coalesce(bool_or(shadow_mode_since IS NOT NULL), false) AS shadow_mode,
                min(action_budget_usd_max) AS largest_budget, max(holdout_percent_min) AS smallest_holdout
            FROM public.tenants_control WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id)
        ) c
        WHERE t.id = coalesce(NEW.tenant_id, OLD.tenant_id);
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION apply_controls FROM PUBLIC;

-- Not when note_switches writes what the release before changed: it changes the tenant's row itself.
CREATE OR REPLACE TRIGGER control_changed AFTER INSERT OR UPDATE OR DELETE ON tenants_control FOR EACH ROW
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION apply_controls();
"""  # noqa: E501

NOTE_SWITCHES = """\
-- Enters a change of a tenant's switches or plan's status in the controls, in the layer of whoever makes it: the tenant
-- itself, its partner, or staff. So the release before, which writes the tenant's row, and this one go on side by side.
--
-- Staff of the release before knew one layer: what they switch off or lift is off in all.
CREATE OR REPLACE FUNCTION note_switches() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        actor CONSTANT text := CASE public.current_tenant()
            WHEN NEW.id THEN 'self' WHEN NEW.parent_id THEN 'partner' ELSE 'staff' END;
        begins CONSTANT boolean := NEW.plan_status = 'suspended'
            AND (OLD.plan_status <> 'suspended' OR NEW.suspended_by_staff > OLD.suspended_by_staff);
        ends CONSTANT boolean := NEW.plan_status <> 'suspended' AND OLD.plan_status = 'suspended';
    BEGIN
        INSERT INTO public.tenants_control (tenant_id, layer) VALUES (NEW.id, actor) ON CONFLICT DO NOTHING;
        UPDATE public.tenants_control c SET
            kill_switch_since = CASE WHEN NEW.kill_switch_active > OLD.kill_switch_active
                THEN coalesce(c.kill_switch_since, now()) ELSE c.kill_switch_since END,
            shadow_mode_since = CASE WHEN NEW.shadow_mode > OLD.shadow_mode
                THEN coalesce(c.shadow_mode_since, now()) ELSE c.shadow_mode_since END,
            suspended_since = CASE WHEN begins THEN coalesce(c.suspended_since, now()) ELSE c.suspended_since END,
            suspension_mode = CASE WHEN begins THEN 'full' ELSE c.suspension_mode END,
            cascade_days = CASE WHEN begins AND actor = 'staff' THEN 14 ELSE c.cascade_days END
        WHERE c.tenant_id = NEW.id AND c.layer = actor;
        UPDATE public.tenants_control c SET
            kill_switch_since = CASE WHEN NEW.kill_switch_active >= OLD.kill_switch_active THEN c.kill_switch_since END,
            shadow_mode_since = CASE WHEN NEW.shadow_mode >= OLD.shadow_mode THEN c.shadow_mode_since END,
            suspended_since = CASE WHEN NOT ends THEN c.suspended_since END,
            suspension_mode = CASE WHEN NOT ends THEN c.suspension_mode END,
            cascade_days = CASE WHEN NOT ends THEN c.cascade_days END
        WHERE c.tenant_id = NEW.id AND (c.layer = actor OR actor = 'staff');
        SELECT bool_or(c.kill_switch_since IS NOT NULL), bool_or(c.shadow_mode_since IS NOT NULL)
        INTO NEW.kill_switch_active, NEW.shadow_mode FROM public.tenants_control c WHERE c.tenant_id = NEW.id;
        RETURN NEW;
    END
    $$;

REVOKE ALL ON FUNCTION note_switches FROM PUBLIC;

-- Not when apply_controls copies what the controls say. After own_plan, by its name.
CREATE OR REPLACE TRIGGER switches BEFORE UPDATE ON tenants_tenant FOR EACH ROW
    WHEN (
        pg_trigger_depth() = 0
        AND (OLD.plan_status, OLD.suspended_by_staff, OLD.kill_switch_active, OLD.shadow_mode)
            IS DISTINCT FROM (NEW.plan_status, NEW.suspended_by_staff, NEW.kill_switch_active, NEW.shadow_mode)
    )
    EXECUTE FUNCTION note_switches();
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
        migrations.RunSQL(sql=[CONTROLS_IN_FORCE], reverse_sql="DROP FUNCTION controls_in_force"),
        migrations.RunSQL(sql=[CONTROLS_OF_CALLER], reverse_sql="DROP FUNCTION controls_of_caller"),
        migrations.RunSQL(sql=[REFUSAL_OF_KEY], reverse_sql=[*_DROP_REFUSAL]),
        InForce("tenants", "within_bounds", digest="a677cbcc5703", reverse_sql="DROP FUNCTION within_bounds"),
        InForce(
            "tenants",
            "hold_to_controls",
            digest="b5ed48d58946",
            reverse_sql=["DROP TRIGGER within_controls ON tenants_tenant", "DROP FUNCTION hold_to_controls"],
        ),
        migrations.RunSQL(
            sql=[APPLY_CONTROLS],
            reverse_sql=["DROP TRIGGER control_changed ON tenants_control", "DROP FUNCTION apply_controls"],
        ),
        migrations.RunSQL(
            sql=[NOTE_SWITCHES],
            reverse_sql=["DROP TRIGGER switches ON tenants_tenant", "DROP FUNCTION note_switches"],
        ),
        migrations.RunSQL(sql=[AUTHENTICATE], reverse_sql=[_use.AUTHENTICATE]),
    ]
