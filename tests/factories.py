"""What tests are made of, by factory_boy: each factory makes one valid thing, and a test names what matters to it.

`PartnerFactory()` and the like make tenants, keys and actions by the services, and rows in their tenant's context, as
the runtime role: what the database refuses, a test cannot have either. Factories whose names end in `Body` make bodies
of requests.
"""

import json
from datetime import UTC, datetime
from typing import Any

import factory
from django.db import connection

from decisions.models import Decision
from delivery import services as delivery
from events.ingestion.traits import NAMED_TRAITS
from events.models import TrackedUser
from tenants import services
from tenants.context import staff_context, tenant_context
from tenants.models import Scope


class _Made(factory.Factory):
    """Made by `make`, whose arguments are the declarations."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class: type, *args: Any, **fields: Any) -> Any:
        return cls.make(**fields)

    @classmethod
    def make(cls, **fields: Any) -> Any:
        raise NotImplementedError


class _Row(factory.django.DjangoModelFactory):
    """A row of a tenant, in its context."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class: type, *args: Any, **columns: Any) -> Any:
        with tenant_context(columns["tenant_id"]):
            return super()._create(model_class, *args, **columns)


# --- Tenants and keys -------------------------------------------------------------------------------------------------


class PartnerFactory(_Made):
    """A partner with its first key: `(Tenant, IssuedKey)`."""

    class Meta:
        model = tuple

    actor = "test"
    name = factory.Sequence(lambda n: f"Partner {n}")
    slug = factory.LazyAttribute(lambda partner: partner.name.lower().replace(" ", "-"))

    @classmethod
    def make(cls, **fields: Any) -> Any:
        with staff_context():
            return services.create_partner(**fields)


class CustomerBody(factory.DictFactory):
    """Of `POST /api/partners/customers`."""

    slug = factory.Sequence(lambda n: f"customer-{n}")
    name = factory.LazyAttribute(lambda body: body.slug.title())


class ApiKeyFactory(_Made):
    """A key of the tenant `tenant_id`: an `IssuedKey`."""

    class Meta:
        model = tuple

    actor = "test"
    scopes = (Scope.PARTNER,)

    @classmethod
    def make(cls, **fields: Any) -> Any:
        with staff_context():
            return services.issue_key(**fields)


# --- Integrations -----------------------------------------------------------------------------------------------------


class TemplateBody(factory.DictFactory):
    """An action type of an integration."""

    name = "grant_points"
    delivery_webhook = "https://hooks.acme.example/points"


class IntegrationBody(factory.DictFactory):
    """Of `POST /api/partners/integrations`."""

    provider = "acme-loyalty"
    display_name = "Acme Loyalty"
    action_type_templates = factory.LazyFunction(
        lambda: [
            TemplateBody(
                description="Grant loyalty points",
                parameters_schema={"amount": {"type": "number", "required": True}},
            ),
            TemplateBody(name="send_voucher", delivery_webhook="https://hooks.acme.example/vouchers"),
        ]
    )


# --- Users and what they do -------------------------------------------------------------------------------------------


class UserFactory(_Row):
    """A user of the tenant `tenant_id`. Named traits are columns and traits alike, as the database keeps them."""

    class Meta:
        model = TrackedUser

    user_id = factory.Sequence(lambda n: f"user-{n}")
    lifecycle_stage = "active"

    @classmethod
    def _adjust_kwargs(cls, **columns: Any) -> dict[str, Any]:
        named = {name: columns[name] for name in NAMED_TRAITS if name in columns}
        return {**columns, "traits": named | columns.get("traits", {})}


class EventBody(factory.DictFactory):
    """An event of `POST /api/track`."""

    user_id = "u1"
    event = "clicked"


class StoredEventFactory(_Made):
    """An event of the tenant `tenant_id` that was received `at` a time, without what ingestion makes of it."""

    class Meta:
        model = dict

    at = factory.LazyFunction(lambda: datetime.now(UTC))
    received_at = factory.SelfAttribute("at")
    user_id = "u1"
    name = "clicked"
    properties: Any = factory.Dict({})

    @classmethod
    def make(cls, **fields: Any) -> None:
        fields["properties"] = json.dumps(fields["properties"])
        with tenant_context(fields["tenant_id"]), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO events_event"
                " (tenant_id, received_at, timestamp, user_id, name, source, properties, retention_days, month)"
                " VALUES (%(tenant_id)s, %(received_at)s, %(at)s, %(user_id)s, %(name)s, 'test', %(properties)s, 365,"
                "         date_trunc('month', %(received_at)s AT TIME ZONE 'UTC'))",
                fields,
            )


# --- Decisions and actions --------------------------------------------------------------------------------------------


class DecisionFactory(_Row):
    """A decision of the tenant `tenant_id` to do nothing, for which nothing but that could be done."""

    class Meta:
        model = Decision

    id = factory.Sequence(lambda n: f"dec_{n:032x}")
    user_id = "u1"
    created_at = factory.LazyFunction(lambda: datetime.now(UTC))
    request: Any = factory.Dict({})
    candidates: Any = factory.List([])
    guardrails: Any = factory.List([])
    propensity = 1.0
    reasoning = "Nothing could be done."
    model_version = 0
    features: Any = factory.Dict({})
    holdout = False
    shadow = False
    compared = False


class ActionFactory(_Made):
    """An action of the tenant `tenant_id`, on its way to the webhook of the action type `action_type_id`."""

    class Meta:
        model = dict

    user_id = "u1"
    parameters: Any = factory.Dict({"amount": 5})
    decision_id = None
    now = factory.LazyFunction(lambda: datetime.now(UTC))

    @classmethod
    def make(cls, **fields: Any) -> Any:
        with tenant_context(fields["tenant_id"]):
            return delivery.dispatch(**fields)
