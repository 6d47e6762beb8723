from django.db import migrations


class Migration(migrations.Migration):
    """Replays that had nothing to send were never completed, and let no other begin."""

    dependencies = [("delivery", "0039_certifications_kept")]

    operations = [
        migrations.RunSQL(
            "UPDATE delivery_webhookreader SET completed_at = now() WHERE completed_at IS NULL AND seq >= until_seq",
            migrations.RunSQL.noop,
        ),
    ]
