"""A user's last activity is noted every five minutes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0024_activity_by_an_index")]

    operations = [
        migrations.AlterField(
            model_name="trackeduser",
            name="last_activity_at",
            field=models.DateTimeField(help_text="Up to five minutes behind", null=True),
        ),
    ]
