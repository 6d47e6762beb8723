-- Draws a whole number from 0 to below `bound`, each with the same probability, however large `bound` is.
--
-- Version 4 UUIDs come from the server's cryptographic source, which random() does not; their first 48 bits are random.
CREATE OR REPLACE FUNCTION uniform_below(bound numeric) RETURNS numeric
    LANGUAGE plpgsql
    AS $$
    DECLARE
        drawn numeric := 0;
        span numeric := 1;
        bits text;
    BEGIN
        LOOP
            bits := gen_random_uuid()::text;
            drawn := drawn * 281474976710656 + ('x0000' || left(bits, 8) || substr(bits, 10, 4))::bit(64)::bigint;
            span := span * 281474976710656;
            CONTINUE WHEN span < bound;
            IF drawn < span - mod(span, bound) THEN
                RETURN mod(drawn, bound);
            END IF;
            drawn := 0;
            span := 1;
        END LOOP;
    END
    $$;

REVOKE ALL ON FUNCTION uniform_below FROM PUBLIC;
