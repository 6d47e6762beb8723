-- True with the probability exp(-numerator / denominator), exactly: no floating-point number is involved.
--
-- Both are whole numbers, and the quotient is 0 or more. Canonne, Kamath & Steinke (2020), Algorithm 1.
CREATE OR REPLACE FUNCTION happens_by_exp(numerator numeric, denominator numeric) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
    DECLARE
        part numeric;
        tries integer;
    BEGIN
        LOOP
            part := least(numerator, denominator);
            tries := 1;
            WHILE public.uniform_below(denominator * tries) < part LOOP
                tries := tries + 1;
            END LOOP;
            IF tries % 2 = 0 THEN
                RETURN false;
            END IF;
            numerator := numerator - part;
            IF numerator = 0 THEN
                RETURN true;
            END IF;
        END LOOP;
    END
    $$;

REVOKE ALL ON FUNCTION happens_by_exp FROM PUBLIC;
