"""Staff delete no receipts: those of a tenant go with it, by their foreign key, whose work the tables' owner does."""

from importlib import import_module
from typing import Any

from django.db import migrations

from retivo.database.sql import InForce

_first = import_module("learning.migrations.0007_contribute")

_NAME = "learning_receipt_tenant_id_4a848c78_fk_tenants_tenant_id"


def _of_tenant(action: str) -> list[Any]:
    """The foreign key with another action. Rows are checked beside others' writes."""
    key = f"FOREIGN KEY (tenant_id) REFERENCES tenants_tenant (id) {action} DEFERRABLE INITIALLY DEFERRED NOT VALID"
    return [
        f"ALTER TABLE learning_receipt DROP CONSTRAINT IF EXISTS {_NAME}, ADD CONSTRAINT {_NAME} {key}",
        f"ALTER TABLE learning_receipt VALIDATE CONSTRAINT {_NAME}",
    ]


class Migration(migrations.Migration):
    atomic = False  # the lock of the first statement ends before the second one reads the table

    dependencies = [("learning", "0015_noise_in_the_database"), ("tenants", "0019_roles_of_their_own")]

    operations = [
        migrations.RunSQL(sql=_of_tenant("ON DELETE CASCADE"), reverse_sql=_of_tenant("")),
        InForce(
            "learning",
            "learning_receipt",
            digest="6a6b966d2996",
            reverse_sql=["GRANT DELETE ON learning_receipt TO app_staff", _first.RECEIPTS],
        ),
    ]
