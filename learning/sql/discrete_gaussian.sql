-- Draws a whole number with a probability proportional to exp(-x² / 2 variance): noise for one sum of a release.
--
-- `variance` is a whole number above 0. A number of the discrete Laplace distribution is drawn and taken with the
-- probability that makes it a Gaussian one, else another is drawn: Canonne, Kamath & Steinke (2020), Algorithms 2 and 3.
CREATE OR REPLACE FUNCTION discrete_gaussian(variance numeric) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
    DECLARE
        scale CONSTANT numeric := floor(sqrt(variance)) + 1;
        size numeric;
        negative boolean;
    BEGIN
        LOOP
            size := public.uniform_below(scale);
            CONTINUE WHEN NOT public.happens_by_exp(size, scale);
            WHILE public.happens_by_exp(1, 1) LOOP
                size := size + scale;
            END LOOP;
            negative := public.uniform_below(2) = 1;
            CONTINUE WHEN negative AND size = 0;
            IF public.happens_by_exp((size * scale - variance) * (size * scale - variance), 2 * variance * scale * scale)
            THEN
                RETURN CASE WHEN negative THEN -size ELSE size END;
            END IF;
        END LOOP;
    END
    $$;

REVOKE ALL ON FUNCTION discrete_gaussian FROM PUBLIC;
