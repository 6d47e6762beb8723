-- The secret that tenant contexts are sealed with (context_seal). One row, which the functions of app_auth alone read.
CREATE TABLE IF NOT EXISTS retivo_seal (
    id smallint PRIMARY KEY DEFAULT 1 CONSTRAINT seal_is_one CHECK (id = 1),
    secret bytea NOT NULL CONSTRAINT seal_secret_length CHECK (length(secret) = 32)
);

ALTER TABLE retivo_seal ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS functions ON retivo_seal;
CREATE POLICY functions ON retivo_seal FOR SELECT TO app_auth USING (true);

REVOKE ALL ON retivo_seal FROM app_staff;
GRANT SELECT ON retivo_seal TO app_auth;

-- Two random UUIDs have 244 random bits.
INSERT INTO retivo_seal (secret)
VALUES (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))) ON CONFLICT DO NOTHING;
