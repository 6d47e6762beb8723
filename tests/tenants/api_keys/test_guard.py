"""What holds of keys whatever a program does: in SQL, in a tenant's own context and its partner's."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, connection

from tenants.access import keys
from tenants.context import staff_context, tenant_context
from tenants.models import ApiKey, Scope
from tests.conftest import Api
from tests.owner import as_owner
from tests.tenants.api_keys.places import id_of, key_with

INSERT = """
    INSERT INTO tenants_apikey (id, tenant_id, digest, prefix, label, scopes, created_by, replaces_id, mode, revoked_at)
    VALUES (gen_random_uuid(), %(tenant_id)s, %(digest)s, %(prefix)s, '', %(scopes)s, %(created_by)s, %(replaces_id)s,
            %(mode)s, %(revoked_at)s)
"""


def insert(context: UUID, tenant: UUID, issuer: UUID | None, *scopes: str, **more: Any) -> None:
    text = keys.generate()
    row: dict[str, Any] = {
        "digest": keys.digest(text),
        "prefix": keys.prefix(text),
        "mode": "live",
        "replaces_id": None,
    }
    row |= {"tenant_id": tenant, "scopes": list(scopes), "created_by": issuer and f"api_key:{issuer}"}
    with tenant_context(context), connection.cursor() as cursor:
        cursor.execute(INSERT, {**row, "revoked_at": None, **more})


FAMILIES = {Scope.FULL: ["full", "keys:manage", "users:read"], Scope.PARTNER: ["partner", "partner:keys"]}


@pytest.mark.parametrize("wanted", Scope)
def test_insert__scope__is_taken_from_an_issuer_that_includes_it(acme: Api, wanted: Scope) -> None:
    for held in Scope:
        issuer = id_of(key_with(acme, held))
        if wanted in held.included:
            insert(acme.tenant_id, acme.tenant_id, issuer, wanted)
        else:
            with pytest.raises(IntegrityError, match="issues no scope that it does not hold"):
                insert(acme.tenant_id, acme.tenant_id, issuer, wanted)
        as_owner("DELETE FROM tenants_apikey WHERE digest <> %s", keys.digest(acme.key))


def test_insert__by_nobody_or_by_another_s_key__is_refused(acme: Api, rival: Api, merchant: Api) -> None:
    for issuer in (None, uuid4(), id_of(rival), id_of(merchant)):
        for tenant in (acme.tenant_id, merchant.tenant_id):
            with pytest.raises(IntegrityError, match="issues no scope"):
                insert(acme.tenant_id, tenant, issuer, "full")
    insert(acme.tenant_id, merchant.tenant_id, id_of(acme), "full")
    insert(merchant.tenant_id, merchant.tenant_id, id_of(merchant), "users:read")
    with pytest.raises(ProgrammingError, match="row-level security"):
        insert(rival.tenant_id, rival.provision("other").tenant_id, id_of(rival), "full", tenant_id=merchant.tenant_id)


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope.family == Scope.PARTNER])
def test_insert__scope_of_partners__is_refused_for_whoever_is_none(acme: Api, merchant: Api, scope: str) -> None:
    for context in (acme.tenant_id, merchant.tenant_id):
        with pytest.raises(IntegrityError, match="only a key of a partner"):
            insert(context, merchant.tenant_id, id_of(acme), "full", scope)
    with pytest.raises(IntegrityError, match="only a key of a partner"), staff_context():
        ApiKey.objects.filter(tenant_id=merchant.tenant_id).update(scopes=["full", scope])


@pytest.mark.parametrize(
    ("more", "constraint"),
    [
        ({"prefix": "rt_test_abcd"}, "api_key_live_or_revoked"),
        ({"prefix": "rt_test_abcd", "mode": "test"}, "api_key_live_or_revoked"),
        ({"mode": "test", "revoked_at": "2999-01-01"}, "api_key_live_or_revoked"),
        ({"revoked_at": "2020-01-01"}, "api_key_revoked_after_created"),
        ({"scopes": []}, "api_key_scopes_in_list"),
        ({"scopes": ["users:erase"]}, "api_key_scopes_in_list|issues no scope"),
    ],
)
def test_insert__key_that_may_not_be__is_refused(acme: Api, more: dict[str, Any], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        insert(acme.tenant_id, acme.tenant_id, id_of(acme), "full", **more)


def test_insert__successor__is_one_and_of_the_same_tenant(acme: Api, merchant: Api) -> None:
    insert(acme.tenant_id, merchant.tenant_id, id_of(acme), "full", replaces_id=id_of(merchant))
    with pytest.raises(IntegrityError, match="api_key_replaces_unique"):
        insert(acme.tenant_id, merchant.tenant_id, id_of(acme), "full", replaces_id=id_of(merchant))
    with pytest.raises(IntegrityError, match="api_key_replaces_own"):
        insert(acme.tenant_id, merchant.tenant_id, id_of(acme), "full", replaces_id=id_of(acme))


@pytest.mark.parametrize(
    "change",
    [
        "scopes = '{full}'",
        "created_by = NULL",
        "tenant_id = tenant_id",
        "replaces_id = NULL",
        "digest = digest",
        "allowed_cidrs = NULL",
        "mode = 'live'",
        "created_at = now()",
        "revoked_reason = NULL",
    ],
)
def test_update__of_what_a_key_is__is_denied(acme: Api, change: str) -> None:
    """In the web's role, which the tests' own process is not."""
    column = change.split(" = ", maxsplit=1)[0]
    assert as_owner("SELECT has_column_privilege('app_web', 'tenants_apikey', %s, 'UPDATE')", column) == [(False,)]


def test_update__key_that_ended__stays_so(acme: Api, merchant: Api) -> None:
    def change(text: str) -> None:
        with tenant_context(merchant.tenant_id), connection.cursor() as cursor:
            cursor.execute(f"UPDATE tenants_apikey SET {text}")

    change("expires_at = now() + interval '1 hour'")
    for later in ("expires_at = NULL", "expires_at = now() + interval '2 hours'"):
        with pytest.raises(IntegrityError, match="does not become valid again"):
            change(later)
    change("expires_at = now()")
    change("revoked_at = now()")
    for later in ("revoked_at = NULL", "revoked_at = now() + interval '1 hour'"):
        with pytest.raises(IntegrityError, match="does not become valid again"):
            change(later)
    change("label = 'Gone'")


def test_first_use__of_a_key__is_told_once(acme: Api, merchant: Api) -> None:
    told = """
        SELECT tenant_id, data->>'prefix' FROM tenants_partnerevent
        WHERE type = 'api_key.used_first' AND customer_id = %s
    """
    assert as_owner(told, merchant.tenant_id) == []
    assert merchant.get("/api/partners/customers").status_code == 403  # a use, too
    merchant.get("/api/settings")
    as_owner("UPDATE tenants_apikey SET last_used_at = now() - interval '1 hour'")
    merchant.get("/api/settings")
    assert as_owner(told, merchant.tenant_id) == [(acme.tenant_id, merchant.key[:12])]
