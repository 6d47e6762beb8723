"""The layers' writers, as the tests turn them: by the API where it has a way, by staff's service otherwise."""

from typing import Any

from django.db import connection, transaction

from tenants import services
from tenants.context import staff_context
from tenants.controls.state import EFFECTIVE
from tests.conftest import Api


def of_self(api: Api, switch: str, *, on: bool) -> Any:
    return api.put(f"/api/settings/{switch.replace('_', '-')}", {"active": on, "reason": "self" if on else ""})


def of_partner(partner: Api, api: Api, **said: Any) -> Any:
    """`suspension`, or a control by its name."""
    body = {"suspension": said.pop("suspension")} if "suspension" in said else {}
    return partner.patch(f"/api/partners/customers/{api.tenant_id}", {**body, **({"controls": said} if said else {})})


def of_fleet(partner: Api, switch: str, *, on: bool, **fields: Any) -> Any:
    path = f"/api/partners/{switch.replace('_', '-')}"
    return partner.put(path, {"active": on, "reason": "fleet" if on else "", **fields})


def of_staff(api: Api, **said: Any) -> None:
    with staff_context():
        services.say_as_staff(actor="staff:test", tenant_id=api.tenant_id, said=said)


def effective(partner: Api, api: Api) -> dict[str, Any]:
    """As the partner's rows and the customer's tell it, whether or not a key of either is let in."""
    with staff_context(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {EFFECTIVE.format(tenant='%s')} FROM controls_in_force(%s, %s, false) f",
            [api.tenant_id, api.tenant_id, partner.tenant_id],
        )
        names = ("sending", "ingesting", "because", "since", "by", "reason")
        return dict(zip(names, cursor.fetchone()[:-1], strict=True))


def claimed() -> int:
    """How many actions a worker would send now. It does not."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM claim_actions(100, 10, 100, 10, 60, 5)")
        (found,) = cursor.fetchone()
        transaction.set_rollback(True)
    return int(found)


def backlog() -> set[str]:
    """The states of what waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM delivery_backlog() WHERE actions > 0")
        return {state for (state,) in cursor.fetchall()}
