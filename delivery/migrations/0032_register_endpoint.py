"""How the addresses of partners' integrations get rows."""

from django.db import migrations

# As it was until it left rows alone that are registered.
REGISTER_ENDPOINT = """\
CREATE OR REPLACE FUNCTION register_endpoint(owner uuid, address text) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$
    INSERT INTO public.delivery_endpoint AS e
        (tenant_id, id, url, registered_at, consecutive_failures, openings, last_failure)
    VALUES (owner, md5(owner::text || address)::uuid, address, now(), 0, 0, '')
    ON CONFLICT (tenant_id, id) DO UPDATE SET registered_at = now() WHERE e.registered_at IS NULL
    $$;

REVOKE ALL ON FUNCTION register_endpoint FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0031_recoveries_and_certifications")]

    operations = [
        migrations.RunSQL(sql=[REGISTER_ENDPOINT], reverse_sql="DROP FUNCTION register_endpoint"),
    ]
