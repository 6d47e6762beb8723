-- Keeps a partner's events, and their count, as long as the partner: only their owner deletes them, which the function
-- forget_partner_events does when they are past their time, and staff those of a partner whose deletion is due.
CREATE OR REPLACE FUNCTION refuse_loss_of_event() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF current_user = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID)
            OR NOT EXISTS (
                SELECT FROM public.tenants_tenant t
                WHERE t.id = OLD.tenant_id AND (t.delete_at <= clock_timestamp()) IS NOT TRUE
            )
        THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'permission denied: % keeps what happened to its partner', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END
    $$;

REVOKE ALL ON FUNCTION refuse_loss_of_event FROM PUBLIC;

CREATE OR REPLACE TRIGGER events_stay BEFORE DELETE ON tenants_partnerevent FOR EACH ROW
    EXECUTE FUNCTION refuse_loss_of_event();

CREATE OR REPLACE TRIGGER events_stay BEFORE DELETE ON tenants_eventhead FOR EACH ROW
    EXECUTE FUNCTION refuse_loss_of_event();
