"""Who uses Retivo, with which keys, and what was changed by whom."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Concat, Lower, Now

from retivo.database.cidr import CidrField
from retivo.database.prefixed_id import PrefixedId


class TenantRole(models.TextChoices):
    STANDALONE = "standalone"
    PARTNER = "partner"
    CUSTOMER = "customer"


class PlanTier(models.TextChoices):
    STARTER = "starter"
    GROWTH = "growth"
    SCALE = "scale"
    CUSTOM = "custom"


# What a tenant at its plan's limit is told to take; nothing is above `custom`.
UPGRADE_TO: dict[PlanTier, PlanTier | None] = {
    PlanTier.STARTER: PlanTier.GROWTH,
    PlanTier.GROWTH: PlanTier.SCALE,
    PlanTier.SCALE: PlanTier.CUSTOM,
    PlanTier.CUSTOM: None,
}


class PlanStatus(models.TextChoices):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETING = "deleting"


# What a partner or staff set; `deleting` is set by scheduling a deletion.
SETTABLE_PLAN_STATUSES = [(status.value, status.label) for status in (PlanStatus.ACTIVE, PlanStatus.SUSPENDED)]


class Scope(models.TextChoices):
    """What a key may do, in two families: `full` is all with the tenant's own data, `partner` all of the Partner API.

    Neither includes the other.
    """

    FULL = "full"
    EVENTS_WRITE = "events:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    DECISIONS_WRITE = "decisions:write"
    OUTCOMES_WRITE = "outcomes:write"
    PLAYBOOKS_WRITE = "playbooks:write"
    SETTINGS_WRITE = "settings:write"
    KEYS_MANAGE = "keys:manage"
    PARTNER = "partner"
    PARTNER_READ = "partner:read"
    PARTNER_CUSTOMERS = "partner:customers"
    PARTNER_INTEGRATIONS = "partner:integrations"
    PARTNER_KEYS = "partner:keys"
    PARTNER_SWITCHES = "partner:switches"

    @property
    def family(self) -> "Scope":
        """The scope that includes this one."""
        return Scope.PARTNER if self.value.startswith(Scope.PARTNER) else Scope.FULL

    @property
    def included(self) -> frozenset["Scope"]:
        """What a key that holds this scope may do: itself, and all of its family if it is the whole of it."""
        return frozenset(scope for scope in Scope if self in (scope, scope.family))


def _in(field: str, choices: type[models.TextChoices]) -> Q:
    return Q(**{f"{field}__in": choices.values})


# Of a rate limit.
MAX_REQUESTS, MAX_SECONDS = 1_000_000_000, 86_400


class Tenant(models.Model):
    """A standalone tenant, a partner, or a partner's customer (a merchant).

    A customer has a parent, the parent is a partner, and no other role has one: `parent_role` is `partner` wherever
    there is a parent, and the foreign key `tenant_parent_is_a_partner` holds `(parent_id, parent_role)` to
    `(id, tenant_role)`.

    The trigger `own_plan` keeps a tenant from changing its own plan; its partner and staff may.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    slug = models.CharField(max_length=63)
    tenant_role = models.CharField(max_length=16, choices=TenantRole, default=TenantRole.STANDALONE)
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="customers",
        db_constraint=False,
        db_index=False,
    )
    parent_role = models.GeneratedField(
        expression=Case(When(parent__isnull=False, then=Value("partner"))),
        output_field=models.CharField(max_length=16, null=True),
        db_persist=True,
    )
    plan_tier = models.CharField(max_length=16, choices=PlanTier, default=PlanTier.STARTER)
    plan_status = models.CharField(max_length=16, choices=PlanStatus, default=PlanStatus.ACTIVE)
    tracked_user_limit = models.IntegerField(default=1000, help_text="Monthly active users")
    suspended_by_staff = models.BooleanField(
        db_default=False, default=False, editable=False, help_text="Then its partner cannot lift the suspension"
    )
    kill_switch_active = models.BooleanField(
        "kill switch",
        db_default=False,
        default=False,
        help_text="No action is sent; of a partner, no customer's either",
    )
    shadow_mode = models.BooleanField(
        db_default=False, default=False, help_text="Decisions are made and logged, nothing is sent"
    )
    config = models.JSONField(default=dict, blank=True)
    config_by_partner = models.JSONField(
        db_default=Value({}, models.JSONField()),
        default=dict,
        editable=False,
        help_text="What the partner set of a customer's config",
    )
    # What its partner calls a customer, and keeps with it.
    external_id = models.CharField(max_length=255, null=True, blank=True, editable=False)  # noqa: DJ001  # none is no id
    metadata = models.JSONField(db_default=Value({}, models.JSONField()), default=dict, editable=False)
    delete_at = models.DateTimeField(
        null=True, editable=False, help_text="Until then its deletion can be undone: `tenants.deletion`"
    )
    rate_limit = models.JSONField(
        null=True, blank=True, help_text="`requests` in `seconds`, of all its keys; the installation's where null"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    search = models.GeneratedField(
        expression=Lower(Concat("name", Value("\n"), "slug", Value("\n"), Coalesce("external_id", Value("")))),
        output_field=models.TextField(db_collation="C"),
        db_persist=True,
    )

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["parent", "created_at", "id"], name="tenant_children"),
            models.Index(fields=["parent", "name", "id"], name="tenant_children_by_name"),
            models.Index(fields=["id"], condition=Q(delete_at__isnull=False), name="tenant_being_deleted"),
            models.Index(Lower("name"), "id", name="tenant_by_name"),
            models.Index(Lower("name"), condition=Q(tenant_role=TenantRole.PARTNER), name="tenant_partners"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "slug"],
                nulls_distinct=False,
                name="tenant_slug_unique_under_parent",
                violation_error_message="This slug is taken.",
            ),
            models.UniqueConstraint(
                fields=["parent", "external_id"],
                condition=Q(external_id__isnull=False),
                name="tenant_external_id_unique_under_parent",
            ),
            models.CheckConstraint(
                condition=Q(external_id=None) | Q(parent__isnull=False, external_id__regex="^[^[:cntrl:]]{1,255}$"),
                name="tenant_external_id_of_customer",
            ),
            models.UniqueConstraint(fields=["id", "tenant_role"], name="tenant_id_role"),
            models.UniqueConstraint(fields=["id", "parent"], name="tenant_id_parent"),
            models.CheckConstraint(
                condition=Q(tenant_role=TenantRole.CUSTOMER, parent__isnull=False)
                | (~Q(tenant_role=TenantRole.CUSTOMER) & Q(parent__isnull=True)),
                name="tenant_customers_alone_have_a_parent",
                violation_error_message="A customer has a parent, and no other role has one.",
            ),
            models.CheckConstraint(
                condition=Q(slug__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$") & Q(slug__regex=r"^.{2,63}$"),
                name="tenant_slug_format",
                violation_error_message="Lowercase letters, digits and single hyphens between them, 2 to 63 of them.",
            ),
            models.CheckConstraint(condition=_in("tenant_role", TenantRole), name="tenant_role_known"),
            models.CheckConstraint(condition=_in("plan_tier", PlanTier), name="tenant_plan_tier_known"),
            models.CheckConstraint(condition=_in("plan_status", PlanStatus), name="tenant_plan_status_known"),
            models.CheckConstraint(condition=Q(tracked_user_limit__gte=0), name="tenant_limit_not_negative"),
            # One that is deleted was suspended before, and is again if it is restored.
            models.CheckConstraint(
                condition=Q(suspended_by_staff=False) | Q(plan_status__in=[PlanStatus.SUSPENDED, PlanStatus.DELETING]),
                name="tenant_suspended_by_staff_is_not_active",
            ),
            models.CheckConstraint(
                condition=Q(rate_limit__isnull=True)
                | Q(
                    rate_limit__has_keys=["requests", "seconds"],
                    rate_limit__requests__range=(1, MAX_REQUESTS),
                    rate_limit__seconds__range=(1, MAX_SECONDS),
                ),
                name="tenant_rate_limit_whole",
                violation_error_message="`requests` and `seconds`, from 1 on; at most a day.",
            ),
            models.CheckConstraint(
                condition=Q(plan_status=PlanStatus.DELETING, delete_at__isnull=False)
                | (~Q(plan_status=PlanStatus.DELETING) & Q(delete_at=None)),
                name="tenant_deleting_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class KeyMode(models.TextChoices):
    LIVE = "live"
    TEST = "test"


class KeyStatus(models.TextChoices):
    """Nothing leads back: an active key is rotated and expires, and any key is revoked."""

    ACTIVE = "active"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Layer(models.TextChoices):
    """Who says something of a tenant: the tenant itself, its partner, or staff."""

    SELF = "self", "Tenant"
    PARTNER = "partner"
    STAFF = "staff"


class SuspensionMode(models.TextChoices):
    """`hold`: events are taken, decisions are logged, nothing is sent. `full`: keys are refused, too."""

    HOLD = "hold"
    FULL = "full"


MAX_REASON = 500  # characters
CASCADE_DAYS = 14
_BOUNDS = Q(
    action_budget_usd_max=None,
    action_budget_usd_locked=False,
    holdout_percent_min=None,
    holdout_percent_locked=False,
)


class Control(models.Model):
    """What one layer says of a tenant. The database's function `controls_in_force` tells what follows: the strictest.

    A switch is on since a moment, or off where there is none. Each layer is written by its own actor alone, which the
    policies of the table hold. The triggers `control_changed` and `within_controls` keep the tenant's row in step.
    """

    pk = models.CompositePrimaryKey("tenant", "layer")
    # Its foreign key, `control_of_tenant`, deletes the row with the tenant.
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, related_name="controls", db_constraint=False, db_index=False
    )
    layer = models.CharField(max_length=8, choices=Layer)
    kill_switch_since = models.DateTimeField(null=True)
    kill_switch_reason = models.CharField(max_length=MAX_REASON, blank=True, db_default="", default="")
    shadow_mode_since = models.DateTimeField(null=True)
    shadow_mode_reason = models.CharField(max_length=MAX_REASON, blank=True, db_default="", default="")
    suspended_since = models.DateTimeField(null=True)
    suspension_mode = models.CharField(max_length=4, null=True, choices=SuspensionMode)  # noqa: DJ001  # none is no mode
    suspension_reason = models.CharField(max_length=MAX_REASON, blank=True, db_default="", default="")
    cascade_days = models.SmallIntegerField(
        null=True, help_text="After which a partner's suspension in full refuses its customers' keys, too"
    )
    action_budget_usd_max = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    action_budget_usd_locked = models.BooleanField(db_default=False, default=False)
    holdout_percent_min = models.DecimalField(max_digits=8, decimal_places=6, null=True)
    holdout_percent_locked = models.BooleanField(db_default=False, default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_in("layer", Layer), name="control_layer_known"),
            models.CheckConstraint(
                condition=Q(suspended_since=None, suspension_mode=None, cascade_days=None)
                | Q(suspended_since__isnull=False, suspension_mode__isnull=False)
                & _in("suspension_mode", SuspensionMode),
                name="control_suspension_has_mode",
            ),
            models.CheckConstraint(
                condition=~Q(layer=Layer.SELF) | Q(suspended_since=None) & _BOUNDS, name="control_of_ones_own"
            ),
            models.CheckConstraint(
                condition=~Q(layer=Layer.STAFF)
                | Q(suspended_since=None)
                | Q(cascade_days__isnull=False, cascade_days__range=(0, 365)),
                name="control_staff_cascade",
            ),
            models.CheckConstraint(condition=Q(action_budget_usd_max__gte=0), name="control_budget_not_negative"),
            models.CheckConstraint(condition=Q(holdout_percent_min__range=(0, 50)), name="control_holdout_in_range"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id}, {self.layer}"


class RevokedReason(models.TextChoices):
    """Why a key was revoked, where that is more than that somebody wanted it."""

    LEAKED = "leaked", "Reported as leaked"


class ApiKey(models.Model):
    """A bearer key of a tenant. Its text is not here: only the SHA-256 digest and the first characters.

    A key is rotated once: `replaces` names its predecessor, of the same tenant (`api_key_replaces_own`). The trigger
    `guard_api_key` keeps `partner` scopes to partners, an issuer to scopes that it holds, and a key from becoming valid
    again. The trigger `first_use` tells the partner of a key's first use.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="api_keys")
    digest = models.BinaryField(max_length=32, editable=False)
    prefix = models.CharField(max_length=16, editable=False)
    label = models.CharField(max_length=100, blank=True)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope))
    mode = models.CharField(max_length=8, choices=KeyMode, db_default=KeyMode.LIVE.value, default=KeyMode.LIVE)
    allowed_cidrs = ArrayField(CidrField(), null=True, blank=True, help_text="Where it may be used from")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    created_by = models.CharField(  # noqa: DJ001  # none is nobody
        max_length=200, null=True, editable=False, help_text="As audit entries name actors"
    )
    replaces = models.ForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        null=True,
        editable=False,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    expiry_told = models.SmallIntegerField(
        null=True, editable=False, help_text="The days before its expiry of which the partner was told last"
    )
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_reason = models.CharField(max_length=16, null=True, editable=False, choices=RevokedReason)  # noqa: DJ001
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="To the minute")
    last_used_ip_prefix = CidrField(null=True, editable=False, help_text="The network of that use: /24 or /48")

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["created_at", "id"], name="api_key_newest"),
            models.Index(
                fields=["expires_at"],
                name="api_key_expiring",
                condition=Q(revoked_at=None, expires_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["digest"], name="api_key_digest_unique"),
            models.UniqueConstraint(fields=["id", "tenant"], name="api_key_id_tenant"),
            models.UniqueConstraint(fields=["replaces"], name="api_key_replaces_unique"),
            # There are no test tenants yet, and a test key on a live one would be as good as a live key.
            models.CheckConstraint(
                condition=Q(mode=KeyMode.LIVE, prefix__startswith="rt_live_")
                | Q(mode=KeyMode.TEST, prefix__startswith="rt_test_", revoked_at__isnull=False),
                name="api_key_live_or_revoked",
            ),
            models.CheckConstraint(
                condition=Q(allowed_cidrs=None) | Q(allowed_cidrs__len__gt=0), name="api_key_cidrs_not_empty"
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None) | Q(revoked_at__gte=F("created_at")), name="api_key_revoked_after_created"
            ),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values, scopes__len__gt=0), name="api_key_scopes_in_list"
            ),
            models.CheckConstraint(
                condition=Q(revoked_reason=None) | (Q(revoked_at__isnull=False) & _in("revoked_reason", RevokedReason)),
                name="api_key_revoked_reason_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"


class AuditEntry(models.Model):
    """One change of the control plane: written in the change's own transaction, never altered.

    `tenant_id` and `actor` are plain values, not foreign keys: the entry outlives both.
    """

    id = models.BigAutoField(primary_key=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=64)
    tenant_id = models.UUIDField(null=True, help_text="None of a change to a staff account")
    target_type = models.CharField(max_length=32, null=True, blank=True, editable=False)  # noqa: DJ001  # as the next
    target_id = models.CharField(max_length=64, null=True, blank=True, editable=False)  # noqa: DJ001  # none has no hash
    request_id = models.CharField(max_length=128, null=True, blank=True, editable=False)  # noqa: DJ001
    address = models.GenericIPAddressField(
        null=True, editable=False, help_text="The caller's; none of a command or a worker"
    )
    detail = models.JSONField(default=dict)
    redacted_hash = models.BinaryField(
        max_length=32,
        null=True,
        editable=False,
        help_text="As it was written: its tenant was deleted, and `detail` and `address` with it",
    )
    # Null until the transaction commits, and in entries from before there was a chain.
    position = models.BigIntegerField(null=True, editable=False, help_text="In the chain, without gaps")
    previous_hash = models.BinaryField(max_length=32, null=True, editable=False)
    # The same in the chain that tenants see, which a family has of its own: a partner and its customers, or a tenant
    # without a partner. `link_audit_entry` makes all of these of the others.
    family_id = models.UUIDField(null=True, editable=False, help_text="The partner, or the tenant where it has none")
    family_seq = models.BigIntegerField(null=True, editable=False, help_text="In its family's chain, without gaps")
    family_previous_hash = models.BinaryField(max_length=32, null=True, editable=False)
    family_hash = models.BinaryField(max_length=32, null=True, editable=False)
    content_hash = models.BinaryField(
        max_length=32, null=True, editable=False, help_text="Of what goes when the tenant is deleted"
    )
    shown_actor = models.CharField(  # noqa: DJ001  # none of an entry about no tenant
        max_length=200, null=True, editable=False, help_text="As tenants see it: staff have no name"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        constraints = [
            models.UniqueConstraint(
                fields=["family_id", "family_seq"],
                condition=Q(family_seq__isnull=False),
                name="audit_family_seq_unique",
            )
        ]
        indexes = [
            models.Index(
                fields=["family_id", "created_at", "id"],
                condition=Q(family_id__isnull=False),
                name="audit_of_family",
            ),
            models.Index(
                fields=["family_id", "action", "created_at", "id"],
                condition=Q(family_id__isnull=False),
                name="audit_of_family_by_action",
            ),
            models.Index(
                fields=["family_id", "shown_actor", "created_at", "id"],
                condition=Q(family_id__isnull=False),
                name="audit_of_family_by_actor",
            ),
            models.Index(
                fields=["tenant_id", "created_at", "id"],
                condition=Q(family_id__isnull=False),
                name="audit_of_tenant",
            ),
            models.Index(fields=["position"], name="audit_by_position"),
            models.Index(fields=["tenant_id", "-id"], name="audit_by_tenant"),
            models.Index(fields=["action", "-id"], name="audit_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"


class AuditHead(models.Model):
    """Where the chain of audit entries ends: one row, which the database's function `chain_entry` moves."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="audit_head_is_one")]

    def __str__(self) -> str:
        return f"{self.position}:{bytes(self.hash).hex()}"


class AuditCheckpoint(models.Model):
    """Where a family's chain of audit entries stood on a day, signed: whoever has it sees if the chain was made anew.

    It has no foreign key: it outlives the tenant, as the entries do.
    """

    id = models.BigAutoField(primary_key=True)
    family_id = models.UUIDField()
    day = models.DateField(help_text="In UTC, on which it was signed")
    signed_at = models.DateTimeField(db_default=Now())
    seq = models.BigIntegerField(help_text="Of the newest entry then")
    hash = models.BinaryField(max_length=32)
    jws = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["family_id", "day"], name="audit_checkpoint_daily")]
        indexes = [models.Index(fields=["family_id", "signed_at", "id"], name="audit_checkpoint_listed")]

    def __str__(self) -> str:
        return f"{self.family_id}, {self.day}: {self.seq}"


class PartnerEvent(models.Model):
    """What happened to a partner or to one of its customers, as the partner is told: no end user's data is in it.

    Written in the change's own transaction, never altered; `number_event` numbers it at COMMIT. The customer is a plain
    value, for the event outlives it.
    """

    id = models.CharField(primary_key=True, max_length=40, db_default=PrefixedId(prefix="evt"))
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="+", db_index=False, help_text="The partner"
    )
    seq = models.BigIntegerField(null=True, editable=False, help_text="In the partner's feed, without gaps")
    type = models.CharField(max_length=64)
    version = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(db_default=Now())
    customer_id = models.UUIDField(null=True, help_text="None of an event about the partner itself")
    external_id = models.CharField(max_length=255, null=True, help_text="The customer's, then")  # noqa: DJ001  # none
    actor = models.CharField(max_length=200)
    request_id = models.CharField(max_length=128, blank=True, db_default="")
    data = models.JSONField()
    previous = models.JSONField(null=True, help_text="What changed members of `data` were before")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "seq"], name="partner_event_seq_unique")]
        indexes = [
            models.Index(
                fields=["customer_id", "seq"], name="partner_event_of_customer", condition=Q(customer_id__isnull=False)
            ),
            models.Index(fields=["created_at"], name="partner_event_age"),
            models.Index(fields=["tenant", "created_at", "id"], name="partner_event_listed"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class EventHead(models.Model):
    """The number of a partner's newest event, which the database's function `number_event` moves."""

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    seq = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.seq}"


class DeletionStatus(models.TextChoices):
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"
    RUNNING = "running"
    VERIFIED = "verified"
    FAILED = "failed"


class Deletion(models.Model):
    """That a tenant is deleted, and what came of it. It outlives the tenant, so it has no foreign key to it.

    Once verified it holds no personal data: the tenant is named by a hash of its id, and the reason is gone.
    """

    OPEN = (DeletionStatus.SCHEDULED, DeletionStatus.RUNNING, DeletionStatus.FAILED)

    id = models.CharField(primary_key=True, max_length=40, db_default=PrefixedId(prefix="del"), editable=False)
    status = models.CharField(max_length=16, choices=DeletionStatus, default=DeletionStatus.SCHEDULED)
    subject_id = models.UUIDField(null=True, help_text="The tenant, while it is there")
    subject_hash = models.CharField(max_length=64, help_text="SHA-256 of the tenant's id in hex")
    external_id_hash = models.CharField(  # noqa: DJ001  # none is not a hash
        max_length=64, null=True, help_text="SHA-256 of `<tenant_id>:<external_id>` in hex"
    )
    owner_id = models.UUIDField(null=True, help_text="The customer's partner, which sees this")
    requested_by = models.CharField(max_length=200)
    requested_at = models.DateTimeField(db_default=Now())
    delete_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True, help_text="Until it is verified")
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=200, blank=True, help_text="Of the last attempt: the class of the error")
    tables = models.JSONField(default=dict, help_text="Rows deleted, by table")
    releases = models.JSONField(null=True, help_text="What the tenant contributed to, once it is gone")
    jws = models.TextField(blank=True, help_text="The certificate, signed")
    # A worker that was killed loses its lease, and the next one goes on.
    lease = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-requested_at", "-id"]
        indexes = [
            models.Index(fields=["owner_id", "requested_at", "id"], name="deletion_by_owner"),
            models.Index(fields=["requested_at", "id"], name="deletion_newest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_id"],
                condition=Q(status__in=["scheduled", "running", "failed"]),
                name="deletion_open_is_one",
            ),
            models.CheckConstraint(condition=_in("status", DeletionStatus), name="deletion_status_known"),
            models.CheckConstraint(
                condition=Q(status=DeletionStatus.VERIFIED, subject_id=None, reason="", finished_at__isnull=False)
                & ~Q(jws="")
                | ~Q(status=DeletionStatus.VERIFIED) & Q(jws=""),
                name="deletion_verified_names_nobody",
            ),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def rows_deleted(self) -> int:
        return sum(self.tables.values())


class CertificateKey(models.Model):
    """A public key that certificates are signed with, or were: they can be verified for as long as they exist."""

    kid = models.CharField(primary_key=True, max_length=43, help_text="RFC 7638 thumbprint")
    x = models.CharField(max_length=43, help_text="Of Ed25519, in base64url")
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.kid


class IdempotentAnswer(models.Model):
    """The answer of a request that carried an `Idempotency-Key`, encrypted because it may hold a secret shown once."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    key = models.CharField(max_length=255, help_text="Its SHA-256 in hex")
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    about = models.BinaryField(max_length=32, null=True, help_text="SHA-256 of the user's id whose data it holds")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="idempotent_answer_key_unique")]
        indexes = [
            models.Index(fields=["tenant", "created_at"], name="idempotent_answer_age"),
            models.Index(
                fields=["tenant", "about"], condition=models.Q(about__isnull=False), name="idempotent_answer_about"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class Place(models.Model):
    """Where a round's work for a tenant stopped when its turn was over (`tenants.upkeep.places`)."""

    pk = models.CompositePrimaryKey("work", "tenant")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    work = models.CharField(max_length=64)
    place = models.JSONField()
    stopped_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.work}: {self.place}"


class WorkerProcess(models.Model):
    """A worker that ran within the last hour, and when it last said so, by the database's clock. Of no tenant."""

    id = models.UUIDField(primary_key=True)
    host = models.CharField(max_length=255)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.host}, since {self.started_at:%Y-%m-%d %H:%M}"


class TaskRun(models.Model):
    """What became of a worker's task lately, whichever worker did it. Of no tenant."""

    task = models.CharField(primary_key=True, max_length=200, help_text="Its dotted name")
    succeeded_at = models.DateTimeField(null=True, help_text="Last")
    failed_at = models.DateTimeField(null=True, help_text="Last")
    seconds = models.FloatField(help_text="How long the last run took")

    def __str__(self) -> str:
        return self.task
