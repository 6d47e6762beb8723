"""A tenant's action types, its own and those its partner shares with it: listed, changed, and nobody else's."""

from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection

from integrations.models import ActionType
from tenants.context import tenant_context
from tests.conftest import Api
from tests.integrations.cast import GIFT, PATH, audited, listed, names, register, shared
from tests.owner import owner_cursor

# --- Listing --------------------------------------------------------------------------------------------------------


def test_list__shared_ones__are_shown_without_the_partners_webhook_and_secret(acme: Api) -> None:
    integration = acme.register(domain="loyalty")
    merchant = acme.provision("merchant")
    register(merchant)

    body = merchant.get(PATH)

    assert names(merchant) == {"grant_points", "send_voucher", "send_gift_card"}
    assert body.json()["total"] == 3
    found = shared(merchant)
    assert (found["integration_id"], found["delivery_webhook"]) == (integration["id"], None)
    assert (found["provider"], found["domain"], found["description"]) == (
        "acme-loyalty",
        "loyalty",
        "Grant loyalty points",
    )
    assert found["parameters_schema"]["required"] == ["amount"]
    assert "hooks.acme.example" not in body.content.decode()
    assert merchant.get(f"{PATH}/{found['id']}").json() == {"action_type": found}


def test_list__filters__narrow_it(acme: Api) -> None:
    acme.register()
    merchant = acme.provision("merchant")
    own = register(merchant)
    merchant.delete(f"{PATH}/{own['id']}")

    assert names(merchant, provider="our-shop") == {"send_gift_card"}
    assert names(merchant, provider="nobody") == set()
    assert names(merchant, domain="loyalty") == {"send_gift_card"}
    assert names(merchant, active="false") == {"send_gift_card"}
    assert names(merchant, active="true") == {"grant_points", "send_voucher"}
    assert names(merchant, active="true", provider="our-shop") == set()


def test_list__pages__hold_each_once(acme: Api) -> None:
    acme.register()  # those of one share have one time
    merchant = acme.provision("merchant")
    for number in range(3):
        register(merchant, name=f"card_{number}")

    found: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = merchant.get(PATH, query).json()
        assert page["total"] == 5
        found += [action_type["name"] for action_type in page["action_types"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert sorted(found[:2]) == ["grant_points", "send_voucher"]
    assert found[2:] == ["card_0", "card_1", "card_2"]


@pytest.mark.parametrize(
    "query",
    [
        {"active": "yes"},
        {"active": "True"},
        {"limit": 0},
        {"limit": 1001},
        {"cursor": "x"},
        {"name": "a"},
        {"provider": "a\0b"},
        {"domain": ""},
    ],
)
def test_list__rubbish__is_refused_by_name(merchant: Api, query: dict[str, Any]) -> None:
    response = merchant.get(PATH, query)

    assert response.status_code == 400, response.content
    assert response.json()["errors"][0]["pointer"] == f"/{next(iter(query))}"


# --- Changing -------------------------------------------------------------------------------------------------------


def test_change__what_is_given__replaces_what_was_there(merchant: Api) -> None:
    own = register(merchant)
    fields = {
        "description": "Another",
        "domain": "",
        "parameters_schema": {"type": "object", "maxProperties": 0},
        "delivery_webhook": "https://hooks.shop.example/others",
        "estimated_cost_usd": None,
    }

    response = merchant.put(f"{PATH}/{own['id']}", fields)

    del own["webhook_secret"]
    assert response.status_code == 200
    assert response.json()["action_type"] == {**own, **fields} == listed(merchant)[0]
    assert audited(merchant)[1:] == [("changed", {**_about(own), "changed": sorted(fields)})]


def _about(own: dict[str, Any]) -> dict[str, Any]:
    return {"action_type_id": own["id"], "name": "send_gift_card", "provider": "our-shop"}


def test_change__what_was_registered_sent_again__changes_nothing(merchant: Api) -> None:
    own = register(merchant)

    assert merchant.put(f"{PATH}/{own['id']}", GIFT).status_code == 200
    assert merchant.put(f"{PATH}/{own['id']}", {}).status_code == 200
    assert [action for action, _ in audited(merchant)] == ["registered"]


@pytest.mark.parametrize("fields", [{"name": "other"}, {"provider": "other"}])
def test_change__what_it_is_known_by__is_refused(merchant: Api, fields: dict[str, Any]) -> None:
    own = register(merchant)

    response = merchant.put(f"{PATH}/{own['id']}", {**fields, "description": "Another"})

    assert (response.status_code, response.json()["code"]) == (409, "action_type_renamed")
    assert listed(merchant)[0]["description"] == GIFT["description"]


def test_delete__an_own_one__switches_it_off_until_it_is_switched_on(merchant: Api) -> None:
    own = register(merchant)

    for _ in range(2):
        response = merchant.delete(f"{PATH}/{own['id']}")
        assert (response.status_code, response.json()["action_type"]["active"]) == (200, False)
    assert merchant.post(PATH, GIFT).status_code == 409
    assert merchant.put(f"{PATH}/{own['id']}", {"active": True}).json()["action_type"]["active"] is True
    assert [action for action, _ in audited(merchant)] == ["registered", "switched_off", "switched_on"]


@pytest.mark.parametrize("active", ["true", 1, None])
def test_change__active_that_is_no_boolean__is_400(merchant: Api, active: Any) -> None:
    own = register(merchant)

    assert merchant.put(f"{PATH}/{own['id']}", {"active": active}).status_code == 400


def test_change__a_shared_one__only_whether_it_is_active_and_for_oneself(acme: Api) -> None:
    integration = acme.register()
    merchant, other = acme.provision("merchant"), acme.provision("other")
    id = shared(merchant)["id"]

    refused = merchant.put(f"{PATH}/{id}", {"active": False, "delivery_webhook": "https://a.example/", "domain": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "action_type_of_partner")
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/delivery_webhook", "/domain"}
    assert merchant.post(f"{PATH}/{id}/rotate-secret", {}).json()["code"] == "action_type_of_partner"
    assert shared(merchant)["active"] is True

    assert merchant.delete(f"{PATH}/{id}").json()["action_type"]["active"] is False
    assert shared(other)["active"] is True
    # Sharing again does not switch it on.
    path = f"/api/partners/integrations/{integration['id']}/share"
    answer = acme.post(path, {"customer_tenant_id": str(merchant.tenant_id)})
    assert answer.json()["action_types_registered"] == 2
    assert shared(merchant)["active"] is False

    assert merchant.put(f"{PATH}/{id}", {"active": True}).json()["action_type"]["active"] is True


def test_share__where_the_customer_has_one_of_that_name__leaves_it_alone(acme: Api, merchant: Api) -> None:
    own = register(merchant, provider="acme-loyalty", name="grant_points")
    integration = acme.register()

    path = f"/api/partners/integrations/{integration['id']}/share"
    answer = acme.post(path, {"customer_tenant_id": str(merchant.tenant_id)})

    assert answer.json()["action_types_registered"] == 1
    assert {one["id"] for one in listed(merchant, provider="acme-loyalty")} > {own["id"]}
    assert shared(merchant)["id"] == own["id"]


# --- Isolation ------------------------------------------------------------------------------------------------------


def test_anothers__cannot_be_told_from_none(acme: Api, merchant: Api, rival: Api) -> None:
    own = register(merchant)

    for api in (acme, rival):  # not even the tenant's partner
        assert listed(api) == []
        for id in (own["id"], "at_" + "0" * 32):
            assert api.get(f"{PATH}/{id}").status_code == 404
            assert api.put(f"{PATH}/{id}", {"active": False}).status_code == 404
            assert api.delete(f"{PATH}/{id}").status_code == 404
            assert api.post(f"{PATH}/{id}/rotate-secret", {}).status_code == 404
    assert listed(merchant)[0]["active"] is True


def test_partner__its_customers_shared_ones__are_not_its_own_to_list_or_change(acme: Api) -> None:
    acme.register()
    id = shared(acme.provision("merchant"))["id"]

    assert listed(acme) == []
    assert acme.delete(f"{PATH}/{id}").status_code == 404


@pytest.mark.parametrize("id", ["at_x", "at_%00", "%F0%9F%98%80", "x" * 3000, "at_" + "A" * 32])
def test_what_is_no_id__is_not_found(merchant: Api, id: str) -> None:
    assert merchant.put(f"{PATH}/{id}", {}).status_code == 404
    assert merchant.delete(f"{PATH}/{id}").status_code == 404


def test_rows__own_ones__are_hidden_from_the_partner_by_the_database(acme: Api, merchant: Api) -> None:
    register(merchant)
    acme.register()
    shared_with = acme.provision("other")

    with tenant_context(acme.tenant_id):
        assert {row.tenant_id for row in ActionType.objects.all()} == {shared_with.tenant_id}


@pytest.mark.parametrize(
    "change", ["delivery_webhook = 'https://evil.example/'", "encrypted_webhook_secret = 'x'", "description = ''"]
)
def test_rows__shared_ones__are_not_changed_but_switched_even_in_sql(acme: Api, change: str) -> None:
    acme.register()
    merchant = acme.provision("merchant")

    with tenant_context(merchant.tenant_id), connection.cursor() as cursor:
        cursor.execute("UPDATE integrations_actiontype SET active = false")
        assert cursor.rowcount == 2
    with pytest.raises(ProgrammingError, match="permission denied"), tenant_context(merchant.tenant_id):
        connection.cursor().execute(f"UPDATE integrations_actiontype SET {change}")
    with pytest.raises(ProgrammingError, match="its tenant's to change"), tenant_context(acme.tenant_id):
        connection.cursor().execute("UPDATE integrations_actiontype SET active = true")


@pytest.mark.parametrize("column", ["tenant_id = tenant_id", "partner_id = NULL", "name = 'x'", "provider = 'x'"])
def test_rows__what_they_are__is_no_runtime_roles_to_change(merchant: Api, column: str) -> None:
    register(merchant)

    with pytest.raises(ProgrammingError, match="permission denied"), tenant_context(merchant.tenant_id):
        connection.cursor().execute(f"UPDATE integrations_actiontype SET {column}")


@pytest.mark.parametrize(
    "change",
    ["encrypted_webhook_secret = NULL", "partner_id = tenant_id", "integration_id = gen_random_uuid()"],
)
def test_rows__neither_own_nor_shared__cannot_be(merchant: Api, change: str) -> None:
    register(merchant)

    with pytest.raises(IntegrityError, match="action_type_own_or_shared"), owner_cursor() as cursor:
        cursor.execute(f"UPDATE integrations_actiontype SET {change}")


def test_insert__for_another_tenant__is_refused(acme: Api, merchant: Api, rival: Api) -> None:
    for context in (acme, rival):  # a partner registers none in its customer's name
        with (
            pytest.raises(ProgrammingError, match="row-level security"),
            tenant_context(context.tenant_id),
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "INSERT INTO integrations_actiontype (tenant_id, provider, domain, name, description,"
                " parameters_schema, delivery_webhook, encrypted_webhook_secret, active)"
                " VALUES (%s, 'p', '', 'n', '', '{}', '', 'x', true)",
                [merchant.tenant_id],
            )
