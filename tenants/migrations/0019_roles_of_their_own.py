"""Web, workers, staff and releases log in as roles of their own; only authenticate_api_key sets the web's context.

Each room has such a migration. What app_rt could do, it can do as a member of the new roles, for the release before.
"""

import re
from collections.abc import Mapping
from importlib import import_module

from django.db import migrations

from retivo.database.sql import AppliedAnew

_config = import_module("tenants.migrations.0015_config_by_partner")
_chain = import_module("tenants.migrations.0018_audit_chain")
_leaks = import_module("tenants.migrations.0014_leaked_keys")
_use = import_module("tenants.migrations.0013_use_of_keys")

_SETTING = "NULLIF(current_setting('retivo.tenant_id', true), '')::uuid"
# Files that are new with the layers of controls.
_CONTROLS = (
    "apply_controls",
    "controls_in_force",
    "controls_of_caller",
    "hold_to_controls",
    "holds",
    "note_switches",
    "refusal_of_key",
    "tenants_control",
    "within_bounds",
)
# And with deletions.
_DELETION = (
    "redact_audit_entries",
    "redact_partner_events",
    "refuse_late_restore",
    "refuse_while_deleting",
    "tenants_certificatekey",
    "tenants_deletion",
)
_LOGINS = "axes_accessattempt, axes_accesslog, axes_accessfailurelog, django_session"


def former(text: str) -> str:
    """A file of SQL as it was with app_rt and a context that any session could set."""
    text = re.sub(r"(public\.)?current_tenant\(\)", _SETTING, text)
    return re.sub(r"\bapp_(web|worker)\b", "app_rt", re.sub(r"\bapp_(release|upkeep)\b", "app_staff", text))


def now(name: str, text: str) -> str:
    """A file of SQL, which leaves app_rt only what the file itself grants it."""
    if "CREATE OR REPLACE FUNCTION" in text:
        return text.replace(" FROM PUBLIC;", " FROM PUBLIC, app_rt;")
    return f"REVOKE ALL ON {name} FROM app_rt;\n{text}"


def anew(room: str, later: Mapping[str, str | None] | None = None) -> AppliedAnew:
    """All of a room's SQL in force, for the new roles."""
    return AppliedAnew(room, now=now, former=former, later=later)


# As it was until partners managed keys.
TENANTS_APIKEY = """\
-- A tenant sees its keys, and a partner its customers'.
ALTER TABLE tenants_apikey ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS tenant_isolation ON tenants_apikey;
CREATE POLICY tenant_isolation ON tenants_apikey TO app_web
    USING (
        tenant_id = (SELECT current_tenant())
        OR EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_apikey.tenant_id
                AND t.parent_id = (SELECT current_tenant())
        )
    )
    WITH CHECK (
        tenant_id = (SELECT current_tenant())
        OR EXISTS (
            SELECT 1 FROM tenants_tenant t
            WHERE t.id = tenants_apikey.tenant_id
                AND t.parent_id = (SELECT current_tenant())
        )
    );

DROP POLICY IF EXISTS staff ON tenants_apikey;
CREATE POLICY staff ON tenants_apikey TO app_staff USING (true) WITH CHECK (true);

-- authenticate_api_key runs before there is a context, and records when a key was last used.
DROP POLICY IF EXISTS key_lookup ON tenants_apikey;
CREATE POLICY key_lookup ON tenants_apikey TO app_auth USING (true);

-- Without the digest: who knows it can authenticate with it.
GRANT SELECT (
    id, tenant_id, prefix, label, scopes, created_at, expires_at, revoked_at, revoked_reason, last_used_at
), INSERT ON tenants_apikey TO app_web;
GRANT SELECT (digest) ON tenants_apikey TO app_worker;
GRANT SELECT, UPDATE (last_used_at) ON tenants_apikey TO app_auth;
"""


class Migration(migrations.Migration):
    atomic = False  # a file's locks end with it

    dependencies = [
        ("tenants", "0018_audit_chain"),
        ("axes", "0010_accessattemptexpiration"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        # Without the digest, which is of no use to the API.
        migrations.RunSQL(
            sql=[TENANTS_APIKEY],
            reverse_sql=[
                "REVOKE ALL ON tenants_apikey FROM app_web, app_worker",
                "GRANT SELECT, INSERT ON tenants_apikey TO app_rt",
            ],
        ),
        anew(
            "tenants",
            later={
                "tenants_tenant": _config.TENANTS_TENANT,
                "refuse_own_plan": _config.OWN_PLAN,
                "tenants_permit": None,
                "take_permits": None,
                "revoke_leaked_key": _leaks.REVOKE_LEAKED_KEY,
                "tenants_apikey": TENANTS_APIKEY,
                "guard_api_key": None,
                "announce_first_use": None,
                "tenants_auditentry": _chain.TENANTS_AUDITENTRY,
                "audit_hash": _chain.AUDIT_HASH,
                "chain_entry": _chain.CHAIN_ENTRY,
                "audit_changes": None,
                "audit_content_hash": None,
                "audit_family_hash": None,
                "describe_audit_entry": None,
                "is_audit_entry_intact": None,
                "link_audit_entry": None,
                "refuse_change_of_entry": None,
                "refuse_change": None,
                "tenants_auditcheckpoint": None,
                "is_metadata": None,
                "tenants_partnerevent": None,
                "tenants_eventhead": None,
                "number_event": None,
                "record_partner_event": None,
                "authenticate_api_key": _use.AUTHENTICATE,
                **dict.fromkeys(_CONTROLS),
                "forget_partner_events": None,
                **dict.fromkeys(_DELETION),
            },
        ),
        migrations.RunSQL(
            sql=f"GRANT SELECT, UPDATE, DELETE ON {_LOGINS} TO app_upkeep",
            reverse_sql=f"REVOKE SELECT, UPDATE, DELETE ON {_LOGINS} FROM app_upkeep",
        ),
    ]
