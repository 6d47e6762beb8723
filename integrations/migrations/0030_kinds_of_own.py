"""So has one that a tenant registers itself. The columns are added to the catalogue alone."""

from importlib import import_module

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from retivo.database.sql import InForce

_action_types = import_module("integrations.migrations.0014_revision_of_action_types")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0029_kinds")]

    operations = [
        migrations.AddField(
            model_name="actiontype",
            name="kind",
            field=models.CharField(
                editable=False, help_text="Of an own one: integrations.taxonomy", max_length=100, null=True
            ),
        ),
        migrations.AddField(
            model_name="actiontype",
            name="kind_source",
            field=models.CharField(
                choices=[("declared", "Declared"), ("proposed", "Proposed")],
                editable=False,
                help_text="Of an own one; null before there were kinds",
                max_length=8,
                null=True,
            ),
        ),
        AddConstraintNotValid(
            model_name="actiontype",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", None), ("kind_source", None))
                | models.Q(
                    ("integration", None),
                    ("kind_source__in", ["declared", "proposed"]),
                    ("kind_source__isnull", False),
                    models.Q(("kind", None), ("kind__regex", "^[a-z]+/[a-z]+(_[a-z]+)*$"), _connector="OR"),
                ),
                name="action_type_shared_without_kind",
            ),
        ),
        InForce(
            "integrations",
            "integrations_actiontype",
            digest="727c85afb612",
            reverse_sql=[
                "REVOKE UPDATE (kind, kind_source) ON integrations_actiontype FROM app_web",
                _action_types.ACTION_TYPE,
            ],
        ),
    ]
