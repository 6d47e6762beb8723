"""Receipts are the ledger; who is in a release depends on no count; a partner's word stands beside its customer's.

A release used to be of partners with enough contributors, counted without noise: whether it came told of the last one.
Now everyone who is willing is in it, and what is published of it depends on the noisy sums alone.
"""

from importlib import import_module

from django.db import migrations

from retivo.database.rls import isolate
from retivo.database.sql import InForce

_before = import_module("learning.migrations.0007_contribute")

# Returned the sums without noise, which its caller added.
CONTRIBUTE = """
CREATE OR REPLACE FUNCTION contribute(release bigint, partner uuid)
    RETURNS TABLE (block text, place integer, total bigint)
    LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS $$
        WITH asked AS (
            SELECT r.id, r.epsilon, r.rho, r.budget, (now() AT TIME ZONE 'UTC')::date AS today
            FROM public.learning_release r WHERE r.id = contribute.release
        ), contributor AS MATERIALIZED (
            SELECT s.tenant_id, s.actions, s.statistic,
                cardinality(s.statistic) / (1 + cardinality(s.actions)) AS width
            FROM asked
            CROSS JOIN public.tenants_tenant t
            JOIN public.tenants_tenant p ON p.id = t.parent_id
            JOIN public.learning_modelstate s ON s.tenant_id = t.id
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(x.rho), 0) AS spent FROM public.learning_receipt x
                WHERE x.tenant_id = t.id AND x.released_on > asked.today - 365
            ) ledger
            WHERE p.id = contribute.partner
                AND t.plan_status = 'active'
                AND public.stricter_consent(t.config, p.config) = 'contribute'
                AND cardinality(s.statistic) > 0
                AND (SELECT sum(n) FROM unnest(s.trials) n) >= 200
                AND ledger.spent + asked.rho <= asked.budget * 1.000000001
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
            SELECT c.tenant_id, least(1, 1.999999 / nullif(sqrt(sum(c.value ^ 2)), 0)) AS factor FROM cell c GROUP BY 1
        ), receipt AS (
            INSERT INTO public.learning_receipt (tenant_id, release_id, released_on, epsilon, rho)
            SELECT c.tenant_id, asked.id, asked.today, asked.epsilon, asked.rho FROM contributor c CROSS JOIN asked
        )
        SELECT c.block, c.place, sum(trunc(c.value * f.factor * 1048576)::bigint)::bigint
        FROM cell c JOIN factor f ON f.tenant_id = c.tenant_id
        GROUP BY c.block, c.place
    $$;

REVOKE ALL ON FUNCTION contribute FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contribute TO app_release;
"""


class Migration(migrations.Migration):
    dependencies = [("learning", "0008_budget_of_a_release"), ("tenants", "0007_partners_word_on_learning")]

    operations = [
        InForce(
            "learning",
            "refuse_overspending",
            digest="6e1021286b10",
            reverse_sql=[
                "DROP TRIGGER spend_within_budget ON learning_receipt",
                "DROP FUNCTION refuse_overspending",
            ],
        ),
        InForce(
            "learning",
            "stricter_consent",
            digest="307371bd4721",
            reverse_sql=[_before._CONSENT.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")],
        ),
        InForce("learning", "partners_consent", digest="71cd3fdd2806", reverse_sql="DROP FUNCTION partners_consent"),
        migrations.RunSQL(
            sql=f"DROP FUNCTION {_before._SIGNATURE}",
            reverse_sql=[
                _before._CONTRIBUTE,
                "REVOKE ALL ON FUNCTION contribute FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {_before._SIGNATURE} TO app_staff",
            ],
        ),
        migrations.RunSQL(sql=[CONTRIBUTE], reverse_sql="DROP FUNCTION contribute"),
        migrations.RunSQL(
            sql=migrations.RunSQL.noop,
            reverse_sql=[*isolate("learning_spend", visible="tenant_id = {tenant}", grants="SELECT").sql],
        ),
        migrations.DeleteModel(name="Spend"),
    ]
