"""What patterns are for: new customers' models start from them, and tell when they mislead."""

from typing import Any

import pytest
from django.db import connection

from learning import services
from learning.models import ModelState, Pattern
from learning.patterns.releases import release_patterns
from tenants.context import tenant_context
from tests.conftest import Api, make_partner

pytestmark = pytest.mark.usefixtures("noiseless")


def state(api: Api) -> Any:
    with tenant_context(api.tenant_id):
        return services.load(tenant_id=api.tenant_id)


def test_load__a_new_customer_of_a_partner_with_patterns__starts_warm(acme: Api, customers: list[Api]) -> None:
    early = acme.provision("early")
    assert state(early).patterns == {}

    release_patterns()

    late = acme.provision("late")
    for api in (early, late):
        blocks = state(api).patterns
        assert set(blocks) == {"shared", "nothing", *_action_types(api)}
        assert state(api) is state(api)


def test_load__of_another_partners_customer__has_what_is_over_all_partners(rival: Api, customers: list[Api]) -> None:
    rival.register("rival-points", domain="loyalty")
    other = rival.provision("other")

    release_patterns()

    assert set(state(other).patterns) == {"shared", "nothing", *_action_types(other)}
    with tenant_context(other.tenant_id):
        assert set(Pattern.objects.values_list("partner", flat=True)) == {None}
    for consent in ({"learning": "off"},):
        rival.patch("/api/settings", {"config": consent})
        assert state(other).patterns == {}


def test_load__a_template_of_no_kind__is_known_to_its_own_partner_alone(customers: list[Api]) -> None:
    third = make_partner("Third")
    template = {"delivery_webhook": "https://hooks.third.example/all", "kind": None}
    third.register("third", action_type_templates=[{**template, "name": "grant_points"}])
    release_patterns()

    assert set(state(third.provision("cc")).patterns) == {"shared", "nothing"}


def test_fold__with_patterns__keeps_how_probable_they_are_and_reports_those_that_mislead(
    acme: Api, customers: list[Api], caplog: pytest.LogCaptureFixture
) -> None:
    release_patterns()
    late = acme.provision("late")
    late.post("/api/track", {"events": [{"user_id": "u", "event": "e"}]})
    kept: list[float] = []
    # Of the patterns' actions none is better than the others; here one never fails and another never succeeds.
    bad, good = _action_types(late)
    for day in range(3):
        for n in range(100):
            action, outcome = ((bad, 0.0), (good, 1.0))[n % 2]
            with tenant_context(late.tenant_id):
                services.record(
                    tenant_id=late.tenant_id,
                    decision_id=f"dec_{day}_{n}",
                    user_id="u",
                    action=action,
                    features={"bias": 1.0},
                    outcome=outcome,
                )
        with tenant_context(late.tenant_id):
            services.fold(tenant_id=late.tenant_id)
            kept.append(ModelState.objects.get().pattern_weight or 0.0)

    assert kept[-1] < services.MISLEADING
    assert sum("pattern_misleads" in record.getMessage() for record in caplog.records) == 1
    assert state(late).pattern_weight == pytest.approx(kept[-1], abs=0.01)


def _action_types(customer: Api) -> list[str]:
    with tenant_context(customer.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM integrations_actiontype")
        return [row[0] for row in cursor.fetchall()]
