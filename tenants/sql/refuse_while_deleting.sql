-- Refuses rows of a tenant that is being deleted, or is gone. `migrate` puts the triggers that call it on every table that
-- names a tenant: see `retivo.database.guards`.
--
-- not_while_deleting asks for each row, and is told by which column the row names its tenant. not_in_context_while_deleting
-- asks once a statement, of the tenant in context, where the API's role writes rows of no other. It reads the setting
-- without its seal: the policy that lets the rows in checks that.
CREATE OR REPLACE FUNCTION refuse_while_deleting() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        subject uuid;
    BEGIN
        CASE TG_ARGV[0]
            WHEN 'context' THEN subject := nullif(left(current_setting('retivo.tenant_id', true), 36), '');
            WHEN 'tenant_id' THEN subject := NEW.tenant_id;
            WHEN 'partner_id' THEN subject := NEW.partner_id;
            WHEN 'parent_id' THEN subject := NEW.parent_id;
        END CASE;
        IF NOT EXISTS (SELECT FROM public.tenants_tenant t WHERE t.id = subject AND t.delete_at IS NULL)
            AND subject IS NOT NULL
        THEN
            RAISE EXCEPTION 'permission denied: the tenant is being deleted, and % takes no row of it', TG_TABLE_NAME
                USING ERRCODE = 'RT001';
        END IF;
        RETURN NEW;
    END
    $$;

REVOKE ALL ON FUNCTION refuse_while_deleting FROM PUBLIC;
