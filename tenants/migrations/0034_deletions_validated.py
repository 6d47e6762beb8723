"""What `delete_at` says holds of every row, and whoever looks for tenants that are being deleted finds them."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models

# Django makes them, and no statement has LIKE.
_FOR_LIKE = {
    "tenants_certificatekey_kid_d9b8d277_like": "tenants_certificatekey (kid varchar_pattern_ops)",
    "tenants_deletion_id_918204a4_like": "tenants_deletion (id varchar_pattern_ops)",
}


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
        *(
            migrations.RunSQL(
                sql=f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
                reverse_sql=f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {place}",
            )
            for name, place in _FOR_LIKE.items()
        ),
    ]
