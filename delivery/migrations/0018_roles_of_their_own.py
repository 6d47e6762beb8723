"""As tenants.0019: web, workers, staff and releases log in as roles of their own."""

from importlib import import_module

from django.db import migrations

_roles = import_module("tenants.migrations.0019_roles_of_their_own")
_changes = import_module("delivery.migrations.0009_action_changes")
_isolation = import_module("delivery.migrations.0002_isolation")
_figures = import_module("delivery.migrations.0011_figures")
_places = import_module("delivery.migrations.0015_owners_share_of_places")

_JOBS = "procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers, procrastinate_workers"
_SEQUENCES = "procrastinate_jobs_id_seq, procrastinate_events_id_seq, procrastinate_periodic_defers_id_seq"

_LATER = dict.fromkeys(
    (
        "advance_recoveries",
        "cancel_actions",
        "cancel_actions_of_share",
        "certified_at",
        "claim_certifications",
        "claim_deliveries",
        "count_endpoints",
        "delivery_certification",
        "delivery_endpointhour",
        "delivery_failurecount",
        "delivery_recovery",
        "delivery_webhook",
        "delivery_webhookattempt",
        "delivery_webhookdelivery",
        "delivery_webhookreader",
        "fan_out_events",
        "fate_of_rollout",
        "forget_finished",
        "forget_webhooks",
        "hand_out_events",
        "keep_revision",
        "record_outcome_by_url",
        "record_outcome_of_own_integration",
        "record_outcomes",
        "recover_actions",
        "recoverable_actions",
        "redact_answers",
        "refuse_change",
        "register_endpoints",
        "status_of_endpoint",
    )
) | {
    "claim_actions": _places.CLAIM,
    "delivery_backlog": _figures.BACKLOG,
    "delivery_endpoint": _isolation.ENDPOINT,
    "note_change": _changes.NOTE_CHANGE,
}


class Migration(migrations.Migration):
    atomic = False  # a file's locks end with it

    dependencies = [("tenants", "0019_roles_of_their_own"), ("delivery", "0017_read_forward")]

    operations = [
        _roles.anew("delivery", later=_LATER),
        migrations.RunSQL(
            sql=[
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_JOBS} TO app_worker",
                f"GRANT USAGE ON SEQUENCE {_SEQUENCES} TO app_worker",
                f"REVOKE ALL ON {_JOBS} FROM app_rt",
                f"REVOKE ALL ON SEQUENCE {_SEQUENCES} FROM app_rt",
            ],
            reverse_sql=[
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_JOBS} TO app_rt",
                f"GRANT USAGE ON SEQUENCE {_SEQUENCES} TO app_rt",
                f"REVOKE ALL ON {_JOBS} FROM app_worker",
                f"REVOKE ALL ON SEQUENCE {_SEQUENCES} FROM app_worker",
            ],
        ),
    ]
