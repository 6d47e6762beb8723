-- The release before knows no revisions: it shares an integration at the first, with all templates that there are. Those
-- that came later are left out, for they are in no share's revision.
CREATE OR REPLACE FUNCTION skip_later_templates() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM public.integrations_revisiontemplate m
            WHERE m.integration_id = NEW.integration_id AND m.revision = 1 AND m.name = NEW.name
        ) THEN
            RETURN NEW;
        END IF;
        RETURN NULL;
    END
    $$;

REVOKE ALL ON FUNCTION skip_later_templates FROM PUBLIC;

CREATE OR REPLACE TRIGGER only_of_first_revision BEFORE INSERT ON integrations_actiontype FOR EACH ROW
    WHEN (NEW.integration_id IS NOT NULL AND NEW.revision = 1)
    EXECUTE FUNCTION skip_later_templates();
