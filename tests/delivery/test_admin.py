"""What staff see of delivery, and the two things they do there."""

import pytest
from django.contrib.admin.utils import quote
from django.test import Client

from tests.conftest import Api
from tests.delivery.cast import Merchant, work
from tests.delivery.receiver import Answer, Receiver
from tests.owner import as_owner
from tests.partners.webhooks.cast import make, used
from tests.tenants.staff.people import audited

ACTIONS = "/admin/delivery/actionrow/"
ENDPOINTS = "/admin/delivery/endpointrow/"


@pytest.fixture
def failed(shop: Merchant, inbox: Receiver) -> str:
    inbox.answer = Answer(410, body=b"<b>gone</b>")
    id = shop.dispatch()
    work()
    return id


def endpoint_id() -> str:
    return str(as_owner("SELECT id FROM delivery_endpoint")[0][0])


def test_actions__in_the_list_and_by_themselves__show_their_attempts(viewer: Client, failed: str) -> None:
    for query in ({}, {"status__exact": "failed"}, {"q": failed}):
        page = viewer.get(ACTIONS, query)
        assert page.status_code == 200
        assert failed in page.content.decode()
    shown = viewer.get(f"{ACTIONS}{quote(failed)}/change/").content.decode()
    assert "&lt;b&gt;gone&lt;/b&gt;" in shown
    assert "410" in shown


def test_replay__by_an_operator__sends_it_again(operator: Client, shop: Merchant, inbox: Receiver, failed: str) -> None:
    inbox.answer = Answer(200)
    page = f"{ACTIONS}{quote(failed)}/replay/"
    assert operator.get(page).status_code == 200
    assert operator.post(f"{ENDPOINTS}{endpoint_id()}/enable/").status_code == 302
    assert operator.post(page).status_code == 302
    work()

    assert shop.action(failed).status == "delivered"
    assert inbox.ids == [failed, failed]
    assert [entry[0] for entry in audited(actor="staff:oscar")] == ["endpoint.enabled", "action.replayed"]


def test_replay__of_an_action_that_has_not_failed__changes_nothing(operator: Client, shop: Merchant) -> None:
    id = shop.dispatch()

    answer = operator.post(f"{ACTIONS}{quote(id)}/replay/", follow=True)

    assert "Only a failed action is replayed" in answer.content.decode()
    assert audited(actor="staff:oscar") == []


def test_endpoints__that_fail__are_shown_with_their_circuit(viewer: Client, acme: Api, failed: str) -> None:
    for path in (ENDPOINTS, f"{ENDPOINTS}{endpoint_id()}/change/"):
        page = viewer.get(path)
        assert page.status_code == 200
        assert "Disabled" in page.content.decode()


def test_viewers__replay_enable_recover_and_certify__are_forbidden(viewer: Client, failed: str) -> None:
    assert viewer.post(f"{ACTIONS}{quote(failed)}/replay/").status_code == 403
    for name in ("enable", "recover", "certify"):
        assert viewer.post(f"{ENDPOINTS}{endpoint_id()}/{name}/").status_code == 403
    assert "Replay" not in viewer.get(f"{ACTIONS}{quote(failed)}/change/").content.decode()


def test_endpoints__by_their_circuit__are_filtered_and_counted(viewer: Client, shop: Merchant, failed: str) -> None:
    def found(**query: str) -> int:
        return len(viewer.get(ENDPOINTS, query).context["cl"].result_list)

    def badge() -> int:
        groups = viewer.get(ENDPOINTS).context["sidebar_navigation"]
        (item,) = [item for group in groups for item in group["items"] if item["title"] == "Endpoints"]
        return int(item["badge"])

    states = {
        "disabled": ("now()", "NULL", 1, 0),
        "open": ("NULL", "now() + interval '1 minute'", 5, 1),
        "failing": ("NULL", "NULL", 1, 0),
        "well": ("NULL", "NULL", 0, 0),
    }
    for state, (disabled_at, open_until, failures, openings) in states.items():
        as_owner(
            f"UPDATE delivery_endpoint SET disabled_at = {disabled_at}, open_until = {open_until},"
            f" consecutive_failures = {failures}, openings = {openings}"
        )
        assert {name for name in states if found(status__exact=name)} == {state}
        assert badge() == (state in ("disabled", "open"))


def test_endpoint__by_itself__names_what_is_sent_there(viewer: Client, failed: str) -> None:
    types, certifications, recoveries = viewer.get(f"{ENDPOINTS}{endpoint_id()}/change/").context["tables"]

    assert ["grant_points" in row[0] for row in types.rows] == [True]
    assert (certifications.rows, recoveries.rows) == ([], [])


def test_endpoint__by_itself__shows_its_latency_and_since_when_it_is_certified(
    viewer: Client, acme: Api, inbox: Receiver, shop: Merchant
) -> None:
    page = f"{ENDPOINTS}{endpoint_id()}/change/"
    fields = viewer.get(page).content.decode()
    assert "Certified since" in fields
    assert "p50" not in fields
    as_owner("UPDATE delivery_endpoint SET latencies = '{100,200,1900}'")

    assert "p50 200 ms, p95 1,730 ms" in viewer.get(page).content.decode()
    shown = acme.get(f"/api/partners/endpoints/{endpoint_id()}").json()["endpoint"]
    assert shown["latency_ms"] == {"p50": 200, "p95": 1730}


def test_endpoint__certified_with_a_secret_of_before__says_that_it_is_certified_no_more(
    operator: Client, acme: Api, failed: str
) -> None:
    page = f"{ENDPOINTS}{endpoint_id()}/"
    (integration,) = acme.get("/api/partners/integrations").json()["integrations"]
    # The one integration that sends there needs no choice.
    assert str(operator.get(f"{page}certify/").context["form"]["integration"].initial.pk) == integration["id"]
    as_owner(
        "INSERT INTO delivery_certification (tenant_id, endpoint_id, integration_id, secret_version, revision, status,"
        " finished_at) SELECT %s, %s, %s, 1, 1, 'passed', '2026-01-01'",
        *(acme.tenant_id, endpoint_id(), integration["id"]),
    )
    assert "Not certified:" not in operator.get(f"{page}change/").content.decode()

    assert acme.post(f"/api/partners/integrations/{integration['id']}/rotate-secret", {}).status_code == 200

    assert "Not certified:" in operator.get(f"{page}change/").content.decode()


@pytest.mark.parametrize(
    ("state", "buttons"),
    [
        ("disabled_at = NULL, disabled_because = NULL, consecutive_failures = 0", {"recover", "certify"}),
        ("disabled_at = NULL, disabled_because = NULL, consecutive_failures = 1", {"enable", "recover", "certify"}),
        ("url = url", {"enable", "certify"}),
        ("registered_at = NULL", {"enable", "certify"}),
    ],
    ids=["well", "failing", "disabled", "not registered any more"],
)
def test_buttons__of_an_endpoint__are_those_that_do_something(
    operator: Client, failed: str, state: str, buttons: set[str]
) -> None:
    as_owner(f"UPDATE delivery_endpoint SET {state}")

    html = operator.get(f"{ENDPOINTS}{endpoint_id()}/change/").content.decode()

    assert {name for name in ("enable", "recover", "certify") if f"/{name}/" in html} == buttons


def test_replay__of_an_action_that_expired__is_not_offered(operator: Client, failed: str) -> None:
    page = f"{ACTIONS}{quote(failed)}/"
    assert f"{page}replay/" in operator.get(f"{page}change/").content.decode()
    as_owner("UPDATE delivery_action SET expires_at = now()")

    assert f"{page}replay/" not in operator.get(f"{page}change/").content.decode()


def test_endpoint__by_an_operator__is_certified_enabled_and_recovered_as_by_its_partner(
    operator: Client, acme: Api, shop: Merchant, inbox: Receiver, failed: str
) -> None:
    page = f"{ENDPOINTS}{endpoint_id()}/"
    integration = acme.get("/api/partners/integrations").json()["integrations"][0]["id"]
    for name, body in {
        "enable": {},
        "recover": {"since": "2026-01-01 00:00"},
        "certify": {"integration": integration},
    }.items():
        assert operator.get(f"{page}{name}/").status_code == 200
        assert operator.post(f"{page}{name}/", body).status_code == 302
    inbox.answer = Answer(200)
    work()

    assert shop.action(failed).status == "delivered"
    shown = operator.get(f"{page}change/").content.decode()
    assert "wrong_signature: 200" in shown
    assert "<progress" in shown
    actions = [entry[0] for entry in audited(actor="staff:oscar")]
    assert sorted(actions) == ["endpoint.certification_started", "endpoint.enabled", "endpoint.recovery_started"]
    events = acme.get("/api/partners/events", {"limit": 1000}).json()["events"]
    assert {each["type"] for each in events if each["actor"] == {"type": "staff"}} >= set(actions)


WEBHOOKS, EVENTS = "/admin/delivery/webhook/", "/admin/tenants/partnerevent/"


def test_webhook__with_its_attempts_and_events__is_shown_and_replayed(
    viewer: Client, operator: Client, acme: Api, inbox: Receiver
) -> None:
    webhook = make(used(acme), inbox.url)
    acme.provision("another")
    inbox.answer = Answer(200, body=b"<b>thanks</b>")
    work()
    page, (event_id,) = f"{WEBHOOKS}{quote(webhook['id'])}/", inbox.ids

    assert inbox.url in viewer.get(WEBHOOKS).content.decode()
    shown = viewer.get(f"{page}change/").content.decode()
    assert "&lt;b&gt;thanks&lt;/b&gt;" in shown
    assert event_id in shown
    assert webhook["webhook_secret"] not in shown
    for query in ({}, {"tenant__id__exact": str(acme.tenant_id)}, {"type": "customer.created"}, {"q": event_id}):
        assert event_id in viewer.get(EVENTS, query).content.decode()
    assert inbox.url in viewer.get(f"{EVENTS}{quote(event_id)}/change/").content.decode()
    assert viewer.post(f"{page}replay/", {"since": "2026-01-01T00:00"}).status_code == 403
    assert operator.get(f"{page}replay/").status_code == 200
    assert operator.post(f"{page}replay/", {"since": "2026-01-01T00:00"}).status_code == 302
    work()

    assert event_id in inbox.ids[1:]
    assert [entry[0] for entry in audited(actor="staff:oscar")] == ["webhook.replay_started"]
