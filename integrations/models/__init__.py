"""What a partner can do, and which of it stands in which customer's tenant: a file a subject."""

from integrations.models.customers import ActionType, IntegrationShare
from integrations.models.integrations import PartnerIntegration, SecretVersion
from integrations.models.jobs import MOVING, Rollout, RolloutCustomer, RolloutStatus, Sharing
from integrations.models.names import KIND, PROVIDER, SNAKE_CASE, KindSource
from integrations.models.revisions import ActionTypeTemplate, Revision, RevisionTemplate

__all__ = [
    "KIND",
    "MOVING",
    "PROVIDER",
    "SNAKE_CASE",
    "ActionType",
    "ActionTypeTemplate",
    "IntegrationShare",
    "KindSource",
    "PartnerIntegration",
    "Revision",
    "RevisionTemplate",
    "Rollout",
    "RolloutCustomer",
    "RolloutStatus",
    "SecretVersion",
    "Sharing",
]
