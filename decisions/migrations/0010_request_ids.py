"""What made a decision: adding the column with a constant default changes the catalogue alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("decisions", "0009_retention"),
    ]

    operations = [
        migrations.AddField(
            model_name="decision",
            name="request_id",
            field=models.CharField(
                blank=True, db_default="", help_text="Of the API's request, or the job, that made it", max_length=128
            ),
        ),
    ]
