"""Users are listed, searched, counted and erased.

The stored columns rewrite the table under its lock; they come before there are users to wait for it.
"""

from django.db import migrations, models
from django.db.models import F, Q, Value
from django.db.models.functions import Lower, NullIf

from retivo.database.sql import InForce

_SEARCHED = ("user_id", "name", "email", "company")


class Migration(migrations.Migration):
    dependencies = [("events", "0010_usage_of_customers"), ("tenants", "0006_answer_about")]

    operations = [
        *(
            migrations.AddField(
                model_name="trackeduser",
                name=f"search_{column}",
                field=models.GeneratedField(
                    expression=NullIf(Lower(F(column)), Value("")),
                    output_field=models.TextField(db_collation="C", null=True),
                    db_persist=True,
                ),
            )
            for column in _SEARCHED
        ),
        # The primary key begins with the tenant, too.
        migrations.AlterField(
            model_name="trackeduser",
            name="tenant",
            field=models.ForeignKey(
                on_delete=models.deletion.CASCADE, related_name="+", to="tenants.tenant", db_index=False
            ),
        ),
        migrations.AddIndex(
            model_name="trackeduser",
            index=models.Index(fields=["tenant", "created_at", "user_id"], name="tracked_user_order"),
        ),
        migrations.AddIndex(
            model_name="trackeduser",
            index=models.Index(fields=["tenant", "lifecycle_stage", "risk_level"], name="tracked_user_stage"),
        ),
        *(
            migrations.AddIndex(
                model_name="trackeduser",
                index=models.Index(
                    fields=["tenant", f"search_{column}"],
                    condition=Q(**{f"search_{column}__isnull": False}),
                    name=f"tracked_user_search_{column}",
                ),
            )
            for column in _SEARCHED
        ),
        InForce(
            "events",
            "events_monthlyactivity",
            digest="14439ea380f4",
            reverse_sql="REVOKE DELETE ON events_monthlyactivity FROM app_rt",
        ),
    ]
