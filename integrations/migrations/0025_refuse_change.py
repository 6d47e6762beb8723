"""As tenants.0050: revisions, and versions of secrets, are kept by the function that keeps everything."""

from importlib import import_module

from django.db import migrations

from retivo.database.sql import InForce

_published = import_module("integrations.migrations.0011_revisions")
_kept = import_module("integrations.migrations.0023_revisions_kept")


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("integrations", "0024_held_parts"), ("tenants", "0050_refuse_change")]

    operations = [
        InForce("integrations", "refuse_change", digest="bc6fc3ba6740", reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(
            sql=[
                "DROP TRIGGER IF EXISTS revision_kept ON integrations_revision",
                "DROP FUNCTION IF EXISTS refuse_loss_of_revision",
            ],
            reverse_sql=[_kept.REFUSE_LOSS_OF_REVISION],
        ),
        migrations.RunSQL(
            sql="DROP FUNCTION IF EXISTS refuse_change_of_revision", reverse_sql=[_published.REFUSE_CHANGE_OF_REVISION]
        ),
    ]
