"""Two changes; the second waits for everybody who reads tenants."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("change", "0001_initial")]

    operations = [
        migrations.RunSQL("ALTER TABLE change_note ADD COLUMN first int"),
        migrations.RunSQL("ALTER TABLE tenants_tenant ADD COLUMN second int"),
    ]
