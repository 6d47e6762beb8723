"""A token in an address's query is in no audit entry and in no event."""

from typing import Any

from tests.conftest import Api
from tests.integrations.cast import GIFT
from tests.owner import as_owner
from tests.partners.webhooks.cast import WEBHOOKS, make

TOKEN = "canary7f3a"
ADDRESS = f"https://hooks.acme.example/points?token={TOKEN}&of=acme"
MASKED = "https://hooks.acme.example/points?…"


def written() -> list[tuple[str, str]]:
    return as_owner(
        "SELECT action, detail::text FROM tenants_auditentry"
        " UNION ALL SELECT type, concat(data, previous) FROM tenants_partnerevent"
    )


def test_addresses__with_a_token__are_masked_in_entries_and_events(acme: Api, merchant: Api) -> None:
    webhook = make(acme, url=ADDRESS)
    answers: list[Any] = [
        acme.patch(f"{WEBHOOKS}/{webhook['id']}", {"url": f"{ADDRESS}2"}),
        acme.post(f"{WEBHOOKS}/{webhook['id']}/test", {}),
    ]
    template = {"name": "grant_points", "delivery_webhook": ADDRESS}
    integration = acme.register("tokens", action_type_templates=[template])
    path = f"/api/partners/integrations/{integration['id']}"
    answers += [
        acme.post(f"{path}/revisions", {"note": "The same"}),
        acme.patch(
            f"{path}/webhooks", {"from_origin": "https://hooks.acme.example", "to_origin": "https://acme.example"}
        ),
    ]
    (endpoint,) = [
        each
        for each in acme.get("/api/partners/endpoints").json()["endpoints"]
        if "https://acme.example" in each["url"]
    ]
    answers += [
        acme.post(f"/api/partners/endpoints/{endpoint['id']}/certify", {}),
        acme.post(f"/api/partners/endpoints/{endpoint['id']}/recover", {"since": "2026-01-01T00:00:00Z"}),
        merchant.post("/api/external/action-types", {**GIFT, "delivery_webhook": ADDRESS}),
    ]
    (own,) = [
        each
        for each in merchant.get("/api/external/action-types").json()["action_types"]
        if each["delivery_webhook"] == ADDRESS
    ]
    answers += [
        merchant.put(f"/api/external/action-types/{own['id']}", {**GIFT, "delivery_webhook": f"{ADDRESS}2"}),
        acme.delete(f"{WEBHOOKS}/{webhook['id']}"),
    ]

    assert [answer.content for answer in answers if answer.status_code >= 300] == []
    found = written()
    assert [each for each in found if TOKEN in each[1]] == []
    masked = {action for action, text in found if "?…" in text}
    assert masked == {
        *("webhook.created", "webhook.updated", "webhook.tested", "webhook.deleted"),
        *("endpoint.certification_started", "endpoint.recovery_started"),
    }
    # Whoever made it sees it whole.
    assert acme.get(path).json()["integration"]["action_type_templates"][0]["delivery_webhook"].endswith("&of=acme")
