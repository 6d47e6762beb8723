"""What is past its time is deleted in the tenant's context, in batches, not across all tenants at once."""

from importlib import import_module

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

from retivo.database.sql import InForce

_examples = import_module("learning.migrations.0003_functions")
_remembered = import_module("learning.migrations.0005_remembered_rights")
_NAMES = ("forget_learned_examples", "forget_remembered_decisions")


class Migration(migrations.Migration):
    atomic = False  # indexes are made beside the writes of tables that may be large

    dependencies = [("learning", "0009_ledger_of_receipts")]

    operations = [
        AddIndexConcurrently(
            model_name="example",
            index=models.Index(
                condition=models.Q(("features__isnull", True)),
                fields=["tenant", "recorded_at"],
                name="example_folded",
            ),
        ),
        AddIndexConcurrently(
            model_name="remembereddecision",
            index=models.Index(fields=["tenant", "decided_at"], name="remembered_by_tenant"),
        ),
        InForce(
            "learning",
            "learning_example",
            digest="9451416c3cbf",
            reverse_sql="REVOKE DELETE ON learning_example FROM app_rt",
        ),
        InForce(
            "learning",
            "learning_remembereddecision",
            digest="1a547155bddc",
            reverse_sql="REVOKE DELETE, UPDATE (decided_at) ON learning_remembereddecision FROM app_rt",
        ),
        migrations.RunSQL(
            sql=[f"DROP FUNCTION IF EXISTS {name}" for name in _NAMES],
            reverse_sql=[
                _examples._FORGET,
                _remembered._FORGET,
                *(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC" for name in _NAMES),
                *(f"GRANT EXECUTE ON FUNCTION {name} TO app_rt" for name in _NAMES),
            ],
        ),
        RemoveIndexConcurrently(model_name="remembereddecision", name="remembered_since"),
    ]
