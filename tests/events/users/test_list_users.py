import base64
from typing import Any

import pytest

from events.users import services
from retivo.api import listing
from tests.buffers import reads
from tests.conftest import Api
from tests.events.users.people import USERS, get, save, score
from tests.owner import as_owner


def ids(api: Api, **query: Any) -> list[str]:
    response = api.get(USERS, query)
    assert response.status_code == 200, response.content
    return [user["id"] for user in response.json()["customers"]]


def fill(api: Api, count: int) -> None:
    """Users `user-1` to `user-COUNT` of three companies, a second apart."""
    as_owner(
        """
            INSERT INTO events_trackeduser (tenant_id, user_id, traits, lifecycle_stage, opted_out, created_at)
            SELECT %s, 'user-' || n,
                   jsonb_build_object('name', 'Name ' || n, 'email', n || '@x.example',
                                      'company', 'Company ' || n %% 3),
                   'new', false, timestamptz '2026-01-01' + n * interval '1 second'
            FROM generate_series(1, %s) n
            """,
        api.tenant_id,
        count,
    )


def test_list__no_users__is_empty(merchant: Api) -> None:
    assert merchant.get(USERS).json() == {
        "customers": [],
        "total": 0,
        "total_is_exact": True,
        "next_cursor": None,
    }


def test_list__some_users__shows_each_as_get_does_but_for_its_milestones(merchant: Api) -> None:
    save(merchant, "u1", name="Ada", traits={"plan": "pro"})
    save(merchant, "u2")

    body = merchant.get(USERS).json()

    assert body["total"] == 2
    shown = [get(merchant, user_id) for user_id in ("u1", "u2")]
    assert body["customers"] == [{name: user[name] for name in user if name != "milestones"} for user in shown]


def test_list__without_a_limit__is_a_page_of_fifty(merchant: Api) -> None:
    fill(merchant, 51)

    body = merchant.get(USERS).json()

    assert (len(body["customers"]), body["total"]) == (50, 51)
    assert ids(merchant, cursor=body["next_cursor"]) == ["user-51"]


@pytest.mark.parametrize("search", [{}, {"search": "company"}])
def test_list__pages__hold_every_user_once_and_the_same_total(merchant: Api, search: dict[str, str]) -> None:
    fill(merchant, 7)

    seen, query = [], {"limit": 3, **search}
    while True:
        body = merchant.get(USERS, query).json()
        assert body["total"] == 7
        seen.append([user["id"] for user in body["customers"]])
        if body["next_cursor"] is None:
            break
        query["cursor"] = body["next_cursor"]

    assert seen == [["user-1", "user-2", "user-3"], ["user-4", "user-5", "user-6"], ["user-7"]]


def test_list__same_created_at__pages_do_not_skip(merchant: Api) -> None:
    odd = ["a b", "a/b", "ü", "Z", "z", "\U0001f600", "10%"]
    for user_id in odd:
        save(merchant, user_id)
        score(merchant, user_id, created_at="2026-01-01T00:00:00Z")

    seen, query = [], {"limit": 2}
    while query.get("cursor", "") is not None:
        body = merchant.get(USERS, query).json()
        seen += [user["id"] for user in body["customers"]]
        query["cursor"] = body["next_cursor"]

    assert sorted(seen) == sorted(odd)


def test_list__filters__hold_together(merchant: Api) -> None:
    people: list[tuple[str, dict[str, Any]]] = [
        ("a", {"lifecycle_stage": "active", "risk_level": "low", "engagement_score": 0.9, "health": 0.9}),
        ("b", {"lifecycle_stage": "active", "risk_level": "high", "engagement_score": 0.5, "activation_score": 1}),
        ("c", {"lifecycle_stage": "at_risk", "risk_level": "high", "expansion_score": 0.7, "opted_out": True}),
    ]
    for user_id, columns in people:
        save(merchant, user_id, company="Acme")
        score(merchant, user_id, **columns)

    assert ids(merchant, lifecycle_stage="active") == ids(merchant, stage="active") == ["a", "b"]
    assert ids(merchant, stage="active", lifecycle_stage="active") == ["a", "b"]
    assert ids(merchant, risk_level="high") == ids(merchant, risk="high") == ["b", "c"]
    assert ids(merchant, stage="active", risk="high") == ["b"]
    assert ids(merchant, stage="active", lifecycle_stage="at_risk") == []
    assert ids(merchant, opted_out="true") == ["c"]
    assert ids(merchant, opted_out="false") == ["a", "b"]
    assert ids(merchant, engagement_min="0.5") == ["a", "b"]
    assert ids(merchant, engagement_min="0.5", engagement_max="0.5") == ["b"]
    assert ids(merchant, engagement_max="0") == ["c"]
    assert ids(merchant, activation_min="1") == ["b"]
    assert ids(merchant, activation_max="0.5") == ["a", "c"]
    assert ids(merchant, expansion_min="0.1") == ["c"]
    assert ids(merchant, expansion_max="0.1") == ["a", "b"]
    assert ids(merchant, health_min="0.9") == ["a"]
    assert ids(merchant, health_max="0.1") == ["b", "c"]
    assert ids(merchant, search="ACME", stage="active", risk="high") == ["b"]
    assert ids(merchant, search="ACME", stage="churned") == []
    assert merchant.get(USERS, {"stage": "active", "limit": 1}).json()["total"] == 2


SEARCHES = [
    ("u-1", ["u-1"]),
    ("U-", ["u-1", "u-2", "u-3"]),
    ("ada", ["u-1"]),
    ("ADA@", ["u-1"]),
    ("Lovelace", []),
    ("100%", ["u-2"]),
    ("100", ["u-2"]),
    ("1_0", []),
    ("%", []),
    ("_", []),
    ("\\", []),
    ("ünal", ["u-3"]),
    ("ÜNAL", ["u-3"]),
    ("Analytical", ["u-1"]),
    ("\U0001f600", ["u-2"]),
    ("ada l", ["u-1"]),
    ("ada  ", []),
]


@pytest.mark.parametrize(("search", "found"), SEARCHES)
def test_search__a_prefix__is_found_whatever_its_case_and_taken_as_it_stands(
    merchant: Api, search: str, found: list[str]
) -> None:
    save(merchant, "u-1", name="Ada Lovelace", email="Ada@x.example", company="ANALYTICAL Engines")
    save(merchant, "u-2", name="100% Co", company="\U0001f600\U0001f600!")
    save(merchant, "u-3", name="Ünal", company="İ" * 255)

    assert ids(merchant, search=search) == found
    assert merchant.get(USERS, {"search": search, "limit": 1}).json()["total"] == len(found)


def test_search__a_text_that_was_removed__is_found_no_more(merchant: Api) -> None:
    save(merchant, "u1", name="Ada")
    save(merchant, "u1", name=None)

    assert ids(merchant, search="ada") == []


LOOK = 200


@pytest.fixture
def crowd(acme: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    """A merchant with 20,000 users, stored in another order than they are listed in, beside another with as many."""
    monkeypatch.setattr(listing, "LOOK", LOOK)
    merchant, other = acme.provision("merchant"), acme.provision("other")
    for api in (merchant, other):
        fill(api, 20_000)
    as_owner(
        "UPDATE events_trackeduser SET created_at = created_at + (hashtext(user_id) %% 10000) * interval '1 minute',"
        " lifecycle_stage = CASE WHEN user_id LIKE '%%1' THEN 'active' ELSE 'new' END,"
        " opted_out = user_id IN ('user-4', 'user-44') WHERE tenant_id = %s",
        merchant.tenant_id,
    )
    return merchant


CROWDED = [
    {},
    {"limit": "1000"},
    {"stage": "active"},
    {"stage": "churned"},
    {"risk": "low"},
    {"risk": "high"},
    {"stage": "new", "risk": "low"},
    {"stage": "churned", "risk": "high"},
    {"opted_out": "true"},
    {"opted_out": "true", "stage": "active"},
    {"opted_out": "false", "risk": "high"},
    {"engagement_min": "0.5"},
    {"health_max": "0", "activation_min": "1", "stage": "active"},
    {"expansion_min": "1", "risk": "low", "opted_out": "false"},
    {"search": "user"},
    {"search": "user-1999", "stage": "active"},
    {"search": "company 1", "opted_out": "true"},
    {"search": "nobody"},
]


def test_list__of_many_users__reads_no_more_than_its_bound_whatever_is_asked(crowd: Api) -> None:
    """Neither the number of users nor that of matches, nor what PostgreSQL knows of either, is in it."""
    as_owner("ALTER TABLE events_trackeduser SET (autovacuum_enabled = off)")
    try:
        for statistics in (False, True):
            if statistics:
                as_owner("VACUUM ANALYZE events_trackeduser")
            for query in CROWDED:
                with reads() as read:
                    response = crowd.get(USERS, query)
                    assert response.status_code == 200, response.content
                    crowd.get(USERS, {**query, "cursor": response.json()["next_cursor"] or cursor_of(MIDDLE)})
                bound = 4 * max(LOOK, services.NARROW + 1, int(query.get("limit", 50)))
                for each in read:
                    assert each.rows <= bound, (statistics, query, each)
                    assert each.buffers <= 4 * bound, (statistics, query, each)
    finally:
        as_owner("ALTER TABLE events_trackeduser RESET (autovacuum_enabled)")


MIDDLE = "2026-01-03T00:00:00+00:00 user-1"


@pytest.mark.parametrize(
    "query", [{"health_min": "1"}, {"search": "user", "health_min": "1"}, {"opted_out": "false", "health_min": "1"}]
)
def test_list__few_of_many_match__pages_go_on_behind_what_was_looked_at(
    merchant: Api, monkeypatch: pytest.MonkeyPatch, query: dict[str, str]
) -> None:
    monkeypatch.setattr(listing, "LOOK", 4)
    monkeypatch.setattr(services, "NARROW", 3)
    fill(merchant, 10)
    for user_id in ("user-6", "user-9"):
        score(merchant, user_id, health=1)

    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        body = merchant.get(USERS, {**query, **cursor}).json()
        assert (body["total"], body["total_is_exact"]) == (0, False)
        pages.append([user["id"] for user in body["customers"]])
        if body["next_cursor"] is None:
            break
        cursor = {"cursor": body["next_cursor"]}

    assert pages == [[], ["user-6"], ["user-9"]]


def test_total__of_more_than_is_looked_at__is_a_lower_bound_and_says_so(
    merchant: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LOOK", 4)
    fill(merchant, 5)

    body = merchant.get(USERS, {"limit": 2}).json()

    assert (body["total"], body["total_is_exact"]) == (4, False)
    assert merchant.get(USERS, {"limit": 2, "search": "user-5"}).json()["total_is_exact"] is True


def test_indexes__hold_nothing_that_each_event_or_scoring_changes(merchant: Api) -> None:
    """Or their updates would not be heap-only, and would write every index."""
    indexed = {
        row[0]
        for row in as_owner(
            "SELECT DISTINCT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
            " AND a.attnum = ANY(i.indkey) WHERE i.indrelid = 'events_trackeduser'::regclass"
        )
    }

    searched = {f"search_{column}" for column in ("user_id", "name", "email", "company")}
    assert indexed == {"tenant_id", "user_id", "created_at", "lifecycle_stage", "risk_level"} | searched


def cursor_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({"limit": "0"}, "/limit", "min_value"),
        ({"limit": "1001"}, "/limit", "max_value"),
        ({"limit": "1_0"}, "/limit", "invalid"),
        ({"cursor": "rubbish"}, "/cursor", "invalid_cursor"),
        ({"cursor": cursor_of("2026 u")}, "/cursor", "invalid_cursor"),
        ({"cursor": cursor_of("2026-01-01T00:00:00+00:00 a\0b")}, "/cursor", "invalid_cursor"),
        ({"lifecycle_stage": "gone"}, "/lifecycle_stage", "invalid_choice"),
        ({"stage": "gone"}, "/stage", "invalid_choice"),
        ({"opted_out": "1"}, "/opted_out", "invalid_choice"),
        ({"engagement_min": "nan"}, "/engagement_min", "invalid"),
        ({"engagement_min": "0x1"}, "/engagement_min", "invalid"),
        ({"engagement_min": "\u0660"}, "/engagement_min", "invalid"),
        ({"health_max": "1.1"}, "/health_max", "max_value"),
        ({"expansion_min": "-0.1"}, "/expansion_min", "min_value"),
        ({"search": ""}, "/search", "blank"),
        ({"search": "x" * 256}, "/search", "max_length"),
        ({"search": "a\0b"}, "/search", "null_characters_not_allowed"),
        ({"serach": "a"}, "/serach", "unknown_field"),
    ],
)
def test_list__bad_query__is_400_and_names_the_parameter(
    merchant: Api, query: dict[str, str], pointer: str, code: str
) -> None:
    response = merchant.get(USERS, query)

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00 u", "9999-12-31T23:59:59-14:00 u", "2026-01-01T00:00:00Z "]
)
def test_cursor__made_up__is_400_or_a_page(merchant: Api, text: str) -> None:
    assert merchant.get(USERS, {"cursor": cursor_of(text)}).status_code in (200, 400)
