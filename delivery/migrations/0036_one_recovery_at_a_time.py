"""One recovery of an endpoint runs at a time. Of those that do, the first goes on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # nobody waits for the index

    dependencies = [("delivery", "0035_bounded_reads")]

    operations = [
        migrations.RunSQL(
            sql="""
                UPDATE delivery_recovery r SET status = 'stopped', finished_at = now()
                 WHERE r.status = 'running' AND EXISTS (
                    SELECT FROM delivery_recovery o
                     WHERE o.tenant_id = r.tenant_id AND o.endpoint_id = r.endpoint_id AND o.status = 'running'
                       AND (o.created_at, o.id) < (r.created_at, r.id)
                 )
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    sql=["DROP INDEX CONCURRENTLY IF EXISTS recovery_one_at_a_time"],
                    reverse_sql=migrations.RunSQL.noop,
                ),
                migrations.RunSQL(
                    sql=[
                        "CREATE UNIQUE INDEX CONCURRENTLY recovery_one_at_a_time"
                        " ON delivery_recovery (tenant_id, endpoint_id) WHERE status = 'running'"
                    ],
                    reverse_sql=["DROP INDEX CONCURRENTLY IF EXISTS recovery_one_at_a_time"],
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="recovery",
                    constraint=models.UniqueConstraint(
                        condition=models.Q(("status", "running")),
                        fields=("tenant", "endpoint_id"),
                        name="recovery_one_at_a_time",
                    ),
                )
            ],
        ),
    ]
