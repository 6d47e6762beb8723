"""Requests that no honest client sends, over a real socket: each is a 4xx problem or a success, never a 5xx."""

import base64
import gzip
import http.client
import json
import socket
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import plain_http
from tests.conftest import Api, Server

CUSTOMERS = "/api/partners/customers"
INTEGRATIONS = "/api/partners/integrations"
MIB = 1024 * 1024


def send(server: Server, api: Api, method: str, path: str, **request: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {api.key}", **request.pop("headers", {})}
    return plain_http.request(method, server.url + path, headers=headers, timeout=60, **request)


def post(server: Server, api: Api, body: Any, path: str = CUSTOMERS, **headers: Any) -> httpx.Response:
    named = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return send(server, api, "POST", path, content=body, headers=named)


def assert_problem(response: httpx.Response, status: int, code: str) -> None:
    assert response.headers["Content-Type"] == "application/problem+json", response.text
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["request_id"] == response.headers["X-Request-Id"]


def customer(config: str) -> bytes:
    return b'{"name": "M", "slug": "merchant", "config": %s}' % config.encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "malformed_json"),
        (b"\xff\xfe{}", "malformed_json"),
        (b"\xef\xbb\xbf{}", "malformed_json"),
        (b'{"name": "\xed\xa0\x80"}', "malformed_json"),
        (b'{"name": "\\ud800"}', "malformed_json"),
        (b'{"name": NaN}', "malformed_json"),
        (b'{"name": 1e400}', "number_out_of_range"),
        (b"{} {}", "malformed_json"),
        (customer("1" * 5000), "number_out_of_range"),
        (customer('{"a": %s}' % ("9" * 309)), "number_out_of_range"),
        (customer('{"a": "\\u0000"}'), "nul_character"),
        (customer('{"\\u0000": 1}'), "nul_character"),
        (b"[" * 10_000 + b"]" * 10_000, "nested_too_deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested_too_deep"),
        (customer('{"a":' * 33 + "1" + "}" * 33), "nested_too_deep"),
        (b"[]", "validation_failed"),
        (b"null", "validation_failed"),
        (b'"text"', "validation_failed"),
        (b"true", "validation_failed"),
        (b"", "validation_failed"),
        (customer("[]"), "validation_failed"),
        (b'{"name": "M", "slug": "merchant", "tracked_user_limit": true}', "validation_failed"),
        (b'{"name": "M", "slug": "merchant", "tracked_user_limit": "5"}', "validation_failed"),
        (b'{"name": "M", "slug": "merchant", "tracked_user_limit": 1.5}', "validation_failed"),
        (b'{"name": "M", "slug": "merchant", "tracked_user_limit": 1e18}', "validation_failed"),
        (b'{"name": "M", "slug": "merchant ", "config": {}}', "validation_failed"),
        (b'{"name": 5, "slug": "merchant"}', "validation_failed"),
        (b'{"name": "M", "slug": "merchant", "plan_tier": ["growth"]}', "validation_failed"),
    ],
)
def test_body__rubbish__is_400_and_changes_nothing(acme: Api, server: Server, body: bytes, code: str) -> None:
    assert_problem(post(server, acme, body), 400, code)
    assert acme.get(CUSTOMERS).json()["total"] == 0


def test_body__odd_but_well_formed__is_taken(acme: Api, server: Server) -> None:
    config = {
        "deep": json.loads('{"a":' * 29 + "1" + "}" * 29),
        "max": 2**63,
        "min": -(2**70),
        "float": 1.7976931348623157e308,
        "small": 5e-324,
        "text": "\U0001f600 \x01",
    }

    response = post(server, acme, customer(json.dumps(config)))

    assert response.status_code == 201, response.text
    path = f"{CUSTOMERS}/{response.json()['customer']['tenant_id']}"
    found = send(server, acme, "GET", path).json()["customer"]["config"]
    assert {**found, "float": float(found["float"])} == config  # PostgreSQL writes all of its digits


def test_body__repeated_member__the_last_counts(acme: Api, server: Server) -> None:
    response = post(server, acme, b'{"name": "M", "slug": "first", "slug": "last"}')

    assert (response.status_code, response.json()["customer"]["slug"]) == (201, "last")


@pytest.mark.parametrize("value", [5, True, "", "{0}", "urn:uuid:{0}", "{{{0}}}", ["{0}"]])
def test_share__id_that_is_no_uuid_string__is_400(acme: Api, merchant: Api, server: Server, value: Any) -> None:
    integration = acme.register()["id"]
    text = json.dumps({"customer_tenant_id": value}).replace("{0}", merchant.tenant_id.hex)

    response = post(server, acme, text, f"{INTEGRATIONS}/{integration}/share")

    assert_problem(response, 400, "validation_failed")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/xml",
        "rubbish",
        "é",
    ],
)
def test_content_type__other_than_json__is_415(acme: Api, server: Server, content_type: str) -> None:
    response = post(server, acme, b"name=M&slug=merchant", Content_Type=content_type.encode())

    assert_problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["APPLICATION/JSON", "application/json; charset=latin-1", "application/json;"])
def test_content_type__json_however_written__is_taken(acme: Api, server: Server, content_type: str) -> None:
    assert post(server, acme, customer("{}"), Content_Type=content_type).status_code == 201


def test_content_encoding__none_that_we_read__is_415(acme: Api, server: Server) -> None:
    response = post(server, acme, gzip.compress(customer("{}")), Content_Encoding="br")
    assert_problem(response, 415, "unsupported_content_encoding")


def test_size__one_mebibyte__is_read_and_one_byte_more_is_413(acme: Api, server: Server) -> None:
    padded = customer("{}").ljust(MIB)

    assert post(server, acme, padded).status_code == 201
    assert_problem(post(server, acme, padded + b" "), 413, "body_too_large")


def test_chunked_body__is_read_and_limited_alike(acme: Api, server: Server) -> None:
    padded = customer("{}").ljust(MIB)

    assert post(server, acme, (padded[i : i + 9999] for i in range(0, MIB, 9999))).status_code == 201
    assert_problem(post(server, acme, iter([padded, b" "])), 413, "body_too_large")


def test_chunked__in_any_case_of_letters__is_read(acme: Api, server: Server) -> None:
    body = customer("{}")
    head = f"POST {CUSTOMERS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {acme.key}\r\n"
    head += f"Content-Type: application/json\r\nTransfer-Encoding: Chunked\r\n\r\n{len(body):x}\r\n"

    response, _ = speak(server, head.encode() + body + b"\r\n0\r\n\r\n")

    assert response.status == 201


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=1", "*/*;q=0", "rubbish", "", "é", ";;,,"])
@pytest.mark.parametrize("path", [CUSTOMERS, "/api/health", "/api/openapi.json", "/api/docs"])
def test_accept__whatever_it_says__is_answered(acme: Api, server: Server, path: str, accept: str) -> None:
    assert send(server, acme, "GET", path, headers={"Accept": accept.encode("latin-1")}).status_code == 200


@pytest.mark.parametrize("path", [CUSTOMERS, "/api/health", "/api/openapi.json", "/api/docs"])
@pytest.mark.parametrize("method", ["DELETE", "PUT", "TRACE", "QUERY", "RUBBISH"])
def test_method__that_the_path_has_not__is_405_with_allow(acme: Api, server: Server, path: str, method: str) -> None:
    response = send(server, acme, method, path)

    assert_problem(response, 405, "method_not_allowed")
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("path", ["/api/livez", "/api/readyz", "/api/health", "/api/openapi.json", "/api/docs"])
def test_options__of_what_needs_no_key__is_answered(acme: Api, server: Server, path: str) -> None:
    response = send(server, acme, "OPTIONS", path)

    assert response.status_code in (200, 405)
    assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("key", ["é", "rt_live_\xff", "rt_live_" + "0" * 36, "x" * 5000, "a b c"])
def test_key__rubbish__is_401(acme: Api, server: Server, key: str) -> None:
    response = send(server, acme, "GET", CUSTOMERS, headers={"Authorization": f"Bearer {key}".encode("latin-1")})

    assert_problem(response, 401, "api_key_malformed")


def test_request_id__rubbish__is_replaced(acme: Api, server: Server) -> None:
    response = send(server, acme, "GET", CUSTOMERS, headers={"X-Request-Id": "é {}".encode("latin-1")})

    assert response.status_code == 200
    assert response.headers["X-Request-Id"].isalnum()


@pytest.mark.parametrize("version", ["%0A", "%0D%0AX: y", '"', "%00"])
def test_schema_and_docs__rubbish_query__changes_nothing(acme: Api, server: Server, version: str) -> None:
    plain = plain_http.get(f"{server.url}/api/openapi.json")

    assert plain_http.get(f"{server.url}/api/openapi.json?version={version}&lang={version}").content == plain.content
    assert plain_http.get(f"{server.url}/api/docs?version={version}&lang={version}").status_code == 200


CURSORS = [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-01-01T00:00:00+00:00:00.000001",
    "2026-W01",
    "",
]


@pytest.mark.parametrize("moment", CURSORS)
@pytest.mark.parametrize("tail", [" 00000000-0000-0000-0000-000000000000", " x", ""])
def test_cursor__made_up__is_400_or_an_empty_page(acme: Api, server: Server, moment: str, tail: str) -> None:
    cursor = base64.urlsafe_b64encode((moment + tail).encode()).decode()

    response = send(server, acme, "GET", CUSTOMERS, params={"cursor": cursor})

    if response.status_code != 200:
        assert_problem(response, 400, "validation_failed")


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1_0", " 5 ", "5.0", "\u0665", "1e2", "9" * 3000, "", "true"])
def test_limit__that_is_no_integer_in_range__is_400(acme: Api, server: Server, limit: str) -> None:
    assert_problem(send(server, acme, "GET", CUSTOMERS, params={"limit": limit}), 400, "validation_failed")


QUERIES = ["q=%00", "q=%ed%a0%80&limit=x", "limit=1&limit=x", "%00=1", "plan_tier[]=growth", "slug=%20"]
QUERIES += ["metadata[%00]=a", "metadata[a]=%00", "metadata[a%00b]=x"]


@pytest.mark.parametrize("query", QUERIES)
def test_query__rubbish__is_400(acme: Api, server: Server, query: str) -> None:
    assert_problem(send(server, acme, "GET", f"{CUSTOMERS}?{query}"), 400, "validation_failed")


@pytest.mark.parametrize("path", ["%00", "%ff", "..%2f..", "x" * 3000, "00000000-0000-0000-0000-00000000000g"])
def test_path__rubbish__is_404(acme: Api, server: Server, path: str) -> None:
    assert_problem(send(server, acme, "GET", f"{CUSTOMERS}/{path}"), 404, "not_found")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /api/partners/customers HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /api/partners/customers HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /api/partners/customers HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/partners/customers HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-\x00: y\r\n\r\n",
        b"GET /api/health?" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"RUBBISH\r\n\r\n",
    ],
)
def test_head__that_is_no_http__is_a_problem(server: Server, head: bytes) -> None:
    response, body = speak(server, head)

    assert 400 <= response.status < 500
    assert response.getheader("Content-Type") == "application/problem+json"
    assert (body["status"], body["request_id"]) == (response.status, response.getheader("X-Request-Id"))
    assert body["error"]


def test_body__that_ends_too_soon__is_400(acme: Api, server: Server) -> None:
    head = f"POST {CUSTOMERS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {acme.key}\r\n"
    head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"

    response, body = speak(server, head.encode() + b"{}")

    assert (response.status, body["code"], body["error"]) == (400, "bad_request", "The body ends too soon.")


@pytest.mark.parametrize(
    "path", ["/api/partners/stats", "/api/livez", "/api/health", "/api/docs", "/admin/login/", "/"]
)
def test_host__missing_in_http_1_1__is_400(server: Server, acme: Api, path: str) -> None:
    key = f"Authorization: Bearer {acme.key}"

    response, problem = speak(server, f"GET {path} HTTP/1.1\r\n{key}\r\n\r\n".encode())

    assert (response.status, problem["code"]) == (400, "bad_request")
    assert "Host" in problem["error"]


def test_host__missing_in_http_1_0__is_answered(server: Server, acme: Api) -> None:
    response, _ = speak(
        server, f"GET /api/partners/stats HTTP/1.0\r\nAuthorization: Bearer {acme.key}\r\n\r\n".encode()
    )

    assert response.status == 200


def speak(server: Server, sent: bytes) -> tuple[http.client.HTTPResponse, Any]:
    """What is answered to these bytes, and no more."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response, json.loads(response.read())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
_FIELDS = ["name", "slug", "plan_tier", "tracked_user_limit", "config", "provider", "display_name", "domain"]
_FIELDS += ["action_type_templates", "event_mappings", "customer_tenant_id", "parameters_schema"]
_BODIES = st.dictionaries(st.sampled_from(_FIELDS), _JSON) | _JSON


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=_BODIES, path=st.sampled_from([CUSTOMERS, INTEGRATIONS]))
def test_body__any_json__is_a_success_or_a_problem(acme: Api, server: Server, body: Any, path: str) -> None:
    response = post(server, acme, json.dumps(body), path)

    if response.status_code != 201:
        assert 400 <= response.status_code < 500, response.text
        assert response.json()["code"], body


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    schema=_JSON
    | st.dictionaries(st.sampled_from(["$ref", "type", "properties", "$id", "$schema", "items", "x"]), _JSON)
)
def test_parameters_schema__any_json__is_taken_or_refused(acme: Api, server: Server, schema: Any) -> None:
    template = {"name": "a", "delivery_webhook": "https://a.example/", "parameters_schema": schema}
    body = {"provider": "p", "display_name": "P", "action_type_templates": [template]}

    assert post(server, acme, json.dumps(body), INTEGRATIONS).status_code in (201, 400, 409)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tail=st.text(max_size=60), scheme=st.sampled_from(["https://", "http://", "HTTPS://", "", "https:", "//"]))
def test_webhook__any_text__is_taken_or_refused(acme: Api, server: Server, tail: str, scheme: str) -> None:
    template = {"name": "a", "delivery_webhook": scheme + tail}
    body = {"provider": "p", "display_name": "P", "action_type_templates": [template]}

    assert post(server, acme, json.dumps(body), INTEGRATIONS).status_code in (201, 400, 409)
