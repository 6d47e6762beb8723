"""Customers named in paths and queries by their partner's own ids: what is none is refused where it was sent."""

import httpx
import pytest

from tests.conftest import Api, Server

PATH = "/api/partners/customers"


@pytest.mark.parametrize("sent", ["%FF", "%ED%A0%80", "%C3", "a%2Fb%FF", "%00", "a%00b", "%2F%00", "%0A"])
def test_path__with_bytes_that_are_no_text__is_no_other_customers(acme: Api, server: Server, sent: str) -> None:
    literal = sent.replace("%", "%25")
    headers = {"Authorization": f"Bearer {acme.key}"}
    assert acme.put(f"{PATH}/ext:{literal}", {"name": "M"}).json()["customer"]["external_id"] == sent

    for method, path, body in (
        ("GET", f"{PATH}/ext:{sent}", None),
        ("PUT", f"{PATH}/ext:{sent}", {"name": "Other"}),
        ("PATCH", f"{PATH}/ext:{sent}", {"name": "Other"}),
        ("DELETE", f"{PATH}/ext:{sent}", None),
        ("GET", f"{PATH}/ext:{sent}/api-keys", None),
        ("POST", f"{PATH}/ext:{sent}/restore", {}),
    ):
        answer = httpx.request(method, server.url + path, headers=headers, json=body, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_external_id"), (method, path)
    assert acme.get(f"{PATH}/ext:{literal}").json()["customer"]["name"] == "M"


@pytest.mark.parametrize("path", ["/api/partners/usage", "/api/partners/audit", "/api/partners/events"])
@pytest.mark.parametrize("reference", ["ext:", "ext: ", "ext:a\nb", "ext:a\0b", f"ext:{'x' * 256}", "shop-1", "\0"])
def test_query__reference_that_is_none__is_named(acme: Api, path: str, reference: str) -> None:
    answer = acme.get(path, {"customer_id": reference})

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_failed")
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/customer_id"
    assert error["code"] == ("invalid_external_id" if reference.startswith("ext:") else "invalid")
