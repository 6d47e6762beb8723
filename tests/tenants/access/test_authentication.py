from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.utils import timezone

from tenants import services
from tenants.access import keys
from tenants.context import staff_context
from tenants.models import ApiKey, PlanStatus, Scope
from tests.conftest import Api
from tests.owner import owner_cursor

PATH = "/api/partners/stats"


def issue(api: Api, **fields: Any) -> Api:
    with staff_context():
        key = services.issue_key(actor="test", tenant_id=api.tenant_id, **{"scopes": [Scope.PARTNER], **fields})
    return Api(api.tenant_id, key.text)


def change(api: Api, **fields: Any) -> None:
    with staff_context():
        ApiKey.objects.filter(digest=keys.digest(api.key)).update(**fields)


def assert_refused(response: Any, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic cnQ6", "rt_live_abc"])
def test_authentication__no_bearer_key__is_401(acme: Api, header: str) -> None:
    assert_refused(acme.get(PATH, Authorization=header), 401, "api_key_missing")


def test_authentication__mistyped_key__is_401_without_a_query(acme: Api, statements: list[str]) -> None:
    last = "A" if acme.key[-1] != "A" else "B"
    statements.clear()

    response = Api(acme.tenant_id, acme.key[:-1] + last).get(PATH)

    assert_refused(response, 401, "api_key_malformed")
    assert statements == []


def test_authentication__key_that_was_never_issued__is_401(acme: Api) -> None:
    assert_refused(Api(acme.tenant_id, keys.generate()).get(PATH), 401, "api_key_unknown")


def test_authentication__expired_key__is_401(acme: Api) -> None:
    change(acme, expires_at=timezone.now())

    assert_refused(acme.get(PATH), 401, "api_key_expired")


def test_authentication__key_before_its_expiry__is_200(acme: Api) -> None:
    change(acme, expires_at=timezone.now() + timedelta(hours=1))

    assert acme.get(PATH).status_code == 200


def test_authentication__revoked_key__is_401_and_stays_so(acme: Api) -> None:
    with staff_context():
        key = ApiKey.objects.get(digest=keys.digest(acme.key))
        services.revoke_key(actor="test", key_id=key.id)
        first = services.revoke_key(actor="test", key_id=key.id).revoked_at

    assert_refused(acme.get(PATH), 401, "api_key_revoked")
    with staff_context():
        assert ApiKey.objects.get(id=key.id).revoked_at == first


def test_authentication__suspended_tenant__is_403_until_active_again(acme: Api) -> None:
    with staff_context():
        services.set_plan_status(actor="test", tenant_id=acme.tenant_id, plan_status=PlanStatus.SUSPENDED)
    assert_refused(acme.get(PATH), 403, "tenant_suspended")

    with staff_context():
        services.set_plan_status(actor="test", tenant_id=acme.tenant_id, plan_status=PlanStatus.ACTIVE)
    assert acme.get(PATH).status_code == 200


def test_permission__full_access_key_of_a_partner__is_403(acme: Api) -> None:
    assert_refused(issue(acme, scopes=[Scope.FULL]).get(PATH), 403, "partner_scope_required")


def test_permission__partner_key_of_a_customer__is_403(merchant: Api) -> None:
    assert_refused(issue(merchant).get(PATH), 403, "tenant_not_partner")


def test_permission__provisioned_key__is_403(merchant: Api) -> None:
    assert_refused(merchant.get(PATH), 403, "partner_scope_required")


def test_authentication__test_key_of_an_earlier_release__is_401_and_meters_nothing(acme: Api, merchant: Api) -> None:
    text = keys.generate("test")
    with staff_context():
        ApiKey.objects.create(
            tenant_id=merchant.tenant_id, digest=keys.digest(text), prefix=keys.prefix(text), scopes=[Scope.FULL]
        )
    test = Api(merchant.tenant_id, text)

    assert_refused(test.post("/api/track", {"events": [{"user_id": "u", "event": "e"}]}), 401, "api_key_test")
    assert_refused(test.post("/api/connectors/segment/v1/batch", {"userId": "u", "event": "e"}), 401, "api_key_test")

    usage = acme.get(f"/api/partners/customers/{merchant.tenant_id}").json()["customer"]["usage"]
    assert (usage["active_users"], usage["events"]) == (0, 0)


def test_issue_key__test_mode__is_refused(acme: Api) -> None:
    with pytest.raises(ValidationError, match="test tenant"):
        issue(acme, mode="test")


def test_last_used_at__many_requests__is_written_once_a_minute(acme: Api) -> None:
    def last_used() -> Any:
        with staff_context():
            return ApiKey.objects.get(digest=keys.digest(acme.key)).last_used_at

    assert last_used() is None
    acme.get(PATH)
    first = last_used()
    acme.get(PATH)
    assert last_used() == first

    change(acme, last_used_at=first - timedelta(minutes=2))
    acme.get(PATH)
    assert last_used() > first


def test_key_text__after_use_and_misuse__is_in_no_table_log_or_repr(
    acme: Api, caplog: pytest.LogCaptureFixture
) -> None:
    response = acme.post("/api/partners/customers", {"name": "M", "slug": "merchant"}, Idempotency_Key="k1")
    text = response.json()["customer"]["api_key"]
    misplaced = acme.get("/api/partners/customers", {"slug": text}, Authorization=f"Token {text}")
    with staff_context():
        issued = services.issue_key(actor="test", tenant_id=acme.tenant_id, scopes=[Scope.FULL])

    assert issued.text not in repr(issued)
    assert text.encode() not in misplaced.content
    assert text not in caplog.text
    with owner_cursor() as cursor:
        for table in connections["owner"].introspection.table_names():
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE strpos(t::text, %s) > 0", [text[12:40]])
            assert cursor.fetchone()[0] == 0, table
