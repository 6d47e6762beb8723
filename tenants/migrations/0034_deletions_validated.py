"""What `delete_at` says holds of every row, and whoever looks for tenants that are being deleted finds them."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the index is made, and constraints are validated, beside writes

    dependencies = [("tenants", "0033_redacted_entries")]

    operations = [
        ValidateConstraint("tenant", "tenant_plan_status_known"),
        ValidateConstraint("tenant", "tenant_suspended_by_staff_is_not_active"),
        ValidateConstraint("tenant", "tenant_deleting_has_its_time"),
        AddIndexConcurrently(
            model_name="tenant",
            index=models.Index(
                condition=models.Q(("delete_at__isnull", False)), fields=["id"], name="tenant_being_deleted"
            ),
        ),
    ]
