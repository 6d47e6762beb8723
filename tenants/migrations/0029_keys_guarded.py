"""Partners and customers manage keys; a key may be bound to networks, and its partner is told of its first use."""

from importlib import import_module

from django.db import migrations, models

from retivo.database.sql import InForce

_controls = import_module("tenants.migrations.0025_controls")
_roles = import_module("tenants.migrations.0019_roles_of_their_own")
_told = import_module("tenants.migrations.0023_partner_events")

# authenticate_api_key belongs to app_auth, whose rights the owner of the tables has to take.
_DROP = "SET LOCAL ROLE app_auth; DROP FUNCTION authenticate_api_key({}); RESET ROLE"
# As it was until tenants could be deleted by their partners.
AUTHENTICATE = """\
-- Looks up an API key by its digest, and notes that it was used, and from where. If the key is valid, sets the tenant
-- context of the transaction.
--
-- `caller` is the address of the client, null where it is not known: a key that may be used from some networks only is
-- refused then.
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
    key_digest bytea, caller inet DEFAULT NULL,
    OUT verdict text, OUT key_id uuid, OUT tenant_id uuid, OUT tenant_role text, OUT scopes text[]
)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        credential record;
    BEGIN
        SELECT k.id, k.tenant_id, k.scopes, k.revoked_at, k.expires_at, k.last_used_at, k.allowed_cidrs, t.tenant_role,
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
            WHEN credential.allowed_cidrs IS NOT NULL AND (caller <<= ANY (credential.allowed_cidrs)) IS NOT TRUE
                THEN 'address_not_allowed'
            WHEN credential.ingesting = 'off' THEN 'suspended'
            ELSE 'ok'
        END;
        key_id := credential.id;
        -- To the minute, and never waiting for another request of the same key.
        IF credential.last_used_at IS NULL OR credential.last_used_at < now() - interval '1 minute' THEN
            UPDATE public.tenants_apikey
            SET last_used_at = now(),
                last_used_ip_prefix = network(set_masklen(caller, CASE family(caller) WHEN 4 THEN 24 ELSE 48 END))
            WHERE id = (
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
# As it was until a key issued none that is less bound than itself.
GUARD_API_KEY = """\
CREATE OR REPLACE FUNCTION guard_api_key() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at
                OR OLD.expires_at IS NOT NULL AND coalesce(NEW.expires_at > OLD.expires_at, true)
            THEN
                RAISE EXCEPTION 'a key that was revoked or expires does not become valid again'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'api_key_ends_once';
            END IF;
            IF (NEW.tenant_id, NEW.scopes) IS NOT DISTINCT FROM (OLD.tenant_id, OLD.scopes) THEN
                RETURN NEW;
            END IF;
        END IF;
        IF EXISTS (SELECT FROM unnest(NEW.scopes) scope WHERE starts_with(scope, 'partner')) AND NOT EXISTS (
            SELECT FROM public.tenants_tenant t WHERE t.id = NEW.tenant_id AND t.tenant_role = 'partner'
        ) THEN
            RAISE EXCEPTION 'only a key of a partner holds scopes of the Partner API'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'api_key_of_partner';
        END IF;
        IF public.current_tenant() IS NOT NULL
            AND EXISTS (SELECT FROM public.tenants_apikey k WHERE k.tenant_id = NEW.tenant_id)
            AND NOT EXISTS (
                SELECT FROM public.tenants_apikey issuer
                WHERE issuer.id = substring(NEW.created_by FROM '^api_key:([0-9a-f-]{36})$')::uuid
                    AND issuer.tenant_id = public.current_tenant()
                    AND NOT EXISTS (
                        SELECT FROM unnest(NEW.scopes) scope
                        WHERE scope <> ALL (issuer.scopes)
                            AND CASE WHEN starts_with(scope, 'partner') THEN 'partner' ELSE 'full' END
                                <> ALL (issuer.scopes)
                    )
            )
        THEN
            RAISE EXCEPTION 'a key issues no scope that it does not hold'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'api_key_issuer_holds_scopes';
        END IF;
        RETURN NEW;
    END
    $$;

REVOKE ALL ON FUNCTION guard_api_key FROM PUBLIC;

CREATE OR REPLACE TRIGGER guard_api_key BEFORE INSERT OR UPDATE OF tenant_id, scopes, expires_at, revoked_at
    ON tenants_apikey FOR EACH ROW EXECUTE FUNCTION guard_api_key();
"""


def _constrained(constraint: models.UniqueConstraint) -> migrations.RunSQL:
    name = constraint.name
    return migrations.RunSQL(
        sql=f"ALTER TABLE tenants_apikey ADD CONSTRAINT {name} UNIQUE USING INDEX {name}",
        reverse_sql=f"ALTER TABLE tenants_apikey DROP CONSTRAINT {name}",
        state_operations=[migrations.AddConstraint("apikey", constraint)],
    )


class Migration(migrations.Migration):
    dependencies = [("tenants", "0028_keys_of_partners_found")]

    operations = [
        _constrained(models.UniqueConstraint(fields=("id", "tenant"), name="api_key_id_tenant")),
        _constrained(models.UniqueConstraint(fields=("replaces",), name="api_key_replaces_unique")),
        migrations.RunSQL(
            sql="""
                ALTER TABLE tenants_apikey ADD CONSTRAINT api_key_replaces_own FOREIGN KEY (replaces_id, tenant_id)
                    REFERENCES tenants_apikey (id, tenant_id) ON DELETE SET NULL (replaces_id)
            """,
            reverse_sql="ALTER TABLE tenants_apikey DROP CONSTRAINT api_key_replaces_own",
        ),
        migrations.RunSQL(sql=[_DROP.format("bytea")], reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(sql=[AUTHENTICATE], reverse_sql=[_DROP.format("bytea, inet"), _controls.AUTHENTICATE]),
        InForce(
            "tenants",
            "tenants_apikey",
            digest="683237f95696",
            reverse_sql=[
                "DROP POLICY upkeep ON tenants_apikey",
                "REVOKE ALL ON tenants_apikey FROM app_web, app_worker, app_upkeep, app_auth",
                _roles.TENANTS_APIKEY,
            ],
        ),
        migrations.RunSQL(
            sql=[GUARD_API_KEY],
            reverse_sql=["DROP TRIGGER guard_api_key ON tenants_apikey", "DROP FUNCTION guard_api_key"],
        ),
        InForce(
            "tenants",
            "announce_first_use",
            digest="7f030354f982",
            reverse_sql=["DROP TRIGGER first_use ON tenants_apikey", "DROP FUNCTION announce_first_use"],
        ),
        InForce("tenants", "revoke_leaked_key", digest="250e757a1d95", reverse_sql=[_told.REVOKE_LEAKED_KEY]),
    ]
