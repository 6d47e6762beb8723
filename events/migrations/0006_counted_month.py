from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0005_scores")]

    operations = [
        migrations.AddField(
            model_name="trackeduser",
            name="counted_month",
            field=models.DateField(help_text="The last one it was found active in; spares a look-up", null=True),
        ),
        migrations.AlterField(
            model_name="trackeduser",
            name="last_activity_at",
            field=models.DateTimeField(help_text="To the minute", null=True),
        ),
    ]
