"""An endpoint is certified when it takes what it must take and refuses what it must refuse."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command

from delivery.endpoints.checks import CHECKS, LARGE_BYTES
from tests.conftest import Api
from tests.delivery.cast import points, work
from tests.delivery.receiver import Answer, Receiver
from tests.owner import as_owner
from tests.partners.endpoints.cast import ENDPOINTS, FAULTS, Faithful, FirstOnly, act, endpoint, told
from tests.partners.rollouts.cast import INTEGRATIONS, publish, revisions, roll_out, steer
from tests.partners.rollouts.cast import work as roll_out_work
from tests.tenants.audit.lines import by_system

NAMES = [check.name for check in CHECKS]


@pytest.fixture
def integration(acme: Api, inbox: Receiver) -> dict[str, Any]:
    """With one endpoint, which is faithful."""
    found = acme.register("loyalty", action_type_templates=[points(inbox.url)])
    inbox.answer = Faithful([found["webhook_secret"]])
    return found


def certify(partner: Api, url: str, **body: Any) -> dict[str, Any]:
    """Ask for it, and have it done."""
    answer = act(partner, endpoint(partner, url), "certify", body)
    assert answer.status_code == 202, answer.content
    asked = answer.json()["certification"]
    assert (asked["status"], asked["report"]) == ("running", [])
    work()
    found: dict[str, Any] = shown(partner, url, asked["id"])
    return found


def shown(partner: Api, url: str, id: str) -> Any:
    path = f"{ENDPOINTS}/{endpoint(partner, url)['id']}/certifications/{id}"
    return partner.get(path).json()["certification"]


@pytest.mark.parametrize("receiver", FAULTS, ids=lambda receiver: receiver.__name__)
def test_certify__a_receiver_with_a_fault__finds_that_and_no_other(
    acme: Api, integration: dict[str, Any], inbox: Receiver, receiver: Callable[[list[str]], Faithful]
) -> None:
    inbox.answer = receiver([integration["webhook_secret"]])

    found = certify(acme, inbox.url)

    assert [item["check"] for item in found["report"]] == NAMES
    assert {item["check"] for item in found["report"] if not item["passed"]} == FAULTS[receiver]
    assert all((item["why"] is None) == item["passed"] and item["saw"] for item in found["report"])
    passed = not FAULTS[receiver]
    assert found["status"] == ("passed" if passed else "failed")
    assert (endpoint(acme, inbox.url)["certified_at"] is not None) == passed
    started, ended = told(acme)
    assert started["type"] == "endpoint.certification_started"
    assert ended["type"] == ("endpoint.certified" if passed else "endpoint.certification_failed")
    assert set(ended["data"].get("failed", [])) == FAULTS[receiver]
    assert ended["data"]["certification_id"] == found["id"]
    assert by_system(acme) == [(ended["type"], "endpoint")]


def test_probes__say_that_they_are_and_what_they_try(acme: Api, integration: dict[str, Any], inbox: Receiver) -> None:
    certify(acme, inbox.url)

    assert len(inbox.received) == len(CHECKS) + 1  # one is sent twice
    for one in inbox.received:
        assert one.json["probe"] is True
        assert one.json["action_id"] == one.headers["webhook-id"]
        assert (one.json["action_type"], one.json["provider"]) == ("grant_points", "loyalty")
        assert "outcome_url" not in one.json
    assert len(inbox.received[6].body) == LARGE_BYTES
    assert len(inbox.received[7].headers["webhook-signature"].split()) == 2
    assert len(set(inbox.ids)) == len(CHECKS)


def test_probes__of_any_kind__leave_nothing_of_actions_usage_and_learning(
    acme: Api, integration: dict[str, Any], merchant: Api, inbox: Receiver
) -> None:
    merchant.post("/api/track", {"events": [{"user_id": "u1", "event": "e"}]})
    tables = [
        name
        for (name,) in as_owner("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        if name.startswith(("delivery_", "decisions_", "learning_", "events_"))
        and name not in ("delivery_certification", "delivery_endpoint")
    ]

    def rows() -> dict[str, Any]:
        return {name: as_owner(f"SELECT t::text FROM {name} t ORDER BY 1") for name in tables}

    before, health = rows(), endpoint(acme, inbox.url)
    inbox.answer = Answer(410)
    certify(acme, inbox.url)

    assert rows() == before
    assert endpoint(acme, inbox.url) == health


def test_certificate__when_the_secret_is_rotated__falls_away_and_not_when_it_is_encrypted_anew(
    acme: Api, integration: dict[str, Any], inbox: Receiver
) -> None:
    certify(acme, inbox.url)
    call_command("rotate_encryption", verbosity=0)
    assert endpoint(acme, inbox.url)["certified_at"] is not None

    rotated = acme.post(f"/api/partners/integrations/{integration['id']}/rotate-secret", {}).json()

    assert endpoint(acme, inbox.url)["certified_at"] is None
    # The certificate is of the new secret, which has to be there, whatever actions are still signed with beside it.
    inbox.answer = Faithful([integration["webhook_secret"]])
    assert certify(acme, inbox.url)["status"] == "failed"
    inbox.answer = Faithful([rotated["webhook_secret"]])
    assert certify(acme, inbox.url)["status"] == "passed"
    assert endpoint(acme, inbox.url)["certified_at"] is not None
    inbox.answer = FirstOnly([integration["webhook_secret"]])
    assert certify(acme, inbox.url)["status"] == "failed"
    # What was certified stays so: that a later try failed is told, and takes no certificate away.
    assert endpoint(acme, inbox.url)["certified_at"] is not None


def test_certificate__of_another_address__is_none(acme: Api, integration: dict[str, Any], inbox: Receiver) -> None:
    certify(acme, inbox.url)
    acme.register("other", action_type_templates=[points(inbox.url + "/other")])

    assert endpoint(acme, inbox.url)["certified_at"] is not None
    assert endpoint(acme, inbox.url + "/other")["certified_at"] is None


def test_endpoint__of_several_integrations__is_certified_for_each(
    acme: Api, integration: dict[str, Any], inbox: Receiver
) -> None:
    other = acme.register("other", action_type_templates=[points(inbox.url)])
    unnamed = act(acme, endpoint(acme, inbox.url), "certify")
    assert (unnamed.status_code, unnamed.json()["code"]) == (409, "several_integrations")

    assert certify(acme, inbox.url, integration_id=integration["id"])["status"] == "passed"
    assert endpoint(acme, inbox.url)["certified_at"] is None
    assert certify(acme, inbox.url, integration_id=other["id"])["status"] == "failed"
    inbox.answer = Faithful([integration["webhook_secret"], other["webhook_secret"]])
    assert certify(acme, inbox.url, integration_id=other["id"])["status"] == "passed"

    assert endpoint(acme, inbox.url)["certified_at"] is not None
    shown = acme.get(f"{ENDPOINTS}/{endpoint(acme, inbox.url)['id']}").json()["endpoint"]["certifications"]
    assert {each["integration_id"]: each["status"] for each in shown} == dict.fromkeys(
        (integration["id"], other["id"]), "passed"
    )


def test_certify__while_it_is_tried__is_the_same(acme: Api, integration: dict[str, Any], inbox: Receiver) -> None:
    first, second = (act(acme, endpoint(acme, inbox.url), "certify").json()["certification"] for _ in range(2))

    assert first == second
    assert len(told(acme)) == 1


def test_certification__whose_worker_died__goes_on_with_the_checks_that_are_left(
    acme: Api, integration: dict[str, Any], inbox: Receiver
) -> None:
    id = act(acme, endpoint(acme, inbox.url), "certify").json()["certification"]["id"]
    done = [{"check": name, "passed": True, "saw": "200", "why": None} for name in NAMES[:4]]
    as_owner(
        "UPDATE delivery_certification SET leased_until = now() + interval '1 minute', report = %(r)s::jsonb",
        r=str(done).replace("'", '"').replace("True", "true").replace("None", "null"),
    )
    work()
    assert inbox.received == []  # it may still be at it

    as_owner("UPDATE delivery_certification SET leased_until = now()")
    work()

    assert len(inbox.received) == len(NAMES) - 4
    found = shown(acme, inbox.url, id)
    assert (found["status"], [item["check"] for item in found["report"]]) == ("passed", NAMES)


def test_probes__to_an_address_that_is_refused__are_not_sent(
    acme: Api, integration: dict[str, Any], inbox: Receiver, settings: Any
) -> None:
    settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP = False

    found = certify(acme, inbox.url)

    assert {item["saw"].partition(",")[0] for item in found["report"]} == {"url_refused"}
    assert inbox.received == []


@pytest.fixture
def fit(acme: Api, inbox: Receiver) -> dict[str, Any]:
    """An integration that requires certified endpoints, which its receiver passes."""
    found = acme.register("loyalty", action_type_templates=[points(inbox.url)], require_certification=True)
    assert found["require_certification"] is True
    inbox.answer = Faithful([found["webhook_secret"]])
    return found


def share(partner: Api, integration: dict[str, Any], to: Api | None = None) -> tuple[int, str | None]:
    """With a customer, or with all: the status, and the code where it is refused."""
    body = {"all": True} if to is None else {"customer_tenant_id": str(to.tenant_id)}
    answer = partner.post(f"{INTEGRATIONS}/{integration['id']}/share", body)
    return answer.status_code, answer.json().get("code")


def has(customer: Api) -> bool:
    return bool(customer.get("/api/external/action-types").json()["action_types"])


REFUSED = (409, "endpoint_not_certified")


def test_integration__that_requires_certified_endpoints__is_shared_once_they_are(
    acme: Api, fit: dict[str, Any], inbox: Receiver
) -> None:
    before = acme.provision("before")
    assert share(acme, fit, before) == share(acme, fit) == REFUSED
    assert not has(before)

    certify(acme, inbox.url)

    assert share(acme, fit, before) == (200, None)
    assert has(before)
    assert has(acme.provision("after"))
    assert share(acme, fit) == (202, None)
    acme.post(f"{INTEGRATIONS}/{fit['id']}/rotate-secret", {})
    assert not has(acme.provision("later"))
    assert share(acme, fit) == REFUSED
    assert share(acme, fit, before) == (200, None)  # a share that is there stays
    assert has(before)


def test_sharing_with_all__whose_certificate_falls_away__goes_on_with_nobody(
    acme: Api, fit: dict[str, Any], inbox: Receiver
) -> None:
    before = acme.provision("before")
    certify(acme, inbox.url)
    assert share(acme, fit) == (202, None)

    acme.post(f"{INTEGRATIONS}/{fit['id']}/rotate-secret", {})
    roll_out_work(acme)

    sharing = acme.get(f"{INTEGRATIONS}/{fit['id']}/share").json()["sharing"]
    assert (sharing["status"], sharing["shared"]) == ("completed", 0)
    assert not has(before)


def test_require_certification__switched__is_asked_for_from_then_on(
    acme: Api, integration: dict[str, Any], inbox: Receiver
) -> None:
    path = f"{INTEGRATIONS}/{integration['id']}"
    answer = acme.send("PATCH", path, {"require_certification": True})
    assert answer.json()["integration"]["require_certification"] is True
    shop = acme.provision("shop")
    assert not has(shop)
    assert share(acme, integration, shop) == REFUSED
    (told_of,) = told(acme, "integration.updated")
    assert told_of["data"]["changed"] == ["require_certification"]

    acme.send("PATCH", path, {"require_certification": False})

    assert share(acme, integration, shop) == (200, None)


def test_certificate__of_a_revision__falls_away_with_the_next(acme: Api, fit: dict[str, Any], inbox: Receiver) -> None:
    certify(acme, inbox.url)
    publish(acme, fit["id"], action_type_templates=[points(inbox.url) | {"description": "Anew"}])

    assert endpoint(acme, inbox.url)["certified_at"] is None
    # Customers get the revision of before still, and that one is certified.
    assert share(acme, fit, acme.provision("before")) == (200, None)

    # Nobody gets the next one before its endpoints are certified, which they can be without a customer.
    path = f"{INTEGRATIONS}/{fit['id']}/rollouts"
    refused = acme.post(path, {"revision": 2, "to": "all"})
    assert (refused.status_code, refused.json()["code"]) == REFUSED
    dry_run = {"revision": 2, "to": "all", "dry_run": True}
    assert acme.post(path, dry_run).json()["dry_run"]["conflicts"] == [
        {"tenant_id": None, "action_type": "grant_points", "code": "endpoint_not_certified"}
    ]

    certify(acme, inbox.url)
    assert endpoint(acme, inbox.url)["certified_at"] is not None
    assert acme.post(path, dry_run).json()["dry_run"]["conflicts"] == []
    roll_out(acme, fit["id"])
    roll_out_work(acme)
    shop = acme.provision("shop")
    assert share(acme, fit, shop) == (200, None)


def test_rollback__to_a_revision_whose_endpoints_are_not_certified__is_carried_out(
    acme: Api, fit: dict[str, Any], inbox: Receiver
) -> None:
    """The way back is never shut."""
    certify(acme, inbox.url)
    shop = acme.provision("shop")
    publish(acme, fit["id"], action_type_templates=[points(inbox.url) | {"description": "Anew"}])
    certify(acme, inbox.url)
    rollout = roll_out(acme, fit["id"])
    roll_out_work(acme)
    acme.post(f"{INTEGRATIONS}/{fit['id']}/rotate-secret", {})

    assert steer(acme, rollout["id"], "rollback").status_code == 202
    roll_out_work(acme)

    assert revisions(acme) == {shop.tenant_id: 1}


def test_certificate__for_a_revision_that_is_to_come__is_one_of_those_before(
    acme: Api, fit: dict[str, Any], inbox: Receiver
) -> None:
    publish(acme, fit["id"], action_type_templates=[points(inbox.url) | {"description": "Anew"}])
    certify(acme, inbox.url)

    assert share(acme, fit, acme.provision("before")) == (200, None)
    roll_out(acme, fit["id"])
    roll_out_work(acme)
    assert has(acme.provision("after"))


def test_correction_of_addresses__of_what_requires_certified_ones__is_made_once_those_are(
    acme: Api, fit: dict[str, Any], inbox: Receiver
) -> None:
    """A revision that nobody has is where a new address is certified before anything is sent there."""
    certify(acme, inbox.url)
    other = inbox.url.replace("127.0.0.1", "localhost")
    path = f"{INTEGRATIONS}/{fit['id']}/webhooks"
    body = {"from_origin": inbox.url, "to_origin": other}
    refused = acme.send("PATCH", path, body)
    assert (refused.status_code, refused.json()["code"]) == REFUSED
    assert (
        acme.get(f"{INTEGRATIONS}/{fit['id']}")
        .json()["integration"]["action_type_templates"][0]["delivery_webhook"]
        .startswith(inbox.url)
    )

    publish(acme, fit["id"], action_type_templates=[points(other)])
    assert certify(acme, other)["status"] == "passed"

    assert acme.send("PATCH", path, body).status_code == 200
    assert share(acme, fit, acme.provision("shop")) == (200, None)


def test_certificate__when_addresses_are_corrected__falls_away(
    acme: Api, integration: dict[str, Any], inbox: Receiver
) -> None:
    fit = integration
    certify(acme, inbox.url)
    other = inbox.url.replace("127.0.0.1", "localhost")
    body = {"from_origin": inbox.url, "to_origin": other}
    assert acme.send("PATCH", f"{INTEGRATIONS}/{fit['id']}/webhooks", body).status_code == 200

    shop = acme.provision("shop")
    acme.delete(f"{INTEGRATIONS}/{fit['id']}/share/{shop.tenant_id}")
    acme.send("PATCH", f"{INTEGRATIONS}/{fit['id']}", {"require_certification": True})
    assert share(acme, fit, shop) == REFUSED
    assert endpoint(acme, inbox.url)["integration_ids"] == []
    assert endpoint(acme, other) | {"certified_at": None, "integration_ids": [fit["id"]]} == endpoint(acme, other)
    unused = act(acme, endpoint(acme, inbox.url), "certify")
    assert (unused.status_code, unused.json()["code"]) == (409, "endpoint_unused")

    assert certify(acme, other)["status"] == "passed"
    assert share(acme, fit, shop) == (200, None)


def test_certify__with_a_secret_that_cannot_be_read__fails(
    acme: Api, integration: dict[str, Any], inbox: Receiver
) -> None:
    as_owner("UPDATE integrations_partnerintegration SET encrypted_webhook_secret = 'no token'::bytea")

    found = certify(acme, inbox.url)

    assert (found["status"], len(found["report"])) == ("failed", 1)
    assert found["report"][0]["check"] == NAMES[0]
    assert "cannot be read" in found["report"][0]["why"]
    assert inbox.received == []
    assert told(acme)[-1]["type"] == "endpoint.certification_failed"


def test_certify__for_an_integration_that_does_not_send_there__is_404_and_names_the_member(
    acme: Api, rival: Api, inbox: Receiver
) -> None:
    acme.register("fit", action_type_templates=[points(inbox.url)])
    other, foreign = acme.register("other"), rival.register("foreign")

    for named in (other["id"], foreign["id"], str(UUID(int=7))):
        answer = act(acme, endpoint(acme, inbox.url), "certify", {"integration_id": named})

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert [each["pointer"] for each in answer.json()["errors"]] == ["/integration_id"]
