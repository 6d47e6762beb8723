"""Roll-outs that are asked for wrongly."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection

from tenants.context import tenant_context
from tests.conftest import Api
from tests.partners.rollouts.cast import INTEGRATIONS, ROLLOUTS, publish, roll_out, steer


@pytest.fixture
def integration(acme: Api) -> str:
    registered: str = acme.register()["id"]
    return registered


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"to": "all"}, "/revision", "required"),
        ({"revision": 2}, "/to", "required"),
        ({"revision": 2, "dry_run": True}, "/to", "required"),
        ({"revision": 7, "to": "all"}, "/revision", "unknown_revision"),
        ({"revision": 2, "to": "some"}, "/to", "invalid"),
        ({"revision": 2, "to": {}}, "/to", "not_one"),
        ({"revision": 2, "to": {"percent": 101}}, "/to/percent", "max_value"),
        ({"revision": 2, "to": {"filter": {}}}, "/to/filter", "empty"),
        ({"revision": 2, "to": "all", "stages": [{"percent": 50}, {"percent": 50}]}, "/stages/1/percent", "not_rising"),
        ({"revision": 2, "to": "all", "guard": {"max_failure_rate": 2}}, "/guard/max_failure_rate", "max_value"),
        ({"revision": 2, "to": "all", "guard": {"max_failure_rate": "0"}}, "/guard/max_failure_rate", "not_a_number"),
        ({"revision": 2, "to": "all", "nonsense": 1}, "/nonsense", "unknown_field"),
    ],
)
def test_rollout__bad_body__is_400_and_names_the_field(
    acme: Api, integration: str, body: Any, pointer: str, code: str
) -> None:
    publish(acme, integration)

    answer = acme.post(f"{INTEGRATIONS}/{integration}/rollouts", body)

    assert answer.status_code == 400, answer.content
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)


def test_rollout__beside_another__is_409(acme: Api, integration: str) -> None:
    publish(acme, integration)
    acme.provision("shop")
    roll_out(acme, integration, stages=[{"percent": 50, "wait_minutes": 5}])

    answer = acme.post(f"{INTEGRATIONS}/{integration}/rollouts", {"revision": 2, "to": "all"})

    assert (answer.status_code, answer.json()["code"]) == (409, "rollout_in_progress")
    with pytest.raises(IntegrityError, match="rollout_one_at_a_time"), tenant_context(acme.tenant_id):
        connection.cursor().execute(
            "INSERT INTO integrations_rollout (tenant_id, integration_id, revision, revision_before, target,"
            " is_for_all, stages, status, stage, total, moved, asked_by)"
            " SELECT tenant_id, integration_id, 2, 1, '\"all\"', true, '[]', 'paused', 0, 0, 0, 'x'"
            " FROM integrations_rollout"
        )


def test_rollout__to_customers_that_are_not_the_partners__is_404_and_names_each(
    acme: Api, rival: Api, integration: str
) -> None:
    publish(acme, integration)
    own, theirs = acme.provision("own"), rival.provision("theirs")
    named = ["ext:nobody", str(own.tenant_id), str(theirs.tenant_id)]

    answer = acme.post(f"{INTEGRATIONS}/{integration}/rollouts", {"revision": 2, "to": {"customer_ids": named}})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    found = [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
    assert found == [("/to/customer_ids/0", "not_found"), ("/to/customer_ids/2", "not_found")]


def test_rollout__of_another_partner__is_404(acme: Api, rival: Api, integration: str) -> None:
    publish(acme, integration)
    rollout = roll_out(acme, integration)

    answers = [
        rival.get(f"{ROLLOUTS}/{rollout['id']}"),
        *(steer(rival, rollout["id"], how) for how in ("pause", "resume", "rollback")),
        rival.get(f"{INTEGRATIONS}/{integration}/rollouts"),
        rival.post(f"{INTEGRATIONS}/{integration}/rollouts", {"revision": 2, "to": "all"}),
        acme.get(f"{INTEGRATIONS}/{uuid4()}/rollouts"),
        acme.get(f"{ROLLOUTS}/ro_{'0' * 32}"),
        acme.get(f"{ROLLOUTS}/nonsense"),
    ]

    assert [answer.status_code for answer in answers] == [404] * len(answers)


def test_rollout__to_customers_that_cannot_be_moved__is_400_and_names_each(acme: Api, integration: str) -> None:
    publish(acme, integration)
    stays, deleting, without = (acme.provision(slug) for slug in ("stays", "deleting", "without"))
    acme.send("DELETE", f"/api/partners/customers/{deleting.tenant_id}", {})
    acme.delete(f"{INTEGRATIONS}/{integration}/share/{without.tenant_id}")
    named = [str(each.tenant_id) for each in (stays, deleting, without)]

    answer = acme.post(f"{INTEGRATIONS}/{integration}/rollouts", {"revision": 2, "to": {"customer_ids": named}})

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    found = [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
    assert found == [("/to/customer_ids/1", "customer_deleting"), ("/to/customer_ids/2", "not_shared")]
    assert acme.get(f"{INTEGRATIONS}/{integration}/rollouts").json()["total"] == 0
