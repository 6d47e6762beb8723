"""A worker carries out what is due, in steps that another may go on with, and certifies that nothing is left."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError

from learning.patterns.releases import release_patterns
from retivo import encryption
from retivo.api.json import encode
from tenants.context import staff_context
from tenants.deletion import certificates, job, rows
from tenants.deletion.named import named_in
from tenants.models import Deletion, DeletionStatus
from tenants.tasks import delete_tenants
from tests.conftest import REPOSITORY, Api, Server, service_environment
from tests.delivery.worker.processes import wait_for, worker
from tests.learning.cast import learn
from tests.owner import as_owner
from tests.partners.customers.test_delete_customer import delete, ends_in, restore
from tests.partners.rollouts.cast import publish, steer, work

DELETIONS = "/api/partners/deletions"


def events(customer: Api, count: int) -> None:
    customer.post("/api/track", {"events": [{"user_id": "u", "event": "e"}]})
    as_owner(
        "INSERT INTO events_event (tenant_id, timestamp, user_id, name, source, properties, retention_days, month)"
        " SELECT tenant_id, timestamp, user_id, name, source, properties, retention_days, month"
        f" FROM events_event, generate_series(1, {count}) WHERE tenant_id = %s",
        customer.tenant_id,
    )


def shown(partner: Api, deletion_id: str) -> Any:
    return partner.get(f"{DELETIONS}/{deletion_id}").json()["deletion"]


def schedule(partner: Api, customer: Api, **body: Any) -> str:
    answer = delete(partner, customer, **body)
    assert answer.status_code == 202, answer.content
    deletion_id: str = answer.json()["deletion"]["id"]
    return deletion_id


def test_job__of_what_is_due__deletes_it_and_leaves_the_rest(acme: Api) -> None:
    now, later, kept = acme.provision("now"), acme.provision("later"), acme.provision("kept")
    due, waiting = schedule(acme, now, grace_days=0), schedule(acme, later, grace_days=1)

    delete_tenants(timestamp=0)

    assert shown(acme, due)["status"] == "verified"
    assert shown(acme, waiting)["status"] == "scheduled"
    assert acme.get(f"/api/partners/customers/{now.tenant_id}").status_code == 404
    assert now.get("/api/settings").status_code == 401
    assert kept.get("/api/settings").status_code == 200
    assert acme.provision("now").tenant_id != now.tenant_id  # the slug is free again
    ends_in(later, "-1 second")
    delete_tenants(timestamp=0)
    assert shown(acme, waiting)["status"] == "verified"


def test_certificate__of_a_deletion__says_what_went_and_names_nobody(acme: Api, merchant: Api) -> None:
    acme.register()
    contributor = acme.provision("contributor")
    learn(contributor, 1)
    release_patterns()
    events(contributor, 20)
    deletion_id = schedule(acme, contributor, grace_days=0, reason="Mrs Jones asked.")

    delete_tenants(timestamp=0)

    deletion = shown(acme, deletion_id)
    certificate = deletion["certificate"]
    tables = {table["table"]: table["deleted"] for table in certificate["tables"]}
    assert tables["events_event"] >= 21
    assert (tables["tenants_tenant"], tables["learning_receipt"]) == (1, 1)
    assert {table["left"] for table in certificate["tables"]} == {0}
    assert set(tables) == named_tables()
    assert tables["tenants_permit"] > 0
    assert {kept["table"] for kept in certificate["kept"]} == rows.KEPT.keys()
    assert sum(tables.values()) == deletion["rows_deleted"]
    assert [release["release"] for release in certificate["releases_contributed"]] == [1]
    assert certificate["releases_contributed"][0]["epsilon"] > 0
    assert certificate["tenant_id_hash"] == hashlib.sha256(str(contributor.tenant_id).encode()).hexdigest()
    assert certificate["requested_by"] == acme.actor
    assert (deletion["tenant_id"], deletion["reason"], deletion["failure"]) == (None, "", None)
    text = json.dumps(deletion)
    assert str(contributor.tenant_id) not in text
    assert "Jones" not in text
    assert certificate["backups_expire_at"] > certificate["finished_at"]


def named_tables() -> set[str]:
    with staff_context():
        return {table for table, _ in [*rows.tables(), *rows.gone_with_the_tenant()]}


def test_deletions__of_another_partner__are_the_same_404_as_none(acme: Api, rival: Api, merchant: Api) -> None:
    deletion_id = schedule(acme, merchant)
    other = Deletion(id="del_" + 32 * "0")
    for name in (deletion_id, other.id, "x", "a\0b", "%00"):
        assert rival.get(f"{DELETIONS}/{name}").status_code == 404, name
    assert acme.get(f"{DELETIONS}/{deletion_id}").status_code == 200


def test_deletions__in_pages__are_all_the_newest_first(acme: Api, rival: Api) -> None:
    ids = [schedule(acme, acme.provision(f"shop-{number}")) for number in range(5)]
    restored = acme.provision("restored")
    schedule(acme, restored)
    restore(acme, restored)

    found, cursor = [], None
    while True:
        page = acme.get(DELETIONS, {"limit": 2, "status": "scheduled", **({"cursor": cursor} if cursor else {})}).json()
        assert page["total"] == 5
        found += [deletion["id"] for deletion in page["deletions"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == ids[::-1]
    assert [each["status"] for each in acme.get(DELETIONS).json()["deletions"]].count("cancelled") == 1
    assert rival.get(DELETIONS).json() == {"deletions": [], "total": 0, "next_cursor": None}
    assert acme.get(DELETIONS, {"status": "done"}).status_code == 400


# --- Killed, held up, taken over -------------------------------------------------------------------------------------


SLOW = """
import sys, time
from django.db import connections
from retivo import processes
processes.work_in_background()
import django
django.setup()
from tenants.deletion import job, rows
rows.BATCH = 50
delete = rows.Step.delete
def slowly(step):
    time.sleep(0.05)
    return delete(step)
rows.Step.delete = slowly
job.run_due()
"""


def test_worker__killed_in_the_middle__is_gone_on_with_and_every_row_counts_once(
    acme: Api, merchant: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    events(merchant, 20_000)
    deletion_id = schedule(acme, merchant, grace_days=0)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW],
        cwd=REPOSITORY,
        env=service_environment(DJANGO_SETTINGS_MODULE="retivo.settings"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: shown(acme, deletion_id)["rows_deleted"] > 100)
    finally:
        process.kill()  # SIGKILL
        process.wait(60)

    before = shown(acme, deletion_id)
    assert before["status"] == "running"
    left = as_owner("SELECT count(*) FROM events_event WHERE tenant_id = %s", merchant.tenant_id)[0][0]
    assert 0 < left < 20_001
    delete_tenants(timestamp=0)  # the lease of the dead one is not over
    assert shown(acme, deletion_id) == before
    as_owner("UPDATE tenants_deletion SET leased_until = now()")
    delete_tenants(timestamp=0)

    deletion = shown(acme, deletion_id)
    assert deletion["status"] == "verified"
    tables = {table["table"]: table["deleted"] for table in deletion["certificate"]["tables"]}
    assert tables["events_event"] == 20_001
    assert deletion["started_at"] == before["started_at"]


def test_worker__whose_lease_another_took__stops(acme: Api, merchant: Api) -> None:
    events(merchant, 10)
    schedule(acme, merchant, grace_days=0)
    (claim,) = job._claim_due(1)
    steps = claim.steps()
    next(steps)
    as_owner("UPDATE tenants_deletion SET lease = gen_random_uuid()")

    with pytest.raises(job._LeaseLostError):
        for _ in steps:
            pass


def test_job__that_fails__says_so_and_is_tried_again(acme: Api, merchant: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    deletion_id = schedule(acme, merchant, grace_days=0)

    def fail(*args: Any) -> None:
        raise RuntimeError("Mrs Jones")

    with monkeypatch.context() as patch:
        patch.setattr(certificates, "sign", fail)
        delete_tenants(timestamp=0)
    failed = shown(acme, deletion_id)
    assert (failed["status"], failed["failure"], failed["certificate"]) == ("failed", "RuntimeError", None)
    delete_tenants(timestamp=0)  # not at once
    assert shown(acme, deletion_id)["status"] == "failed"

    as_owner("UPDATE tenants_deletion SET leased_until = now()")
    delete_tenants(timestamp=0)
    assert shown(acme, deletion_id)["status"] == "verified"


@pytest.fixture
def stays() -> Iterator[None]:
    """No event is deleted, whoever tries."""
    as_owner(
        "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        " CREATE TRIGGER stay BEFORE DELETE ON events_event FOR EACH ROW EXECUTE FUNCTION stay()"
    )
    yield
    as_owner("DROP FUNCTION stay CASCADE")


def test_job__where_rows_are_left__issues_no_certificate(acme: Api, merchant: Api, stays: None) -> None:
    events(merchant, 1)
    deletion_id = schedule(acme, merchant, grace_days=0)

    delete_tenants(timestamp=0)

    assert (shown(acme, deletion_id)["status"], shown(acme, deletion_id)["failure"]) == ("failed", "LeftError")


def test_job__of_one_that_waits_for_a_lock__lets_the_others_go_on(
    acme: Api, merchant: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = acme.provision("other")
    held, free = schedule(acme, merchant, grace_days=0), schedule(acme, other, grace_days=0)
    delete_tenant = job._Deleting._delete_tenant

    def hold(deleting: Any) -> None:
        if deleting.tenant_id == merchant.tenant_id:
            raise OperationalError("canceling statement due to lock timeout")
        delete_tenant(deleting)

    with monkeypatch.context() as patch:
        patch.setattr(job._Deleting, "_delete_tenant", hold)
        delete_tenants(timestamp=0)

    assert (shown(acme, held)["status"], shown(acme, free)["status"]) == ("running", "verified")


def test_job__of_a_tenant_that_was_restored_past_its_record__deletes_nothing(acme: Api, merchant: Api) -> None:
    schedule(acme, merchant, grace_days=1)
    ends_in(merchant, "-1 second")
    as_owner("ALTER TABLE tenants_tenant DISABLE TRIGGER restored_in_time")
    as_owner("UPDATE tenants_tenant SET plan_status = 'active', delete_at = NULL WHERE id = %s", merchant.tenant_id)
    as_owner("ALTER TABLE tenants_tenant ENABLE TRIGGER restored_in_time")

    delete_tenants(timestamp=0)

    assert merchant.get("/api/settings").status_code == 200


def test_worker__as_a_process__carries_out_what_is_due(acme: Api, merchant: Api, tmp_path: Path) -> None:
    events(merchant, 100)
    deletion_id = schedule(acme, merchant, grace_days=0)

    with worker(tmp_path / "worker.log"):
        wait_for(lambda: shown(acme, deletion_id)["status"] == "verified", 120)


def test_job__of_a_partner__leaves_records_that_name_nobody(acme: Api, merchant: Api) -> None:
    deletion_id = schedule(acme, merchant, grace_days=0)
    delete_tenants(timestamp=0)

    job.delete_now(actor="staff:oscar", by="staff", tenant_id=acme.tenant_id)

    with staff_context():
        records = list(Deletion.objects.all())
    assert {record.status for record in records} == {DeletionStatus.VERIFIED}
    assert {(record.subject_id, record.owner_id) for record in records} == {(None, None)}
    assert deletion_id in {record.id for record in records}
    assert {record.requested_by for record in records} == {acme_key(records), "staff"}


def acme_key(records: list[Deletion]) -> str:
    return next(record.requested_by for record in records if record.requested_by != "staff")


def test_answers__stored_for_the_partner__of_a_customer_go_with_it(acme: Api) -> None:
    made = acme.post("/api/partners/customers", {"name": "Canary", "slug": "canary"}, Idempotency_Key="one")
    acme.post("/api/partners/customers", {"name": "Other", "slug": "other"}, Idempotency_Key="two")
    customer = Api(UUID(made.json()["customer"]["tenant_id"]), made.json()["customer"]["api_key"])

    schedule(acme, customer, grace_days=0)
    delete_tenants(timestamp=0)

    assert as_owner("SELECT count(*) FROM tenants_idempotentanswer") == [(1,)]


def test_answers__of_every_operation_that_names_a_customer__go_with_it(acme: Api) -> None:
    path = "/api/partners/customers"
    made = acme.post(path, {"name": "Canary", "slug": "canary", "external_id": "can-1"}).json()["customer"]
    other = acme.post(path, {"name": "Other", "slug": "other", "external_id": "other-1"}).json()["customer"]
    integration = acme.register("bound")["id"]
    publish(acme, integration)
    to: list[tuple[str, dict[str, Any]]] = []
    for customer, name in ((made["tenant_id"], "ext:can-1"), (other["tenant_id"], "ext:other-1")):
        for reference in (customer, name):
            to.append((f"{path}/{reference}/api-keys", {"scopes": ["full"], "label": "one"}))
            to.append((f"{path}/{reference}/api-keys/revoke-all", {"reissue": True}))
        to.append((f"/api/partners/integrations/{integration}/share", {"customer_tenant_id": customer}))
        to.append((f"/api/partners/integrations/{integration}/rollouts", {"to": {"customer_ids": [name]}}))
    to.append((f"/api/partners/integrations/{integration}/rollouts", {"to": {"filter": {"q": "canary"}}}))
    for number, (where, body) in enumerate(to):
        if where.endswith("/rollouts"):
            body |= {"revision": 2, "dry_run": False}
        answer = acme.post(where, body, Idempotency_Key=f"k{number}")
        assert answer.status_code in (200, 201, 202), (where, body, answer.content)
        if where.endswith("/rollouts"):
            work(acme)
            steer(acme, answer.json()["rollout"]["id"], "rollback")
            work(acme)
    of_canary = 5  # a roll-out tells how many customers it is about, not which
    assert as_owner("SELECT count(*) FROM tenants_idempotentanswer") == [(len(to),)]

    schedule(acme, Api(UUID(made["tenant_id"]), made["api_key"]), grace_days=0)
    delete_tenants(timestamp=0)

    assert as_owner("SELECT count(*) FROM tenants_idempotentanswer") == [(len(to) - of_canary,)]
    left = b"".join(
        encryption.decrypt(bytes(body)) for (body,) in as_owner("SELECT body FROM tenants_idempotentanswer")
    ).decode()
    assert not [text for text in (made["tenant_id"], "can-1", "canary") if text in left]


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ({"id": "0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21"}, {"0b9f6d7e-5a3c-4c57-9d0e-3f5d1f6a7b21"}),
        ({"to": {"customer_ids": ['ext:a"b/é\\', "ext:c"]}}, {'ext:a"b/é\\', "ext:c"}),
        ({"customer": {"external_id": 'shop é"'}}, {'ext:shop é"'}),
        ({"customer": {"external_id": None}, "text": "ext"}, set()),
    ],
)
def test_names__in_an_answer__are_found(answer: dict[str, Any], names: set[str]) -> None:
    assert named_in(encode(answer)) == names


def test_requests_in_flight__when_it_is_deleted__leave_no_row(acme: Api, server: Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    customer = acme.provision("busy")

    def track(number: int) -> int:
        body = {"events": [{"user_id": f"u{number % 7}", "event": "e", "idempotency_key": f"{number}"}]}
        return server.send(customer, "POST", "/api/track", body).status_code

    with ThreadPoolExecutor(6) as pool:
        sent = [pool.submit(track, number) for number in range(150)]
        wait_for(lambda: sum(each.done() for each in sent) > 30)
        deletion_id = schedule(acme, customer, grace_days=0)
        delete_tenants(timestamp=0)
        statuses = {each.result() for each in sent}

    assert 200 in statuses
    assert statuses <= {200, 401, 403, 409}  # the last of one that was let in before
    assert shown(acme, deletion_id)["status"] == "verified"
    with staff_context():
        named = rows.tables()
    assert [
        table
        for table, column in named
        if as_owner(f"SELECT 1 FROM {table} WHERE {column} = %s LIMIT 1", customer.tenant_id)
    ] == []


def test_job__that_lost_its_lease__does_not_fail_the_run_of_another_worker(acme: Api, merchant: Api) -> None:
    def broken() -> Iterator[None]:
        for _ in range(1):
            raise RuntimeError
        yield

    deletion_id = schedule(acme, merchant, grace_days=0)
    (slow,) = job._claim_due(1)
    as_owner("UPDATE tenants_deletion SET leased_until = now() - interval '1 second'")
    (other,) = job._claim_due(1)

    assert not job._goes_on(slow, broken())
    assert shown(acme, deletion_id)["status"] == "running"
    assert not job._goes_on(other, broken())
    assert shown(acme, deletion_id)["status"] == "failed"
