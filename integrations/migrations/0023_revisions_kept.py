"""Nobody deletes a revision, nor a secret's version, before their partner goes."""

from django.db import migrations

from retivo.database.sql import InForce


class Migration(migrations.Migration):
    atomic = False  # a lock on one table at a time

    dependencies = [("integrations", "0022_sharings_put_off")]

    operations = [
        InForce(
            "integrations",
            "refuse_loss_of_revision",
            digest="afbfdca5b75d",
            reverse_sql=[
                "DROP TRIGGER version_kept ON integrations_secretversion",
                "DROP TRIGGER revision_kept ON integrations_revisiontemplate",
                "DROP TRIGGER revision_kept ON integrations_revision",
                "DROP FUNCTION refuse_loss_of_revision",
            ],
        ),
    ]
