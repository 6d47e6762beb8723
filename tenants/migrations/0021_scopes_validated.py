"""Checks the scopes of the keys that are there, while keys may be issued."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenants", "0020_scopes")]

    operations = [ValidateConstraint("apikey", "api_key_scopes_in_list")]
