"""Signatures, verified by the libraries that receivers use, and by the snippets of docs/webhooks.md."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks

from delivery.transport import signing
from tests.conftest import REPOSITORY, Api
from tests.delivery.cast import Merchant, let_time_pass, work
from tests.delivery.receiver import Received, Receiver

HERE = Path(__file__).parent
GUIDE = (REPOSITORY / "docs" / "webhooks.md").read_text()
OTHER = "0" * 64


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def sent(shop: Merchant, inbox: Receiver) -> Received:
    shop.dispatch()
    work()
    (received,) = inbox.received
    return received


@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.webhooks.Webhook])
def test_signature__by_a_library__is_right_for_the_secret_alone(library: Any, shop: Merchant, sent: Received) -> None:
    library(shop.secret.encode()).verify(sent.body, sent.headers)

    with pytest.raises(standardwebhooks.WebhookVerificationError):
        library(OTHER.encode()).verify(sent.body, sent.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        library(shop.secret.encode()).verify(sent.body + b" ", sent.headers)


def test_signature__by_the_guides_python__is_right(shop: Merchant, sent: Received) -> None:
    names: dict[str, Any] = {}
    for code in snippets("python"):
        exec(compile(code, "docs/webhooks.md", "exec"), names)

    assert names["receive"](shop.secret, sent.headers, sent.body) == sent.json
    assert names["is_from_retivo"](shop.secret, sent.headers, sent.body)
    assert not names["is_from_retivo"](OTHER, sent.headers, sent.body)


@pytest.fixture(scope="session")
def node() -> str:
    """A node that has what package-lock.json says."""
    npm, found = shutil.which("npm"), shutil.which("node")
    if npm is None or found is None:
        pytest.skip("needs node and npm")
    if not (HERE / "node_modules" / "standardwebhooks").is_dir():
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=HERE, check=True, timeout=300)
    return found


def test_signature__by_the_guides_node__is_right(node: str, shop: Merchant, sent: Received) -> None:
    (code,) = snippets("js")
    program = f"""{code}
        const {{ secrets, headers, body }} = JSON.parse(await new Response(process.stdin).text());
        console.log(JSON.stringify(secrets.map((secret) => {{
            try {{ return receive(secret, headers, body); }} catch (error) {{ return error.constructor.name; }}
        }})));
    """
    given = {"secrets": [shop.secret, OTHER], "headers": sent.headers, "body": sent.body.decode()}

    result = subprocess.run(
        [node, "--input-type=module", "--eval", program],
        cwd=HERE,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert json.loads(result.stdout) == [sent.json, "WebhookVerificationError"]


@pytest.mark.no_database
def test_signature__two_secrets__both_sign_the_new_one_first() -> None:
    headers = signing.headers(secrets=["new", "old"], message_id="ea_1", timestamp=5, body=b"{}")
    alone = signing.headers(secrets=["new"], message_id="ea_1", timestamp=5, body=b"{}")

    assert headers["webhook-signature"].split(" ")[0] == alone["webhook-signature"]
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert headers["X-Retivo-Signature"] == alone["X-Retivo-Signature"]
    assert "X-Retivo-Signature-Previous" not in alone


ROTATE = "/api/partners/integrations/{}/rotate-secret"


def integration_of(acme: Api) -> str:
    (integration,) = acme.get("/api/partners/integrations").json()["integrations"]
    return str(integration["id"])


def accepted(secret: str, sent: Received) -> bool:
    try:
        standardwebhooks.Webhook(secret.encode()).verify(sent.body, sent.headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def test_rotation__within_the_overlap__both_verify_and_after_it_the_new_one(
    acme: Api, shop: Merchant, inbox: Receiver
) -> None:
    answer = acme.post(ROTATE.format(integration_of(acme)), {})
    assert answer.status_code == 200, answer.content
    new = answer.json()["webhook_secret"]
    assert re.fullmatch(r"[0-9a-f]{64}", new)
    assert answer.json()["previous_secret_until"].endswith("Z")

    shop.dispatch()
    work()
    let_time_pass(24 * 3600 + 1)
    shop.dispatch()
    work()

    during, afterwards = inbox.received
    assert [accepted(secret, during) for secret in (new, shop.secret)] == [True, True]
    assert [accepted(secret, afterwards) for secret in (new, shop.secret)] == [True, False]


def test_rotation__anothers_integration__is_not_found(acme: Api, rival: Api, shop: Merchant) -> None:
    id = integration_of(acme)

    assert rival.post(ROTATE.format(id), {}).status_code == 404
    assert shop.api.post(ROTATE.format(id), {}).status_code == 403
