"""manage.py seed_demo: something to look at for whoever has just cloned the project."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from integrations import services as integrations
from integrations.parameters.schema import normalize
from partners.customers import services
from tenants import services as tenants
from tenants.accounts import services as accounts
from tenants.context import staff_context
from tenants.models import PlanTier, Tenant, TenantRole

ACTOR = "command:seed_demo"
SLUG = "demo-loyalty"
ADMIN = "admin"

INTEGRATIONS: list[dict[str, Any]] = [
    {
        "provider": "demo-loyalty",
        "display_name": "Demo Loyalty",
        "domain": "loyalty",
        "action_type_templates": [
            {
                "name": "grant_points",
                "description": "Grant loyalty points to a member",
                "parameters_schema": {"amount": {"type": "integer", "required": True, "minimum": 1}},
                "delivery_webhook": "http://127.0.0.1:9000/points",
            },
            {
                "name": "upgrade_tier",
                "description": "Lift a member one tier for a month",
                "parameters_schema": {"tier": {"type": "string", "enum": ["silver", "gold"], "required": True}},
                "delivery_webhook": "http://127.0.0.1:9000/tiers",
            },
        ],
        "event_mappings": [
            {"from": "order.completed", "to": "purchase_completed", "properties": {"amount": "value"}},
        ],
    },
    {
        "provider": "demo-messaging",
        "display_name": "Demo Messaging",
        "domain": "messaging",
        "action_type_templates": [
            {
                "name": "send_reminder",
                "description": "Remind a member of unspent points",
                "parameters_schema": {"template": {"type": "string", "required": True}},
                "delivery_webhook": "http://127.0.0.1:9000/reminders",
            },
        ],
        "event_mappings": [],
    },
]

MERCHANTS: list[dict[str, Any]] = [
    {"name": "Bean & Leaf Coffee", "slug": "bean-and-leaf", "tracked_user_limit": 5000},
    {"name": "Corner Books", "slug": "corner-books", "plan_tier": PlanTier.STARTER},
    {"name": "Velo Workshop", "slug": "velo-workshop", "plan_tier": PlanTier.SCALE, "tracked_user_limit": 25000},
]


class Command(BaseCommand):
    help = (
        "Make a demo partner with two integrations and three merchants, and an admin. A second run adds nothing. "
        "Refused outside development."
    )

    def handle(self, **options: Any) -> None:
        if not settings.DEVELOPMENT:
            raise CommandError("Demo data, with an administrator's account, is for development alone.")
        self._make_admin()
        self._make_partner()

    def _make_admin(self) -> None:
        with staff_context():
            if User.objects.filter(is_superuser=True).exists():
                return
            password = secrets.token_urlsafe(12)
            accounts.create_user(actor=ACTOR, username=ADMIN, password=password, is_superuser=True)
        self.stdout.write(f"Admin login       {ADMIN} / {password}   (shown this once)")

    def _make_partner(self) -> None:
        with staff_context():
            if Tenant.objects.filter(slug=SLUG, tenant_role=TenantRole.PARTNER).exists():
                return
            partner, key = tenants.create_partner(
                actor=ACTOR, name="Demo Loyalty Platform", slug=SLUG, plan_tier=PlanTier.GROWTH
            )
            for integration in INTEGRATIONS:
                integrations.register(actor=ACTOR, partner_id=partner.id, **_normalized(integration))
            for merchant in MERCHANTS:
                services.provision_customer(actor=ACTOR, partner_id=partner.id, **merchant)
        self.stdout.write(f"Partner API key   {key.text}   (shown this once)")


def _normalized(integration: dict[str, Any]) -> dict[str, Any]:
    """As a request's body is after validation."""
    templates = [
        {**template, "parameters_schema": normalize(template["parameters_schema"])}
        for template in integration["action_type_templates"]
    ]
    return {**integration, "action_type_templates": templates}
