"""What made an action: adding the column with a constant default changes the catalogue alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0011_figures"),
    ]

    operations = [
        migrations.AddField(
            model_name="action",
            name="request_id",
            field=models.CharField(
                blank=True, db_default="", help_text="Of the API's request, or the job, that made it", max_length=128
            ),
        ),
    ]
