-- Keeps a certification as it ended. It goes when it is past its time, or with its partner.
CREATE OR REPLACE TRIGGER certification_stays BEFORE UPDATE OR DELETE ON delivery_certification FOR EACH ROW
    WHEN (OLD.finished_at IS NOT NULL) EXECUTE FUNCTION refuse_change('a certification stays as it ended');
