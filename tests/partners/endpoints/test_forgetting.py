"""What was over long ago is deleted, and what is shown or certifies stays."""

from delivery.tasks import forget_events
from tests.conftest import Api
from tests.delivery.receiver import Receiver
from tests.owner import as_owner
from tests.partners.endpoints.cast import act, endpoint

LONG_AGO = "now() - interval '91 days'"


def kept(table: str) -> list[str]:
    return [id for (id,) in as_owner(f"SELECT id FROM {table} ORDER BY created_at")]


def test_forget__certifications_of_long_ago__keeps_the_newest_and_the_certificate(acme: Api, inbox: Receiver) -> None:
    acme.register("loyalty", action_type_templates=[{"name": "grant_points", "delivery_webhook": inbox.url}])
    act(acme, endpoint(acme, inbox.url), "certify")
    for number, status in enumerate(["passed", "failed", "passed", "failed", "failed"], 1):
        as_owner(
            "INSERT INTO delivery_certification (id, tenant_id, endpoint_id, integration_id, secret_version, revision,"
            "    status, created_at, finished_at)"
            f" SELECT 'crt_{number}', tenant_id, endpoint_id, integration_id, 1, 1, '{status}',"
            f"    {LONG_AGO} + interval '{number} minutes', {LONG_AGO} + interval '{number} minutes'"
            " FROM delivery_certification WHERE status = 'running'"
        )
    as_owner("DELETE FROM delivery_certification WHERE status = 'running'")
    before = endpoint(acme, inbox.url)

    forget_events(timestamp=0)

    assert kept("delivery_certification") == ["crt_3", "crt_5"]
    assert endpoint(acme, inbox.url) == before
    assert before["certified_at"] is not None


def test_forget__recoveries_of_long_ago__keeps_the_newest_of_an_endpoint(acme: Api, inbox: Receiver) -> None:
    acme.register("loyalty", action_type_templates=[{"name": "grant_points", "delivery_webhook": inbox.url}])
    for number in range(1, 5):
        over = "now()" if number == 1 else LONG_AGO
        as_owner(
            "INSERT INTO delivery_recovery (id, tenant_id, endpoint_id, since, actions, customers, status, created_at,"
            "    finished_at)"
            f" SELECT 'rcv_{number}', tenant_id, id, now() - interval '{number} hours', 0, 0, 'completed',"
            f"    {LONG_AGO} + interval '{number} minutes', {over}"
            " FROM delivery_endpoint"
        )

    forget_events(timestamp=0)

    assert kept("delivery_recovery") == ["rcv_1", "rcv_4"]


def test_forget__replays_of_long_ago__keeps_the_newest_and_what_follows_the_feed(acme: Api) -> None:
    webhook = acme.post("/api/partners/webhooks", {"url": "https://hooks.acme.example/", "types": "*"}).json()[
        "webhook"
    ]
    for number in range(1, 4):
        as_owner(
            "INSERT INTO delivery_webhookreader (id, tenant_id, webhook_id, seq, until_seq, events, created_at,"
            "    completed_at)"
            f" VALUES ('rp_{number}', '{acme.tenant_id}', '{webhook['id']}', 1, 1, 0,"
            f"    {LONG_AGO} + interval '{number} minutes', {LONG_AGO} + interval '{number} minutes')"
        )

    forget_events(timestamp=0)

    found = as_owner("SELECT id FROM delivery_webhookreader WHERE until_seq IS NOT NULL")
    assert found == [("rp_3",)]
    assert as_owner("SELECT count(*) FROM delivery_webhookreader WHERE until_seq IS NULL") == [(1,)]
