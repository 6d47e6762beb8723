"""DELETE /customers/{id} and POST /customers/{id}/restore: what holds from the first second of a deletion on."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

import delivery.services as delivery_services
from delivery.transport.sending import Answer
from delivery.worker import actions, recording
from delivery.worker.queues import Result, Room
from tenants import services as tenants
from tenants.context import staff_context, tenant_context
from tenants.deletion import fleet_guard
from tenants.models import AuditEntry, PlanStatus, Scope
from tests.conftest import Api, Server
from tests.owner import as_owner

CUSTOMERS = "/api/partners/customers"
ROOM = Room(wanted=10, per_endpoint=10, slow_wanted=10, per_slow_endpoint=10)


def delete(partner: Api, customer: Any, **body: Any) -> Any:
    return partner.send("DELETE", f"{CUSTOMERS}/{getattr(customer, 'tenant_id', customer)}", body)


def restore(partner: Api, customer: Api) -> Any:
    return partner.post(f"{CUSTOMERS}/{customer.tenant_id}/restore")


def seconds_left(deleting: Any) -> float:
    return (datetime.fromisoformat(deleting["delete_at"]) - datetime.now(UTC)).total_seconds()


@pytest.mark.parametrize(("body", "days"), [(None, 30), ({}, 30), ({"grace_days": 0}, 0), ({"grace_days": 90}, 90)])
def test_delete__a_customer__is_accepted_and_says_until_when(acme: Api, merchant: Api, body: Any, days: int) -> None:
    path = f"{CUSTOMERS}/{merchant.tenant_id}"
    answer = acme.delete(path) if body is None else acme.send("DELETE", path, body)

    assert answer.status_code == 202
    customer, deletion = answer.json()["customer"], answer.json()["deletion"]
    assert (customer["tenant_id"], customer["plan_status"]) == (str(merchant.tenant_id), "deleting")
    assert customer["delete_at"] == deletion["delete_at"]
    assert days * 86400 - 60 < seconds_left(customer) <= days * 86400
    begins, ends = (datetime.fromisoformat(deletion[name]) for name in ("requested_at", "delete_at"))
    assert ends - begins == timedelta(days=days)
    assert (deletion["status"], deletion["tenant_id"]) == ("scheduled", str(merchant.tenant_id))
    assert deletion["requested_by"] == acme.actor
    assert acme.get(path).json()["customer"]["delete_at"] == customer["delete_at"]
    assert acme.get("/api/partners/stats").json()["by_plan_status"]["deleting"] == 1


def test_delete__a_customer__refuses_its_keys_and_keeps_its_slug(acme: Api, merchant: Api) -> None:
    delete(acme, merchant)

    for answer in (merchant.get("/api/settings"), merchant.post("/api/track", {"events": [{"user_id": "u"}]})):
        assert (answer.status_code, answer.json()["code"]) == (403, "tenant_deleting")
    again = acme.post(CUSTOMERS, {"name": "Again", "slug": "merchant"})
    assert (again.status_code, again.json()["code"]) == (409, "slug_taken")


def test_delete__a_customer_that_is_being_deleted__is_a_conflict_and_so_is_every_change(
    acme: Api, merchant: Api
) -> None:
    integration = acme.register()
    delete(acme, merchant)

    share = f"/api/partners/integrations/{integration['id']}/share"
    for answer in (
        delete(acme, merchant),
        acme.patch(f"{CUSTOMERS}/{merchant.tenant_id}", {"plan_status": "active"}),
        acme.patch(f"{CUSTOMERS}/{merchant.tenant_id}", {"name": "Another"}),
        acme.post(share, {"customer_tenant_id": str(merchant.tenant_id)}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "customer_deleting"), answer.content


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grace_days", -1),
        ("grace_days", 91),
        ("grace_days", "30"),
        ("grace_days", 1.5),
        ("grace_days", None),
        ("reason", 5),
        ("reason", "x" * 501),
        ("confirm_token", ""),
        ("force", True),
    ],
)
def test_delete__with_rubbish__names_the_field_and_deletes_nothing(
    acme: Api, merchant: Api, field: str, value: Any
) -> None:
    answer = delete(acme, merchant, **{field: value})

    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"]
    assert merchant.get("/api/settings").status_code == 200


@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_deletion__of_nobody_or_anothers_customer__is_the_same_404(
    acme: Api, rival: Api, merchant: Api, method: str
) -> None:
    suffix = "/restore" if method == "POST" else ""
    answers = [
        rival.send(method, f"{CUSTOMERS}/{id}{suffix}", {}) for id in (merchant.tenant_id, uuid4(), rival.tenant_id)
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert merchant.get("/api/settings").status_code == 200


def as_it_is(partner: Api, customer: Api) -> Any:
    found = partner.get(f"{CUSTOMERS}/{customer.tenant_id}").json()["customer"]
    return found | {"updated_at": None}


SAID: dict[str, dict[str, Any]] = {
    "nothing": {},
    "suspended": {"plan_status": "suspended"},
    "on hold": {"suspension": {"mode": "hold", "reason": "Invoice 4711"}},
    "switched off": {"controls": {"kill_switch": {"active": True, "reason": "Wrong prices"}}},
}


@pytest.mark.parametrize("said", SAID)
def test_restore__within_the_grace__is_as_it_was(acme: Api, merchant: Api, said: str) -> None:
    acme.patch(f"{CUSTOMERS}/{merchant.tenant_id}", SAID[said])
    before = as_it_is(acme, merchant)
    delete(acme, merchant)

    answer = restore(acme, merchant)

    assert answer.status_code == 200
    assert answer.json()["customer"]["plan_status"] == before["plan_status"]
    assert answer.json()["deletion"]["status"] == "cancelled"
    assert as_it_is(acme, merchant) == before
    assert merchant.get("/api/settings").status_code == (403 if said == "suspended" else 200)
    again = restore(acme, merchant)
    assert (again.status_code, again.json()["code"]) == (409, "customer_not_deleting")


def test_delete__whatever_is_said_of_the_customer__is_why_nothing_is_sent(acme: Api, merchant: Api) -> None:
    acme.patch(f"{CUSTOMERS}/{merchant.tenant_id}", {"suspension": {"mode": "hold"}})
    requested_at = delete(acme, merchant).json()["deletion"]["requested_at"]

    effective = acme.get(f"{CUSTOMERS}/{merchant.tenant_id}").json()["customer"]["effective"]
    refused = merchant.get("/api/me")

    assert (effective["sending"], effective["ingesting"], effective["by"]) == ("held", "off", "partner")
    assert effective["because"] == ["tenant_deleting", "tenant_suspended"]
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant_deleting")
    assert refused.json()["since"] == effective["since"] == requested_at


def test_delete__of_one_of_many__is_left_by_a_switch_for_those_that_a_filter_matches(acme: Api, merchant: Api) -> None:
    delete(acme, merchant)

    answer = acme.put("/api/partners/kill-switch", {"active": True, "only": {"filter": {"plan_tier": "starter"}}})

    assert (answer.status_code, answer.json()["kill_switch"]["customers_changed"]) == (200, 0)


def test_controls__by_sql_while_the_customer_is_deleted__leave_it_deleting(acme: Api, merchant: Api) -> None:
    acme.patch(f"{CUSTOMERS}/{merchant.tenant_id}", {"suspension": {"mode": "hold"}})
    delete(acme, merchant)

    with tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_control SET suspended_since = NULL, suspension_mode = NULL")
        assert cursor.rowcount == 1
        cursor.execute("SELECT plan_status FROM tenants_tenant WHERE id = %s", [merchant.tenant_id])
        assert cursor.fetchone() == ("deleting",)

    assert restore(acme, merchant).json()["customer"]["plan_status"] == "active"


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_external_id__of_a_customer_that_is_being_deleted__stays_taken(acme: Api, merchant: Api, method: str) -> None:
    acme.patch(f"{CUSTOMERS}/{merchant.tenant_id}", {"external_id": "shop-1"})
    path, own = (
        (f"{CUSTOMERS}/ext:shop-1", {})
        if method == "PUT"
        else (CUSTOMERS, {"external_id": "shop-1", "slug": "another"})
    )
    deleting = acme.send("DELETE", f"{CUSTOMERS}/ext:shop-1", {}).json()["customer"]

    answer = acme.send(method, path, {"name": "Another", **own})

    assert (answer.status_code, answer.json()["code"]) == (409, "customer_deleting")
    assert answer.json()["tenant_id"] == str(merchant.tenant_id)
    assert answer.json()["delete_at"] == deleting["delete_at"]
    assert acme.post(f"{CUSTOMERS}/ext:shop-1/restore").status_code == 200


def test_restore__of_one_that_staff_suspended__leaves_it_suspended_by_staff(acme: Api, merchant: Api) -> None:
    with staff_context():
        tenants.set_plan_status(actor="test", tenant_id=merchant.tenant_id, plan_status=PlanStatus.SUSPENDED)
    delete(acme, merchant)
    restore(acme, merchant)

    lifted = acme.patch(f"{CUSTOMERS}/{merchant.tenant_id}", {"plan_status": "active"})
    assert (lifted.status_code, lifted.json()["code"]) == (403, "suspended_by_staff")


def test_restore__in_the_last_second__is_in_time_and_a_moment_later_it_is_not(acme: Api, merchant: Api) -> None:
    delete(acme, merchant, grace_days=1)
    ends_in(merchant, "1 minute")
    assert restore(acme, merchant).status_code == 200

    delete(acme, merchant, grace_days=1)
    ends_in(merchant, "-1 second")
    answer = restore(acme, merchant)
    assert (answer.status_code, answer.json()["code"]) == (409, "deletion_due")


def ends_in(customer: Api, time: str) -> None:
    """Move the end of the grace, past the trigger that keeps it."""
    as_owner("ALTER TABLE tenants_tenant DISABLE TRIGGER restored_in_time")
    as_owner(f"UPDATE tenants_tenant SET delete_at = now() + interval '{time}' WHERE id = %s", customer.tenant_id)
    as_owner(f"UPDATE tenants_deletion SET delete_at = now() + interval '{time}' WHERE status = 'scheduled'")
    as_owner("ALTER TABLE tenants_tenant ENABLE TRIGGER restored_in_time")


def test_delete_and_restore__at_the_same_time__leave_one_state(acme: Api, merchant: Api, server: Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    path = f"{CUSTOMERS}/{merchant.tenant_id}"
    with ThreadPoolExecutor(8) as pool:
        deleted = [answer.status_code for answer in pool.map(lambda _: server.send(acme, "DELETE", path, {}), range(8))]
        assert sorted(deleted) == [202] + [409] * 7
        undone = [
            answer.status_code
            for answer in pool.map(lambda _: server.send(acme, "POST", f"{path}/restore", {}), range(8))
        ]
        assert sorted(undone) == [200] + [409] * 7
    assert merchant.get("/api/settings").status_code == 200


def test_audit__of_a_deletion_and_a_restore__is_one_entry_each(acme: Api, merchant: Api) -> None:
    delete(acme, merchant, reason="The contract ended.")
    restore(acme, merchant)

    with staff_context():
        entries = list(
            AuditEntry.objects.filter(tenant_id=merchant.tenant_id).order_by("id").values_list("action", "actor")
        )
    assert entries[-2:] == [("customer.deletion_scheduled", acme.actor), ("customer.restored", acme.actor)]


# --- Actions ---------------------------------------------------------------------------------------------------------


def waiting_actions(customer: Api, count: int) -> None:
    customer.post("/api/track", {"events": [{"user_id": "u", "event": "e"}]})
    customer.post(
        "/api/external/action-types",
        {
            "name": "gift",
            "description": "A gift",
            "provider": "shop",
            "parameters_schema": {},
            "delivery_webhook": "https://hooks.shop.example/",
        },
    )
    as_owner(
        "INSERT INTO delivery_action (tenant_id, action_type_id, action_type, provider, domain, user_id, parameters,"
        " status, due_at, attempts, replayed_from, failure_reason, expires_at)"
        " SELECT tenant_id, id, name, provider, '', 'u', '{}', 'pending', now(), 0, 0, '', now() + interval '1 day'"
        f" FROM integrations_actiontype, generate_series(1, {count}) WHERE tenant_id = %s AND name = 'gift'",
        customer.tenant_id,
    )


def reasons(customer: Api) -> list[tuple[str, str]]:
    return as_owner(
        "SELECT DISTINCT status, failure_reason FROM delivery_action WHERE tenant_id = %s", customer.tenant_id
    )


def test_delete__a_customer_with_actions_that_wait__cancels_them_for_good(acme: Api, merchant: Api) -> None:
    waiting_actions(merchant, 5)

    delete(acme, merchant)

    assert reasons(merchant) == [("failed", "tenant_deleting")]
    restore(acme, merchant)
    assert actions.claim(ROOM) == []
    assert reasons(merchant) == [("failed", "tenant_deleting")]


def test_delete__more_actions_than_it_cancels_at_once__sends_none_and_restores_none(
    acme: Api, merchant: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_services, "CANCELLED_AT_ONCE", 2)
    waiting_actions(merchant, 5)

    delete(acme, merchant)

    assert actions.claim(ROOM) == []
    answer = restore(acme, merchant)
    assert (answer.status_code, answer.json()["code"]) == (409, "cancelling_actions")
    from delivery.tasks import cancel_actions

    cancel_actions(timestamp=0)
    assert reasons(merchant) == [("failed", "tenant_deleting")]
    assert restore(acme, merchant).status_code == 200


def test_delete__while_an_action_is_in_flight__takes_its_result_and_stores_no_attempt(acme: Api, merchant: Api) -> None:
    waiting_actions(merchant, 1)
    (lease,) = actions.claim(ROOM)
    delete(acme, merchant)
    answer = Answer(started_at=datetime.now(UTC), latency_ms=5, status=200, error="", body="")

    assert recording.record([Result(lease=lease, answer=answer, delivered=True)]) == []

    assert reasons(merchant) == [("delivered", "")]
    assert as_owner("SELECT count(*) FROM delivery_attempt") == [(0,)]


# --- The fleet guard --------------------------------------------------------------------------------------------------


@pytest.fixture
def tenth(acme: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A customer of acme's, of whose customers as many were deleted as may be without a second key."""
    monkeypatch.setattr(fleet_guard, "FEW", 2)
    for number in range(2):
        assert delete(acme, acme.provision(f"shop-{number}")).status_code == 202
    return acme.provision("tenth")


def second_key(partner: Api, *, days: int = 2, issued_by: str = "staff:susan") -> Api:
    with staff_context():
        issued = tenants.issue_key(actor="test", tenant_id=partner.tenant_id, scopes=[Scope.PARTNER])
    as_owner(
        "UPDATE tenants_apikey SET created_at = created_at - make_interval(days => %s), created_by = %s WHERE id = %s",
        days,
        issued_by,
        issued.record.id,
    )
    return Api(partner.tenant_id, issued.text)


def test_fleet_guard__above_the_limit__wants_another_key(acme: Api, tenth: Api) -> None:
    other = second_key(acme)
    answer = delete(acme, tenth)
    assert (answer.status_code, answer.json()["code"]) == (409, "fleet_guard")
    problem = answer.json()
    assert (problem["current"], problem["limit"]) == (2, 2)
    token = problem["confirm_token"]
    assert tenth.get("/api/settings").status_code == 200

    same = delete(acme, tenth, confirm_token=token)
    assert (same.status_code, same.json()["code"]) == (403, "second_key_required")
    for refused in (second_key(acme, days=0), second_key(acme, issued_by=acme.actor)):
        answer = delete(refused, tenth, confirm_token=token)
        assert (answer.status_code, answer.json()["code"]) == (403, "second_key_required")
    assert delete(other, tenth, confirm_token=token).status_code == 202


def test_fleet_guard__token_of_another_customer_or_partner_or_of_before__is_none(
    acme: Api, rival: Api, tenth: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = second_key(acme)
    eleventh = acme.provision("eleventh")
    token = delete(acme, tenth).json()["confirm_token"]

    for sent in (token, token[:-4], "x", token.swapcase()):
        answer = delete(other, eleventh, confirm_token=sent)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/confirm_token")
    assert delete(second_key(rival), tenth, confirm_token=token).status_code == 404
    monkeypatch.setattr(fleet_guard, "TOKEN_SECONDS", -1)
    assert delete(other, tenth, confirm_token=token).status_code == 400


def test_fleet_guard__token_that_is_not_good_where_none_is_needed__is_none(acme: Api, merchant: Api) -> None:
    answer = delete(acme, merchant, confirm_token="x")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "invalid_confirm_token")
    assert delete(acme, merchant).status_code == 202


def test_fleet_guard__what_was_undone_or_is_a_day_old__does_not_count(acme: Api, tenth: Api) -> None:
    as_owner(
        "UPDATE tenants_deletion SET requested_at = now() - interval '25 hours' WHERE id = ("
        "SELECT min(id) FROM tenants_deletion)"
    )
    assert delete(acme, tenth).status_code == 202
    assert restore(acme, tenth).status_code == 200
    assert delete(acme, tenth).status_code == 202


def test_fleet_guard__limit__is_two_percent_where_that_is_more(acme: Api) -> None:
    as_owner(
        "INSERT INTO tenants_tenant"
        " (id, name, slug, tenant_role, parent_id, plan_tier, plan_status, tracked_user_limit, config)"
        " SELECT gen_random_uuid(), 'S', 's-' || n, 'customer', %s, 'starter', 'active', 1, '{}'"
        " FROM generate_series(1, 600) n",
        acme.tenant_id,
    )
    with tenant_context(acme.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant WHERE parent_id = %s ORDER BY slug LIMIT 13", [acme.tenant_id])
        ids = [id for (id,) in cursor.fetchall()]

    assert [delete(acme, id).status_code for id in ids] == [202] * 12 + [409]


def test_fleet_guard__deletions_at_the_same_time__are_each_counted(acme: Api, server: Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    customers = [acme.provision(f"shop-{number}") for number in range(14)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda each: server.send(acme, "DELETE", f"{CUSTOMERS}/{each.tenant_id}", {}), customers)
        )
    assert sorted(answer.status_code for answer in answers) == [202] * 10 + [409] * 4


def test_tokens__after_an_hour__are_too_old() -> None:
    assert timedelta(seconds=fleet_guard.TOKEN_SECONDS) == timedelta(hours=1)
