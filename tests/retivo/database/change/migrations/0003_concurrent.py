"""An index that waits for every older transaction."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("change", "0002_exclusive")]

    operations = [AddIndexConcurrently("note", models.Index(fields=["id"], name="note_by_id"))]
