"""Receipts are the ledger; who is in a release depends on no count; a partner's word stands beside its customer's.

A release used to be of partners with enough contributors, counted without noise: whether it came told of the last one.
Now everyone who is willing is in it, and what is published of it depends on the noisy sums alone.
"""

from importlib import import_module

from django.db import migrations

from retivo.database.rls import isolate
from retivo.database.sql import InForce

_before = import_module("learning.migrations.0007_contribute")


class Migration(migrations.Migration):
    dependencies = [("learning", "0008_budget_of_a_release"), ("tenants", "0007_partners_word_on_learning")]

    operations = [
        InForce(
            "learning",
            "refuse_overspending",
            digest="6e1021286b10",
            reverse_sql=[
                "DROP TRIGGER spend_within_budget ON learning_receipt",
                "DROP FUNCTION refuse_overspending",
            ],
        ),
        InForce(
            "learning",
            "stricter_consent",
            digest="307371bd4721",
            reverse_sql=[_before._CONSENT.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")],
        ),
        InForce("learning", "partners_consent", digest="71cd3fdd2806", reverse_sql="DROP FUNCTION partners_consent"),
        migrations.RunSQL(
            sql=f"DROP FUNCTION {_before._SIGNATURE}",
            reverse_sql=[
                _before._CONTRIBUTE,
                "REVOKE ALL ON FUNCTION contribute FROM PUBLIC",
                f"GRANT EXECUTE ON FUNCTION {_before._SIGNATURE} TO app_staff",
            ],
        ),
        InForce("learning", "contribute", digest="b57205ab0473", reverse_sql="DROP FUNCTION contribute"),
        migrations.RunSQL(
            sql=migrations.RunSQL.noop,
            reverse_sql=[*isolate("learning_spend", visible="tenant_id = {tenant}", grants="SELECT").sql],
        ),
        migrations.DeleteModel(name="Spend"),
    ]
