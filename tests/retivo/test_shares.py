"""A real server whose threads one party would take all of: the others go on being served."""

import base64
import json
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client

from retivo.api import docs
from retivo.threads import places
from tenants.access import keys, shares
from tests import plain_http
from tests.conftest import Api, Server, gunicorn
from tests.delivery.outcomes.reporting import FORM, path_of, report
from tests.owner import as_owner, owner_cursor
from tests.tenants.staff.people import log_in

pytestmark = pytest.mark.long

# Seconds. A stuck thread waits for longer than a test does, so this separates "served" from "never", with room for a
# machine that does much else.
PATIENCE = 10


@pytest.fixture
def own_server(django_db_setup: None, tmp_path: Path) -> Iterator[Server]:
    """One whose places, and log, no other test has used."""
    with gunicorn(tmp_path / "log") as server:
        yield server


@contextmanager
def hammer(number: int, once: Callable[[httpx.Client], httpx.Response]) -> Iterator[list[httpx.Response]]:
    """So many connections that send again as soon as they have an answer; the answers so far."""
    answers: list[httpx.Response] = []
    is_over = threading.Event()

    def work() -> None:
        with httpx.Client(timeout=60, trust_env=False) as client:
            while not is_over.is_set():
                answers.append(once(client))
                time.sleep(0.02)  # or they would take the machine, too

    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        for thread in threads:
            thread.join(60)


@contextmanager
def held(party: Hashable) -> Iterator[None]:
    """Another thread has a place of the party."""
    is_taken, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        places.take({party: 1})
        is_taken.set()
        is_over.wait(PATIENCE)
        places.leave()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert is_taken.wait(PATIENCE)
        yield
    finally:
        is_over.set()
        holder.join()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def get(server: Server, path: str, api: Api | None = None) -> httpx.Response:
    headers = {} if api is None else {"Authorization": f"Bearer {api.key}"}
    return plain_http.get(server.url + path, headers=headers, timeout=PATIENCE)


def lines(server: Server, event: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in found if line.get("event") == event]


# --- One tenant -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_known", [True, False])
def test_tenant__whose_row_is_held__leaves_threads_to_others(
    own_server: Server, acme: Api, rival: Api, is_known: bool
) -> None:
    hog = acme.provision("hog")
    assert hog.post("/api/track", {"events": [{"user_id": "first", "event": "opened"}]}).status_code == 200
    if is_known:
        for _ in range(30):  # over both processes
            get(own_server, "/api/settings", hog)
    body = iter(range(10**6))

    def send(client: httpx.Client) -> httpx.Response:
        events = [{"user_id": f"user {next(body)}", "event": "opened"}]
        return client.post(
            f"{own_server.url}/api/track", json={"events": events}, headers={"Authorization": f"Bearer {hog.key}"}
        )

    with owner_cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM events_monthlyusage WHERE tenant_id = %s FOR UPDATE", [hog.tenant_id])
        try:
            with hammer(24, send) as answers:
                wait_until(lambda: len(answers) > 100)
                for _ in range(20):
                    assert get(own_server, "/api/settings", rival).status_code == 200
                    assert get(own_server, "/api/settings", acme).status_code == 200  # its partner is another tenant
                    assert get(own_server, "/api/health").status_code == 200
                during = list(answers)
                cursor.execute("ROLLBACK")
                # What waited is done now, and then the tenant is served as before.
                wait_until(lambda: any(answer.status_code == 200 for answer in answers))
        finally:
            cursor.execute("ROLLBACK")

    # Those that have a place wait for the row until their deadline.
    assert {answer.status_code for answer in during} <= {429, 503}
    assert {answer.headers["Retry-After"] for answer in during} == {"1"}
    refused = next(answer for answer in during if answer.status_code == 429)
    problem = refused.json()
    assert (problem["code"], problem["status"]) == ("too_many_concurrent_requests", 429)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["Cache-Control"] == "no-store"
    assert {get(own_server, "/api/settings", hog).status_code for _ in range(20)} == {200}


def test_partner__of_whose_customers_two_are_stuck__leaves_threads_to_others(
    own_server: Server, acme: Api, rival: Api
) -> None:
    hogs = [acme.provision(slug) for slug in ("hog", "other-hog")]
    for hog in hogs:
        assert hog.post("/api/track", {"events": [{"user_id": "first", "event": "opened"}]}).status_code == 200
    shop = rival.provision("shop")
    for api in [*hogs, shop]:
        for _ in range(30):  # over both processes
            get(own_server, "/api/settings", api)
    numbers = iter(range(10**6))

    def send(client: httpx.Client) -> httpx.Response:
        number = next(numbers)
        return client.post(
            f"{own_server.url}/api/track",
            json={"events": [{"user_id": f"user {number}", "event": "opened"}]},
            headers={"Authorization": f"Bearer {hogs[number % 2].key}"},
        )

    with owner_cursor() as cursor:
        cursor.execute("BEGIN")
        ids = [hog.tenant_id for hog in hogs]
        cursor.execute("SELECT * FROM events_monthlyusage WHERE tenant_id = ANY(%s) FOR UPDATE", [ids])
        try:
            with hammer(24, send) as answers:
                wait_until(lambda: len(answers) > 100)
                assert {get(own_server, "/api/settings", shop).status_code for _ in range(20)} == {200}
                assert 429 in {answer.status_code for answer in answers} <= {429, 503}
                cursor.execute("ROLLBACK")
        finally:
            cursor.execute("ROLLBACK")


def test_unknown_keys__while_their_look_up_waits__leave_threads_to_others(own_server: Server) -> None:
    def send(client: httpx.Client) -> httpx.Response:
        return client.get(f"{own_server.url}/api/settings", headers={"Authorization": f"Bearer {keys.generate()}"})

    with owner_cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("LOCK TABLE tenants_apikey IN ACCESS EXCLUSIVE MODE")
        try:
            with hammer(24, send) as answers:
                wait_until(lambda: len(answers) > 50)
                for _ in range(20):
                    assert get(own_server, "/api/health").status_code == 200
                    assert get(own_server, "/api/openapi.json").status_code == 200
                assert 429 in {answer.status_code for answer in answers} <= {429, 503}
                cursor.execute("ROLLBACK")
        finally:
            cursor.execute("ROLLBACK")


def credentials(user: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:'.encode()).decode()}"


@pytest.mark.parametrize(
    "send",
    [
        lambda key: Client().head("/api/settings", headers={"Authorization": f"Bearer {key}"}),
        lambda key: Client().get("/api/customers/someone", headers={"Authorization": f"Bearer {key}"}),
        lambda key: Client().get("/api/decisions/export", headers={"Authorization": f"Bearer {key}"}),
        lambda key: Client().get("/api/connectors/mixpanel/track", {"data": "W10=", "api_key": key}),
        lambda key: Client().post(
            "/api/connectors/mixpanel/track", f"data=W10=&api_key={key}", "application/x-www-form-urlencoded"
        ),
        lambda key: Client().post(
            "/api/connectors/segment/v1/batch",
            {"batch": []},
            "application/json",
            headers={"Authorization": credentials(key)},
        ),
        lambda key: Client().post("/api/connectors/posthog/batch", {"batch": [], "api_key": key}, "application/json"),
    ],
)
def test_key__wherever_it_is_sent__counts_for_its_tenant(
    merchant: Api, settings: Any, statements: list[str], send: Callable[[str], Any]
) -> None:
    response = send(merchant.key)
    assert response.status_code in (200, 404)
    response.close()  # one that is streamed has its place until then
    settings.TENANT_THREADS = 1
    statements.clear()

    with held(merchant.tenant_id):
        response = send(merchant.key)

    assert (response.status_code, response["Retry-After"]) == (429, "1")
    assert statements == []
    assert send(merchant.key).status_code in (200, 404)


def test_key__that_turns_out_to_be_of_a_tenant_with_its_share__is_refused(merchant: Api, settings: Any) -> None:
    settings.TENANT_THREADS = 1

    with held(merchant.tenant_id):
        response = merchant.get("/api/settings")

    assert (response.status_code, response.json()["code"]) == (429, "too_many_concurrent_requests")
    assert merchant.get("/api/settings").status_code == 200


# --- Staff ------------------------------------------------------------------------------------------------------------


def test_logins__that_are_guessed_on_many_connections__leave_threads_to_the_api(own_server: Server, acme: Api) -> None:
    log_in("vera")
    page = plain_http.get(f"{own_server.url}/admin/login/")
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert found
    form = {"username": "vera", "password": "a wrong password", "csrfmiddlewaretoken": found[1]}
    cookies = {"csrftoken": page.cookies["csrftoken"]}

    def guess(client: httpx.Client) -> httpx.Response:
        client.cookies.update(cookies)
        return client.post(f"{own_server.url}/admin/login/", data=form)

    with hammer(32, guess) as answers:
        wait_until(lambda: len(answers) > 50 and len(lines(own_server, "staff_login_failed")) >= 5)
        for _ in range(20):
            assert get(own_server, "/api/settings", acme).status_code == 200

    statuses = Counter(answer.status_code for answer in answers)
    # Five guesses, and those that were under way with the fifth: two in each of two processes.
    failed = len(lines(own_server, "staff_login_failed"))
    assert 5 <= failed <= 5 + 3
    assert statuses[429] == len(answers) - statuses[200] > 40
    assert statuses[200] <= 5
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["Content-Type"].startswith("text/html")
    assert int(refused.headers["Retry-After"]) > 0
    assert ">429<" in refused.text
    assert all(line["address"] == "127.0.0.1" for line in lines(own_server, "staff_login_failed"))
    entries = Counter(action for (action,) in as_owner("SELECT action FROM tenants_auditentry"))
    assert entries["staff_login.failed"] == failed
    assert 1 <= entries["staff_login.locked_out"] <= 4
    ((rows,),) = as_owner("SELECT count(*) FROM axes_accessattempt")
    assert rows == 1


def test_staff_pages__beyond_their_share__are_refused_as_a_page(settings: Any) -> None:
    settings.STAFF_THREADS = 1
    with held("staff pages"):
        response = Client().get("/admin/login/")

    assert (response.status_code, response["Retry-After"]) == (429, "1")
    assert response["Content-Type"].startswith("text/html")
    assert Client().get("/admin/login/").status_code == 200


# --- Pages without a key ----------------------------------------------------------------------------------------------


@contextmanager
def unread(server: Server, path: str, number: int) -> Iterator[list[socket.socket]]:
    """So many connections that ask for the page and read nothing of it."""
    address = urlsplit(server.url)
    with ExitStack() as stack:
        readers = []
        for _ in range(number):
            reader = stack.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)  # or the answer would fit in
            reader.settimeout(PATIENCE)
            reader.connect((address.hostname, address.port))
            reader.sendall(f"GET {path} HTTP/1.1\r\nHost: {address.hostname}\r\n\r\n".encode())
            readers.append(reader)
        yield readers


def test_description__that_many_ask_for_and_none_reads__leaves_threads_to_others(own_server: Server, acme: Api) -> None:
    with unread(own_server, "/api/openapi.json", 40) as readers:
        statuses = Counter(reader.recv(12)[9:] for reader in readers)
        for _ in range(5):
            assert get(own_server, "/api/settings", acme).status_code == 200
            assert get(own_server, "/api/livez").status_code == 200

    assert statuses.keys() == {b"200", b"429"}
    assert statuses[b"200"] <= 2 * 2  # two processes, a quarter of eight threads


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/docs"])
def test_pages_without_a_key__beyond_their_share__are_refused(settings: Any, path: str) -> None:
    settings.OPEN_PAGES_THREADS = 1
    with held("pages without a key"):
        response = Client().get(path)

    assert (response.status_code, response["Retry-After"]) == (429, "1")
    assert response.json()["code"] == "too_many_concurrent_requests"
    assert Client().get(path).status_code == 200


def test_description__first_asked_for_by_many_at_once__is_made_once() -> None:
    docs._made.cache_clear()
    at_once = threading.Barrier(4)

    def ask(_: int) -> bytes:
        at_once.wait(PATIENCE)
        return docs._schema()

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(ask, range(4))

    assert all(other is first for other in others)


# --- Outcome URLs -----------------------------------------------------------------------------------------------------


def outcome(of: Api) -> int:
    """The answer to a report for an action that is not there: 404 if it was looked for."""
    return int(report(path_of(tenant_id=of.tenant_id, action_id=f"ea_{0:032x}")).status_code)


def test_outcome_urls__of_a_tenant_beyond_its_share__are_refused_and_nothing_else(
    merchant: Api, rival: Api, settings: Any, statements: list[str]
) -> None:
    assert (outcome(merchant), merchant.get("/api/settings").status_code) == (404, 200)
    settings.TENANT_THREADS = 1
    statements.clear()

    with held(("outcomes", merchant.tenant_id)):
        answer = report(path_of(tenant_id=merchant.tenant_id, action_id=f"ea_{0:032x}"))
        asked = list(statements)
        others = (outcome(rival), merchant.get("/api/settings").status_code)

    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_concurrent_requests")
    assert answer["Retry-After"] == "1"
    assert asked == []
    assert others == (404, 200)
    assert outcome(merchant) == 404


def test_outcome_urls__of_all_tenants_beyond_their_share__are_refused_and_nothing_else(
    merchant: Api, rival: Api, settings: Any
) -> None:
    assert merchant.get("/api/settings").status_code == 200
    settings.UNKNOWN_KEYS_THREADS = 1

    with held("outcomes"):
        refused = (outcome(merchant), outcome(rival))
        others = (merchant.get("/api/settings").status_code, Client().get("/api/openapi.json").status_code)

    assert refused == (429, 429)
    assert others == (200, 200)
    assert (outcome(merchant), outcome(rival)) == (404, 404)


def test_outcome_urls__with_a_wrong_token__take_their_place_from_pages_without_a_key(
    merchant: Api, settings: Any
) -> None:
    settings.OPEN_PAGES_THREADS = 1
    wrong = FORM.format("A" * 72)

    with held("pages without a key"):
        answers = (report(wrong).status_code, outcome(merchant))

    assert answers == (429, 404)
    assert report(wrong).status_code == 404


def test_outcome_url__whatever_became_of_the_report__gives_its_place_back(merchant: Api) -> None:
    outcome(merchant)
    report(FORM.format("A" * 72))

    for party in (("outcomes", merchant.tenant_id), "outcomes", "pages without a key"):
        assert places.taken(party) == 0


# --- Places are given back --------------------------------------------------------------------------------------------


def test_place__whatever_became_of_the_request__is_given_back(acme: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError

    assert acme.get("/api/settings").status_code == 200
    assert acme.get("/api/settings?unknown=1").status_code in (200, 400)
    assert acme.get("/api/customers/nobody").status_code == 404
    assert b"".join(acme.get("/api/decisions/export").streaming_content) == b""
    assert Client().head("/api/settings", headers={"Authorization": f"Bearer {acme.key}"}).status_code == 200
    assert Client().get("/api/settings", headers={"Authorization": f"Bearer {keys.generate()}"}).status_code == 401
    assert Client().get("/api/settings").status_code == 401
    monkeypatch.setattr("tenants.access.rate_limit.spend", fail)
    assert acme.get("/api/settings").status_code == 500

    assert places.taken(acme.tenant_id) == 0
    assert places.taken(shares._UNKNOWN) == 0


def test_place__while_an_answer_is_streamed__is_kept(acme: Api) -> None:
    response = acme.get("/api/decisions/export")

    assert places.taken(acme.tenant_id) == 1
    assert list(response.streaming_content) == []
    assert places.taken(acme.tenant_id) == 0


def test_known_keys__are_bounded_in_number(monkeypatch: pytest.MonkeyPatch, acme: Api) -> None:
    monkeypatch.setattr(shares, "_MOST_KNOWN", 3)
    monkeypatch.setattr(shares, "_known", {})
    for number in range(10):
        shares.learn(bytes([number]), shares.Known(acme.tenant_id, acme.tenant_id, None))
    places.leave()

    assert list(shares._known) == [bytes([7]), bytes([8]), bytes([9])]
