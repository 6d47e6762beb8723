-- Stores the key that the release before puts into events_eventkey where this release looks for it, too.
--
-- A key that this release has stored is left out, as if the release before had found it: it counts the event as a
-- duplicate. The next release drops this function with the table.
CREATE OR REPLACE FUNCTION store_key() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
    DECLARE
        hash CONSTANT text := key_hash(NEW.tenant_id, NEW.key);
    BEGIN
        PERFORM FROM events_storedkey WHERE key = (key_ring(now() - interval '2 days') || hash)::uuid;
        IF FOUND THEN
            RETURN NULL;
        END IF;
        INSERT INTO events_storedkey (tenant_id, key) VALUES (NEW.tenant_id, (key_ring(now()) || hash)::uuid)
            ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        RETURN NEW;
    END
    $$;

CREATE OR REPLACE TRIGGER store_key BEFORE INSERT ON events_eventkey
    FOR EACH ROW EXECUTE FUNCTION store_key();
