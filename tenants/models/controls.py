"""What the tenant, its partner and staff each say of a tenant."""

from django.db import models
from django.db.models import Q

from tenants.models.choices import one_of
from tenants.models.tenants import Tenant


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
            models.CheckConstraint(condition=one_of("layer", Layer), name="control_layer_known"),
            models.CheckConstraint(
                condition=Q(suspended_since=None, suspension_mode=None, cascade_days=None)
                | Q(suspended_since__isnull=False, suspension_mode__isnull=False)
                & one_of("suspension_mode", SuspensionMode),
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
