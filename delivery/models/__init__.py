"""Actions, endpoints and webhooks: a file a subject."""

from delivery.models.actions import (
    OPEN,
    RECOVERABLE,
    Action,
    ActionChange,
    ActionStatus,
    Attempt,
    FailureCount,
    FailureReason,
    OutcomeReporter,
    OutcomeStatus,
)
from delivery.models.endpoints import (
    Certification,
    CertificationStatus,
    DisabledBecause,
    Endpoint,
    EndpointHour,
    EndpointStatus,
    Recovery,
    RecoveryStatus,
)
from delivery.models.rows import ActionRow, EndpointRow
from delivery.models.webhooks import DeliveryStatus, Webhook, WebhookAttempt, WebhookDelivery, WebhookReader

__all__ = [
    "OPEN",
    "RECOVERABLE",
    "Action",
    "ActionChange",
    "ActionRow",
    "ActionStatus",
    "Attempt",
    "Certification",
    "CertificationStatus",
    "DeliveryStatus",
    "DisabledBecause",
    "Endpoint",
    "EndpointHour",
    "EndpointRow",
    "EndpointStatus",
    "FailureCount",
    "FailureReason",
    "OutcomeReporter",
    "OutcomeStatus",
    "Recovery",
    "RecoveryStatus",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookReader",
]
