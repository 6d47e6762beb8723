from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0045_what_stays")]

    operations = [
        migrations.AddField(
            "idempotentanswer",
            "api_key_id",
            models.UUIDField(null=True, help_text="Of the key that asked; null before this was stored"),
        ),
    ]
