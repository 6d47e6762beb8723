"""What OpenAPI says of a partner's audit trail."""

from partners.audit import serializers
from partners.operation import partner_operation
from tenants.audit import schema
from tenants.models import Scope

list_entries = schema.list_entries(
    partner_operation,
    "listPartnerAuditEntries",
    "List the audit trail of yours and your customers",
    "What was changed about you and your customers: by your keys, theirs, or Retivo's staff.",
    scope=Scope.PARTNER_READ,
    parameters=[serializers.PartnerAuditQuerySerializer],
    example=schema.ENTRY,
)

list_checkpoints = schema.list_checkpoints(
    partner_operation,
    "listPartnerAuditCheckpoints",
    "List signed checkpoints of the audit trail",
    "Where the chain of your audit trail and your customers' stood, signed.",
    scope=Scope.PARTNER_READ,
)
