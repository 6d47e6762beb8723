"""What a partner may ask of the audit trail."""

from partners.fields import CustomerReferenceField
from tenants.audit.serializers import AuditQuerySerializer


class PartnerAuditQuerySerializer(AuditQuerySerializer):
    """Query parameters, all optional. An export takes no `limit` and no `cursor`."""

    customer_id = CustomerReferenceField(
        required=False, help_text="About this customer alone: its `tenant_id`, or `ext:` and your own id."
    )
