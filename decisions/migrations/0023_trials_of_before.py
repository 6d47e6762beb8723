"""Who has a conversion already begins a trial now: the ledger does not say since when it has been as it is."""

from django.db import migrations

_BEGIN = """
    INSERT INTO decisions_lifttrial (tenant_id, started_at, treated, treated_converted, held_out, held_out_converted)
    SELECT id, clock_timestamp(), 0, 0, 0, 0 FROM tenants_tenant WHERE config -> 'conversion' IS NOT NULL
    ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("decisions", "0022_begin_lift_trial")]

    operations = [migrations.RunSQL(_BEGIN, migrations.RunSQL.noop)]
