"""What a partner can do, and which of it stands in which customer's tenant."""

import uuid

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import MD5, Now

from retivo.database.prefixed_id import PrefixedId
from tenants.models import Tenant

SNAKE_CASE = r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$"
PROVIDER = r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"


class PartnerIntegration(models.Model):
    """A partner's platform: its actions, its event names, and the secret that signs what is sent to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="integrations", db_index=False)
    provider = models.CharField(max_length=63)
    display_name = models.CharField(max_length=200)
    domain = models.CharField(max_length=63, blank=True)
    event_mappings = models.JSONField(default=list, blank=True)
    encrypted_webhook_secret = models.BinaryField(editable=False, help_text="See retivo.encryption")
    encrypted_previous_secret = models.BinaryField(null=True, editable=False, help_text="Signs too, for a while")
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    active = models.BooleanField(default=True)
    held = models.JSONField(
        db_default=Value({}, models.JSONField()),
        default=dict,
        editable=False,
        help_text="The partner's switches by an action type's name, or by `*`",
    )
    revision = models.IntegerField(
        db_default=1, default=1, editable=False, help_text="The newest that was rolled out to all: new shares get it"
    )
    maps_events_later = models.BooleanField(
        db_default=False, default=False, editable=False, help_text="A revision after the first has event mappings"
    )
    deprecated_at = models.DateTimeField(null=True, editable=False)
    sunset_at = models.DateTimeField(null=True, editable=False)
    deleted_at = models.DateTimeField(
        null=True, editable=False, help_text="It stays for actions of before; its provider is free again"
    )
    require_certification = models.BooleanField(
        db_default=False, default=False, help_text="Shared once all of its endpoints are certified, and not before"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [models.Index(fields=["tenant", "created_at", "id"], name="integration_listed")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "provider"], name="integration_provider_unique_in_partner"),
            models.UniqueConstraint(fields=["id", "tenant"], name="integration_id_tenant"),
            models.CheckConstraint(condition=Q(provider__regex=PROVIDER), name="integration_provider_format"),
            models.CheckConstraint(
                condition=Q(deprecated_at=None, sunset_at=None)
                | Q(deprecated_at__isnull=False, sunset_at__isnull=False, sunset_at__gt=models.F("deprecated_at")),
                name="integration_sunset_after_deprecation",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name


class SecretVersion(models.Model):
    """That an integration has had so many webhook secrets: the newest version is the secret that it has now.

    The trigger `note_secret_version` makes one with the integration and with each rotation, not when a secret is
    encrypted anew. Its foreign key is `secret_of_own_integration`.
    """

    pk = models.CompositePrimaryKey("integration", "version")
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    version = models.IntegerField()
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.integration_id}: {self.version}"


class ActionTypeTemplate(models.Model):
    """An action type of an integration, known by its name, as it was first registered.

    What is learned of it hangs on its id, whatever later revisions make of it (`RevisionTemplate`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="templates", db_constraint=False, db_index=False
    )
    position = models.PositiveSmallIntegerField(help_text="In the order of registration")
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    parameters_schema = models.JSONField(default=dict, blank=True)
    delivery_webhook = models.CharField(max_length=2000)
    estimated_cost_usd = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    since_revision = models.IntegerField(db_default=1, default=1, editable=False)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["integration", "name"], name="template_name_unique_in_integration"),
            models.UniqueConstraint(fields=["id", "integration"], name="template_id_integration"),
            models.CheckConstraint(condition=Q(name__regex=SNAKE_CASE), name="template_name_format"),
        ]

    def __str__(self) -> str:
        return self.name


class Revision(models.Model):
    """What an integration is at one time: its action types (`RevisionTemplate`) and its event mappings.

    The trigger `first_revision` makes the first with the integration; none ever changes (`revision_stays`).
    """

    pk = models.CompositePrimaryKey("integration", "number")
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="revisions", db_constraint=False, db_index=False
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    number = models.IntegerField()
    base = models.IntegerField(null=True, help_text="The revision that all had when it was published")
    event_mappings = models.JSONField(default=list)
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.integration_id} #{self.number}"


class RevisionTemplate(models.Model):
    """An action type as a revision has it.

    Where its actions are sent is the only thing that changes: a correction of addresses is one of all revisions.
    """

    pk = models.CompositePrimaryKey("integration", "revision", "name")
    integration = models.ForeignKey(
        PartnerIntegration,
        on_delete=models.CASCADE,
        related_name="revision_templates",
        db_constraint=False,
        db_index=False,
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    revision = models.IntegerField()
    name = models.CharField(max_length=100)
    template = models.ForeignKey(ActionTypeTemplate, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    position = models.PositiveSmallIntegerField()
    description = models.TextField(blank=True)
    parameters_schema = models.JSONField(default=dict)
    delivery_webhook = models.CharField(max_length=2000)
    estimated_cost_usd = models.DecimalField(max_digits=10, decimal_places=4, null=True)

    class Meta:
        ordering = ["position"]
        indexes = [models.Index("tenant", MD5("delivery_webhook"), name="template_by_address")]

    def __str__(self) -> str:
        return f"{self.name} #{self.revision}"


class IntegrationShare(models.Model):
    """An integration that a customer has, at one of its revisions.

    Composite foreign keys take the place of Django's: `share_with_own_customer` and `share_of_own_integration` hold
    that both are of the same partner, `share_at_revision` that the integration has the revision.
    """

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="integration_shares", db_constraint=False, db_index=False
    )
    partner = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.PROTECT, related_name="shares", db_constraint=False, db_index=False
    )
    revision = models.IntegerField(db_default=1, default=1)
    ended_at = models.DateTimeField(
        null=True, help_text="The customer has it no more; the row stays for its actions of before"
    )
    cancelled_at = models.DateTimeField(
        null=True, help_text="It was taken from the customer with what was queued: no action of before is sent"
    )
    created_at = models.DateTimeField(
        db_default=Now(), editable=False, help_text="When it began; anew when it is shared again"
    )

    class Meta:
        indexes = [
            models.Index("integration", "created_at", "tenant", name="share_listed", condition=Q(ended_at__isnull=True))
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "integration"], name="share_unique"),
            models.UniqueConstraint(fields=["tenant", "integration", "partner"], name="share_with_partner"),
            models.UniqueConstraint(fields=["integration", "revision", "tenant"], name="share_of_revision"),
        ]

    def __str__(self) -> str:
        return f"{self.integration_id} → {self.tenant_id}"


_OWN = Q(partner=None, integration=None, template=None, encrypted_webhook_secret__isnull=False)
_SHARED = Q(
    partner__isnull=False,
    integration__isnull=False,
    template__isnull=False,
    encrypted_webhook_secret=None,
    encrypted_previous_secret=None,
    previous_secret_until=None,
)


class ActionType(models.Model):
    """An action that a tenant's users can be given: its own, or one that its partner shares with it.

    A shared one hangs on its share and its template by composite foreign keys, and signs with its integration's secret.
    An own one has neither, and a secret of its own. Of a shared one a tenant changes `active` alone, and its partner
    all but that: the trigger `shared_as_registered` holds it.

    `action_type_at_revision` and `action_type_of_revision` hold a shared one to a template of its share's revision. One
    without a revision is withdrawn: no more in the share's revision, or of a share that ended.
    """

    id = models.CharField(
        primary_key=True,
        max_length=40,
        editable=False,
        db_default=PrefixedId(prefix="at"),
    )
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="action_types", db_constraint=False, db_index=False
    )
    partner = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    integration = models.ForeignKey(
        PartnerIntegration,
        on_delete=models.PROTECT,
        related_name="action_types",
        db_constraint=False,
        db_index=False,
        null=True,
    )
    template = models.ForeignKey(
        ActionTypeTemplate, on_delete=models.PROTECT, related_name="+", db_constraint=False, null=True
    )
    revision = models.IntegerField(
        null=True, db_default=1, default=1, editable=False, help_text="Of a shared one; null once it is withdrawn"
    )
    provider = models.CharField(max_length=63)
    domain = models.CharField(max_length=63, blank=True)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    parameters_schema = models.JSONField(default=dict, blank=True)
    delivery_webhook = models.CharField(
        max_length=2000, help_text="Of a shared one as it was copied; it is sent where its revision says"
    )
    estimated_cost_usd = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    encrypted_webhook_secret = models.BinaryField(null=True, editable=False, help_text="See retivo.encryption")
    encrypted_previous_secret = models.BinaryField(null=True, editable=False, help_text="Signs too, for a while")
    previous_secret_until = models.DateTimeField(null=True, editable=False)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "provider", "name"], name="action_type_name_unique_in_tenant"),
            models.UniqueConstraint(fields=["tenant", "id"], name="action_type_tenant_id"),
            models.CheckConstraint(condition=_OWN | _SHARED, name="action_type_own_or_shared"),
            models.CheckConstraint(condition=Q(name__regex=SNAKE_CASE), name="action_type_name_format"),
            models.CheckConstraint(condition=Q(provider__regex=PROVIDER), name="action_type_provider_format"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_shared(self) -> bool:
        return self.integration_id is not None

    @property
    def is_withdrawn(self) -> bool:
        return self.is_shared and self.revision is None


class RolloutStatus(models.TextChoices):
    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"


# Of those that may still move customers on.
MOVING = (RolloutStatus.PLANNED, RolloutStatus.RUNNING, RolloutStatus.PAUSED)


class Rollout(models.Model):
    """Customers of an integration are moved to a revision, in stages. The row is the job (`integrations.rollouts`)."""

    id = models.CharField(primary_key=True, max_length=40, editable=False, db_default=PrefixedId(prefix="ro"))
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="rollouts", db_constraint=False, db_index=False
    )
    revision = models.IntegerField()
    revision_before = models.IntegerField(help_text="Which new shares had when it began")
    target = models.JSONField(help_text="To whom, as it was asked, without what names a customer")
    is_for_all = models.BooleanField()
    stages = models.JSONField()
    guard = models.JSONField(null=True)
    guard_seen = models.JSONField(null=True)
    status = models.CharField(max_length=16, choices=RolloutStatus, default=RolloutStatus.PLANNED)
    stage = models.IntegerField(default=0)
    stage_began_at = models.DateTimeField(null=True, help_text="Null of the first")
    stage_ends_at = models.DateTimeField(null=True, help_text="Null until its customers are moved")
    total = models.IntegerField()
    moved = models.IntegerField(default=0)
    asked_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now(), help_text="When a worker looks at it next")
    finished_at = models.DateTimeField(null=True, help_text="Null while customers are still to be moved, or moved back")

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index("integration", "created_at", "id", name="rollout_listed"),
            models.Index("tenant", "due_at", name="rollout_due", condition=Q(finished_at=None)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["integration"], name="rollout_one_at_a_time", condition=Q(finished_at=None)
            ),
            models.CheckConstraint(condition=Q(status__in=RolloutStatus.values), name="rollout_status_known"),
            models.CheckConstraint(
                condition=Q(status__in=MOVING, finished_at=None)
                | Q(status__in=["completed", "aborted"], finished_at__isnull=False)
                | Q(status="rolled_back"),
                name="rollout_finished_by_status",
            ),
            models.CheckConstraint(condition=Q(moved__lte=models.F("total")), name="rollout_moves_its_own"),
        ]

    def __str__(self) -> str:
        return self.id


class RolloutCustomer(models.Model):
    """A customer that a roll-out moves: once on, and once back where it is rolled back."""

    pk = models.CompositePrimaryKey("rollout", "tenant")
    rollout = models.ForeignKey(
        Rollout, on_delete=models.CASCADE, related_name="customers", db_constraint=False, db_index=False
    )
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_constraint=False)
    partner = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    revision_before = models.IntegerField(null=True, help_text="Null until it is moved, or if it had left")
    moved_at = models.DateTimeField(null=True)
    returned_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index("rollout", "tenant", name="rollout_customer_left", condition=Q(moved_at=None))]
        constraints = [
            models.CheckConstraint(
                condition=Q(returned_at=None) | Q(moved_at__isnull=False), name="rollout_customer_returns_after_move"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rollout_id} {self.tenant_id}"


class Sharing(models.Model):
    """An integration is shared with all customers that have it not. The row is the job, as a roll-out's is."""

    id = models.CharField(primary_key=True, max_length=40, editable=False, db_default=PrefixedId(prefix="sh"))
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    integration = models.ForeignKey(
        PartnerIntegration, on_delete=models.CASCADE, related_name="sharings", db_constraint=False, db_index=False
    )
    total = models.IntegerField(help_text="Customers that had it not when it was asked")
    shared = models.IntegerField(default=0)
    after_created_at = models.DateTimeField(
        null=True, help_text="Of the last customer that was looked at; null once it is over"
    )
    after_id = models.UUIDField(null=True)
    asked_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now(), help_text="When a worker looks at it next")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index("integration", "created_at", name="sharing_newest"),
            models.Index("tenant", name="sharing_due", condition=Q(finished_at=None)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["integration"], name="sharing_one_at_a_time", condition=Q(finished_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def status(self) -> str:
        return "running" if self.finished_at is None else "completed"
