"""The one path on which statistics of several tenants meet: a function that clips, adds up and returns sums alone.

Staff see of a tenant's state that there is one, and nothing of what it learned.
"""

from django.db import migrations

from retivo.database.rls import isolate, undo_isolation
from retivo.database.sql import InForce

# What the context's tenant and its partner agree to; the stricter one wins. A customer does not see its partner's row.
_CONSENT = """
    CREATE FUNCTION stricter_consent(own jsonb, partners jsonb) RETURNS text LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT CASE
            WHEN 'off' IN (coalesce(own->>'learning', ''), coalesce(partners->>'learning', '')) THEN 'off'
            WHEN 'use_only' IN (coalesce(own->>'learning', ''), coalesce(partners->>'learning', '')) THEN 'use_only'
            ELSE 'contribute'
        END
    $$
"""

# Of the customers of one partner that agree, have learned from 200 outcomes and have the budget: their statistics, each
# shortened to the length 2 (learning.privacy.CLIP), in units of 2^-20 (FIXED_POINT), towards zero, and added up. The
# integers' squares add up to 2^42 at most: above it they would be 2^42 + 1 or more, which no rounding of `factor` makes
# of it. Each gets a receipt and pays, in the same statement. Where they are too few, nobody is in it and no row comes
# back.
_CONTRIBUTE = """
    CREATE FUNCTION contribute(
        release bigint, partner uuid, epsilon float8, rho float8, budget float8, minimum integer
    ) RETURNS TABLE (block text, place integer, total bigint) LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH willing AS MATERIALIZED (
            SELECT s.tenant_id, s.actions, s.statistic,
                cardinality(s.statistic) / (1 + cardinality(s.actions)) AS width
            FROM public.tenants_tenant t
            JOIN public.tenants_tenant p ON p.id = t.parent_id
            JOIN public.learning_modelstate s ON s.tenant_id = t.id
            LEFT JOIN public.learning_spend b
                ON b.tenant_id = t.id AND b.year = extract(year FROM now() AT TIME ZONE 'UTC')
            WHERE p.id = contribute.partner
                AND t.plan_status = 'active'
                AND public.stricter_consent(t.config, p.config) = 'contribute'
                AND cardinality(s.statistic) > 0
                AND (SELECT sum(n) FROM unnest(s.trials) n) >= 200
                AND coalesce(b.rho, 0) + contribute.rho <= contribute.budget * 1.000000001
        ), contributor AS MATERIALIZED (
            SELECT * FROM willing WHERE (SELECT count(*) FROM willing) >= greatest(contribute.minimum, 10)
        ), cell AS (
            SELECT c.tenant_id, coalesce(a.template_id::text, named.name) AS block,
                ((v.position - 1) % c.width)::integer AS place, sum(v.value) AS value
            FROM contributor c
            CROSS JOIN LATERAL unnest(c.statistic) WITH ORDINALITY v (value, position)
            CROSS JOIN LATERAL (
                SELECT CASE (v.position - 1) / c.width WHEN 0 THEN 'shared'
                    ELSE c.actions[(v.position - 1) / c.width] END AS name
            ) named
            LEFT JOIN public.integrations_actiontype a
                ON a.tenant_id = c.tenant_id AND a.id = named.name AND a.partner_id = contribute.partner
            WHERE a.id IS NOT NULL OR named.name IN ('shared', 'nothing')
            GROUP BY 1, 2, 3
        ), factor AS (
            SELECT c.tenant_id, least(1, 2 / nullif(sqrt(sum(c.value ^ 2)), 0)) AS factor FROM cell c GROUP BY 1
        ), receipt AS (
            INSERT INTO public.learning_receipt (tenant_id, release_id, released_on, epsilon, rho)
            SELECT tenant_id, contribute.release, (now() AT TIME ZONE 'UTC')::date, contribute.epsilon, contribute.rho
            FROM contributor
        ), spend AS (
            INSERT INTO public.learning_spend AS b (tenant_id, year, rho, budget)
            SELECT tenant_id, extract(year FROM now() AT TIME ZONE 'UTC'), contribute.rho, contribute.budget
            FROM contributor
            ON CONFLICT (tenant_id, year) DO UPDATE SET rho = b.rho + excluded.rho, budget = excluded.budget
        )
        SELECT c.block, c.place, sum(trunc(c.value * f.factor * 1048576)::bigint)::bigint
        FROM cell c JOIN factor f ON f.tenant_id = c.tenant_id
        GROUP BY c.block, c.place
    $$
"""

RECEIPTS = """
    ALTER TABLE learning_receipt ENABLE ROW LEVEL SECURITY;

    DROP POLICY IF EXISTS tenant_isolation ON learning_receipt;
    CREATE POLICY tenant_isolation ON learning_receipt TO app_web
        USING (tenant_id = (SELECT current_tenant()))
        WITH CHECK (tenant_id = (SELECT current_tenant()));

    DROP POLICY IF EXISTS staff ON learning_receipt;
    CREATE POLICY staff ON learning_receipt TO app_staff USING (true) WITH CHECK (true);

    GRANT SELECT ON learning_receipt TO app_web;
    REVOKE SELECT, INSERT, UPDATE ON learning_receipt FROM app_staff;
    GRANT SELECT (tenant_id) ON learning_receipt TO app_staff;
"""

_SIZES = """
    ALTER TABLE learning_modelstate ADD CONSTRAINT model_state_statistic CHECK (
        (cardinality(statistic) = 0 OR cardinality(statistic) % (1 + cardinality(actions)) = 0)
        AND 1000000 >= ALL (statistic) AND -1000000 <= ALL (statistic)
    )
"""

_SIGNATURE = "contribute(bigint, uuid, float8, float8, float8, integer)"


class Migration(migrations.Migration):
    dependencies = [
        ("learning", "0006_releases"),
        ("integrations", "0003_rotation_and_action_type_key"),
        ("tenants", "0006_answer_about"),
    ]

    operations = [
        InForce("learning", "learning_release", digest="99e35f0f471c", reverse_sql=undo_isolation("learning_release")),
        InForce("learning", "learning_pattern", digest="f009a5aa3957", reverse_sql=undo_isolation("learning_pattern")),
        migrations.RunSQL(
            sql=RECEIPTS,
            reverse_sql=[
                "GRANT SELECT, INSERT, UPDATE ON learning_receipt TO app_staff",
                *undo_isolation("learning_receipt"),
            ],
        ),
        isolate("learning_spend", visible="tenant_id = {tenant}", grants="SELECT"),
        migrations.RunSQL(
            sql=[
                _SIZES,
                "REVOKE SELECT, INSERT, UPDATE ON learning_spend FROM app_staff",
                "GRANT SELECT (tenant_id) ON learning_spend TO app_staff",
            ],
            reverse_sql=[
                "GRANT SELECT, INSERT, UPDATE ON learning_spend TO app_staff",
                "ALTER TABLE learning_modelstate DROP CONSTRAINT model_state_statistic",
            ],
        ),
        InForce(
            "learning",
            "learning_modelstate",
            digest="fae0db465585",
            reverse_sql="GRANT SELECT, INSERT, UPDATE ON learning_modelstate TO app_staff",
        ),
        migrations.RunSQL(
            sql=[
                _CONSENT,
                "REVOKE ALL ON FUNCTION stricter_consent FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION stricter_consent TO app_rt, app_staff",
            ],
            reverse_sql="DROP FUNCTION stricter_consent",
        ),
        InForce("learning", "learning_consent", digest="4e358bbbd6f4", reverse_sql="DROP FUNCTION learning_consent"),
        migrations.RunSQL(
            sql=[
                _CONTRIBUTE,
                "REVOKE ALL ON FUNCTION contribute FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {_SIGNATURE} TO app_staff",
            ],
            reverse_sql=f"DROP FUNCTION {_SIGNATURE}",
        ),
    ]
