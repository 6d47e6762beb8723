-- Returns the ring of a moment: the four hexadecimal digits that the keys stored then begin with.
--
-- Rings last two days and are numbered without end. The digits say the whole number, with its remainder by 4 in front:
-- each of the four partitions of events_storedkey holds every fourth ring, and a key that was left there from an
-- earlier turn is not equal to the same key of this one.
CREATE OR REPLACE FUNCTION key_ring(at timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT lpad(to_hex(n % 4 * 16384 + n / 4 % 16384), 4, '0') FROM (SELECT floor(extract(epoch FROM at) / 172800)::int) AS ring (n)
    );
