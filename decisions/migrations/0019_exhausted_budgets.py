from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("decisions", "0018_controls")]

    operations = [
        migrations.AddField(
            "budget",
            "exhausted_at",
            models.DateTimeField(null=True, help_text="When it first refused an action, which is told once"),
        ),
    ]
