"""What a partner learns of its customers' use: numbers, by a function; it sees none of the rows."""

from django.db import migrations

# Two statements, because one plan would not do both well: all customers by a hash, a few by their keys.
_FUNCTION = """
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


class Migration(migrations.Migration):
    dependencies = [("events", "0009_policies_asked_once"), ("tenants", "0005_own_plan")]

    operations = [
        migrations.RunSQL(
            sql=[
                _FUNCTION,
                "REVOKE ALL ON FUNCTION usage_of_customers FROM PUBLIC",
                "GRANT EXECUTE ON FUNCTION usage_of_customers TO app_rt",
            ],
            reverse_sql="DROP FUNCTION usage_of_customers",
        ),
    ]
