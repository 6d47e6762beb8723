"""Checks the limits of the tenants that are there, none so far, while others are made."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenants", "0036_rate_limits")]

    operations = [ValidateConstraint("tenant", "tenant_rate_limit_whole")]
