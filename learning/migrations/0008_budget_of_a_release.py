"""A release knows what a tenant may spend in a year."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("learning", "0007_contribute")]

    operations = [
        migrations.AddField(
            model_name="release",
            name="budget",
            field=models.FloatField(db_default=0.0, help_text="Of ρ: what a tenant may spend in any 365 days"),
        ),
    ]
