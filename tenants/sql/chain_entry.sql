-- Appends audit entries to the chain of all, and to those of their families: gives each the next position in each, and the
-- hash of the entry before it.
--
-- The lock on the head makes the order, and is held until the transaction ends. So it is taken at COMMIT, when no client
-- can make it wait any more, and as the last lock: a deferred trigger runs in the order in which rows were written, among
-- the checks of foreign keys, so the trigger on INSERT only has the row written again, and the one on UPDATE runs after
-- all that was deferred until then.
--
-- The first run of the latter appends all entries of its transaction, in the order of their ids: of entries without
-- a position it sees no others, but for those from before there was a chain, whose ids are lower. The later runs find
-- theirs done. So the head is moved once. Every update of a row leaves a version of it that the next update in the same
-- transaction reads past, so moving the head for each entry would take quadratic time.
--
-- A plan that was made when the table was small, and is kept, would read all of a transaction's rows for each of them. So
-- would one that goes by the index by position, which has an item for each entry that ever was without one: no index
-- serves coalesce.
CREATE OR REPLACE FUNCTION chain_entry() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
    SET enable_bitmapscan = off
    SET enable_sort = off
    AS $$
    DECLARE
        head public.tenants_audithead;
        entry public.tenants_auditentry;
        entries public.tenants_auditentry[];
    BEGIN
        IF TG_OP = 'INSERT' THEN
            UPDATE public.tenants_auditentry SET position = NULL WHERE id = NEW.id AND coalesce(position, 0) = 0;
            RETURN NULL;
        END IF;
        PERFORM FROM public.tenants_auditentry e WHERE e.id = NEW.id AND coalesce(e.position, 0) = 0;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        -- What needs no place in a chain is made before others have to wait.
        entries := ARRAY(
            SELECT public.describe_audit_entry(e) FROM public.tenants_auditentry e
            WHERE e.id >= NEW.id AND coalesce(e.position, 0) = 0 ORDER BY e.id
        );
        SELECT * INTO STRICT head FROM public.tenants_audithead FOR UPDATE;
        FOREACH entry IN ARRAY entries LOOP
            entry := public.link_audit_entry(entry);
            entry.position := head.position + 1;
            entry.previous_hash := head.hash;
            head.position := entry.position;
            head.hash := public.audit_hash(entry);
            UPDATE public.tenants_auditentry SET
                position = entry.position,
                previous_hash = entry.previous_hash,
                public_id = entry.public_id,
                content_salt = entry.content_salt,
                family_id = entry.family_id,
                family_seq = entry.family_seq,
                family_previous_hash = entry.family_previous_hash,
                family_hash = entry.family_hash,
                content_hash = entry.content_hash,
                shown_actor = entry.shown_actor
            WHERE id = entry.id;
        END LOOP;
        UPDATE public.tenants_audithead SET position = head.position, hash = head.hash;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION chain_entry FROM PUBLIC;

DROP TRIGGER IF EXISTS entry_written ON tenants_auditentry;
CREATE CONSTRAINT TRIGGER entry_written AFTER INSERT ON tenants_auditentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION chain_entry();

DROP TRIGGER IF EXISTS entry_chained ON tenants_auditentry;
CREATE CONSTRAINT TRIGGER entry_chained AFTER UPDATE OF position ON tenants_auditentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.position IS NULL) EXECUTE FUNCTION chain_entry();
