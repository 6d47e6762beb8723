-- Keeps what was released. A partner's own patterns go with it.
CREATE OR REPLACE TRIGGER pattern_stays BEFORE DELETE ON learning_pattern FOR EACH ROW
    EXECUTE FUNCTION refuse_change('a pattern that was released stays', 'partner_id');
