from tenants.context import staff_context
from tenants.models import Scope
from tenants.services import issue_key
from tests.conftest import Api

PATH = "/api/me"


def test_me__any_key__is_told_who_it_is(acme: Api, merchant: Api) -> None:
    with staff_context():
        issued = issue_key(actor="test", tenant_id=merchant.tenant_id, scopes=[Scope.EVENTS_WRITE], label="Shop")
    api = Api(merchant.tenant_id, issued.text)

    answer = api.get(PATH)

    assert answer.status_code == 200, answer.content
    me = answer.json()
    assert me.keys() == {"tenant", "key", "scopes", "limits", "effective"}
    assert (me["tenant"]["id"], me["tenant"]["slug"], me["tenant"]["tenant_role"]) == (
        str(merchant.tenant_id),
        "merchant",
        "customer",
    )
    assert (me["key"]["id"], me["key"]["label"], me["key"]["scopes"]) == (
        str(issued.record.id),
        "Shop",
        ["events:write"],
    )
    assert (me["key"]["mode"], me["key"]["status"]) == ("live", "active")
    assert me["scopes"] == ["events:write"]
    assert (me["limits"]["tracked_users"], me["limits"]["playbooks"]) == (1000, 100)
    assert me["effective"] == {
        "sending": "on",
        "ingesting": "on",
        "because": [],
        "since": None,
        "by": None,
        "reason": None,
        "parts": [],
    }
    assert issued.text.encode() not in answer.content
    assert "partner:switches" in acme.get(PATH).json()["scopes"]


def test_me__key_with_a_successor__is_expiring_as_in_the_list(merchant: Api) -> None:
    keys = "/api/settings/api-keys"
    merchant.post(f"{keys}/{merchant.get(PATH).json()['key']['id']}/rotate", {})

    key = merchant.get(PATH).json()["key"]

    assert key["status"] == "expiring"
    listed = {each["id"]: each for each in merchant.get(keys).json()["api_keys"]}[key["id"]]
    assert {name: listed[name] for name in key} == key


def test_me__without_a_key__is_401() -> None:
    assert Api(tenant_id=None, key="rt_live_x").get(PATH).status_code == 401  # type: ignore[arg-type]
