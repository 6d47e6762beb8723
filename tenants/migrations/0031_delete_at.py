"""A tenant that is to be deleted says when. The next migrations validate the constraints, while rows may be written."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0030_events_kept")]

    operations = [
        migrations.RemoveConstraint(
            model_name="tenant",
            name="tenant_plan_status_known",
        ),
        migrations.RemoveConstraint(
            model_name="tenant",
            name="tenant_suspended_by_staff_is_suspended",
        ),
        migrations.AddField(
            model_name="tenant",
            name="delete_at",
            field=models.DateTimeField(
                editable=False, help_text="Until then its deletion can be undone: `tenants.deletion`", null=True
            ),
        ),
        migrations.AlterField(
            model_name="tenant",
            name="plan_status",
            field=models.CharField(
                choices=[("active", "Active"), ("suspended", "Suspended"), ("deleting", "Deleting")],
                default="active",
                max_length=16,
            ),
        ),
        AddConstraintNotValid(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(("plan_status__in", ["active", "suspended", "deleting"])),
                name="tenant_plan_status_known",
            ),
        ),
        AddConstraintNotValid(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("suspended_by_staff", False), ("plan_status__in", ["suspended", "deleting"]), _connector="OR"
                ),
                name="tenant_suspended_by_staff_is_not_active",
            ),
        ),
        AddConstraintNotValid(
            model_name="tenant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("delete_at__isnull", False), ("plan_status", "deleting")),
                    models.Q(models.Q(("plan_status", "deleting"), _negated=True), ("delete_at", None)),
                    _connector="OR",
                ),
                name="tenant_deleting_has_its_time",
            ),
        ),
    ]
