"""Shares by integration and revision, in the place of those by integration; and no indexes for LIKE."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from retivo.database.indexes import WithoutIndex

_FOR_LIKE = {
    "integrations_rollout_id_4140515c_like": "integrations_rollout (id varchar_pattern_ops)",
    "integrations_sharing_id_f71ce936_like": "integrations_sharing (id varchar_pattern_ops)",
}


class Migration(migrations.Migration):
    atomic = False  # nobody waits for an index, nor for a check

    dependencies = [("integrations", "0012_revision_of_shares")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    sql=["DROP INDEX CONCURRENTLY IF EXISTS share_of_revision"], reverse_sql=migrations.RunSQL.noop
                ),
                migrations.RunSQL(
                    sql=[
                        "CREATE UNIQUE INDEX CONCURRENTLY share_of_revision"
                        " ON integrations_integrationshare (integration_id, revision, tenant_id)"
                    ],
                    reverse_sql=["DROP INDEX CONCURRENTLY IF EXISTS share_of_revision"],
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="integrationshare",
                    constraint=models.UniqueConstraint(
                        fields=("integration", "revision", "tenant"), name="share_of_revision"
                    ),
                )
            ],
        ),
        WithoutIndex(
            model_name="integrationshare",
            name="integration",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="shares",
                to="integrations.partnerintegration",
            ),
        ),
        *(
            migrations.RunSQL(
                sql=f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
                reverse_sql=f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {place}",
            )
            for name, place in _FOR_LIKE.items()
        ),
    ]
