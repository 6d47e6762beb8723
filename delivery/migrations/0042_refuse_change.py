"""As tenants.0050: certifications are kept by the function that keeps everything."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_former = import_module("delivery.migrations.0039_certifications_kept")


class Migration(migrations.Migration):
    dependencies = [("delivery", "0041_answers_redacted"), ("tenants", "0050_refuse_change")]

    operations = [
        InForce("delivery", "refuse_change", digest="f029698320f2", reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(
            sql="DROP FUNCTION IF EXISTS refuse_change_of_certification",
            reverse_sql=[_former.REFUSE_CHANGE_OF_CERTIFICATION],
        ),
    ]
