-- Stops a receipt that would take its tenant over the budget. Receipts are the ledger: what a tenant spent in any 365
-- days is the sum of its receipts.
--
-- The budget is in the row of the release, so a receipt without a release is refused. The sum may exceed it by a
-- billionth, to allow for rounding.
CREATE OR REPLACE FUNCTION refuse_overspending() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF (
            SELECT sum(r.rho) <= (
                SELECT l.budget * 1.000000001 FROM public.learning_release l WHERE l.id = NEW.release_id
            )
            FROM public.learning_receipt r
            WHERE r.tenant_id = NEW.tenant_id AND r.released_on > NEW.released_on - 365
        ) IS NOT TRUE THEN
            RAISE EXCEPTION 'spend_within_budget: the tenant has not the budget for this release'
                USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION refuse_overspending FROM PUBLIC;

CREATE OR REPLACE TRIGGER spend_within_budget AFTER INSERT OR UPDATE ON learning_receipt
    FOR EACH ROW EXECUTE FUNCTION refuse_overspending();
