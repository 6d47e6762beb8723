"""Who uses Retivo, with which keys, and what was changed by whom: a file a subject."""

from tenants.models.api_keys import ApiKey, KeyMode, KeyStatus, RevokedReason, Scope
from tenants.models.audit import AuditCheckpoint, AuditEntry, AuditHead
from tenants.models.controls import CASCADE_DAYS, MAX_REASON, Control, Layer, SuspensionMode
from tenants.models.deletion import CertificateKey, Deletion, DeletionStatus
from tenants.models.events import EventHead, PartnerEvent
from tenants.models.requests import IdempotentAnswer
from tenants.models.tenants import (
    EXTERNAL_ID,
    MAX_REQUESTS,
    MAX_SECONDS,
    SETTABLE_PLAN_STATUSES,
    UPGRADE_TO,
    PlanStatus,
    PlanTier,
    Tenant,
    TenantRole,
)
from tenants.models.upkeep import Place, TaskRun, WorkerProcess

__all__ = [
    "CASCADE_DAYS",
    "EXTERNAL_ID",
    "MAX_REASON",
    "MAX_REQUESTS",
    "MAX_SECONDS",
    "SETTABLE_PLAN_STATUSES",
    "UPGRADE_TO",
    "ApiKey",
    "AuditCheckpoint",
    "AuditEntry",
    "AuditHead",
    "CertificateKey",
    "Control",
    "Deletion",
    "DeletionStatus",
    "EventHead",
    "IdempotentAnswer",
    "KeyMode",
    "KeyStatus",
    "Layer",
    "PartnerEvent",
    "Place",
    "PlanStatus",
    "PlanTier",
    "RevokedReason",
    "Scope",
    "SuspensionMode",
    "TaskRun",
    "Tenant",
    "TenantRole",
    "WorkerProcess",
]
