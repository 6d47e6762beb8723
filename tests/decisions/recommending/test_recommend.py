"""What is recommended, what is written of it, and what never is."""

import math
from typing import Any

import pytest

from decisions.recommending.services import draw
from learning import services as learning
from learning.tasks import fold_tenant
from tenants.context import tenant_context
from tests.conftest import Api
from tests.decisions.cast import ask
from tests.decisions.deciding import (
    DECISIONS,
    POINTS,
    RECOMMEND,
    VOUCHER,
    acted,
    configure,
    must_act,
    reasons,
    recommend,
    shop_of,
    types,
)
from tests.events.cast import event, track
from tests.owner import as_owner


@pytest.fixture
def shop(acme: Api) -> Api:
    return shop_of(acme)


def test_recommend__a_new_tenant__draws_from_all_of_its_types_and_nothing(shop: Api) -> None:
    answer = recommend(shop)

    assert answer.keys() == {
        "decision_id",
        "action",
        "action_type_id",
        "parameters",
        "confidence",
        "propensity",
        "reasoning",
        "candidates",
        "guardrails",
        "model",
        "action_id",
        "dry_run",
    }
    assert reasons(answer) == {"grant_points": None, "send_voucher": None, None: None}
    assert math.isclose(sum(each["probability"] for each in answer["candidates"]), 1)
    chosen = next(each for each in answer["candidates"] if each["action_type_id"] == answer["action_type_id"])
    assert chosen["probability"] == answer["propensity"] >= 0.05 / 3
    assert chosen["confidence"] == answer["confidence"]
    assert answer["model"] == {"version": 0, "prior_share": 1}
    assert answer["action_id"] is None
    assert answer["dry_run"] is False


def test_recommend__many_times__draws_as_often_as_it_says(shop: Api) -> None:
    answers = [recommend(shop) for _ in range(300)]

    expected = {each["action"]: each["probability"] for each in answers[0]["candidates"]}
    for action, probability in expected.items():
        share = sum(answer["action"] == action for answer in answers) / len(answers)
        assert abs(share - probability) < 4 * math.sqrt(probability * (1 - probability) / len(answers))


def test_recommend__each__is_in_the_ledger_with_the_vector_it_was_drawn_from(shop: Api) -> None:
    answer = recommend(shop, context={"page": "checkout"}, domain="")

    found = shop.get(f"{DECISIONS}/{answer['decision_id']}").json()["decision"]

    for name in ("action", "action_type_id", "parameters", "confidence", "propensity", "reasoning"):
        assert found[name] == answer[name]
    assert [{**each, "probability": each["propensity"]} for each in found["candidates"]] == [
        {**each, "propensity": each["probability"]} for each in answer["candidates"]
    ]
    assert found["request"] == {"domain": "", "provider": None, "action_types": None, "context": {"page": "checkout"}}
    assert found["features"]["bias"] == 1
    assert found["features"]["activity"] == 0
    assert found["outcome"] == {
        "status": None,
        "reported_at": None,
        "converted_at": None,
        "conversion": 0,
        "reward": None,
    }
    (listed,) = shop.get(DECISIONS).json()["decisions"]
    assert listed == {name: found[name] for name in listed}


def test_replay__a_ledger_row_with_the_same_state__is_the_same_choice(shop: Api) -> None:
    must_act(shop)
    answers = [recommend(shop, f"u{n % 3}") for n in range(12)]

    for answer in answers:
        row = shop.get(f"{DECISIONS}/{answer['decision_id']}").json()["decision"]
        with tenant_context(shop.tenant_id):
            state = learning.load(tenant_id=shop.tenant_id)
        assert state.version == row["model_version"]
        left = [each for each in row["candidates"] if each["excluded_because"] is None]
        choice = draw(
            state=state,
            known=row["features"],
            actions=[(each["action_type_id"], each["action"]) for each in left if each["action_type_id"]],
            seed=row["id"],
        )
        assert choice.action == (row["action_type_id"] or "nothing")
        assert list(choice.propensity) == [each["propensity"] for each in left]
        assert choice.reasoning == row["reasoning"]


def test_recommend__dispatch__sends_an_action_with_the_decision_and_its_parameters(shop: Api) -> None:
    must_act(shop)

    answer = acted(
        shop, action_types=["grant_points"], dispatch=True, context={"parameters": {"grant_points": {"amount": 7}}}
    )

    action = shop.get(f"/api/external/actions/{answer['action_id']}").json()["action"]
    assert (action["decision_id"], action["parameters"]) == (answer["decision_id"], {"amount": 7})
    assert answer["parameters"] == {"amount": 7}
    assert answer["action_type_id"] == action["action_type_id"]


def test_recommend__no_dispatch__sends_nothing(shop: Api) -> None:
    must_act(shop)

    assert acted(shop)["action_id"] is None
    assert shop.get("/api/external/actions").json()["total"] == 0


def test_recommend__dry_run__writes_and_sends_nothing_and_says_so(shop: Api) -> None:
    must_act(shop)
    before = ask(shop, "SELECT count(*) FROM learning_remembereddecision")

    answer = acted(shop, dry_run=True, dispatch=True)

    assert (answer["dry_run"], answer["decision_id"], answer["action_id"]) == (True, None, None)
    assert answer["action"]
    assert shop.get(DECISIONS).json()["total"] == 0
    assert shop.get("/api/external/actions").json()["total"] == 0
    assert ask(shop, "SELECT count(*) FROM learning_remembereddecision") == before


def test_parameters__without_context__are_the_schemas_defaults(shop: Api) -> None:
    must_act(shop)

    assert acted(shop, action_types=["grant_points"])["parameters"] == {"amount": 10}
    assert acted(shop, action_types=["send_voucher"])["parameters"] == {}


@pytest.mark.parametrize("by", ["name", "id"])
def test_parameters__that_break_the_schema__exclude_the_candidate(shop: Api, by: str) -> None:
    key = {name: id for id, name in types(shop).items()}["grant_points"] if by == "id" else "grant_points"

    answer = recommend(shop, context={"parameters": {key: {"amount": "many"}}})

    assert reasons(answer)["grant_points"] == "parameters_incomplete"
    assert answer["action"] != "grant_points"


def test_parameters__required_and_given_by_nobody__exclude_the_candidate(acme: Api) -> None:
    template = {**POINTS_WITHOUT_DEFAULT}
    shop = shop_of(acme, action_type_templates=[template])

    answer = recommend(shop)

    assert reasons(answer) == {"grant_points": "parameters_incomplete", None: None}
    assert (answer["action"], [each["name"] for each in answer["guardrails"]]) == (None, ["no_candidates"])


POINTS_WITHOUT_DEFAULT = {
    "name": "grant_points",
    "parameters_schema": {"amount": {"type": "number", "required": True}},
    "delivery_webhook": "https://hooks.acme.example/points",
}


def test_recommend__filters__narrow_the_candidates(acme: Api) -> None:
    shop = shop_of(acme, domain="loyalty")

    assert set(reasons(recommend(shop, domain="loyalty"))) == {"grant_points", "send_voucher", None}
    assert set(reasons(recommend(shop, domain="email"))) == {None}
    assert set(reasons(recommend(shop, provider="shop-loyalty"))) == {"grant_points", "send_voucher", None}
    assert set(reasons(recommend(shop, provider="other"))) == {None}
    assert set(reasons(recommend(shop, action_types=["send_voucher"]))) == {"send_voucher", None}


def test_recommend__another_tenants_types__are_never_there(acme: Api, rival: Api, shop: Api) -> None:
    others = [shop_of(acme, "sibling"), shop_of(rival, "foreign")]
    own = set(types(shop))

    assert {each["action_type_id"] for each in recommend(shop)["candidates"]} == {*own, None}
    for other in others:
        response = shop.post(RECOMMEND, {"user_id": "u0", "action_types": [next(iter(types(other)))]})
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (404, "/action_types/0")
    theirs = {"name": "their_send_voucher", "description": "Theirs", "provider": "theirs", "parameters_schema": {}}
    others[0].post("/api/external/action-types", {**theirs, "delivery_webhook": "https://hooks.theirs.example/"})
    assert shop.post(RECOMMEND, {"user_id": "u0", "action_types": ["their_send_voucher"]}).status_code == 404


def test_ledger__anothers_decision__is_404(rival: Api, shop: Api) -> None:
    decision_id = recommend(shop)["decision_id"]
    other = shop_of(rival, "foreign")

    assert other.get(f"{DECISIONS}/{decision_id}").status_code == 404
    assert other.get(DECISIONS).json()["decisions"] == []
    assert other.get(f"{DECISIONS}/export").getvalue() == b""


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"user_id": 5}, "/user_id"),
        ({"user_id": None}, "/user_id"),
        ({"action_types": []}, "/action_types"),
        ({"action_types": "grant_points"}, "/action_types"),
        ({"action_types": [5]}, "/action_types/0"),
        ({"action_types": ["a"] * 51}, "/action_types"),
        ({"context": []}, "/context"),
        ({"context": {"parameters": []}}, "/context/parameters"),
        ({"context": {"parameters": {"grant_points": 5}}}, "/context/parameters"),
        ({"dispatch": "yes"}, "/dispatch"),
        ({"dry_run": 1}, "/dry_run"),
        ({"domain": 5}, "/domain"),
        ({"tenant_id": "x"}, "/tenant_id"),
    ],
)
def test_recommend__rubbish__is_400_that_names_it(shop: Api, fields: Any, pointer: str) -> None:
    response = shop.post(RECOMMEND, {"user_id": "u0", **fields})

    assert response.status_code == 400
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"5", b'{"user_id": "a\\u0000"}', b"\xff", b'{"user_id": "\\ud800"}']
)
def test_recommend__no_body_of_ours__is_400(shop: Api, body: bytes) -> None:
    assert shop.post(RECOMMEND, body).status_code == 400


def test_recommend__unknown_user__is_404_that_names_it(shop: Api) -> None:
    response = shop.post(RECOMMEND, {"user_id": "nobody"})

    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (404, "/user_id")


def test_recommend__no_key_or_a_wrong_one__is_401(shop: Api) -> None:
    assert Api(shop.tenant_id, "rt_live_x").post(RECOMMEND, {"user_id": "u0"}).status_code == 401


@pytest.mark.parametrize(("guardrails", "expected"), [(None, 2), ({"cooldown_hours": 0}, 3)])
def test_recommend__by_a_known_state__reads_once_writes_once_and_asks_for_limits_where_there_are_some(
    shop: Api, statements: list[str], guardrails: Any, expected: int
) -> None:
    configure(shop, guardrails=guardrails)
    recommend(shop)
    statements.clear()

    recommend(shop)

    assert len(statements) == expected


def test_recommend__after_a_fold__is_by_the_new_version(shop: Api) -> None:
    assert recommend(shop)["model"]["version"] == 0
    must_act(shop)

    assert recommend(shop)["model"]["version"] > 0


def test_recommend__twice_under_a_key__decides_and_sends_once(shop: Api) -> None:
    must_act(shop)
    first, again = (shop.post(RECOMMEND, {"user_id": "u0", "dispatch": True}, Idempotency_Key="k") for _ in range(2))

    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    assert shop.get(DECISIONS).json()["total"] == 1


def test_list__filters_and_pages__add_up(shop: Api) -> None:
    made = [recommend(shop, f"u{n % 2}") for n in range(5)]

    assert [each["id"] for each in shop.get(DECISIONS).json()["decisions"]] == [
        each["decision_id"] for each in reversed(made)
    ]
    assert shop.get(DECISIONS, {"user_id": "u1"}).json()["total"] == 2
    seen, query = [], {"limit": "2"}
    while True:
        page = shop.get(DECISIONS, query).json()
        assert page["total"] == 5
        seen += [each["id"] for each in page["decisions"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [each["decision_id"] for each in reversed(made)]


def test_recommend__config_that_fits_no_key__is_as_if_it_were_not_there(shop: Api) -> None:
    as_owner(
        "UPDATE tenants_tenant SET config = %(c)s::jsonb WHERE id = %(t)s",
        t=shop.tenant_id,
        c='{"guardrails": 5, "conversion": [], "timezone": "Nowhere", "holdout_percent": "x", "features": 3}',
    )

    assert recommend(shop)["guardrails"] == []


def test_recommend__of_who_was_active__knows_how_much(shop: Api) -> None:
    track(shop, *(event("u0", f"e{n}") for n in range(5)))

    found = shop.get(f"{DECISIONS}/{recommend(shop)['decision_id']}").json()["decision"]

    assert found["features"]["activity"] == pytest.approx(math.log(6))


def test_config__features__are_in_the_ledger(shop: Api) -> None:
    configure(shop, features={"numeric": ["orders"]})
    shop.patch("/api/customers/u0", {"traits": {"orders": 3}})

    found = shop.get(f"{DECISIONS}/{recommend(shop)['decision_id']}").json()["decision"]

    assert found["features"]["traits.orders"] == pytest.approx(math.log(4))


def test_config__declared_context__is_in_the_ledger_and_unknown_where_missing(shop: Api) -> None:
    configure(shop, features={"context": {"numeric": ["cart_value"], "categorical": {"page": ["checkout", "home"]}}})

    def features(**fields: Any) -> dict[str, Any]:
        found = shop.get(f"{DECISIONS}/{recommend(shop, **fields)['decision_id']}").json()["decision"]["features"]
        return {name: value for name, value in found.items() if name.startswith("context.")}

    assert features(context={"page": "checkout", "cart_value": 40, "undeclared": 1}) == {
        "context.cart_value": pytest.approx(math.log(41)),
        "context.page=checkout": 1,
        "context.page=home": None,
    }
    unknown = dict.fromkeys(["context.cart_value", "context.page=checkout", "context.page=home"])
    assert features(context={"page": ["home"], "cart_value": "much"}) == unknown
    assert features() == unknown


def test_context__that_decides_what_works__is_learned_from_outcomes(shop: Api) -> None:
    configure(shop, features={"context": {"categorical": {"page": ["checkout", "home"]}}})
    works = {"checkout": "grant_points", "home": "send_voucher"}
    for n in range(120):
        page = ("checkout", "home")[n % 2]
        answer = recommend(shop, context={"page": page})
        outcome = float(answer["action"] == works[page])
        with tenant_context(shop.tenant_id):
            learning.report(
                tenant_id=shop.tenant_id, reports=[{"decision_id": answer["decision_id"], "outcome": outcome}]
            )
    fold_tenant(shop.tenant_id)

    for page, action in works.items():
        answer = recommend(shop, context={"page": page}, dry_run=True)
        score = {each["action"]: each["score"] for each in answer["candidates"]}
        assert score[action] == max(score.values())


def test_reasoning__of_two_that_share_a_name__says_whose_each_is(acme: Api) -> None:
    for provider in ("alpha", "beta_2"):
        acme.register(provider, action_type_templates=[POINTS, VOUCHER] if provider == "alpha" else [POINTS])
    shop = acme.provision("shop")
    assert shop.post("/api/customers", {"user_id": "u0"}).status_code == 201

    every = [recommend(shop, dry_run=True) for _ in range(60)]
    points = {each["reasoning"] for each in every if each["action"] == "grant_points"}
    vouchers = {each["reasoning"] for each in every if each["action"] == "send_voucher"}

    assert points
    assert all(text.startswith(("Grant points of alpha ", "Grant points of beta 2 ")) for text in points)
    assert vouchers
    assert all(text.startswith("Send voucher rather than ") for text in vouchers)
    alone = recommend(shop, provider="alpha", action_types=["grant_points"], dry_run=True)
    assert " of alpha" not in alone["reasoning"]
