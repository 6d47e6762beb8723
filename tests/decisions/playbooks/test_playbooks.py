from typing import Any
from uuid import uuid4

import pytest

from tenants.context import staff_context
from tenants.models import UPGRADE_TO, AuditEntry, PlanTier, Scope
from tenants.plans import LIMITS
from tenants.services import issue_key
from tests.buffers import reads
from tests.conftest import Api
from tests.decisions.cast import INTERVENTIONS, PLAYBOOKS, ask, interventions, is_in, person, playbook, run
from tests.owner import as_owner

FULL: dict[str, Any] = {
    "name": "Second purchase",
    "lifecycle_area": "upsell",
    "entry_conditions": {"engagement_score": {"gte": 0.6}},
    "exit_conditions": {"event:purchase_completed": {"count_gte": 2}},
    "constraints": {
        "cooldown_days": 14,
        "max_per_user": 2,
        "period_days": 90,
        "quiet_hours": {"from": "22:00", "to": "08:00"},
        "needs_approval": True,
        "delays_days": [0, 3],
    },
    "strategy_hints": {"tone": "warm"},
}


def listed(api: Api, **query: Any) -> Any:
    response = api.get(PLAYBOOKS, query)
    assert response.status_code == 200, response.content
    return response.json()


def set_status(api: Api, playbook_id: Any, status: str) -> Any:
    return api.put(f"{PLAYBOOKS}/{playbook_id}/status", {"status": status})


# --- Create and list ------------------------------------------------------------------------------------------------


def test_create__only_a_name__is_a_draft(merchant: Api) -> None:
    response = merchant.post(PLAYBOOKS, {"name": "Win back"})

    assert response.status_code == 201
    assert response.json().keys() == {"id", "name", "status", "created_at"}
    assert (response.json()["name"], response.json()["status"]) == ("Win back", "draft")
    (found,) = listed(merchant)["playbooks"]
    assert found == {
        **response.json(),
        "lifecycle_area": "retention",
        **{name: {} for name in ("entry_conditions", "exit_conditions", "constraints", "strategy_hints")},
        "status_changed_at": found["status_changed_at"],
        "success_rate": None,
    }


def test_get__one__is_as_the_list_has_it(merchant: Api) -> None:
    merchant.post(PLAYBOOKS, {"name": "Another"})
    made = merchant.post(PLAYBOOKS, FULL).json()["id"]

    assert merchant.get(f"{PLAYBOOKS}/{made}").json() == {"playbook": listed(merchant)["playbooks"][1]}


def test_create__everything__is_listed_as_it_was_sent(merchant: Api) -> None:
    merchant.post(PLAYBOOKS, FULL)

    (found,) = listed(merchant)["playbooks"]

    assert {name: found[name] for name in FULL} == FULL


def test_create__sent_twice_under_a_key__makes_one(merchant: Api) -> None:
    first, again = (merchant.post(PLAYBOOKS, FULL, Idempotency_Key="k") for _ in range(2))

    assert first.json() == again.json()
    assert listed(merchant)["total"] == 1


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"name": " "}, "/name", "blank"),
        ({"name": None}, "/name", "null"),
        ({"status": "active"}, "/status", "unknown_field"),
        ({"lifecycle_area": "winback"}, "/lifecycle_area", "invalid_choice"),
        ({"entry_conditions": []}, "/entry_conditions", "not_an_object"),
        ({"constraints": {"cooldown": 5}}, "/constraints/cooldown", "unknown_field"),
        ({"constraints": {"cooldown_days": -1}}, "/constraints/cooldown_days", "min_value"),
        ({"constraints": {"max_per_user": "2"}}, "/constraints/max_per_user", "not_an_integer"),
        ({"constraints": {"needs_approval": "yes"}}, "/constraints/needs_approval", "invalid"),
        ({"constraints": {"quiet_hours": {"from": "22:00"}}}, "/constraints/quiet_hours/to", "required"),
        ({"constraints": {"quiet_hours": {"from": "24:00", "to": "1:00"}}}, "/constraints/quiet_hours/from", None),
        ({"constraints": {"delays_days": []}}, "/constraints/delays_days", "min_length"),
        ({"constraints": {"delays_days": [1, 1.5]}}, "/constraints/delays_days/1", "not_an_integer"),
        ({"strategy_hints": "x"}, "/strategy_hints", "not_an_object"),
    ],
)
def test_create__bad_field__is_400_that_names_it(merchant: Api, fields: Any, pointer: str, code: str | None) -> None:
    response = merchant.post(PLAYBOOKS, {"name": "x", **fields})

    assert response.status_code == 400
    first = response.json()["errors"][0]
    assert (first["pointer"], first["code"]) == (pointer, code or "invalid_format")


def test_list__filters_and_pages__add_up(merchant: Api) -> None:
    made = [
        playbook(merchant, "draft", name=f"P{n}", lifecycle_area="upsell" if n % 2 else "onboarding") for n in range(5)
    ]
    set_status(merchant, made[1], "active")

    assert [found["id"] for found in listed(merchant, lifecycle_area="upsell")["playbooks"]] == [made[1], made[3]]
    assert [found["id"] for found in listed(merchant, status="active")["playbooks"]] == [made[1]]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = listed(merchant, limit=2, **cursor)
        assert page["total"] == 5
        seen += [found["id"] for found in page["playbooks"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == made


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"cursor": "x"}, {"status": "x"}, {"colour": "red"}])
@pytest.mark.parametrize("path", [PLAYBOOKS, INTERVENTIONS])
def test_list__bad_query__is_400(merchant: Api, path: str, query: Any) -> None:
    response = merchant.get(path, query)

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, f"/{next(iter(query))}")


def test_success_rate__is_the_completed_share_of_what_ended(merchant: Api) -> None:
    for n in range(6):
        person(merchant, f"u{n}")
    playbook(merchant)
    run(merchant)
    for n, status in enumerate(["completed", "failed", "failed", "failed", "rejected", "sent"]):
        ask(merchant, "UPDATE decisions_intervention SET status = %(s)s WHERE user_id = %(u)s", s=status, u=f"u{n}")

    assert listed(merchant)["playbooks"][0]["success_rate"] == 0.25


def test_success_rate__of_many__is_of_the_newest_and_reads_no_more(merchant: Api) -> None:
    person(merchant, "u")
    playbook(merchant)
    run(merchant)
    ask(merchant, "UPDATE decisions_intervention SET status = 'failed'")
    columns = "user_id, playbook_id, entry, channel, message_body, reasoning, flagged, flag_reason, quality_checks"
    as_owner(
        f"INSERT INTO decisions_intervention (tenant_id, id, step, status, planned_at, {columns})"
        f" SELECT tenant_id, 'int_' || n, n + 1, CASE WHEN n > 3000 THEN 'completed' ELSE 'failed' END,"
        f" now() + n * interval '1 s', {columns} FROM decisions_intervention, generate_series(1, 4000) n"
    )
    as_owner("VACUUM ANALYZE decisions_intervention")

    with reads() as read:
        (found,) = listed(merchant)["playbooks"]

    assert found["success_rate"] == 1.0
    assert max(each.rows for each in read if "decisions_intervention" in each.sql) <= 1_010


# --- Change ---------------------------------------------------------------------------------------------------------


def test_change__some_fields__replaces_them_and_leaves_the_rest(merchant: Api) -> None:
    made = merchant.post(PLAYBOOKS, FULL).json()["id"]

    response = merchant.put(f"{PLAYBOOKS}/{made}", {"name": "Third", "constraints": {"cooldown_days": 1}})

    assert response.json() == {"id": made, "name": "Third", "status": "draft"}
    (found,) = listed(merchant)["playbooks"]
    assert {name: found[name] for name in FULL} == FULL | {"name": "Third", "constraints": {"cooldown_days": 1}}
    assert merchant.put(f"{PLAYBOOKS}/{made}", {}).json() == {"id": made, "name": "Third", "status": "draft"}


def test_change__of_an_active_one__goes_for_the_next_run(merchant: Api) -> None:
    person(merchant, "a")
    person(merchant, "b", lifecycle_stage="new")
    made = playbook(merchant)
    run(merchant)

    merchant.put(f"{PLAYBOOKS}/{made}", {"entry_conditions": {"lifecycle_stage": "new"}})
    run(merchant)

    assert is_in(merchant, made) == {"b"}


def test_status__each_step__is_as_the_table_says(merchant: Api) -> None:
    made = playbook(merchant, "draft")
    for status, expected in [
        ("paused", 409),
        ("active", 200),
        ("active", 200),
        ("draft", 409),
        ("paused", 200),
        ("active", 200),
        ("archived", 200),
        ("archived", 200),
        ("active", 409),
        ("draft", 200),
        ("archived", 200),
    ]:
        response = set_status(merchant, made, status)
        assert response.status_code == expected, (status, response.content)
    assert set_status(merchant, made, "paused").json()["current_status"] == "archived"
    assert set_status(merchant, made, "gone").status_code == 400


def test_activate__without_entry_conditions__is_409_but_for_a_win_back(merchant: Api) -> None:
    empty = playbook(merchant, "draft", entry_conditions={})
    win_back = playbook(merchant, "draft", entry_conditions={}, lifecycle_area="win_back")

    assert set_status(merchant, empty, "active").json()["code"] == "playbook_without_conditions"
    assert set_status(merchant, win_back, "active").status_code == 200
    for change in ({"lifecycle_area": "upsell"}, {"lifecycle_area": "upsell", "entry_conditions": {}}):
        response = merchant.put(f"{PLAYBOOKS}/{win_back}", change)
        assert (response.status_code, response.json()["code"]) == (409, "playbook_without_conditions")
    everybody = {"lifecycle_area": "upsell", "entry_conditions": {"opted_out": False}}
    assert merchant.put(f"{PLAYBOOKS}/{win_back}", everybody).status_code == 200


def test_archive__lets_go_of_its_users_and_cancels_what_is_to_come(merchant: Api) -> None:
    for user in ("a", "b"):
        person(merchant, user)
    made = playbook(merchant)
    run(merchant)
    ask(merchant, "UPDATE decisions_intervention SET status = 'sent' WHERE user_id = 'a'")

    assert merchant.delete(f"{PLAYBOOKS}/{made}").json() == {"archived": True}
    assert merchant.delete(f"{PLAYBOOKS}/{made}").json() == {"archived": True}

    assert is_in(merchant, made) == set()
    assert {found["user_id"]: found["status"] for found in interventions(merchant)} == {"a": "sent", "b": "cancelled"}
    assert ask(merchant, "SELECT next_action FROM events_trackeduser WHERE user_id = 'b'") == [(None,)]
    assert listed(merchant, status="archived")["total"] == 1
    assert merchant.put(f"{PLAYBOOKS}/{made}", {"name": "x"}).json()["code"] == "playbook_archived"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "", None), ("PUT", "", {"name": "x"}), ("PUT", "/status", {"status": "active"}), ("DELETE", "", None)],
)
def test_playbook__of_another_tenant_or_of_none__is_404(
    acme: Api, merchant: Api, method: str, path: str, body: Any
) -> None:
    foreign = playbook(acme.provision("other"))

    for playbook_id in (foreign, uuid4()):
        response = merchant.send(method, f"{PLAYBOOKS}/{playbook_id}{path}", body)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_playbooks__key_without_full_access__is_403(acme: Api) -> None:
    with staff_context():
        key = issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.PARTNER])

    for path in (PLAYBOOKS, INTERVENTIONS):
        assert Api(acme.tenant_id, key.text).get(path).json()["code"] == "full_scope_required"


def test_audit__each_change__is_recorded_without_what_it_says(merchant: Api) -> None:
    made = merchant.post(PLAYBOOKS, FULL | {"name": "Secret"}).json()["id"]
    merchant.put(f"{PLAYBOOKS}/{made}", {"name": "Secret", "strategy_hints": {}})
    set_status(merchant, made, "active")
    set_status(merchant, made, "active")
    merchant.delete(f"{PLAYBOOKS}/{made}")

    with staff_context():
        entries = list(AuditEntry.objects.filter(action__startswith="playbook.").order_by("id"))
    assert [(entry.action, entry.detail) for entry in entries] == [
        ("playbook.created", {"playbook_id": made, "status": "draft"}),
        ("playbook.changed", {"playbook_id": made, "changed": ["strategy_hints"]}),
        ("playbook.status_changed", _moved(made, "draft", "active")),
        ("playbook.status_changed", _moved(made, "active", "archived")),
    ]


def _moved(playbook: str, before: str, after: str) -> dict[str, Any]:
    return {"playbook_id": playbook, "status": after, "changes": {"status": {"from": before, "to": after}}}


# --- Limits of a plan -----------------------------------------------------------------------------------------------


def fill(api: Api, count: int, status: str) -> None:
    ask(
        api,
        "INSERT INTO decisions_playbook (tenant_id, id, name, status, lifecycle_area, entry_conditions,"
        " exit_conditions, constraints, strategy_hints)"
        " SELECT %(tenant_id)s, gen_random_uuid(), 'P', %(status)s, 'retention', '{\"health\": 1}', '{}', '{}', '{}'"
        " FROM generate_series(1, %(count)s)",
        tenant_id=api.tenant_id,
        status=status,
        count=count,
    )


@pytest.mark.parametrize("tier", PlanTier.values)
def test_activate__one_more_than_the_plan_allows__is_403_and_those_before_go_on(acme: Api, tier: str) -> None:
    merchant = acme.provision("merchant", plan_tier=tier)
    limit = LIMITS[PlanTier(tier)].active_playbooks
    fill(merchant, limit + 1, "active")  # as after a change to a smaller plan
    made = playbook(merchant, status="draft")

    response = set_status(merchant, made, "active")

    problem = response.json()
    assert (response.status_code, problem["code"]) == (403, "active_playbook_limit_reached")
    assert (problem["current"], problem["limit"]) == (limit + 1, limit)
    assert problem["upgrade_to"] == UPGRADE_TO[PlanTier(tier)]
    assert listed(merchant, status="active")["total"] == limit + 1
    for running in listed(merchant, status="active")["playbooks"][:2]:
        assert set_status(merchant, running["id"], "paused").status_code == 200
    assert set_status(merchant, made, "active").status_code == 200
    assert set_status(merchant, made, "active").status_code == 200  # it is already


def test_create__one_more_than_the_plan_allows__is_403_until_one_is_archived(acme: Api) -> None:
    merchant = acme.provision("merchant", plan_tier="starter")
    limit = LIMITS[PlanTier.STARTER].playbooks
    fill(merchant, 3, "archived")
    fill(merchant, limit - 1, "draft")
    made = playbook(merchant, status="draft")

    response = merchant.post(PLAYBOOKS, {"name": "One more"})

    assert (response.status_code, response.json()["code"]) == (403, "playbook_limit_reached")
    assert (response.json()["current"], response.json()["limit"]) == (limit, limit)
    assert merchant.delete(f"{PLAYBOOKS}/{made}").status_code == 200
    assert merchant.post(PLAYBOOKS, {"name": "One more"}).status_code == 201
    assert set_status(merchant, made, "draft").json()["code"] == "playbook_limit_reached"
