"""GET /api/learning and its receipts: what a tenant is told of its part in the shared patterns."""

from typing import Any

import pytest
from django.db import ProgrammingError, connection

from learning.patterns import privacy
from learning.patterns.releases import PARTS, release_patterns
from tenants.context import staff_context
from tenants.deletion import job
from tests.conftest import Api
from tests.learning.cast import learn
from tests.owner import as_owner

PATH = "/api/learning"


@pytest.fixture
def contributor(acme: Api) -> Api:
    """A customer of acme, in three releases."""
    acme.register()
    found = acme.provision("contributor")
    learn(found, 1)
    for _ in range(3):
        release_patterns()
    return found


def part(api: Api) -> Any:
    return api.get(PATH).json()["learning"]


def test_learning__of_a_new_customer__is_as_it_was_provisioned(merchant: Api) -> None:
    assert part(merchant) == {
        "consent": {"own": "contribute", "partners": "contribute", "effective": "contribute"},
        "privacy": {"epsilon": 0.0, "budget": 1.0, "delta": 1e-6},
        "patterns": {"weight": None, "misleading": False},
    }


def test_learning__consent__is_each_ones_word_and_what_comes_of_them(acme: Api, merchant: Api) -> None:
    merchant.patch("/api/settings", {"config": {"learning": "use_only"}})
    assert part(merchant)["consent"] == {"own": "use_only", "partners": "contribute", "effective": "use_only"}

    acme.patch("/api/settings", {"config": {"learning": "off"}})
    assert part(merchant)["consent"] == {"own": "use_only", "partners": "off", "effective": "off"}
    assert part(acme)["consent"] == {"own": "off", "partners": None, "effective": "off"}


def test_learning__what_was_spent__is_that_of_365_days(contributor: Api) -> None:
    spent = part(contributor)["privacy"]["epsilon"]
    assert spent == pytest.approx(privacy.epsilon_of(3 / PARTS * privacy.rho_of(1.0)), abs=1e-5)

    as_owner("UPDATE learning_receipt SET released_on = released_on - 365 WHERE release_id = 1")
    assert part(contributor)["privacy"]["epsilon"] < spent


@pytest.mark.parametrize(("weight", "misleading"), [(0.09, True), (0.5, False)])
def test_learning__patterns_that_mislead__are_called_so(contributor: Api, weight: float, misleading: bool) -> None:
    as_owner("UPDATE learning_modelstate SET pattern_weight = %s", weight)

    assert part(contributor)["patterns"] == {"weight": weight, "misleading": misleading}


def test_receipts__page_by_page__are_all_of_them_newest_first(acme: Api, contributor: Api) -> None:
    first = contributor.get(f"{PATH}/receipts", {"limit": 2}).json()
    second = contributor.get(f"{PATH}/receipts", {"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [receipt["release"] for receipt in first["receipts"] + second["receipts"]] == [3, 2, 1]
    assert first["receipts"][0].keys() == {"release", "date", "epsilon"}
    assert (first["total"], second["next_cursor"]) == (3, None)
    # Nobody else's, whose customer it may be.
    assert acme.get(f"{PATH}/receipts").json() == {"receipts": [], "total": 0, "next_cursor": None}


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"cursor": "x"}, {"a": "b"}])
def test_receipts__of_rubbish__are_refused(merchant: Api, query: dict[str, str]) -> None:
    assert merchant.get(f"{PATH}/receipts", query).status_code == 400


def test_receipts__which_are_a_ledger__are_not_deleted_by_staff(contributor: Api) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), staff_context(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM learning_receipt WHERE tenant_id = %s", [contributor.tenant_id])


def test_receipts__of_a_tenant_that_is_deleted__go_with_it(contributor: Api) -> None:
    job.delete_now(actor="test", tenant_id=contributor.tenant_id)

    assert as_owner("SELECT count(*) FROM learning_receipt") == [(0,)]
    assert as_owner("SELECT count(*) FROM learning_release") == [(3,)]
