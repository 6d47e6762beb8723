"""Checks the keys that are there, while keys may be issued, after putting right what earlier releases wrote.

A test key of theirs is refused wherever it is sent, and so is revoked. Their processes' clocks may have been behind the
database's, so that a key seems to have been revoked before it was issued.
"""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tenants", "0026_keys_of_partners")]

    operations = [
        migrations.RunSQL(
            sql=[
                """
                UPDATE tenants_apikey SET mode = 'test', revoked_at = greatest(coalesce(revoked_at, now()), created_at)
                WHERE starts_with(prefix, 'rt_test_')
                """,
                "UPDATE tenants_apikey SET revoked_at = created_at WHERE revoked_at < created_at",
            ],
            reverse_sql=migrations.RunSQL.noop,
        ),
        ValidateConstraint("apikey", "api_key_live_or_revoked"),
        ValidateConstraint("apikey", "api_key_cidrs_not_empty"),
        ValidateConstraint("apikey", "api_key_revoked_after_created"),
    ]
