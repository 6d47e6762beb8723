-- Returns how many days a tenant's events are kept: the shortest class that is as long as its config asks, or its plan's.
CREATE OR REPLACE FUNCTION days_kept(plan_tier text, config jsonb) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN jsonb_typeof(config -> 'retention_days') = 'number' THEN CASE
            WHEN (config -> 'retention_days')::numeric <= 30 THEN 30
            WHEN (config -> 'retention_days')::numeric <= 90 THEN 90
            WHEN (config -> 'retention_days')::numeric <= 365 THEN 365
            ELSE 1095
        END
        WHEN plan_tier = 'starter' THEN 90
        WHEN plan_tier = 'growth' THEN 365
        ELSE 1095
    END;
