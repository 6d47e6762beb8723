"""A tenant's model, the outcomes that wait to be folded into it, and what is released of many models at once.

Every key begins with the tenant. The foreign key `example_user` erases an example with its user.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThanOrEqual

from tenants.models import Tenant


class ModelState(models.Model):
    """What one tenant's model knows: sums over its examples, and no person. `learning.model.packing` packs it.

    `features` and `actions` name the places of the matrices; "nothing" is an action, the others are action types'
    ids, by which the template that they stem from is known. Matrices are packed row by row, little-endian.
    """

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+")
    version = models.BigIntegerField(default=0, help_text="Rises by one with each step of learning")
    features = ArrayField(models.TextField(), default=list)
    actions = ArrayField(models.TextField(), default=list)
    mean = models.BinaryField(default=b"", help_text="float32, (1 + actions) × features; the shared block first")
    prior_precision = models.BinaryField(default=b"", help_text="float32, as `mean`")
    information = models.BinaryField(default=b"", help_text="float32, actions × the upper triangle over features")
    scales = models.BinaryField(default=b"", help_text="float64, 3 × features: observations, mean, squared deviations")
    trials = ArrayField(models.FloatField(), default=list, help_text="Outcomes by action")
    rewards = ArrayField(models.FloatField(), default=list, help_text="What they add up to")
    recent_mean = models.BinaryField(db_default=b"", help_text="As `mean`, of the memory that forgets")
    recent_information = models.BinaryField(db_default=b"", help_text="As `information`, of the memory that forgets")
    recent_weight = models.FloatField(
        db_default=0.001, help_text="How probable it is that only the recent memory is right"
    )
    widths = models.BinaryField(
        db_default=b"", help_text="float32, 2 × features: the cold prior's variances by evidence"
    )
    statistic = ArrayField(
        models.FloatField(),
        db_default=[],
        help_text="(1 + actions) × (2 + built-in features): its part of a release, not yet clipped",
    )
    pattern_weight = models.FloatField(null=True, help_text="How probable the patterns were, when last folded")
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            # Counted for each page of staff's. A state is large, and most are not in here.
            models.Index(fields=["tenant"], condition=Q(pattern_weight__lt=0.1), name="model_state_misled")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(pattern_weight__isnull=True) | Q(pattern_weight__range=(0, 1)),
                name="model_state_pattern_weight_between_0_and_1",
            ),
            models.CheckConstraint(
                condition=Q(recent_weight__gt=0, recent_weight__lt=1), name="model_state_recent_weight_between_0_and_1"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id}, version {self.version}"


class Example(models.Model):
    """What became of one decision: one row, however often and in whatever order its outcome and conversion come.

    The reward is `outcome` and `conversion` together, at most 1. While `features` are there the row waits to be
    folded; what was folded of its reward stays in `folded`, so that it is told once, and the features are forgotten.
    """

    pk = models.CompositePrimaryKey("tenant", "decision_id")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    decision_id = models.CharField(max_length=40)
    user_id = models.CharField(max_length=255)
    action = models.CharField(max_length=40)
    features = models.JSONField(null=True)
    outcome = models.FloatField(null=True)
    conversion = models.FloatField(default=0.0)
    folded = models.FloatField(null=True)
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "recorded_at"], name="example_pending", condition=Q(features__isnull=False)),
            models.Index(fields=["tenant", "recorded_at"], name="example_folded", condition=Q(features__isnull=True)),
            # For the foreign key: an erased user's examples.
            models.Index(fields=["tenant", "user_id"], name="example_of_user"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(features__isnull=False) | Q(folded__isnull=False), name="example_waits_or_is_folded"
            ),
            models.CheckConstraint(
                condition=Q(outcome__isnull=True) | Q(outcome__range=(0, 1)), name="example_outcome_between_0_and_1"
            ),
            models.CheckConstraint(condition=Q(conversion__range=(0, 1)), name="example_conversion_between_0_and_1"),
        ]

    def __str__(self) -> str:
        return self.decision_id


class RememberedDecision(models.Model):
    """A decision that may still be told an outcome, with what it was made by; kept for 90 days."""

    pk = models.CompositePrimaryKey("tenant", "decision_id")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    decision_id = models.CharField(max_length=40)
    user_id = models.CharField(max_length=255)
    action = models.CharField(max_length=40)
    features = models.JSONField()
    decided_at = models.DateTimeField()

    class Meta:
        indexes = [
            # For the foreign key: an erased user's decisions.
            models.Index(fields=["tenant", "user_id"], name="remembered_of_user"),
            models.Index(fields=["tenant", "decided_at"], name="remembered_by_tenant"),
        ]

    def __str__(self) -> str:
        return self.decision_id


class Release(models.Model):
    """Noise added once to the sums over many tenants, and what that cost each of them. It names none."""

    released_at = models.DateTimeField(db_default=Now())
    epsilon = models.FloatField()
    delta = models.FloatField()
    rho = models.FloatField(help_text="Of zero-concentrated differential privacy: what adds up")
    deviation = models.FloatField(help_text="Of the noise on each sum")
    budget = models.FloatField(db_default=0.0, help_text="Of ρ: what a tenant may spend in any 365 days")

    class Meta:
        ordering = ["-released_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(epsilon__gt=0, rho__gt=0), name="release_costs_something"),
            # LEAST_RHO and CLIP² / 2 of learning.patterns.privacy, but for the last digits.
            models.CheckConstraint(
                condition=Q(
                    GreaterThanOrEqual(F("deviation") * F("deviation") * F("rho"), Value(1.999999)), rho__gte=0.0001
                ),
                name="release_noise_has_a_floor",
            ),
            # What `rho_of` has for the largest PATTERNS_EPSILON, rounded up. NaN is above every number.
            models.CheckConstraint(
                condition=Q(epsilon__lte=20.1, rho__lte=4.8, budget__lte=4.8, deviation__lte=1e9),
                name="release_within_largest_budget",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.released_at:%Y-%m-%d}, ε {self.epsilon:g}"


class NoisySum(models.Model):
    """What a release asked of one partner's customers, with noise: kept until patterns are made of it.

    The function `contribute` writes it. Only a later transaction can read it, so whoever sees it has paid for it.
    """

    pk = models.CompositePrimaryKey("release", "partner_id", "block")
    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="+", db_index=False)
    partner_id = models.UUIDField()
    block = models.CharField(max_length=200)
    totals = ArrayField(models.BigIntegerField())
    charged_in = models.BigIntegerField(help_text="The transaction that wrote it, in which it cannot be read")

    def __str__(self) -> str:
        return self.block


class Pattern(models.Model):
    """One block of a release: of a partner's action type, or of an entry of the taxonomy over all partners.

    `block` is `shared`, `nothing`, a template's id or an entry of the taxonomy. `partner` is whose integrations it
    concerns, and None over all partners; no contributing tenant is in it.
    """

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="patterns")
    partner = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    block = models.CharField(max_length=200)
    features = ArrayField(models.TextField())
    mean = ArrayField(models.FloatField())
    error = models.FloatField(help_text="Standard deviation of each of `mean` that is due to the noise")
    count = models.FloatField(help_text="Contributing tenants in effect, with noise")
    square = models.FloatField(help_text="Mean of their squared weights, in units of the cold prior's variance")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "block", "release"], name="pattern_unique_in_release", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return self.block


class Receipt(models.Model):
    """That a tenant was in a release, and what it cost it: without content.

    All of them are the ledger of privacy: the trigger `spend_within_budget` refuses one by which a tenant's ρ of
    365 days would be above its release's budget.
    """

    pk = models.CompositePrimaryKey("tenant", "release")
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+", db_index=False)
    # Without a constraint: what is of tenants may lie on other hosts than what is of none. Releases are never deleted.
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    released_on = models.DateField()
    epsilon = models.FloatField()
    rho = models.FloatField()

    def __str__(self) -> str:
        return f"{self.tenant_id} in {self.release_id}"
