"""An action type that a partner registers has a kind. The columns are added to the catalogue alone."""

from importlib import import_module

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from retivo.database.sql import InForce

_isolation = import_module("integrations.migrations.0002_isolation")


class Migration(migrations.Migration):
    dependencies = [("integrations", "0028_names")]

    operations = [
        migrations.AddField(
            model_name="actiontypetemplate",
            name="kind",
            field=models.CharField(
                help_text="Of integrations.taxonomy; null if it has none", max_length=100, null=True
            ),
        ),
        migrations.AddField(
            model_name="actiontypetemplate",
            name="kind_source",
            field=models.CharField(
                choices=[("declared", "Declared"), ("proposed", "Proposed")],
                db_default="proposed",
                default="proposed",
                max_length=8,
            ),
        ),
        AddConstraintNotValid(
            model_name="actiontypetemplate",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__regex", "^[a-z]+/[a-z]+(_[a-z]+)*$")), name="template_kind_format"
            ),
        ),
        AddConstraintNotValid(
            model_name="actiontypetemplate",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind_source__in", ["declared", "proposed"])), name="template_kind_source_known"
            ),
        ),
        InForce(
            "integrations",
            "integrations_actiontypetemplate",
            digest="c1292fa99393",
            reverse_sql=[
                "DROP POLICY shared ON integrations_actiontypetemplate",
                "REVOKE UPDATE (kind, kind_source) ON integrations_actiontypetemplate FROM app_web",
                "REVOKE SELECT (kind) ON integrations_actiontypetemplate FROM app_release",
                _isolation.TEMPLATE,
            ],
        ),
    ]
