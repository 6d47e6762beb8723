"""Users have statistics before there are any, so that the first plans of a new database are those of later ones.

Without them every index that begins with the tenant looks equally good for finding users by their ids. The one that was
taken read all of the tenant's users, until the first ANALYZE. Partitions of keys and events, which are new every few
days, need none: they have one index.
"""

from django.db import migrations

_ANALYZE = """
    DO $$
    DECLARE
        nobody CONSTANT uuid := gen_random_uuid();
    BEGIN
        IF EXISTS (SELECT FROM events_trackeduser) THEN
            RETURN;
        END IF;
        INSERT INTO tenants_tenant (id, name, slug, tenant_role, plan_tier, plan_status, tracked_user_limit, config)
        VALUES (nobody, '', nobody::text, 'standalone', 'starter', 'active', 0, '{}');
        INSERT INTO events_trackeduser
            (tenant_id, user_id, name, email, company, role, locale, traits, lifecycle_stage, opted_out, created_at,
             counted_month, last_activity_at)
        SELECT nobody, n, '', '', '', '', '', '{}', 'active', false, now() + n * interval '1 second',
            date_trunc('month', now()), now()
        FROM generate_series(1, 1000) n;
        ANALYZE events_trackeduser;
        DELETE FROM events_trackeduser WHERE tenant_id = nobody;
        DELETE FROM tenants_tenant WHERE id = nobody;
    END
    $$
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0021_track_batch"), ("tenants", "0008_entries_without_a_tenant")]

    operations = [migrations.RunSQL(sql=_ANALYZE, reverse_sql=migrations.RunSQL.noop)]
