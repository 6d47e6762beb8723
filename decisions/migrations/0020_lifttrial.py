import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("decisions", "0019_exhausted_budgets"),
        ("tenants", "0053_names"),
    ]

    operations = [
        migrations.AlterField(
            "decision",
            "compared",
            models.BooleanField(help_text="Counts for the lift: no switch or suspension held the whole tenant"),
        ),
        migrations.CreateModel(
            name="LiftTrial",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenants.tenant",
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("treated", models.IntegerField()),
                ("treated_converted", models.IntegerField()),
                ("held_out", models.IntegerField()),
                ("held_out_converted", models.IntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("held_out_converted__range", (0, models.F("held_out"))),
                            ("treated_converted__range", (0, models.F("treated"))),
                        ),
                        name="lift_trial_converted_of_those",
                    )
                ],
            },
        ),
    ]
