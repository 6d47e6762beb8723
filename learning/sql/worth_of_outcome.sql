-- What an outcome is worth to the model, from 0 to 1, by the status that was reported of an action.
CREATE OR REPLACE FUNCTION worth_of_outcome(status text) RETURNS float8
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE status WHEN 'completed' THEN 1 WHEN 'partial' THEN 0.5 WHEN 'ignored' THEN 0 WHEN 'rejected' THEN 0 END;

REVOKE ALL ON FUNCTION worth_of_outcome FROM PUBLIC;
GRANT EXECUTE ON FUNCTION worth_of_outcome TO app_web, app_staff;
