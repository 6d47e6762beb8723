"""How much a user did lately, for decisions to go by. 0 until the user is scored, which happens within a day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0013_fewer_indexes")]

    operations = [
        migrations.AddField(
            model_name="trackeduser",
            name="events_14d",
            field=models.IntegerField(db_default=0, help_text="In the 14 days before it was scored"),
        ),
    ]
