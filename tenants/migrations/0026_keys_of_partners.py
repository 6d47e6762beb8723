"""A key says who issued it, what it replaces, where it may be used from and was, and whether it is a test key.

The columns are added to the catalogue alone; the next migration checks the constraints, while keys may be issued.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from retivo.database.cidr import CidrField


class Migration(migrations.Migration):
    dependencies = [("tenants", "0025_controls")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="mode",
            field=models.CharField(
                choices=[("live", "Live"), ("test", "Test")], db_default="live", default="live", max_length=8
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="allowed_cidrs",
            field=ArrayField(
                base_field=CidrField(), blank=True, help_text="Where it may be used from", null=True, size=None
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="created_by",
            field=models.CharField(editable=False, help_text="As audit entries name actors", max_length=200, null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="replaces",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                null=True,
                on_delete=models.deletion.DO_NOTHING,
                related_name="+",
                to="tenants.apikey",
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="expiry_told",
            field=models.SmallIntegerField(
                editable=False,
                help_text="The days before its expiry of which the partner was told last",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="last_used_ip_prefix",
            field=CidrField(editable=False, help_text="The network of that use: /24 or /48", null=True),
        ),
        AddConstraintNotValid(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("mode", "live"), ("prefix__startswith", "rt_live_"))
                | models.Q(("mode", "test"), ("prefix__startswith", "rt_test_"), ("revoked_at__isnull", False)),
                name="api_key_live_or_revoked",
            ),
        ),
        AddConstraintNotValid(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("allowed_cidrs", None)) | models.Q(("allowed_cidrs__len__gt", 0)),
                name="api_key_cidrs_not_empty",
            ),
        ),
        AddConstraintNotValid(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(("revoked_at", None)) | models.Q(("revoked_at__gte", models.F("created_at"))),
                name="api_key_revoked_after_created",
            ),
        ),
    ]
