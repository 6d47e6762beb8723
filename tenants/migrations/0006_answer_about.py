"""Of whom a stored answer tells, so that erasing the user finds it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0005_own_plan"),
    ]

    operations = [
        migrations.AddField(
            model_name="idempotentanswer",
            name="about",
            field=models.BinaryField(
                help_text="SHA-256 of the user's id whose data it holds", max_length=32, null=True
            ),
        ),
        migrations.AlterField(
            model_name="idempotentanswer",
            name="key",
            field=models.CharField(help_text="Its SHA-256 in hex", max_length=255),
        ),
        migrations.AddIndex(
            model_name="idempotentanswer",
            index=models.Index(
                condition=models.Q(("about__isnull", False)), fields=["tenant", "about"], name="idempotent_answer_about"
            ),
        ),
    ]
