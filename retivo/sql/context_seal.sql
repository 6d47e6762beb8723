-- The seal of a tenant in this transaction of this session: what is sealed in one is worth nothing in another.
--
-- Whoever cannot read the secret can make no seal. The function is called by the functions of app_auth alone.
GRANT CREATE ON SCHEMA public TO app_auth;
SET LOCAL ROLE app_auth;

CREATE OR REPLACE FUNCTION context_seal(tenant uuid) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
    AS $$
    DECLARE
        secret bytea;
    BEGIN
        SELECT s.secret INTO STRICT secret FROM public.retivo_seal s;
        RETURN encode(sha256(
            secret || uuid_send(tenant) || int4send(pg_backend_pid()) || timestamptz_send(transaction_timestamp())
        ), 'hex');
    END
    $$;

REVOKE ALL ON FUNCTION context_seal FROM PUBLIC;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM app_auth;
