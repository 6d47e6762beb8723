"""The runtime role works off procrastinate's jobs: periodic and maintenance tasks, with nothing of a tenant in them."""

from django.db import migrations

_TABLES = "procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers"


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0003_claim_actions"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]

    operations = [
        migrations.RunSQL(
            sql=[
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_TABLES} TO app_rt",
                """
                GRANT USAGE ON SEQUENCE procrastinate_jobs_id_seq, procrastinate_events_id_seq,
                    procrastinate_periodic_defers_id_seq TO app_rt
                """,
            ],
            reverse_sql=[
                """
                REVOKE USAGE ON SEQUENCE procrastinate_jobs_id_seq, procrastinate_events_id_seq,
                    procrastinate_periodic_defers_id_seq FROM app_rt
                """,
                f"REVOKE SELECT, INSERT, UPDATE, DELETE ON {_TABLES} FROM app_rt",
            ],
        ),
    ]
