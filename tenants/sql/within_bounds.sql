-- Returns a tenant's config with its budget and holdout moved within the bounds that are not null. A config without a
-- budget, or with one that cannot be read, has no limit.
CREATE OR REPLACE FUNCTION within_bounds(config jsonb, largest_budget numeric, smallest_holdout numeric) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN config
        || CASE WHEN (CASE
                WHEN config ->> 'action_budget_usd' ~ '^[0-9]{1,12}(\.[0-9]{1,20})?$'
                THEN (config ->> 'action_budget_usd')::numeric ELSE 'infinity' END) > largest_budget
            THEN jsonb_build_object('action_budget_usd', trim_scale(largest_budget)::text) ELSE '{}' END
        || CASE WHEN (CASE
                WHEN jsonb_typeof(config -> 'holdout_percent') = 'number'
                THEN (config -> 'holdout_percent')::numeric ELSE 0 END) < smallest_holdout
            THEN jsonb_build_object('holdout_percent', trim_scale(smallest_holdout)) ELSE '{}' END;

REVOKE ALL ON FUNCTION within_bounds FROM PUBLIC;
