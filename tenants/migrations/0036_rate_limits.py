"""A tenant's limit of requests over all its keys, and how many of them were permitted: see `take_permits`.

The column is added to the catalogue alone. What is permitted is of a moment, so its table is unlogged.
"""

from importlib import import_module

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from retivo.database.sql import InForce

_plan = import_module("tenants.migrations.0015_config_by_partner")
_tenant = import_module("tenants.migrations.0035_deleting")


# As it was until a customer's limit was held to the installation's in one window, too.
TAKE_PERMITS = """\
CREATE OR REPLACE FUNCTION take_permits(
    key_digest bytea, default_limits int[], default_seconds int[], wanted int[], unused int[], unused_of timestamptz[],
    OUT key_id uuid, OUT tenant_id uuid, OUT limits int[], OUT seconds int[], OUT granted int[], OUT free int[],
    OUT ends_in float8[], OUT ends_at timestamptz[]
)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, pg_temp
    AS $$
    #variable_conflict use_column
    DECLARE
        holders uuid[];
        moment CONSTANT timestamptz := clock_timestamp();
        window_end timestamptz;
        counted int;
    BEGIN
        SELECT k.id, k.tenant_id, ARRAY[t.id, k.id],
            ARRAY[coalesce(own.requests, default_limits[1]), default_limits[2]],
            ARRAY[coalesce(own.seconds, default_seconds[1]), default_seconds[2]]
          INTO key_id, tenant_id, holders, limits, seconds
          FROM public.tenants_apikey k JOIN public.tenants_tenant t ON t.id = k.tenant_id
          -- What a partner sets is not above the installation's.
          LEFT JOIN LATERAL (
            SELECT (t.rate_limit -> 'requests')::int AS requests, (t.rate_limit -> 'seconds')::int AS seconds
          ) own ON t.parent_id IS NULL
            OR own.requests::numeric * default_seconds[1] <= default_limits[1]::numeric * own.seconds
         WHERE k.digest = key_digest AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > moment);
        IF NOT FOUND THEN
            RETURN;
        END IF;
        FOR n IN 1..2 LOOP
            window_end := to_timestamp((floor(extract(epoch FROM moment) / seconds[n]) + 1) * seconds[n]);
            INSERT INTO public.tenants_permit AS p (id, ends_at, taken) VALUES (holders[n], window_end, wanted[n])
            ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at, taken = excluded.taken + CASE
                -- More was asked for than was left, maybe.
                WHEN p.ends_at = excluded.ends_at THEN greatest(least(p.taken, limits[n]) - CASE
                    WHEN unused_of[n] = p.ends_at THEN unused[n] ELSE 0
                END, 0)
                ELSE 0
            END
            RETURNING p.taken INTO counted;
            granted[n] := greatest(least(wanted[n], limits[n] - (counted - wanted[n])), 0);
            free[n] := greatest(limits[n] - counted, 0);
            ends_in[n] := extract(epoch FROM window_end - moment);
            ends_at[n] := window_end;
        END LOOP;
        RETURN NEXT;
    END
    $$;

REVOKE ALL ON FUNCTION take_permits FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_permits TO app_web;
"""

# As it was until each count named the tenant that it is of.
TENANTS_PERMIT = """\
-- How many requests were permitted in the present window, to a tenant or with a key. Only take_permits reads and counts
-- them; what is past is taken away in upkeep.
ALTER TABLE tenants_permit ENABLE ROW LEVEL SECURITY;

DROP POLICY IF EXISTS upkeep ON tenants_permit;
CREATE POLICY upkeep ON tenants_permit TO app_upkeep USING (true);

REVOKE ALL ON tenants_permit FROM app_staff;
GRANT SELECT, DELETE ON tenants_permit TO app_upkeep;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0035_deleting")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="rate_limit",
            field=models.JSONField(
                blank=True,
                help_text="`requests` in `seconds`, of all its keys; the installation's where null",
                null=True,
            ),
        ),
        AddConstraintNotValid(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(rate_limit__isnull=True)
                | models.Q(
                    rate_limit__has_keys=["requests", "seconds"],
                    rate_limit__requests__range=(1, 1_000_000_000),
                    rate_limit__seconds__range=(1, 86_400),
                ),
                name="tenant_rate_limit_whole",
                violation_error_message="`requests` and `seconds`, from 1 on; at most a day.",
            ),
        ),
        InForce(
            "tenants",
            "tenants_tenant",
            digest="af6b6b40b336",
            reverse_sql=["REVOKE UPDATE (rate_limit) ON tenants_tenant FROM app_web", _tenant.TENANTS_TENANT],
        ),
        InForce(
            "tenants",
            "refuse_own_plan",
            digest="371ce3b4dc8e",
            reverse_sql=["DROP TRIGGER own_plan ON tenants_tenant", _plan.OWN_PLAN],
        ),
        migrations.RunSQL(
            sql="""
                CREATE UNLOGGED TABLE tenants_permit (
                    id uuid PRIMARY KEY,
                    ends_at timestamptz NOT NULL,
                    taken int NOT NULL
                ) WITH (fillfactor = 50)
            """,
            reverse_sql="DROP TABLE tenants_permit",
        ),
        migrations.RunSQL(sql=[TENANTS_PERMIT], reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(sql=[TAKE_PERMITS], reverse_sql="DROP FUNCTION take_permits"),
    ]
