"""The audit trail as tenants and partners read it."""

import re
from typing import Any

import pytest
from django.db import connection

from tenants import outbox, services
from tenants.audit import checkpoints
from tenants.audit.services import BATCH
from tenants.context import staff_context, tenant_context
from tenants.models import PlanStatus, Scope
from tests.buffers import reads
from tests.conftest import Api
from tests.owner import as_owner, wait_for_commits
from tests.tenants.api_keys.places import key_with
from tests.tenants.audit.lines import OWN, PARTNERS, entries, export, exported

ENTRY = {
    "id",
    "seq",
    "created_at",
    "actor",
    "action",
    "target",
    "customer",
    "changes",
    "request_id",
    "ip",
    "redacted",
    "content_salt",
    "content_sha256",
    "previous_hash",
    "hash",
}


def suspend_as_staff(api: Api) -> None:
    with staff_context():
        services.set_plan_status(actor="staff:oscar", tenant_id=api.tenant_id, plan_status=PlanStatus.SUSPENDED)


def write(api: Api, *names: str) -> None:
    with tenant_context(api.tenant_id):
        for name in names:
            outbox.record(
                actor="api_key:test", action="tenant.changed", tenant_id=api.tenant_id, changes={name: {"from": 1}}
            )


def test_entry__of_a_change__tells_who_did_what_to_whom(acme: Api, merchant: Api) -> None:
    answer = acme.patch(
        f"/api/partners/customers/{merchant.tenant_id}",
        {"plan_tier": "scale", "external_id": "shop/1", "config": {"overage": "reject"}},
    )
    assert answer.status_code == 200, answer.content

    entry = entries(acme, limit=1)[0]

    assert entry.keys() == ENTRY
    assert entry["actor"] == {"type": "api_key", "id": acme.actor.removeprefix("api_key:"), "label": "First key"}
    assert entry["action"] == "customer.updated"
    assert entry["customer"] == {"tenant_id": str(merchant.tenant_id), "external_id": "shop/1"}
    assert entry["changes"] == [
        {"field": "config.overage", "from": None, "to": "reject"},
        {"field": "external_id", "from": None, "to": "shop/1"},
        {"field": "plan_tier", "from": "starter", "to": "scale"},
    ]
    assert entry["request_id"] == answer["X-Request-Id"]
    assert entry["ip"] == "127.0.0.1"
    assert not entry["redacted"]
    assert entries(merchant, OWN, limit=1) == [
        entry | {"actor": entry["actor"] | {"label": None}}  # which the customer does not see of its partner's key
    ]


@pytest.mark.parametrize(
    ("before", "change", "told"),
    [
        (
            {"metadata": {"kept": "k1", "new.s": "a", "zz": "a"}},
            {"metadata": {"new.s": None, "zz": "b", "added": ""}},
            [("metadata.added", None, "…"), ("metadata.new.s", "…", None), ("metadata.zz", "…", "…")],
        ),
        (
            {"rate_limit": {"requests": 10, "seconds": 1}},
            {"rate_limit": {"requests": 20, "seconds": 1}},
            [("rate_limit.requests", 10, 20)],
        ),
        (
            {"rate_limit": {"requests": 10, "seconds": 1}},
            {"rate_limit": None},
            [("rate_limit", {"requests": 10, "seconds": 1}, None)],
        ),
        (
            {"config": {"theme": {"a": 1, "b": 2}, "kept": 1}},
            {"config": {"theme": {"a": 3}, "mine": [1]}},
            [("config.mine", None, [1]), ("config.theme", {"a": 1, "b": 2}, {"a": 3, "b": 2})],
        ),
    ],
)
def test_entry__of_an_object__has_each_member_that_changed(
    before: dict[str, Any], change: dict[str, Any], told: list[tuple[Any, ...]], acme: Api, merchant: Api
) -> None:
    customer = f"/api/partners/customers/{merchant.tenant_id}"
    assert acme.patch(customer, before).status_code == 200

    answer = acme.patch(customer, change)

    assert answer.status_code == 200, answer.content
    changes = [{"field": field, "from": was, "to": now} for field, was, now in told]
    assert entries(acme, limit=1)[0]["changes"] == changes
    assert entries(merchant, OWN, limit=1)[0]["changes"] == changes


def test_entry__of_metadata__masks_values_that_the_partners_event_has(acme: Api, merchant: Api) -> None:
    """The customer reads the entry, and no other operation shows it its partner's notes."""
    customer = f"/api/partners/customers/{merchant.tenant_id}"
    for value in ("Canary 1", "Canary 2"):
        assert acme.patch(customer, {"metadata": {"risk": value}}).status_code == 200
    assert acme.put("/api/partners/customers/ext:shop", {"name": "M", "metadata": {"a": "Canary"}}).status_code == 201

    assert "Canary" not in export(merchant, OWN) + export(acme)
    assert entries(merchant, OWN, q="canary") == []
    events = acme.get("/api/partners/events", {"types": "customer.updated"}).json()["events"]
    assert [event["previous"] for event in events] == [{"metadata": {}}, {"metadata": {"risk": "Canary 1"}}]


def test_entry__of_something_new__tells_what_it_is(acme: Api) -> None:
    answer = acme.post("/api/partners/api-keys", {"label": "CI", "scopes": ["partner:read"]})

    entry = entries(acme, limit=1)[0]

    assert entry["target"] == {"type": "api_key", "id": answer.json()["key"]["id"]}
    assert entry["customer"] is None
    assert {"field": "label", "from": None, "to": "CI"} in entry["changes"]


def test_ids__of_entries__are_random(acme: Api, rival: Api) -> None:
    """A number would tell how many entries others have."""
    write(rival, "one")
    write(acme, "two", "three")

    found = [entry["id"] for api in (acme, rival) for entry in entries(api)]

    assert len({*found}) == len(found)
    assert all(re.fullmatch("aud_[0-9a-f]{32}", name) for name in found)


def test_staff__in_an_entry__have_no_name_and_no_address(acme: Api, merchant: Api) -> None:
    suspend_as_staff(merchant)

    entry = entries(acme, limit=1)[0]

    assert entry["action"] == "customer.suspended"
    assert entry["actor"] == {"type": "staff", "id": None, "label": None}
    assert entry["ip"] is None
    assert "oscar" not in export(acme)
    with tenant_context(acme.tenant_id), pytest.raises(Exception, match="permission denied"):
        connection.cursor().execute("SELECT actor FROM tenants_auditentry")


@pytest.mark.parametrize("path", [PARTNERS, OWN])
def test_trail__of_others__is_not_there(path: str, acme: Api, merchant: Api, rival: Api) -> None:
    theirs = rival.provision("theirs")
    suspend_as_staff(theirs)

    for api in (acme, merchant) if path == OWN else (acme,):
        assert str(rival.tenant_id) not in export(api, path)
        assert str(theirs.tenant_id) not in export(api, path)
    if path == PARTNERS:
        for whose in (theirs.tenant_id, rival.tenant_id):
            assert entries(acme, customer_id=str(whose)) == []
            assert exported(acme, query={"customer_id": str(whose)}) == []


def test_customer__reads_what_is_about_itself_alone(acme: Api, merchant: Api) -> None:
    acme.provision("sibling")

    found = entries(merchant, OWN)

    assert found
    assert {entry["customer"]["tenant_id"] for entry in found} == {str(merchant.tenant_id)}
    assert merchant.get(PARTNERS).status_code == 403


@pytest.mark.parametrize("scope", [Scope.SETTINGS_WRITE, Scope.FULL])
def test_partner__by_a_key_without_its_scope__reads_what_is_about_itself_alone(
    scope: Scope, acme: Api, merchant: Api
) -> None:
    suspend_as_staff(merchant)
    write(acme, "own")
    checkpoints.sign_heads()
    key = key_with(acme, scope)

    found = entries(key, OWN)

    assert found
    assert [entry["customer"] for entry in found] == [None] * len(found)
    assert exported(key, OWN) == found[::-1]
    assert str(merchant.tenant_id) not in export(key, OWN)
    assert entries(key, OWN, q="suspend") == []
    assert key.get(f"{OWN}/checkpoints").json()["checkpoints"] == []
    for path in (PARTNERS, f"{PARTNERS}/checkpoints"):
        assert key.get(path).json()["code"] == "partner_scope_required"
    assert {entry["id"] for entry in found} < {entry["id"] for entry in entries(acme)}
    assert len(acme.get(f"{PARTNERS}/checkpoints").json()["checkpoints"]) == 1


def test_raw_sql__a_partner__sees_its_family_and_a_customer_itself(acme: Api, merchant: Api, rival: Api) -> None:
    sibling = acme.provision("sibling")

    def seen(api: Api) -> set[Any]:
        with tenant_context(api.tenant_id), connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT tenant_id FROM tenants_auditentry")
            return {row[0] for row in cursor.fetchall()}

    assert seen(acme) == {acme.tenant_id, merchant.tenant_id, sibling.tenant_id}
    assert seen(merchant) == {merchant.tenant_id}
    assert seen(rival) == {rival.tenant_id}


@pytest.mark.parametrize("path", [PARTNERS, OWN])
@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ({"action": "customer.updated"}, ["customer.updated"]),
        ({"action": "nothing.of.it"}, []),
        ({"actor": "staff"}, ["customer.suspended"]),
        ({"actor": "staff", "action": "customer.updated"}, []),
        ({"q": "SCALE"}, ["customer.updated"]),
        ({"q": "oscar"}, []),
        ({"until": "2026-01-01T00:00:00Z"}, []),
        ({"since": "2999-01-01T00:00:00Z"}, []),
        ({"since": "2026-01-01T00:00:00Z", "action": "customer.suspended"}, ["customer.suspended"]),
    ],
)
def test_filters__of_list_and_export__find_the_same(
    path: str, query: dict[str, str], actions: list[str], acme: Api, merchant: Api
) -> None:
    acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"plan_tier": "scale"})
    suspend_as_staff(merchant)
    reader = acme if path == PARTNERS else merchant
    if path == OWN:
        with staff_context():
            services.set_plan_status(actor="staff:x", tenant_id=merchant.tenant_id, plan_status=PlanStatus.ACTIVE)
        actions = ["customer.reactivated", *actions] if query == {"actor": "staff"} else actions

    found = entries(reader, path, **query)

    assert [entry["action"] for entry in found] == actions
    assert exported(reader, path, query) == found[::-1]


def test_filter__by_key__takes_its_id_or_its_name_as_an_actor(acme: Api, merchant: Api) -> None:
    key = acme.actor.removeprefix("api_key:")
    by_key = entries(acme, actor=key)

    assert [entry["action"] for entry in by_key] == ["customer.created"]
    assert entries(acme, actor=f"api_key:{key}") == by_key


def test_filter__by_customer__takes_its_id_or_the_partners_own(acme: Api, merchant: Api) -> None:
    acme.patch(f"/api/partners/customers/{merchant.tenant_id}", {"external_id": "shop/1"})

    found = entries(acme, customer_id=str(merchant.tenant_id))

    assert [entry["action"] for entry in found] == ["customer.updated", "customer.created"]
    assert entries(acme, customer_id="ext:shop/1") == found
    assert exported(acme, query={"customer_id": "ext:shop/1"}) == found[::-1]
    assert entries(acme, customer_id="ext:none") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("actor", "oscar"),
        ("since", "yesterday"),
        ("cursor", "x"),
        ("cursor", "MjAyNi0wMS0wMVQwMDowMDowMCswMDowMCB4"),  # of a row that is no number
        ("customer_id", "x"),
        ("limit", "0"),
        ("nonsense", "1"),
    ],
)
def test_query__that_is_wrong__is_refused_by_its_name(field: str, value: str, acme: Api) -> None:
    for accept in ("application/json", "application/x-ndjson"):
        answer = acme.get(PARTNERS, {field: value}, Accept=accept)

        assert answer.status_code == 400
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"]


def test_pages__one_after_another__are_the_whole_list_once(acme: Api) -> None:
    write(acme, *"abcdefg")
    whole = entries(acme)
    pages, cursor = [], None
    while True:
        answer = acme.get(PARTNERS, {"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        assert (answer["total"], answer["total_is_exact"]) == (len(whole), True)
        pages.append(answer["entries"])
        cursor = answer["next_cursor"]
        if cursor is None:
            break

    assert [entry for page in pages for entry in page] == whole
    assert max(map(len, pages)) == 2


def test_export__of_many__is_whole_and_in_the_order_of_the_chain(acme: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    write(acme, *map(str, range(40)))
    for batch in (7, BATCH):
        monkeypatch.setattr("tenants.audit.services.BATCH", batch)
        for query in ({}, {"since": "2026-01-01T00:00:00Z"}, {"customer_id": str(acme.tenant_id)}):
            assert [entry["seq"] for entry in exported(acme, query=query)] == [*range(1, 43)]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("application/x-ndjson; charset=utf-8", "application/x-ndjson"),
        ('Application/X-NDJSON;charset="utf-8";q=0.9, text/html;q=0.1', "application/x-ndjson"),
        ("application/json;q=0.1, application/x-ndjson; charset=utf-8; q=0.2", "application/x-ndjson"),
        ("application/json;charset=utf-8, application/x-ndjson;charset=utf-8;q=0.9", "application/json"),
        ("application/x-ndjson;charset=utf-8;q=0", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        (",;/", "application/json"),
    ],
)
def test_answer__by_accept__is_of_the_type_that_is_preferred(accept: str, answered: str, acme: Api) -> None:
    assert acme.get(PARTNERS, Accept=accept)["Content-Type"] == answered
    assert acme.get("/api/partners/usage", Accept=accept)["Content-Type"] == answered


def test_export__while_others_write__ends_and_skips_nothing(acme: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.audit.services.BATCH", 4)
    write(acme, *map(str, range(10)))
    pieces = acme.get(PARTNERS, Accept="application/x-ndjson").streaming_content

    text = next(pieces)
    write(acme, "late")
    text += b"".join(pieces)

    assert text.count(b"\n") == 13
    assert b'"late"' in text


# --- Cost -----------------------------------------------------------------------------------------------------------

MANY = 60_000
_MANY = f"""
    INSERT INTO tenants_auditentry (created_at, actor, action, tenant_id, detail, family_id, family_seq, shown_actor,
                                    content_hash, family_previous_hash, family_hash)
    SELECT now() - interval '1 min' * n, 'api_key:' || n %% 7, 'action.' || n %% 11, %s::uuid, '{{}}', %s::uuid,
        1000000 + n, 'api_key:' || n %% 7, '', '', ''
    FROM generate_series(1, {MANY}) n
"""
_RARE = """
    UPDATE tenants_auditentry SET action = 'rare', shown_actor = 'api_key:rare' WHERE family_seq = 1000000 + %s
"""


def test_list__of_many__reads_an_index_whatever_is_asked_for(acme: Api, merchant: Api) -> None:
    as_owner("ALTER TABLE tenants_auditentry DISABLE TRIGGER USER")
    try:
        as_owner(_MANY, acme.tenant_id, acme.tenant_id)
        as_owner(_RARE, MANY - 10)
    finally:
        as_owner("ALTER TABLE tenants_auditentry ENABLE TRIGGER USER")
    wait_for_commits()  # or pages are not all visible
    as_owner("VACUUM ANALYZE tenants_auditentry")

    for query in (
        {"action": "rare"},
        {"actor": "api_key:rare"},
        {"customer_id": str(merchant.tenant_id)},
        {"until": "2020-01-01T00:00:00Z"},
    ):
        with reads() as seen:
            entries(acme, **query)
        assert max(read.rows for read in seen) < 50, query
        assert sum(read.buffers for read in seen) < 400, query
    for query in ({}, {"q": "nowhere"}, {"actor": "api_key:3", "action": "rare"}):
        with reads() as seen:
            entries(acme, **query)
        assert max(read.rows for read in seen) < 12_000, query


FAMILY = 300


def test_list__of_a_large_family__looks_each_label_up_by_an_index(acme: Api) -> None:
    as_owner(
        "INSERT INTO tenants_tenant (id, name, slug, tenant_role, plan_tier, plan_status, tracked_user_limit, config,"
        " parent_id) SELECT gen_random_uuid(), 'Shop', 'shop-' || n, 'customer', 'starter', 'active', 10, '{}', %s"
        f" FROM generate_series(1, {FAMILY}) n",
        acme.tenant_id,
    )
    as_owner(
        "INSERT INTO tenants_apikey (id, tenant_id, prefix, label, scopes, digest) SELECT gen_random_uuid(), id,"
        " 'rt_live_aaaa', 'Shop', '{full}', sha256(id::text::bytea) FROM tenants_tenant WHERE parent_id = %s",
        acme.tenant_id,
    )
    as_owner(
        "INSERT INTO tenants_auditentry (actor, action, tenant_id, detail)"
        " SELECT 'api_key:' || k.id, 'seen', t.id, '{}'"
        " FROM tenants_tenant t JOIN tenants_apikey k ON k.tenant_id = t.id WHERE t.parent_id = %s",
        acme.tenant_id,
    )
    as_owner("ANALYZE tenants_apikey, tenants_tenant, tenants_auditentry")

    with reads() as seen:
        found = entries(acme, limit=FAMILY)

    assert [each["actor"]["label"] for each in found] == ["Shop"] * FAMILY
    assert max(read.unequal for read in seen) == 0
