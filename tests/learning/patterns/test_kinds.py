"""Patterns over all partners go by the kinds of action types, as they are now."""

import pytest

from learning import services
from learning.patterns.releases import release_patterns
from tenants.context import tenant_context
from tests.conftest import Api
from tests.integrations.cast import PATH, register, shared
from tests.owner import as_owner
from tests.partners.rollouts.cast import INTEGRATIONS

pytestmark = pytest.mark.usefixtures("noiseless")

POINTS = {"name": "grant_points", "delivery_webhook": "https://hooks.rival.example/points"}


def patterns_of(api: Api) -> set[str]:
    """Of which of its action types."""
    with tenant_context(api.tenant_id):
        return {*services.load(tenant_id=api.tenant_id).patterns} - {"shared", "nothing"}


@pytest.mark.usefixtures("customers")
def test_load__after_another_kind__is_by_that_kind_at_once(rival: Api) -> None:
    path = f"{INTEGRATIONS}/{rival.register('rival', domain='loyalty', action_type_templates=[POINTS])['id']}"
    shop = rival.provision("other")
    release_patterns()
    action_type = shared(shop)["id"]

    for kind, known in (("loyalty/grant_points", True), (None, False), ("loyalty/send_voucher", True)):
        rival.patch(path, {"kinds": {"grant_points": kind}})
        assert patterns_of(shop) == ({action_type} if known else set())


@pytest.mark.usefixtures("customers")
def test_load__of_an_own_one__is_by_its_kind(rival: Api) -> None:
    shop = rival.provision("other")
    own = register(shop, name="x", description="y", kind="loyalty/grant_points")["id"]
    release_patterns()

    assert patterns_of(shop) == {own}
    shop.put(f"{PATH}/{own}", {"kind": None})
    assert patterns_of(shop) == set()


def test_release__of_a_kind_that_is_none__stays_within_its_partner(acme: Api, customers: list[Api]) -> None:
    (integration,) = acme.get(INTEGRATIONS).json()["integrations"]
    acme.patch(f"{INTEGRATIONS}/{integration['id']}", {"kinds": {"grant_points": None}})

    release_patterns()

    over_all = as_owner("SELECT block FROM learning_pattern WHERE partner_id IS NULL ORDER BY block")
    assert over_all == [("loyalty/send_voucher",), ("nothing",), ("shared",)]
    assert len(patterns_of(customers[0])) == 2
