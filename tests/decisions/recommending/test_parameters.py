"""Parameters as a program that a tenant writes: bounded where they come in, and nobody else's wait."""

import json
import threading
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.conftest import Api, Server
from tests.decisions.deciding import RECOMMEND, reasons, recommend, shop_of
from tests.integrations.parameters.heavy import PATTERN, TEXT

HEAVY = {
    "name": "grant_points",
    "parameters_schema": {"a": {"type": "string", "pattern": PATTERN}},
    "delivery_webhook": "https://hooks.acme.example/points",
}


def given(text: str, **fields: Any) -> dict[str, Any]:
    return {"user_id": "u0", "dry_run": True, "context": {"parameters": {"grant_points": {"a": text}}}, **fields}


def test_recommend__parameters_that_take_too_long_to_check__excludes_their_action(acme: Api) -> None:
    shop = shop_of(acme, action_type_templates=[HEAVY])

    assert reasons(recommend(shop, **given(TEXT)))["grant_points"] == "parameters_too_costly"
    assert reasons(recommend(shop, **given("c")))["grant_points"] == "parameters_incomplete"
    assert reasons(recommend(shop, **given("aab")))["grant_points"] is None


@pytest.mark.parametrize("size", [16_400, 60_000])
def test_recommend__parameters_above_16_kib__is_a_fault_of_the_field(acme: Api, size: int) -> None:
    shop = shop_of(acme, action_type_templates=[HEAVY])

    response = shop.post(RECOMMEND, given("a" * size))

    (error,) = response.json()["errors"]
    assert (response.status_code, error["pointer"]) == (400, "/context/parameters/grant_points")
    assert error["code"] == "parameters_too_large"


def test_playbook__hints_with_parameters_above_16_kib__is_a_fault_of_the_field(merchant: Api) -> None:
    hints = {"parameters": {"grant_points": {"a": "a" * 16_400}}}

    response = merchant.post("/api/playbooks", {"name": "p", "strategy_hints": hints})

    (error,) = response.json()["errors"]
    assert (response.status_code, error["pointer"]) == (400, "/strategy_hints/parameters/grant_points")


def test_server__one_tenants_heavy_checks__let_anothers_requests_through(acme: Api, server: Server) -> None:
    """As an attacker would: the largest text that is taken and, as it was found, one of 950,000 characters."""
    shop, other = shop_of(acme, action_type_templates=[HEAVY]), acme.provision("other")
    stopped = threading.Event()
    statuses: set[int] = set()

    def attack(text: str) -> None:
        while not stopped.is_set():
            statuses.add(send(server, shop, given(text)))

    threads = [threading.Thread(target=attack, args=(text,)) for text in [TEXT] * 4 + ["a" * 950_000 + "c"] * 2]
    for thread in threads:
        thread.start()
    longest = 0.0
    try:
        for _ in range(30):
            started = time.monotonic()
            assert send(server, other) == 200
            longest = max(longest, time.monotonic() - started)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()

    assert longest < 5  # a check that holds the interpreter's lock took 31 s
    assert statuses <= {200, 400, 429, 503}
    assert 500 not in statuses


def send(server: Server, api: Api, body: Any = None) -> int:
    """A recommendation where there is a body; else the settings."""
    request = urllib.request.Request(
        server.url + ("/api/settings" if body is None else RECOMMEND),
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
