-- Keeps that a threshold was reached: it would be reached a second time.
CREATE OR REPLACE TRIGGER reached_stays BEFORE DELETE ON events_reachedthreshold FOR EACH ROW
    EXECUTE FUNCTION refuse_change('a threshold that was reached stays so');
