-- Returns what is kept of an idempotency key behind its ring: 28 hexadecimal digits of a hash.
--
-- `digest` is the first half of the key's SHA-256. The tenant is hashed along with it: two tenants' equal keys have
-- nothing in common, and a key is unique without a column for the tenant in its index.
CREATE OR REPLACE FUNCTION key_hash(tenant uuid, digest bytea) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN left(encode(sha256(uuid_send(tenant) || digest), 'hex'), 28);
