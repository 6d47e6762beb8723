"""What a partner learns of its customers' use: numbers, by two functions; it sees none of the rows."""

from django.db import migrations

# Two statements, because one plan would not do both well: all customers by a hash, those of a page by their keys.
_CUSTOMERS = """
    CREATE FUNCTION usage_of_customers(of_month date, customers uuid[] DEFAULT NULL)
    RETURNS TABLE (tenant_id uuid, active_users bigint, events bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
    DECLARE
        partner uuid := NULLIF(current_setting('retivo.tenant_id', true), '')::uuid;
    BEGIN
        IF customers IS NULL THEN
            RETURN QUERY
                SELECT u.tenant_id, sum(u.active_users)::bigint, sum(u.events)::bigint
                FROM public.events_monthlyusage u JOIN public.tenants_tenant t ON t.id = u.tenant_id
                WHERE t.parent_id = partner AND u.month = of_month
                GROUP BY u.tenant_id;
        ELSE
            RETURN QUERY
                SELECT u.tenant_id, sum(u.active_users)::bigint, sum(u.events)::bigint
                FROM public.events_monthlyusage u JOIN public.tenants_tenant t ON t.id = u.tenant_id
                WHERE t.parent_id = partner AND u.month = of_month AND u.tenant_id = ANY (customers)
                GROUP BY u.tenant_id;
        END IF;
    END
    $$
"""

# For get customer: a tenth of the other's time, whose plan is made anew for each array.
_CUSTOMER = """
    CREATE FUNCTION usage_of_customer(of_month date, customer uuid, OUT active_users bigint, OUT events bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT coalesce(sum(u.active_users), 0)::bigint, coalesce(sum(u.events), 0)::bigint
        FROM public.events_monthlyusage u
        WHERE u.tenant_id = customer AND u.month = of_month AND EXISTS (
            SELECT FROM public.tenants_tenant t
            WHERE t.id = customer AND t.parent_id = NULLIF(current_setting('retivo.tenant_id', true), '')::uuid
        )
    $$
"""

_NAMES = "usage_of_customers, usage_of_customer"


class Migration(migrations.Migration):
    dependencies = [("events", "0009_policies_asked_once"), ("tenants", "0005_own_plan")]

    operations = [
        migrations.RunSQL(
            sql=[
                _CUSTOMERS,
                _CUSTOMER,
                f"REVOKE ALL ON FUNCTION {_NAMES} FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {_NAMES} TO app_rt",
            ],
            reverse_sql=f"DROP FUNCTION {_NAMES}",
        ),
    ]
