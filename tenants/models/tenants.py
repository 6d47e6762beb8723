"""Tenants, and their plans."""

import uuid

from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Coalesce, Concat, Lower, Now

from tenants.models.choices import one_of


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


# What an external id does not contain: controls, separators but the space, characters for private use, and those that
# format text, as overrides of its direction do; but for the joiners U+200C and U+200D and the tags, of which words and
# emoji are made. Which are assigned at all differs between versions of Unicode: that is checked in the program alone.
_NOT_IN_EXTERNAL_ID = (
    r"\u0001-\u001f\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u1680\u180e"
    r"\u2000-\u200b\u200e-\u200f\u2028-\u202f\u205f-\u2064\u2066-\u206f\u3000\ue000-\uf8ff\ufeff"
    r"\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U00013438\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0001\U000f0000-\U000ffffd\U00100000-\U0010fffd"
)
EXTERNAL_ID = f"^[^{_NOT_IN_EXTERNAL_ID}]{{1,255}}$"

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
                condition=Q(external_id=None) | Q(parent__isnull=False, external_id__regex=EXTERNAL_ID),
                name="tenant_external_id_in_characters",
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
            models.CheckConstraint(condition=one_of("tenant_role", TenantRole), name="tenant_role_known"),
            models.CheckConstraint(condition=one_of("plan_tier", PlanTier), name="tenant_plan_tier_known"),
            models.CheckConstraint(condition=one_of("plan_status", PlanStatus), name="tenant_plan_status_known"),
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
