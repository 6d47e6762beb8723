"""Actions and endpoints by an id that is unique over all tenants, as the admin needs it."""

from django.db import models

from delivery.models.actions import ActionStatus, FailureReason, OutcomeReporter, OutcomeStatus
from delivery.models.endpoints import DisabledBecause, EndpointStatus
from tenants.models import Tenant


class ActionRow(models.Model):
    """`Action` by its id, which is unique over all tenants: the admin has no pages for composite keys."""

    id = models.CharField(primary_key=True, max_length=40)
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, related_name="+")
    action_type = models.CharField(max_length=100)
    provider = models.CharField(max_length=63)
    domain = models.CharField(max_length=63)
    user_id = models.CharField("user", max_length=255)
    decision_id = models.CharField("decision", max_length=40, null=True)  # noqa: DJ001  # as in Action
    request_id = models.CharField("request", max_length=128)
    parameters = models.JSONField()
    status = models.CharField(max_length=16, choices=ActionStatus)
    due_at = models.DateTimeField()
    attempts = models.IntegerField()
    failure_reason = models.CharField(max_length=32, choices=FailureReason)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)
    outcome_status = models.CharField(max_length=16, choices=OutcomeStatus, null=True)  # noqa: DJ001  # as in Action
    outcome_result = models.JSONField(null=True)
    outcome_by = models.CharField(  # noqa: DJ001  # as in Action
        "reported by", max_length=16, choices=OutcomeReporter, null=True
    )

    class Meta:
        managed = False
        db_table = "delivery_action"
        verbose_name = "action"

    def __str__(self) -> str:
        return self.id


class EndpointRow(models.Model):
    """`Endpoint` in the same way."""

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, related_name="+")
    url = models.CharField("URL", max_length=2000)
    registered_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=8, choices=EndpointStatus)
    since = models.DateTimeField()
    consecutive_failures = models.IntegerField()
    openings = models.IntegerField()
    open_until = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_because = models.CharField(max_length=32, choices=DisabledBecause, null=True)  # noqa: DJ001  # as above
    slow_since = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField("last success", null=True)
    last_failure_at = models.DateTimeField(null=True)
    last_failure = models.CharField(max_length=32)
    waiting = models.IntegerField()
    customers_affected = models.IntegerField()
    counted_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "delivery_endpoint"
        verbose_name = "endpoint"

    def __str__(self) -> str:
        return self.url
