"""A merchant with actions that are due, on whatever database the environment names: `python -m … URL COUNT`."""

import os
import sys
from datetime import UTC, datetime

import django

from retivo import processes
from retivo.database import embedded_postgres


def main(url: str, count: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retivo.settings")
    processes.work_in_background()  # this process does the worker's part
    embedded_postgres.start_if_configured()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    populate(url, count)


def populate(url: str, count: int) -> None:
    """By the services alone, as staff and then as the tenants would."""
    from delivery import services as delivery
    from events.users import services as users
    from integrations import services as integrations
    from integrations.models import ActionType
    from partners.customers import services as partners
    from tenants import services as tenants
    from tenants.context import staff_context, tenant_context
    from tenants.models import Tenant

    now = datetime.now(UTC)
    with staff_context():
        partner, _ = tenants.create_partner(actor="api_key:chaos", name="Chaos", slug="chaos")
    with tenant_context(partner.id):
        integrations.register(
            actor="api_key:chaos",
            partner_id=partner.id,
            provider="chaos",
            display_name="Chaos",
            domain="",
            action_type_templates=[{"name": "grant_points", "delivery_webhook": url}],
            event_mappings=[],
        )
        partners.provision_customer(actor="api_key:chaos", partner_id=partner.id, name="M", slug="merchant")
    with staff_context():
        merchant = Tenant.objects.get(slug="merchant").id
    with tenant_context(merchant):
        users.save_user(tenant_id=merchant, user_id="u1", traits={})
        action_type = ActionType.objects.get()
        for number in range(count):
            delivery.dispatch(
                tenant_id=merchant,
                user_id="u1",
                action_type_id=action_type.id,
                parameters={"number": number},
                decision_id=None,
                now=now,
            )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
