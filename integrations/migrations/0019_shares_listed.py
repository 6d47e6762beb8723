"""The customers that have an integration, in the order of the list of them."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [("integrations", "0018_addresses_are_endpoints")]

    operations = [
        AddIndexConcurrently(
            model_name="integrationshare",
            index=models.Index(
                models.F("integration"),
                models.F("created_at"),
                models.F("tenant"),
                condition=models.Q(("ended_at__isnull", True)),
                name="share_listed",
            ),
        ),
    ]
