"""What follows from what the layers say: each combination by a table, and sequences of writers by a model."""

from itertools import product
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenants.context import tenant_context
from tests.conftest import Api, make_partner
from tests.decisions.deciding import names, recommend
from tests.delivery.cast import Merchant, merchant_of
from tests.owner import as_owner
from tests.tenants.controls.layers import backlog, claimed, effective, of_fleet, of_partner, of_self, of_staff

SWITCHES = ("kill_switch", "shadow_mode")


@pytest.fixture
def shop(acme: Api) -> Merchant:
    return merchant_of(acme, "https://hooks.acme.example/points")


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("said", list(product([False, True], repeat=3)), ids=str)
def test_switch__of_three_layers__is_on_where_any_says_so(
    acme: Api, shop: Merchant, switch: str, said: tuple[bool, bool, bool]
) -> None:
    shop.dispatch()
    by_self, by_partner, by_staff = said
    codes = [f"staff_{switch}"] * by_staff + [f"partner_{switch}"] * by_partner + [switch] * by_self

    of_self(shop.api, switch, on=by_self)
    of_partner(acme, shop.api, **{switch: {"active": by_partner, "reason": "partner"}})
    of_staff(shop.api, **{switch: {"active": by_staff, "reason": "staff"}})

    found = shop.api.get("/api/settings").json()["effective"]
    assert found == shop.api.get("/api/me").json()["effective"]
    customer = acme.get(f"/api/partners/customers/{shop.api.tenant_id}").json()["customer"]
    assert {name: customer["effective"][name] for name in found} == found
    assert (found["sending"], found["ingesting"]) == ("held" if any(said) else "on", "on")
    assert found["because"] == codes
    strictest = "staff" if by_staff else "partner" if by_partner else "self" if by_self else None
    assert (found["by"], found["reason"], found["since"] is None) == (strictest, strictest, strictest is None)
    assert customer["controls"][switch]["active"] is by_partner
    assert (claimed(), backlog()) == ((0, {"held"}) if any(said) else (1, {"due"}))
    answer = recommend(shop.api, "u1", dry_run=True)
    assert [name for name in names(answer) if name in codes] == codes


SUSPENSIONS: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"partner": "hold"}, "on", ["tenant_suspended"]),
    ({"partner": "full"}, "off", ["tenant_suspended"]),
    ({"staff": "hold"}, "on", ["suspended_by_staff"]),
    ({"staff": "full"}, "off", ["suspended_by_staff"]),
    ({"staff": "hold", "partner": "full"}, "off", ["tenant_suspended", "suspended_by_staff"]),
    ({"staff": "full", "partner": "hold"}, "off", ["suspended_by_staff", "tenant_suspended"]),
    ({"of_partner": ("hold", 0)}, "on", ["partner_suspended"]),
    ({"of_partner": ("full", 14)}, "on", ["partner_suspended"]),
    ({"of_partner": ("full", 0)}, "off", ["partner_suspended"]),
    ({"of_partner": ("full", 0), "staff": "full"}, "off", ["suspended_by_staff", "partner_suspended"]),
]


@pytest.mark.parametrize(("said", "ingesting", "because"), SUSPENSIONS)
def test_suspension__by_whom_and_how__holds_or_refuses(
    acme: Api, shop: Merchant, said: dict[str, Any], ingesting: str, because: list[str]
) -> None:
    shop.dispatch()
    if "partner" in said:
        of_partner(acme, shop.api, suspension={"mode": said["partner"], "reason": "because"})
    if "staff" in said:
        of_staff(shop.api, suspension={"mode": said["staff"], "reason": "because"})
    if "of_partner" in said:
        mode, days = said["of_partner"]
        of_staff(acme, suspension={"mode": mode, "reason": "because", "cascade_days": days})

    found = effective(acme, shop.api)
    assert (found["sending"], found["ingesting"], found["because"]) == ("held", ingesting, because)
    assert claimed() == 0
    sent = shop.api.post("/api/track", {"events": [{"user_id": "u1", "event": "e"}]})
    decided = shop.api.post("/api/decisions/recommend", {"user_id": "u1", "dispatch": True})
    if ingesting == "off":
        problem = sent.json()
        told = None if because[0] == "partner_suspended" else "because"
        assert (sent.status_code, problem["code"], problem["reason"]) == (403, because[0], told)
        assert problem["since"].endswith("Z")
        assert decided.status_code == 403
    else:
        assert sent.json()["accepted"] == 1
        assert shop.api.get("/api/settings").json()["usage"]["events"] == 3  # metered
        assert (decided.json()["action_id"], names(decided.json())) == (None, because)
        assert shop.api.get(f"/api/decisions/{decided.json()['decision_id']}").status_code == 200  # logged


@pytest.mark.parametrize(
    "said",
    [
        {"suspension": {"mode": "hold", "reason": "Fraud by Acme"}},
        {"suspension": {"mode": "full", "reason": "Fraud by Acme", "cascade_days": 0}},
        {"kill_switch": {"active": True, "reason": "Fraud by Acme"}},
        {"shadow_mode": {"active": True, "reason": "Fraud by Acme"}},
    ],
)
def test_reason_of_staff__about_a_partner__is_told_to_no_customer(
    acme: Api, shop: Merchant, said: dict[str, Any]
) -> None:
    of_staff(acme, **said)

    answers = [
        shop.api.get("/api/me"),
        shop.api.get("/api/settings"),
        shop.api.post("/api/track", {"events": [{"user_id": "u1", "event": "e"}]}),
        shop.api.post("/api/decisions/recommend", {"user_id": "u1"}),
        shop.api.get("/api/audit"),
        shop.api.get("/api/external/actions"),
    ]

    assert not [answer for answer in answers if b"Fraud" in answer.content]
    with tenant_context(shop.api.tenant_id), connection.cursor() as cursor:
        cursor.execute("SELECT c::text FROM tenants_control c")
        assert "Fraud" not in str(cursor.fetchall())
    assert b"Fraud" in acme.get("/api/me").content


def test_suspension_of_a_partner__after_its_days__refuses_the_customers_keys(acme: Api, shop: Merchant) -> None:
    of_staff(acme, suspension={"mode": "full"})
    assert shop.api.get("/api/me").json()["effective"]["because"] == ["partner_suspended"]
    assert acme.get("/api/me").json()["code"] == "suspended_by_staff"

    as_owner("UPDATE tenants_control SET suspended_since = now() - interval '14 days' WHERE layer = 'staff'")

    assert shop.api.get("/api/me").json()["code"] == "partner_suspended"
    of_staff(acme, suspension=None)
    assert shop.api.get("/api/me").json()["effective"]["because"] == []


# --- Any sequence ---------------------------------------------------------------------------------------------------

_WHO = ("self", "partner", "fleet", "staff", "staff of partner")
_STEPS = st.lists(
    st.tuples(st.sampled_from(_WHO), st.sampled_from(SWITCHES), st.booleans())
    | st.tuples(
        st.sampled_from(("partner", "staff", "staff of partner")),
        st.just("suspension"),
        st.sampled_from((None, "hold", "full")),
    ),
    max_size=10,
)
_PREFIX = {"self": "", "partner": "partner_", "fleet": "partner_", "staff": "staff_", "staff of partner": "staff_"}
_SUSPENDED = {"partner": "tenant_suspended", "staff": "suspended_by_staff", "staff of partner": "partner_suspended"}


def turn(acme: Api, api: Api, who: str, control: str, value: Any) -> bool:
    """Whether it was taken: a key that is refused says nothing."""
    suspension = value and {"mode": value, "cascade_days": 0}
    if who in ("staff", "staff of partner"):
        said = {control: suspension if control == "suspension" else {"active": value}}
        of_staff(api if who == "staff" else acme, **said)
        return True
    if control == "suspension":
        answer = of_partner(acme, api, suspension=value and {"mode": value})
    elif who == "self":
        answer = of_self(api, control, on=value)
    elif who == "partner":
        answer = of_partner(acme, api, **{control: {"active": value}})
    else:
        answer = of_fleet(acme, control, on=value)
    assert answer.status_code in (200, 403), answer.content
    return bool(answer.status_code == 200)


def expected(model: dict[tuple[str, str], Any]) -> tuple[str, str, set[str]]:
    said = {key: value for key, value in model.items() if value}
    because = {_SUSPENDED[who] if name == "suspension" else _PREFIX[who] + name for who, name in said}
    refused = any(name == "suspension" and value == "full" for (_, name), value in said.items())
    return "held" if said else "on", "off" if refused else "on", because


@pytest.fixture
def pair() -> tuple[Api, Merchant]:
    acme = make_partner("Acme")
    shop = merchant_of(acme, "https://hooks.acme.example/points")
    shop.dispatch()
    return acme, shop


@given(steps=_STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_effective__after_any_sequence_of_writers__is_the_strictest_of_the_layers(
    pair: tuple[Api, Merchant], steps: list[tuple[str, str, Any]]
) -> None:
    acme, shop = pair
    as_owner("DELETE FROM tenants_control")
    model: dict[tuple[str, str], Any] = {}
    for who, control, value in steps:
        own = model.get(("staff of partner", "suspension")) == "full" and who in ("partner", "fleet")
        locked_out = who == "self" and expected(model)[1] == "off"
        taken = turn(acme, shop.api, who, control, value)
        assert taken == (not own and not locked_out)
        if taken:
            model[who, control] = value
        sending, ingesting, because = expected(model)
        found = effective(acme, shop.api)
        assert (found["sending"], found["ingesting"], set(found["because"])) == (sending, ingesting, because)
        assert len(found["because"]) == len(because)
        # Nothing goes while it is held, and what was held goes when it is not.
        assert (claimed(), backlog()) == ((1, {"due"}) if sending == "on" else (0, {"held"}))
        assert (shop.api.get("/api/me").status_code == 200) == (ingesting == "on")
