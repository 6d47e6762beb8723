"""An action type's kind: declared by whoever registers it, or proposed; kept beside revisions, in force at once."""

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, ProgrammingError, connection, connections

from integrations.models import ActionTypeTemplate
from tenants.context import tenant_context
from tests.conftest import Api
from tests.integrations.cast import GIFT, PATH, listed, shared
from tests.integrations.cast import register as register_own
from tests.owner import as_owner
from tests.partners.rollouts.cast import INTEGRATIONS, events

WEBHOOK = "https://hooks.acme.example/points"
POINTS = {"name": "grant_points", "description": "Adds points to the balance", "delivery_webhook": WEBHOOK}

Kind = tuple[str | None, str]  # with how it was found


def register(partner: Api, **fields: Any) -> str:
    integration: str = partner.register(domain="loyalty", action_type_templates=[{**POINTS, **fields}])["id"]
    return f"{INTEGRATIONS}/{integration}"


def kind_of(partner: Api, path: str) -> Kind:
    (template,) = partner.get(path).json()["integration"]["action_type_templates"]
    return template["kind"], template["kind_source"]


def publish(partner: Api, path: str, **fields: Any) -> Any:
    return partner.post(f"{path}/revisions", {"action_type_templates": [{**POINTS, **fields}]})


PROPOSED: Kind = ("loyalty/grant_points", "proposed")

SAID: list[tuple[dict[str, Any], Kind]] = [
    ({}, PROPOSED),
    ({"name": "award_points", "description": ""}, PROPOSED),
    ({"name": "do_it", "description": "Does it"}, (None, "proposed")),
    ({"kind": "gaming/start_quest"}, ("gaming/start_quest", "declared")),
    ({"kind": None}, (None, "declared")),
]


@pytest.mark.parametrize(("fields", "kind"), SAID)
def test_register__with_or_without_a_kind__declares_or_proposes_it(acme: Api, fields: Any, kind: Kind) -> None:
    path = register(acme, **fields)

    assert kind_of(acme, path) == kind
    # The customer sees the same, and so does whoever registers its own.
    assert [(each["kind"], each["kind_source"]) for each in listed(acme.provision("shop"))] == [kind]
    (revision,) = acme.get(f"{path}/revisions/1").json()["revision"]["action_type_templates"]
    assert (revision["kind"], revision["kind_source"]) == kind


@pytest.mark.parametrize(("fields", "kind"), SAID)
def test_register_own__with_or_without_a_kind__declares_or_proposes_it(merchant: Api, fields: Any, kind: Kind) -> None:
    described = {**POINTS, **fields}
    own = register_own(merchant, **{**described, "description": described["description"] or "-"})

    assert (own["kind"], own["kind_source"]) == kind


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("loyalty/grant_point", "unknown_kind"),
        ("grant_points", "unknown_kind"),
        ("Loyalty/grant_points", "unknown_kind"),
        ("", "blank"),
        (5, "not_a_string"),
        ({}, "not_a_string"),
        ("x" * 10_000, "unknown_kind"),
    ],
)
def test_kind__that_is_none__is_400_wherever_it_stands(acme: Api, merchant: Api, kind: Any, code: str) -> None:
    path = register(acme)
    template = {**POINTS, "kind": kind}
    body = {"provider": "other", "display_name": "Other", "action_type_templates": [template]}
    own = register_own(merchant)["id"]

    answers = [
        (acme.post(INTEGRATIONS, body), "/action_type_templates/0/kind"),
        (publish(acme, path, kind=kind), "/action_type_templates/0/kind"),
        (acme.patch(path, {"kinds": {"grant_points": kind}}), "/kinds/grant_points"),
        (merchant.post(PATH, {**GIFT, "name": "another", "kind": kind}), "/kind"),
        (merchant.put(f"{PATH}/{own}", {"kind": kind}), "/kind"),
    ]

    for answer, pointer in answers:
        assert answer.status_code == 400, answer.content
        assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [(pointer, code)]
    if kind == "loyalty/grant_point":
        assert "`loyalty/grant_points`" in answers[0][0].json()["errors"][0]["detail"]
    assert kind_of(acme, path) == PROPOSED


# --- Changed by the partner -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["loyalty/multiply_points", "loyalty/grant_points", None])
def test_patch__kinds__declares_them_at_once_and_publishes_nothing(acme: Api, kind: str | None) -> None:
    path = register(acme)
    shop = acme.provision("shop")

    for _ in range(2):  # the second changes nothing
        assert acme.patch(path, {"kinds": {"grant_points": kind}}).status_code == 200

    assert kind_of(acme, path) == (kind, "declared")
    found = shared(shop)
    assert (found["kind"], found["kind_source"], found["revision"]) == (kind, "declared", 1)
    assert acme.get(f"{path}/revisions").json()["total"] == 1
    assert events(acme, "integration.") == ["integration.registered", "integration.updated"]
    (event,) = acme.get("/api/partners/events", {"types": "integration.updated"}).json()["events"]
    assert event["data"]["changed"] == ["kinds"]
    assert event["previous"] == {"kinds": {"grant_points": {"kind": PROPOSED[0], "kind_source": PROPOSED[1]}}}


def test_patch__kinds_of_no_action_type__is_404_that_names_it_and_changes_nothing(acme: Api) -> None:
    path = register(acme)

    answer = acme.patch(path, {"display_name": "Other", "kinds": {"grant_points": None, "a/b": None}})

    assert answer.status_code == 404
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [("/kinds/a~1b", "not_found")]
    assert (kind_of(acme, path), events(acme, "integration.updated")) == (PROPOSED, [])


@pytest.mark.parametrize("kinds", [[], "x", None, 1, {"grant_points": ["x"]}])
def test_patch__kinds_that_are_no_object_of_them__is_400(acme: Api, kinds: Any) -> None:
    assert acme.patch(register(acme), {"kinds": kinds}).status_code == 400


def test_publish__another_kind_alone__publishes_nothing_and_is_in_force(acme: Api) -> None:
    path = register(acme)

    answer = publish(acme, path, kind="loyalty/multiply_points")

    assert (answer.status_code, answer.json()["revision"]["number"]) == (200, 1)
    assert kind_of(acme, path) == ("loyalty/multiply_points", "declared")
    assert events(acme, "integration.")[1:] == ["integration.updated"]
    publish(acme, path, kind="loyalty/multiply_points")
    assert events(acme, "integration.")[1:] == ["integration.updated"]


DOUBLES = "Doubles the points of all purchases for a week: a points multiplier"


@pytest.mark.parametrize(
    ("first", "then", "kind"),
    [
        ({}, {"description": DOUBLES}, ("loyalty/multiply_points", "proposed")),
        ({}, {"description": "Credits bonus points to the member's balance"}, PROPOSED),
        ({"kind": None}, {"description": DOUBLES}, (None, "declared")),
        ({"kind": "gaming/start_quest"}, {"description": DOUBLES}, ("gaming/start_quest", "declared")),
        ({"kind": None}, {"description": DOUBLES, "kind": "loyalty/enter_draw"}, ("loyalty/enter_draw", "declared")),
    ],
)
def test_publish__another_description__proposes_anew_what_nobody_declared(
    acme: Api, first: Any, then: Any, kind: Kind
) -> None:
    path = register(acme, name="a", **first)

    assert publish(acme, path, name="a", **then).status_code == 201

    assert kind_of(acme, path) == kind
    assert events(acme, "integration.")[1:] == ["integration.revision_published"]


@pytest.mark.parametrize(("fields", "kind"), SAID)
def test_publish__what_an_answer_has_sent_back__publishes_and_declares_nothing(
    acme: Api, fields: Any, kind: Kind
) -> None:
    path = register(acme, **fields)
    templates = acme.get(path).json()["integration"]["action_type_templates"]

    assert acme.post(f"{path}/revisions", {"action_type_templates": templates}).status_code == 200

    assert kind_of(acme, path) == kind
    assert events(acme, "integration.")[1:] == []


def test_publish__a_new_action_type__has_a_kind_and_is_compared_without_it(acme: Api) -> None:
    path = register(acme)
    card = {"name": "send_voucher", "delivery_webhook": WEBHOOK, "kind": None}

    published = acme.post(f"{path}/revisions", {"action_type_templates": [POINTS, card]}).json()["revision"]

    kinds = [(each["kind"], each["kind_source"]) for each in published["action_type_templates"]]
    assert kinds == [PROPOSED, (None, "declared")]
    assert published["diff"]["action_types"] == {"added": ["send_voucher"], "removed": [], "changed": []}


# --- A tenant's own ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then", "kind"),
    [
        ({}, {"active": False}, ("loyalty/send_voucher", "proposed")),
        ({}, {"description": DOUBLES}, ("loyalty/multiply_points", "proposed")),
        ({}, {"kind": None}, (None, "declared")),
        ({"kind": None}, {"domain": "commerce", "description": "Other"}, (None, "declared")),
        ({"kind": None}, {"kind": "loyalty/enter_draw"}, ("loyalty/enter_draw", "declared")),
    ],
)
def test_change_own__with_or_without_a_kind__keeps_what_was_declared(
    merchant: Api, first: Any, then: Any, kind: Kind
) -> None:
    own = register_own(merchant, name="a", **first)

    changed = merchant.put(f"{PATH}/{own['id']}", then).json()["action_type"]

    assert (changed["kind"], changed["kind_source"]) == kind
    assert listed(merchant, provider="our-shop") == [changed]


def test_change__the_kind_of_a_shared_one__is_the_partners(acme: Api) -> None:
    register(acme)
    merchant = acme.provision("shop")

    answer = merchant.put(f"{PATH}/{shared(merchant)['id']}", {"kind": None})

    assert (answer.status_code, answer.json()["code"]) == (403, "action_type_of_partner")


# --- What the database holds ------------------------------------------------------------------------------------------

TEMPLATE, ACTION_TYPE = "integrations_actiontypetemplate", "integrations_actiontype"


@pytest.mark.parametrize(
    ("table", "change", "constraint"),
    [
        (TEMPLATE, "kind = 'Loyalty'", "template_kind_format"),
        (TEMPLATE, "kind_source = 'guessed'", "template_kind_source_known"),
        (ACTION_TYPE, "kind = 'loyalty/grant_points', kind_source = 'declared'", "action_type_shared_without_kind"),
        (ACTION_TYPE, "kind_source = 'declared'", "action_type_shared_without_kind"),
    ],
)
def test_rows__of_no_kind__cannot_be(acme: Api, table: str, change: str, constraint: str) -> None:
    register(acme)
    acme.provision("shop")

    with pytest.raises(IntegrityError, match=constraint):
        as_owner(f"UPDATE {table} SET {change}")


@pytest.mark.parametrize(
    "change", ["kind = 'x', kind_source = 'declared'", "kind_source = 'x'", "kind = 'a/b', kind_source = NULL"]
)
def test_rows__of_an_own_one_and_no_kind__cannot_be(merchant: Api, change: str) -> None:
    own = register_own(merchant)["id"]

    with pytest.raises(IntegrityError, match="action_type_shared_without_kind"):
        as_owner(f"UPDATE {ACTION_TYPE} SET {change} WHERE id = %s", own)


@pytest.mark.parametrize("column", ["name", "description", "delivery_webhook"])
def test_rows__what_a_template_was_registered_as__is_no_partners_to_change(acme: Api, column: str) -> None:
    register(acme)

    with pytest.raises(ProgrammingError, match="permission denied"), tenant_context(acme.tenant_id):
        connection.cursor().execute(f"UPDATE {TEMPLATE} SET {column} = 'x'")


def test_rows__of_a_template__are_read_by_those_who_have_it_and_changed_by_its_partner(acme: Api, rival: Api) -> None:
    register(acme)
    shop = acme.provision("shop")

    def changes(api: Api) -> Any:
        with tenant_context(api.tenant_id):
            return ActionTypeTemplate.objects.count(), ActionTypeTemplate.objects.update(kind=None)

    assert [changes(api) for api in (rival, shop, acme)] == [(0, 0), (1, 0), (1, 1)]


def test_migration__of_what_was_there_before__proposes_what_nobody_declared(acme: Api, merchant: Api) -> None:
    propose_all: Callable[..., None] = import_module("integrations.migrations.0031_kinds_of_before").propose_all
    register(acme)
    acme.register("declared", action_type_templates=[{**POINTS, "kind": None}])
    own = register_own(merchant)["id"]
    found = [f"SELECT kind, kind_source FROM {table} ORDER BY id" for table in (TEMPLATE, ACTION_TYPE)]
    before = [as_owner(each) for each in found]
    as_owner(f"UPDATE {TEMPLATE} SET kind = NULL WHERE kind_source = 'proposed'")
    as_owner(f"UPDATE {ACTION_TYPE} SET kind = NULL, kind_source = NULL WHERE id = %s", own)

    for _ in range(2):
        propose_all(None, SimpleNamespace(connection=connections["owner"]))

        assert [as_owner(each) for each in found] == before
