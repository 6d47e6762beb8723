"""What staff see of decisions: all tenants' ledger, one decision, and the funnel of a tenant."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.db import connections
from django.test import Client

from decisions.lift.funnel import MOST, funnel
from decisions.recommending.guardrails import is_held_out
from retivo.staff import lists
from tenants.context import staff_context
from tenants.staff import newest
from tests.conftest import Api
from tests.decisions.cast import playbook
from tests.decisions.deciding import acted, configure, must_act, recommend, settle, shop_of
from tests.owner import as_owner, owner_cursor
from tests.tenants.staff.people import log_in, page_of

DECISIONS = "/admin/decisions/decisionrow/"
ACTIONS = "/admin/delivery/actionrow/"
NOW = datetime.now(UTC)


@pytest.fixture
def shop(acme: Api) -> Api:
    return shop_of(acme)


def page_of_decision(decision_id: str) -> str:
    return f"{DECISIONS}{quote(decision_id)}/change/"


def listed(client: Client, **query: str) -> list[str]:
    response = client.get(DECISIONS, query)
    assert response.status_code == 200, response.headers
    return [row.id for row in response.context["cl"].result_list]


def decide(api: Api, count: int, **columns: Any) -> None:
    """Rows of the ledger by SQL: `dec_0` is the newest, a minute before now."""
    row = {"stopped_by": None, "action": None, "shadow": False, "action_id": None, "prefix": "dec_", **columns}
    as_owner(
        """
        INSERT INTO decisions_decision (tenant_id, id, user_id, created_at, request, candidates, guardrails, stopped_by,
            action, action_type_id, parameters, propensity, reasoning, model_version, features, holdout, shadow,
            compared, action_id)
        SELECT %(tenant_id)s, %(prefix)s::text || n, 'u0', now() - make_interval(mins => n + 1), '{}', '[]', '[]',
            %(stopped_by)s::text, %(action)s::text, %(action)s::text,
            CASE WHEN %(action)s::text IS NULL THEN NULL ELSE '{}'::jsonb END,
            1, '', 0, '{}', false, %(shadow)s, true, %(action_id)s::text
        FROM generate_series(0, %(count)s::int - 1) n
        """,
        tenant_id=api.tenant_id,
        count=count,
        **row,
    )


def held_out(api: Api) -> str:
    """A user whom half of a holdout has."""
    user = next(f"h{n}" for n in range(100) if is_held_out(api.tenant_id, f"h{n}", 50))
    assert api.post("/api/customers", {"user_id": user}).status_code == 201
    return user


# --- The list -------------------------------------------------------------------------------------------------------


def test_list__of_several_tenants__is_merged_and_goes_on_page_by_page(
    viewer: Client, acme: Api, shop: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest.NewestAdmin, "list_per_page", 4)
    other = shop_of(acme, "other")
    decide(shop, 5, prefix="dec_a")
    decide(other, 5, prefix="dec_b")
    expected = [id for (id,) in as_owner("SELECT id FROM decisions_decision ORDER BY created_at DESC, id DESC")]

    found, address = [], DECISIONS
    while address:
        response = viewer.get(address)
        found += [[row.id for row in response.context["cl"].result_list]]
        older = re.search(r'href="(\?[^"]*before=[^"]*)"[^>]*>Older', response.content.decode())
        address = f"{DECISIONS}{older[1]}" if older else ""

    assert [len(page) for page in found] == [4, 4, 2]
    assert list(chain(*found)) == expected


def test_list__filtered_and_searched__finds_exactly_that(viewer: Client, acme: Api, shop: Api) -> None:
    other = shop_of(acme, "other")
    decide(shop, 1, prefix="dec_quiet", stopped_by="quiet_hours")
    decide(shop, 1, prefix="dec_points", action="grant_points")
    decide(shop, 1, prefix="dec_shadow", action="send_voucher", shadow=True)
    decide(other, 1, prefix="dec_other", action="grant_points")
    everything = {"dec_quiet0", "dec_points0", "dec_shadow0", "dec_other0"}

    assert set(listed(viewer)) == everything
    assert listed(viewer, tenant__id__exact=str(other.tenant_id)) == ["dec_other0"]
    assert set(listed(viewer, action="grant_points")) == {"dec_points0", "dec_other0"}
    assert listed(viewer, stopped_by="quiet_hours") == ["dec_quiet0"]
    assert set(listed(viewer, stopped_by="none")) == everything - {"dec_quiet0"}
    assert listed(viewer, shadow__exact="1") == ["dec_shadow0"]
    assert listed(viewer, holdout__exact="1") == []
    assert listed(viewer, created_at__lt=f"{NOW - timedelta(days=1):%Y-%m-%d} 00:00:00+00:00") == []
    assert listed(viewer, q=" dec_other0 ") == ["dec_other0"]
    assert set(listed(viewer, q="u0")) == everything
    assert listed(viewer, q="u") == listed(viewer, q="dec_") == listed(viewer, q="dec_other") == []


def test_list__whatever_its_length__costs_the_same_statements_and_counts_nothing(
    viewer: Client, shop: Api, statements: list[str]
) -> None:
    decide(shop, 1)
    viewer.get(DECISIONS)
    sent = []
    for prefix in ("dec_few", "dec_more"):
        decide(shop, 200, prefix=prefix)
        statements.clear()
        assert viewer.get(DECISIONS).status_code == 200
        sent.append([sql for sql in statements if "decisions_decision" in sql])

    assert len(sent[0]) == len(sent[1]) == 1
    assert not any("COUNT(" in sql.upper() for sql in sent[1])


@pytest.mark.parametrize("path", [DECISIONS, ACTIONS])
def test_list__each_tenants_newest__is_read_from_its_index(viewer: Client, shop: Api, path: str) -> None:
    decide(shop, 3000)
    as_owner("ANALYZE decisions_decision")
    seen: list[Any] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        table = "decisions_decision" if path == DECISIONS else "delivery_action"
        if sql.startswith("SELECT") and table in sql and "EXPLAIN" not in sql:
            with context["connection"].cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                found = cursor.fetchone()[0]
                seen.append((table, json.dumps(found)))
        return execute(sql, params, many, context)

    with connections["default"].execute_wrapper(explain):
        assert viewer.get(path).status_code == 200

    assert seen
    for table, plan in seen:
        assert f'"Seq Scan", "Parallel Aware": false, "Async Capable": false, "Relation Name": "{table}"' not in plan


def test_list__that_takes_too_long__says_so(viewer: Client, shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    decide(shop, 1)
    with owner_cursor() as cursor, monkeypatch.context() as patched:
        patched.setattr(lists, "PATIENCE", "20ms")
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE decisions_decision IN ACCESS EXCLUSIVE MODE")
        response = viewer.get(DECISIONS)
        cursor.execute("ROLLBACK")

    assert response.status_code == 200
    assert "That takes too long to find" in response.content.decode()
    assert listed(viewer) == ["dec_0"]


@pytest.mark.parametrize(
    "query",
    [
        "before=x",
        "before=%00",
        "before=",
        "before=MjAyNi0xMS0yNFQwMDowMDowMCB4",
        "tenant__id__exact=x",
        "created_at__gte=x",
        "shadow__exact=x",
        "action=%00",
        "stopped_by=x",
        "p=2",
        "all=",
        "nonsense=1",
        "candidates__0__score=1",
    ],
)
def test_list__rubbish__is_answered(viewer: Client, shop: Api, query: str) -> None:
    decide(shop, 1)
    for path in (DECISIONS, ACTIONS):
        assert viewer.get(f"{path}?{query}", follow=True).status_code in (200, 400)


@pytest.mark.parametrize("id", ["nonsense", "%00", "dec_5Fnone"])
def test_page__of_no_decision__leads_back(viewer: Client, id: str) -> None:
    assert viewer.get(f"{DECISIONS}{id}/change/").status_code == 302


# --- One decision ---------------------------------------------------------------------------------------------------


def test_page__of_a_dispatched_decision__shows_what_it_was_made_of_and_leads_to_its_action(
    viewer: Client, shop: Api
) -> None:
    must_act(shop)
    answer = acted(shop, dispatch=True, context={"page": "<checkout>"})

    page = viewer.get(page_of_decision(answer["decision_id"]))
    html = page.content.decode()

    tables = {table.title: table for table in page.context["tables"]}
    assert list(tables) == ["Candidates", "Features"]
    names = [re.sub(r"<[^>]+>", "", row[0]) for row in tables["Candidates"].rows]
    assert sorted(names) == ["Nothing", "grant_points", "send_voucher"]
    (chosen,) = [row for row in tables["Candidates"].rows if row[-1] == "Chosen"]
    assert answer["action"] in chosen[0]
    assert chosen[2:4] == (f"{answer['confidence']:.1%}", f"{answer['propensity']:.1%}")
    assert "not known" in html
    assert "&lt;checkout&gt;" in html
    assert f"{ACTIONS}{quote(answer['action_id'])}/change/" in html
    action = viewer.get(f"{ACTIONS}{quote(answer['action_id'])}/change/").content.decode()
    assert page_of_decision(answer["decision_id"]) in action


def test_page__of_a_stopped_decision__names_the_guardrails(viewer: Client, shop: Api) -> None:
    configure(shop, holdout_percent=50)
    answer = recommend(shop, held_out(shop))

    page = viewer.get(page_of_decision(answer["decision_id"]))

    tables = {table.title: table for table in page.context["tables"]}
    assert tables["Guardrails"].rows == [("Holdout", "The user is held out, to compare with.", "Yes")]
    assert [row[-1] for row in tables["Candidates"].rows] == ["Holdout", "Holdout", ""]


def test_page__of_a_playbooks_decision__shows_its_intervention(viewer: Client, shop: Api) -> None:
    made = playbook(shop, name="Second <order>")
    decide(shop, 1)
    as_owner(
        "INSERT INTO decisions_intervention (tenant_id, id, user_id, playbook_id, status, channel)"
        " VALUES (%(t)s, 'int_1', 'u0', %(p)s, 'sent', 'external_action')",
        t=shop.tenant_id,
        p=made,
    )
    as_owner("UPDATE decisions_decision SET intervention_id = 'int_1'")

    html = viewer.get(page_of_decision("dec_0")).content.decode()

    assert "int_1" in html
    assert "Second &lt;order&gt;" in html


def test_decisions__for_staff__are_read_only_and_not_for_everybody(shop: Api, settings: Any) -> None:
    decide(shop, 1)
    susan, nobody = log_in("susan", group="superuser"), log_in("nobody")

    assert susan.post(page_of_decision("dec_0"), {"action": "x"}).status_code == 403
    assert susan.get(f"{DECISIONS}add/").status_code == 403
    assert susan.post(f"{DECISIONS}{quote('dec_0')}/delete/", {"post": "yes"}).status_code == 403
    assert nobody.get(DECISIONS).status_code == nobody.get(page_of_decision("dec_0")).status_code == 403


# --- The funnel -----------------------------------------------------------------------------------------------------

_ACTION = """
    INSERT INTO delivery_action (tenant_id, id, action_type_id, action_type, provider, domain, user_id, parameters,
        status, due_at, attempts, replayed_from, failure_reason, expires_at, delivered_at, outcome_status, outcome_at)
    SELECT tenant_id, %(id)s, id, name, provider, '', 'u0', '{}', %(status)s::text, now(), %(attempts)s::int, 0,
        CASE %(status)s::text WHEN 'failed' THEN 'attempts_exhausted' ELSE '' END, now(),
        CASE WHEN %(status)s::text IN ('delivered', 'completed') THEN now() END, %(outcome)s::text,
        CASE WHEN %(outcome)s::text IS NOT NULL THEN now() END
    FROM integrations_actiontype WHERE tenant_id = %(t)s LIMIT 1
"""


def send(api: Api, count: int, name: str, status: str, *, attempts: int = 1, outcome: str | None = None) -> None:
    as_owner(_ACTION, t=api.tenant_id, id=f"ea_{name}", status=status, attempts=attempts, outcome=outcome)
    decide(api, count, prefix=f"dec_{name}", action="grant_points", action_id=f"ea_{name}")


def steps(api: Api) -> list[tuple[str, int, dict[str, int]]]:
    with staff_context():
        found = funnel(tenant_id=api.tenant_id, now=datetime.now(UTC))
    assert found
    return [(step.name, step.count, dict(step.lost)) for step in found.steps]


def test_funnel__every_fate__falls_out_at_its_step(shop: Api, acme: Api) -> None:
    decide(shop_of(acme, "other"), 50)
    decide(shop, 1, prefix="dec_h", stopped_by="holdout")
    decide(shop, 2, prefix="dec_q", stopped_by="quiet_hours")
    decide(shop, 3, prefix="dec_n")
    decide(shop, 4, prefix="dec_s", action="grant_points", shadow=True)
    decide(shop, 5, prefix="dec_r", action="grant_points")
    send(shop, 1, "waiting", "pending", attempts=0)
    send(shop, 2, "invalid", "failed", attempts=0)
    send(shop, 3, "trying", "dispatched")
    send(shop, 4, "failed", "failed")
    send(shop, 5, "expired", "expired")
    send(shop, 6, "silent", "delivered")
    send(shop, 7, "ignored", "completed", outcome="ignored")
    send(shop, 8, "rejected", "completed", outcome="rejected")
    send(shop, 9, "partly", "completed", outcome="partial")
    send(shop, 10, "done", "completed", outcome="completed")
    send(shop, 1, "gone", "delivered")
    as_owner("DELETE FROM delivery_action WHERE id = 'ea_gone'")
    as_owner("UPDATE decisions_decision SET created_at = now() - interval '31 days' WHERE id = 'dec_done0'")

    assert steps(shop) == [
        (
            "Decided",
            70,
            {
                "held out": 1,
                "stopped by another guardrail": 2,
                "left alone": 3,
                "in shadow mode": 4,
                "recommended, not dispatched": 5,
                "waiting": 1,
                "given up before the first attempt": 2,
            },
        ),
        ("Sent", 52, {"still being tried": 3, "failed": 4, "expired": 5, "no longer kept": 1}),
        ("Delivered", 39, {"without an outcome yet": 6, "ignored": 7, "rejected": 8}),
        ("Completed", 18, {}),
    ]


def test_funnel__on_the_tenants_page__is_drawn_and_told(viewer: Client, shop: Api) -> None:
    assert "<figure" not in viewer.get(page_of(shop)).content.decode()
    decide(shop, 1500)
    send(shop, 500, "silent", "delivered")

    html = viewer.get(page_of(shop)).content.decode()

    assert html.count("<polygon") == 4
    for text in ("2,000", "25% of decided", "100% of sent", "0% of delivered", "1,500 left alone", "last 30 days"):
        assert text in html
    assert f"{DECISIONS}?tenant__id__exact={shop.tenant_id}" in html


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((0, 0, 0, 0), "is not known yet. 0 treated, 0 held out, since 20"),
        ((100, 20, 100, 20), "is not known yet: the difference is between -"),
        ((3000, 400, 3000, 280), "More users convert because of actions, by 1."),
        ((3000, 280, 3000, 400), "Fewer users convert because of actions, by 1."),
    ],
)
def test_funnel__of_a_tenant_with_a_conversion__has_the_verdict_on_its_lift(
    viewer: Client, shop: Api, counts: tuple[int, int, int, int], said: str
) -> None:
    decide(shop, 1)
    assert "users convert because" not in viewer.get(page_of(shop)).content.decode()
    configure(shop, conversion={"event": "bought"}, holdout_percent=50)
    as_owner(
        "UPDATE decisions_lifttrial SET (treated, treated_converted, held_out, held_out_converted) = (%s, %s, %s, %s)",
        *counts,
    )

    assert said in viewer.get(page_of(shop)).content.decode()


def test_funnel__of_more_than_a_page_waits_for__says_of_which(viewer: Client, shop: Api) -> None:
    decide(shop, MOST + 5)

    html = viewer.get(page_of(shop)).content.decode()

    assert f"newest {MOST:,} decisions, since {NOW - timedelta(minutes=MOST):%Y-%m}" in html
    assert steps(shop)[0][1] == MOST


def test_funnel__after_settling__agrees_with_the_api(viewer: Client, shop: Api) -> None:
    must_act(shop)
    for user in ("u0", "u1", "u2"):
        answer = acted(shop, user, dispatch=True)
        as_owner(
            "UPDATE delivery_action SET status = 'delivered', delivered_at = now(), attempts = 1 WHERE id = %(id)s",
            id=answer["action_id"],
        )
        shop.post(f"/api/external/actions/{answer['action_id']}/outcome", {"status": "completed"})
    settle(shop)

    completed = shop.get("/api/external/actions", {"status": "completed"}).json()["total"]

    assert steps(shop)[-1] == ("Completed", completed, {})
