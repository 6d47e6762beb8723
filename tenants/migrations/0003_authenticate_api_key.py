"""The key look-up: the one function that reads across tenants before there is a context.

It takes a digest and tells about that key alone. Its owner, `app_auth`, cannot log in and sees two tables.
"""

from django.db import migrations

_LOOK_UP = """
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
        SELECT k.id, k.tenant_id, k.scopes, k.revoked_at, k.expires_at, k.last_used_at, t.tenant_role, t.plan_status
          INTO credential
          FROM public.tenants_apikey k JOIN public.tenants_tenant t ON t.id = k.tenant_id
         WHERE k.digest = key_digest;
        IF NOT FOUND THEN
            RETURN;
        END IF;
        verdict := CASE
            WHEN credential.revoked_at IS NOT NULL THEN 'revoked'
            WHEN credential.expires_at <= now() THEN 'expired'
            WHEN credential.plan_status = 'suspended' THEN 'suspended'
            ELSE 'ok'
        END;
        IF verdict = 'ok' THEN
            key_id := credential.id;
            tenant_id := credential.tenant_id;
            tenant_role := credential.tenant_role;
            scopes := credential.scopes;
            PERFORM set_config('retivo.tenant_id', credential.tenant_id::text, true);
            -- To the minute, and never waiting for another request of the same key.
            IF credential.last_used_at IS NULL OR credential.last_used_at < now() - interval '1 minute' THEN
                UPDATE public.tenants_apikey SET last_used_at = now() WHERE id = (
                    SELECT id FROM public.tenants_apikey WHERE id = credential.id FOR NO KEY UPDATE SKIP LOCKED
                );
            END IF;
        END IF;
        RETURN NEXT;
    END
    $$;

REVOKE ALL ON FUNCTION authenticate_api_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_api_key TO app_rt;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM app_auth;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_isolation")]

    operations = [
        migrations.RunSQL(sql=[_LOOK_UP], reverse_sql="DROP FUNCTION authenticate_api_key"),
        migrations.RunSQL(
            sql=[
                "GRANT SELECT ON tenants_tenant TO app_auth",
                "CREATE POLICY key_lookup ON tenants_tenant FOR SELECT TO app_auth USING (true)",
            ],
            reverse_sql=[
                "DROP POLICY key_lookup ON tenants_tenant",
                "REVOKE ALL ON tenants_tenant FROM app_auth",
            ],
        ),
        migrations.RunSQL(
            sql=[
                """
                ALTER TABLE tenants_apikey ENABLE ROW LEVEL SECURITY;

                DROP POLICY IF EXISTS tenant_isolation ON tenants_apikey;
                CREATE POLICY tenant_isolation ON tenants_apikey TO app_rt
                    USING (
                        tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
                        OR EXISTS (
                            SELECT 1 FROM tenants_tenant t
                            WHERE t.id = tenants_apikey.tenant_id
                                AND t.parent_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
                        )
                    )
                    WITH CHECK (
                        tenant_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
                        OR EXISTS (
                            SELECT 1 FROM tenants_tenant t
                            WHERE t.id = tenants_apikey.tenant_id
                                AND t.parent_id = (SELECT NULLIF(current_setting('retivo.tenant_id', true), '')::uuid)
                        )
                    );

                DROP POLICY IF EXISTS staff ON tenants_apikey;
                CREATE POLICY staff ON tenants_apikey TO app_staff USING (true) WITH CHECK (true);

                DROP POLICY IF EXISTS key_lookup ON tenants_apikey;
                CREATE POLICY key_lookup ON tenants_apikey TO app_auth USING (true);

                GRANT SELECT, INSERT ON tenants_apikey TO app_rt;
                GRANT SELECT, UPDATE (last_used_at) ON tenants_apikey TO app_auth;
                """
            ],
            reverse_sql=["DROP POLICY key_lookup ON tenants_apikey", "REVOKE ALL ON tenants_apikey FROM app_auth"],
        ),
    ]
