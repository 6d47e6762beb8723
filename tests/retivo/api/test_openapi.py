"""The API's description: valid, complete, and what the code generates."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tenants.models import Scope
from tests import plain_http
from tests.conftest import REPOSITORY, Api, Server

SCHEMA: dict[str, Any] = yaml.safe_load((REPOSITORY / "openapi.yaml").read_text())

OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation for path in SCHEMA["paths"].values() for operation in path.values()
}

AUTHENTICATED = {"401", "403", "429", "503"}
CHANGE = AUTHENTICATED | {"400", "413", "415"}
POST = CHANGE | {"409", "422"}
PROBES = {"getHealth", "getLiveness", "getReadiness"}
NO_KEY = PROBES | {"reportLeakedKey", "reportOutcomeByUrl", "listCertificateKeys"}
ANY_KEY = {"getMe"}
STATUSES = {
    "getHealth": {"200", "503"},
    "getLiveness": {"200"},
    "getReadiness": {"200", "503"},
    "reportLeakedKey": {"202", "400", "413", "415", "429", "503"},
    "listCustomers": {"200", "400"} | AUTHENTICATED,
    "provisionCustomer": {"201"} | POST,
    "getCustomer": {"200", "400", "404"} | AUTHENTICATED,
    "changeCustomer": {"200", "404", "409"} | CHANGE,
    "putCustomer": {"200", "201", "404", "409"} | CHANGE,
    "listEndpoints": {"200", "400"} | AUTHENTICATED,
    "getEndpoint": {"200", "404"} | AUTHENTICATED,
    "enableEndpoint": {"200", "404"} | POST,
    "recoverEndpoint": {"200", "202", "404"} | POST,
    "getRecovery": {"200", "404"} | AUTHENTICATED,
    "certifyEndpoint": {"202", "404"} | POST,
    "getCertification": {"200", "404"} | AUTHENTICATED,
    "listPartnerEvents": {"200", "400", "410"} | AUTHENTICATED,
    "listPartnerEventTypes": {"200"} | AUTHENTICATED,
    "listWebhooks": {"200", "400"} | AUTHENTICATED,
    "createWebhook": {"201"} | POST,
    "getWebhook": {"200", "404"} | AUTHENTICATED,
    "changeWebhook": {"200", "404"} | CHANGE,
    "deleteWebhook": {"200", "404"} | AUTHENTICATED,
    "listWebhookAttempts": {"200", "400", "404"} | AUTHENTICATED,
    "rotateWebhookSecret": {"200", "404"} | POST,
    "testWebhook": {"202", "404"} | POST,
    "replayWebhook": {"202", "404", "410"} | POST,
    "getPartnerKillSwitch": {"200"} | AUTHENTICATED,
    "turnPartnerKillSwitch": {"200", "404"} | CHANGE,
    "getPartnerShadowMode": {"200"} | AUTHENTICATED,
    "turnPartnerShadowMode": {"200", "404"} | CHANGE,
    "deleteCustomer": {"202", "404", "409"} | CHANGE,
    "restoreCustomer": {"200", "404"} | POST,
    "listDeletions": {"200", "400"} | AUTHENTICATED,
    "getDeletion": {"200", "404"} | AUTHENTICATED,
    "listCertificateKeys": {"200", "429", "503"},
    "registerIntegration": {"201"} | POST,
    "listIntegrations": {"200", "400"} | AUTHENTICATED,
    "getIntegration": {"200", "404"} | AUTHENTICATED,
    "changeIntegration": {"200", "404"} | CHANGE,
    "deleteIntegration": {"200", "404", "409"} | AUTHENTICATED,
    "changeWebhooks": {"200", "404", "409"} | CHANGE,
    "deprecateIntegration": {"200", "404"} | POST,
    "listIntegrationCustomers": {"200", "400", "404"} | AUTHENTICATED,
    "shareIntegration": {"200", "202", "404"} | POST,
    "getSharing": {"200", "404"} | AUTHENTICATED,
    "unshareIntegration": {"200", "404", "409"} | CHANGE,
    "listRevisions": {"200", "400", "404"} | AUTHENTICATED,
    "publishRevision": {"200", "201", "404"} | POST,
    "getRevision": {"200", "400", "404"} | AUTHENTICATED,
    "listRollouts": {"200", "400", "404"} | AUTHENTICATED,
    "startRollout": {"200", "202", "404"} | POST,
    "getRollout": {"200", "404"} | AUTHENTICATED,
    "pauseRollout": {"200", "404"} | POST,
    "resumeRollout": {"200", "404"} | POST,
    "rollBackRollout": {"202", "404"} | POST,
    "rotateIntegrationSecret": {"200", "404"} | POST,
    "listActionTypes": {"200", "400"} | AUTHENTICATED,
    "registerActionType": {"201"} | POST,
    "getActionType": {"200", "404"} | AUTHENTICATED,
    "changeActionType": {"200", "404", "409"} | CHANGE,
    "switchActionTypeOff": {"200", "404"} | AUTHENTICATED,
    "rotateActionTypeSecret": {"200", "404"} | POST,
    "listActions": {"200", "400"} | AUTHENTICATED,
    "getAction": {"200", "404"} | AUTHENTICATED,
    "reportOutcome": {"200", "404"} | POST,
    "replayAction": {"200", "404"} | POST,
    "reportOutcomeByUrl": {"200", "400", "404", "409", "410", "413", "415", "429", "503"},
    "reportOutcomes": {"200"} | POST,
    "listPartnerAuditEntries": {"200", "400"} | AUTHENTICATED,
    "listPartnerAuditCheckpoints": {"200", "400"} | AUTHENTICATED,
    "listAuditEntries": {"200", "400"} | AUTHENTICATED,
    "listAuditCheckpoints": {"200", "400"} | AUTHENTICATED,
    "listPatterns": {"200"} | AUTHENTICATED,
    "getPartnerStats": {"200", "400"} | AUTHENTICATED,
    "listUsage": {"200", "400", "404"} | AUTHENTICATED,
    "listUsageAlerts": {"200"} | AUTHENTICATED,
    "setUsageAlert": {"200"} | CHANGE,
    "track": {"200"} | POST,
    "pushExternalEvents": {"200"} | POST,
    "getMe": {"200"} | AUTHENTICATED,
    "getSettings": {"200", "400"} | AUTHENTICATED,
    "changeSettings": {"200"} | CHANGE,
    "setKillSwitch": {"200"} | CHANGE,
    "setShadowMode": {"200"} | CHANGE,
    "listApiKeys": {"200", "400"} | AUTHENTICATED,
    "issueApiKey": {"201"} | POST,
    "getApiKey": {"200", "404"} | AUTHENTICATED,
    "changeApiKey": {"200", "404"} | CHANGE,
    "revokeApiKey": {"200", "400", "404", "409"} | AUTHENTICATED,
    "rotateApiKey": {"201", "404"} | POST,
    "revokeAllApiKeys": {"200"} | POST,
    "listPartnerApiKeys": {"200", "400"} | AUTHENTICATED,
    "issuePartnerApiKey": {"201"} | POST,
    "getPartnerApiKey": {"200", "404"} | AUTHENTICATED,
    "changePartnerApiKey": {"200", "404"} | CHANGE,
    "revokePartnerApiKey": {"200", "400", "404", "409"} | AUTHENTICATED,
    "rotatePartnerApiKey": {"201", "404"} | POST,
    "revokeAllPartnerApiKeys": {"200"} | POST,
    "listCustomerApiKeys": {"200", "400", "404"} | AUTHENTICATED,
    "issueCustomerApiKey": {"201", "404"} | POST,
    "getCustomerApiKey": {"200", "404"} | AUTHENTICATED,
    "changeCustomerApiKey": {"200", "404", "409"} | CHANGE,
    "revokeCustomerApiKey": {"200", "400", "404"} | AUTHENTICATED,
    "rotateCustomerApiKey": {"201", "404"} | POST,
    "revokeAllCustomerApiKeys": {"200", "404"} | POST,
    "listEvents": {"200", "400"} | AUTHENTICATED,
    "listRejectedEvents": {"200", "400"} | AUTHENTICATED,
    "listUsers": {"200", "400"} | AUTHENTICATED,
    "saveUser": {"200", "201"} | POST,
    "getUser": {"200", "404"} | AUTHENTICATED,
    "exportUser": {"200", "404"} | AUTHENTICATED,
    "updateUser": {"200", "400", "404", "413", "415"} | AUTHENTICATED,
    "eraseUser": {"200", "404"} | AUTHENTICATED,
    "getUserStats": {"200"} | AUTHENTICATED,
    "segmentWebhook": {"200"} | POST,
    "segmentBatch": {"200"} | POST,
    "segmentMessage": {"200", "404"} | POST,
    "posthogWebhook": {"200"} | POST,
    "posthogBatch": {"200"} | POST,
    "posthogAnalytics": {"200"} | POST,
    "mixpanelEvents": {"200"} | POST,
    "mixpanelQuery": {"200", "400", "404"} | AUTHENTICATED,
    "mixpanelEndpoint": {"200", "404"} | POST,
    "listPlaybooks": {"200", "400"} | AUTHENTICATED,
    "createPlaybook": {"201"} | POST,
    "getPlaybook": {"200", "404"} | AUTHENTICATED,
    "changePlaybook": {"200", "404", "409"} | CHANGE,
    "changePlaybookStatus": {"200", "404", "409"} | CHANGE,
    "archivePlaybook": {"200", "404"} | AUTHENTICATED,
    "listInterventions": {"200", "400"} | AUTHENTICATED,
    "createIntervention": {"201", "404"} | POST,
    "getIntervention": {"200", "404"} | AUTHENTICATED,
    "approveIntervention": {"200", "404", "409"} | CHANGE,
    "pauseIntervention": {"200", "404", "409"} | CHANGE,
    "rejectIntervention": {"200", "404", "409"} | CHANGE,
    "recommend": {"200", "404"} | POST,
    "listDecisions": {"200", "400"} | AUTHENTICATED,
    "getDecision": {"200", "404"} | AUTHENTICATED,
    "exportDecisions": {"200", "400"} | AUTHENTICATED,
    "getLift": {"200", "400"} | AUTHENTICATED,
    "getLearning": {"200"} | AUTHENTICATED,
    "listLearningReceipts": {"200", "400"} | AUTHENTICATED,
}


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """What `node` is or refers to."""
    if "$ref" not in node:
        return node
    found = SCHEMA
    for name in node["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def responses(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {status: resolve(response) for status, response in operation["responses"].items()}


def assert_conforms(value: Any, schema: dict[str, Any]) -> None:
    registry: Registry[Any] = Registry().with_resource("urn:retivo", DRAFT202012.create_resource(SCHEMA))
    rooted = _with_root(schema)
    Draft202012Validator(rooted, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def _with_root(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: f"urn:retivo{child}" if name == "$ref" else _with_root(child) for name, child in node.items()}
    return [_with_root(child) for child in node] if isinstance(node, list) else node


def examples(content: dict[str, Any]) -> list[Any]:
    return [example["value"] for example in content.get("examples", {}).values()]


@pytest.mark.no_database
def test_openapi_yaml__as_committed__is_valid_and_what_the_code_generates(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "openapi.yaml"))

    assert (REPOSITORY / "openapi.yaml").read_text() == (tmp_path / "openapi.yaml").read_text(), "run `make openapi`"


@pytest.mark.no_database
def test_schema__as_served__is_the_committed_one_for_anyone() -> None:
    response = Client().get("/api/openapi.json")

    assert response["Content-Type"] == "application/json"
    assert response.json() == SCHEMA
    assert response.json()["openapi"].startswith("3.1.")
    assert not [path for path in response.json()["paths"] if path.endswith("/")]


@pytest.mark.no_database
def test_operations__all_of_them__document_the_statuses_they_answer() -> None:
    assert {name: set(operation["responses"]) for name, operation in OPERATIONS.items()} == STATUSES


@pytest.mark.no_database
@pytest.mark.parametrize("name", STATUSES)
def test_operation__each__is_described_and_needs_a_key_but_probes(name: str) -> None:
    operation = OPERATIONS[name]

    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    if name in NO_KEY:
        assert "security" not in operation
        return
    if name in ANY_KEY:
        assert operation["security"] == [{"bearerAuth": []}]
        return
    ((scope,),) = [needed["bearerAuth"] for needed in operation["security"]]
    assert scope in Scope
    assert operation["description"].endswith(f"The key needs the scope `{scope}`.")
    for parameter in operation.get("parameters", []):
        assert parameter["in"] == "path" or parameter.get("description") or "enum" in parameter["schema"]


@pytest.mark.no_database
@pytest.mark.parametrize("name", sorted(STATUSES.keys() - PROBES))
def test_operation__each_error__is_a_problem_with_an_example_for_each_code(name: str) -> None:
    for status, response in responses(OPERATIONS[name]).items():
        if status >= "400":
            content = response["content"]["application/problem+json"]
            codes = content["schema"]["properties"]["code"]["enum"]
            assert content["schema"]["allOf"] == [{"$ref": "#/components/schemas/Problem"}]
            assert [(example["status"], example["code"]) for example in examples(content)] == [
                (int(status), code) for code in codes
            ]


@pytest.mark.no_database
@pytest.mark.parametrize("name", STATUSES)
def test_operation__each_example__conforms_to_its_schema(name: str) -> None:
    operation = OPERATIONS[name]
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for described in [*bodies, *responses(operation).values()]:
        for content in described["content"].values():
            assert examples(content), described
            for example in examples(content):
                assert_conforms(example, content["schema"])


@pytest.mark.no_database
def test_headers__each_answer__names_those_it_has() -> None:
    for name, operation in OPERATIONS.items():
        for status, response in responses(operation).items():
            headers = set(response["headers"])
            assert "X-Request-Id" in headers
            assert ("WWW-Authenticate" in headers) == (status == "401")
            assert ("Retry-After" in headers) == (status == "429" or (status == "503" and name not in PROBES))
            takes_key = "Idempotency-Key" in {parameter["name"] for parameter in operation.get("parameters", [])}
            assert ("Idempotency-Replayed" in headers) == (status < "300" and takes_key)
            if status < "300" and name not in PROBES:
                assert {"RateLimit", "RateLimit-Policy"} <= headers


@pytest.mark.no_database
def test_tags__those_of_operations__are_described() -> None:
    described = [tag["name"] for tag in SCHEMA["tags"]]

    assert {tag for operation in OPERATIONS.values() for tag in operation["tags"]} == {*described}
    assert len(described) == len({*described})


@pytest.mark.no_database
def test_customer_id__in_every_path__is_described_alike() -> None:
    """But for a customer that is put, which its partner's own id alone finds."""
    found: dict[str, dict[str, Any]] = {}
    for name, operation in OPERATIONS.items():
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path" and parameter["name"] == "customerId":
                assert name == "putCustomer" or found.setdefault("customerId", parameter) == parameter, name
    (put,) = [each for each in OPERATIONS["putCustomer"]["parameters"] if each["in"] == "path"]
    for example in put["examples"].values():
        assert re.search(put["schema"]["pattern"], example["value"])


def test_example__of_a_customer__has_the_members_of_an_answer(acme: Api) -> None:
    acme.register()
    customer = acme.get(f"/api/partners/customers/{acme.provision('shop').tenant_id}").json()["customer"]
    (example,) = examples(OPERATIONS["getCustomer"]["responses"]["200"]["content"]["application/json"])

    assert example["customer"].keys() == customer.keys()
    for member in ("integrations", "api_keys"):
        assert example["customer"][member][0].keys() == customer[member][0].keys()


@pytest.mark.no_database
def test_security_scheme__is_a_bearer_key() -> None:
    (name, scheme) = next(iter(SCHEMA["components"]["securitySchemes"].items()))

    assert (name, scheme["type"], scheme["scheme"]) == ("bearerAuth", "http", "bearer")


@pytest.mark.parametrize("name", ["provisionCustomer", "registerIntegration", "registerActionType"])
def test_request_examples__sent_as_they_stand__succeed(acme: Api, name: str) -> None:
    path = next(path for path, item in SCHEMA["paths"].items() if item.get("post", {}).get("operationId") == name)
    content = OPERATIONS[name]["requestBody"]["content"]["application/json"]

    for example in examples(content):
        response = acme.post(path, example)
        assert response.status_code == 201, response.content
        assert_conforms(response.json(), OPERATIONS[name]["responses"]["201"]["content"]["application/json"]["schema"])


def test_field_errors__of_a_strict_body__are_documented_as_closed(acme: Api) -> None:
    partners = {"ProvisionRequest", "IntegrationRequest", "ActionTypeTemplateRequest", "EventMapping", "ShareRequest"}
    for name in partners | {"UserRequest", "PatchedUserPatch", "ActionTypeRequest", "ActionTypeChange"}:
        assert SCHEMA["components"]["schemas"][name]["additionalProperties"] is False

    assert acme.post("/api/partners/customers", {"x": 1}).json()["errors"][0]["code"] == "unknown_field"


class Resources(HTMLParser):
    """The addresses a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.urls += [value for name, value in attrs if name in ("src", "href") and value]


def test_docs__the_page__loads_nothing_from_elsewhere(server: Server) -> None:
    response = plain_http.get(f"{server.url}/api/docs")
    page = Resources()
    page.feed(response.text)

    assert len(page.urls) >= 4
    assert not re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", response.text)
    for url in page.urls:
        assert not urlsplit(url).netloc
        assert plain_http.get(server.url + url).status_code == 200
