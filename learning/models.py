"""A tenant's model, and the outcomes that wait to be folded into it.

Every key begins with the tenant. An example hangs on its user by a composite foreign key (migration 0002) that erases
it with the user.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tenants.models import Tenant


class ModelState(models.Model):
    """What one tenant's model knows: sums over its examples, and no person. `learning.packing` reads and writes it.

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
    updated_at = models.DateTimeField(db_default=Now())

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
            models.Index(fields=["decided_at"], name="remembered_since"),
        ]

    def __str__(self) -> str:
        return self.decision_id
