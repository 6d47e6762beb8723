"""Who takes part in releases: a tenant's word, its partner's, and what is left of one that is deleted."""

import pytest
from django.db import ProgrammingError, connection

from learning.patterns import statistic as patterns
from learning.patterns.releases import release_patterns
from tenants.context import tenant_context
from tenants.deletion import job
from tests.conftest import Api
from tests.learning.cast import CUSTOMERS, blocks_of, receipts, statistic_of, sums

pytestmark = pytest.mark.usefixtures("noiseless")


@pytest.mark.parametrize("word", ["use_only", "off"])
def test_release__a_customer_that_does_not_contribute__is_in_none(customers: list[Api], word: str) -> None:
    assert customers[0].patch("/api/settings", {"config": {"learning": word}}).status_code == 200

    release_patterns()

    assert receipts(customers[0]) == []
    assert receipts(customers[1]) != []


def test_release__a_partner_that_does_not_contribute__keeps_all_its_customers_out(
    acme: Api, customers: list[Api]
) -> None:
    acme.patch("/api/settings", {"config": {"learning": "use_only"}})
    customers[0].patch("/api/settings", {"config": {"learning": "contribute"}})

    release_patterns()

    assert [receipts(customer) for customer in customers] == [[]] * CUSTOMERS


@pytest.mark.parametrize(
    ("words", "effective"),
    [
        ((None, None, None), "contribute"),
        (("contribute", "off", "contribute"), "off"),
        (("off", "contribute", "contribute"), "off"),
        (("contribute", "contribute", "off"), "off"),
        (("use_only", "contribute", None), "use_only"),
        (("contribute", "use_only", None), "use_only"),
        (("use_only", "contribute", "off"), "off"),
    ],
)
def test_consent__of_the_customer_and_of_its_partner__is_the_stricter_one(
    acme: Api, merchant: Api, words: tuple[str | None, ...], effective: str
) -> None:
    own, of_it, of_all = words
    for api, path, word in (
        (merchant, "/api/settings", own),
        (acme, f"/api/partners/customers/{merchant.tenant_id}", of_it),
        (acme, "/api/settings", of_all),
    ):
        assert api.patch(path, {"config": {"learning": word}}).status_code == 200

    with tenant_context(merchant.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT learning_consent()")
        assert cursor.fetchone() == (effective,)
    config = merchant.get("/api/settings").json()["tenant"]["config"]
    assert (config.get("learning"), config.get("learning_by_partner")) == (own, of_it)


def test_consent__the_partners_word__is_not_the_customers_to_change(acme: Api) -> None:
    customer = acme.provision("quiet", config={"learning": "off"})

    refused = customer.patch("/api/settings", {"config": {"learning_by_partner": "contribute"}})

    assert (refused.status_code, refused.json()["code"]) == (403, "config_set_by_partner")
    with pytest.raises(ProgrammingError, match="does not change its own plan"), tenant_context(customer.tenant_id):
        connection.cursor().execute("UPDATE tenants_tenant SET config = '{}'")


def test_consent__a_partners_word_for_all__is_not_copied_into_its_customers(acme: Api) -> None:
    acme.patch("/api/settings", {"config": {"learning": "off"}})
    customer = acme.provision("new")
    acme.patch("/api/settings", {"config": {"learning": None}})

    with tenant_context(customer.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT learning_consent()")
        assert cursor.fetchone() == ("contribute",)


def test_release__after_a_tenant_is_deleted__is_without_it(acme: Api, customers: list[Api]) -> None:
    before = sums(acme)
    gone = customers[0].tenant_id
    given = patterns.clipped(statistic_of(customers[0]))
    expected_blocks = blocks_of(acme)
    job.delete_now(actor="test", tenant_id=gone)

    after = sums(acme)

    for (block, place), total in before.items():
        assert total - after[block, place] == pytest.approx(given[expected_blocks.index(block), place], abs=1)
