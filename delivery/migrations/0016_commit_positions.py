"""Each row's place in the order of commits. Rows of before have none: they are older than all that have one.

The column is added without the default, and the default is set after: together they would rewrite the table.
"""

from django.db import migrations, models

from retivo.database.commits import CommitPosition


def positioned(model: str) -> migrations.SeparateDatabaseAndState:
    table = f"delivery_{model}"
    return migrations.SeparateDatabaseAndState(
        database_operations=[
            migrations.RunSQL(
                f"ALTER TABLE {table} ADD COLUMN position bigint;"
                f"ALTER TABLE {table} ALTER COLUMN position SET DEFAULT commit_position()",
                reverse_sql=f"ALTER TABLE {table} DROP COLUMN position",
            )
        ],
        state_operations=[
            migrations.AddField(
                model_name=model,
                name="position",
                field=models.BigIntegerField(
                    db_default=CommitPosition(),
                    editable=False,
                    help_text="In the order of commits; null in rows of before there was one",
                    null=True,
                ),
            )
        ],
    )


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0015_owners_share_of_places"),
        ("tenants", "0017_order_of_commits"),
    ]

    operations = [
        positioned("action"),
    ]
