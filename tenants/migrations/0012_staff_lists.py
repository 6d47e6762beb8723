"""What staff's lists are read by, however many tenants there are."""

import django.db.models.functions.text
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the indexes

    dependencies = [
        ("tenants", "0011_fewer_indexes"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="apikey",
            index=models.Index(fields=["created_at", "id"], name="api_key_newest"),
        ),
        AddIndexConcurrently(
            model_name="auditentry",
            index=models.Index(fields=["action", "-id"], name="audit_by_action"),
        ),
        AddIndexConcurrently(
            model_name="tenant",
            index=models.Index(django.db.models.functions.text.Lower("name"), models.F("id"), name="tenant_by_name"),
        ),
        AddIndexConcurrently(
            model_name="tenant",
            index=models.Index(
                django.db.models.functions.text.Lower("name"),
                condition=models.Q(("tenant_role", "partner")),
                name="tenant_partners",
            ),
        ),
    ]
