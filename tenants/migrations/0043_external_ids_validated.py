"""Checks the ids of the customers that are there, while others are made."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenants", "0042_external_ids")]

    operations = [ValidateConstraint("tenant", "tenant_external_id_in_characters")]
