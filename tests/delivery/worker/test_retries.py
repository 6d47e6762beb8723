"""What each answer leads to."""

import itertools
import math
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from delivery.models import FailureReason
from delivery.transport.sending import Answer as Sent
from delivery.worker import actions, verdicts
from tests.delivery.cast import Merchant, let_time_pass, make_due, work
from tests.delivery.receiver import Answer, Received, Receiver, receiver
from tests.owner import as_owner
from tests.ports import free_port

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCHEDULE = [5, 300, 1800, 7200, 18000, 36000, 36000]


def sent(status: int | None, **fields: Any) -> Sent:
    return Sent(started_at=NOW, latency_ms=1, status=status, **fields)


def waits(answer: Sent, attempt: int = 1) -> float:
    wait_seconds = verdicts.judge(answer, attempt=attempt).wait_seconds
    assert wait_seconds is not None
    return wait_seconds


@pytest.mark.no_database
@pytest.mark.parametrize(("attempt", "seconds"), list(enumerate(SCHEDULE, start=1)))
def test_schedule__after_each_failure__waits_as_agreed_with_jitter(attempt: int, seconds: int) -> None:
    found = {waits(sent(500), attempt=attempt) for _ in range(50)}

    assert seconds <= min(found) < max(found) <= seconds * 1.2


@pytest.mark.no_database
def test_schedule__after_the_eighth_failure__has_failed() -> None:
    assert verdicts.judge(sent(500), attempt=8) == verdicts.Verdict(reason=FailureReason.ATTEMPTS_EXHAUSTED)


@pytest.mark.no_database
@pytest.mark.parametrize("status", [300, 301, 307, 400, 404, 422, 429, 500, 503, None])
def test_answer__anything_but_2xx_and_410__is_tried_again(status: int | None) -> None:
    assert waits(sent(status)) >= 5


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("attempt", "wish", "seconds"),
    [
        (1, 60.0, 60.0),
        (1, 0.0, 5.0),
        (1, 7205.0, 7205.0),
        (1, 7206.0, 7205.0),
        (1, 1e11, 7205.0),
        (1, math.inf, 7205.0),
        (3, 1e9, 1800.0 + 7200.0),
        (7, 1e9, 36000.0 + 7200.0),
    ],
)
def test_retry_after__longer_than_the_schedule__is_honoured_for_two_hours_more(
    attempt: int, wish: float, seconds: float
) -> None:
    assert seconds <= waits(sent(503, retry_after=wish), attempt=attempt) <= max(seconds, SCHEDULE[attempt - 1] * 1.2)


@pytest.mark.parametrize(
    "value",
    ["31536000", "99999999999", "9" * 400, "Fri, 01 Jan 9999 00:00:00 GMT", "Fri Jan  1 00:00:00 9999"],
)
def test_retry_after__far_ahead__does_not_park_the_action_until_it_expires(
    shop: Merchant, inbox: Receiver, value: str
) -> None:
    inbox.answer = Answer(429, {"Retry-After": value})
    id = shop.dispatch()

    work()

    action = shop.action(id)
    assert action.status == "dispatched"
    assert timedelta(hours=2) < action.due_at - action.created_at < timedelta(hours=2, minutes=5)
    let_time_pass(2 * 3600 + 300)
    inbox.answer = Answer(204, body=b"")
    work()
    assert (shop.action(id).status, len(inbox.received)) == ("delivered", 2)


def test_action__past_its_time_while_it_waits__expires(shop: Merchant, inbox: Receiver) -> None:
    inbox.answer = Answer(500)
    id = shop.dispatch()
    work()

    let_time_pass(3 * 24 * 3600 + 1)
    work()

    assert actions.expire() == 1
    assert (shop.action(id).status, len(inbox.received)) == ("expired", 1)


@pytest.mark.parametrize(
    "value",
    [
        "-5",
        "-99999999999",
        "0",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_retry_after__of_the_past__leaves_the_schedule_as_it_is(shop: Merchant, inbox: Receiver, value: str) -> None:
    inbox.answer = Answer(503, {"Retry-After": value})
    id = shop.dispatch()

    work()

    action = shop.action(id)
    assert timedelta(seconds=5) <= action.due_at - action.created_at < timedelta(seconds=30)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after__in_seconds_or_as_a_date__puts_the_next_attempt_off(
    shop: Merchant, inbox: Receiver, status: int
) -> None:
    values = ["100", format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)]
    for value in values:
        inbox.answer = Answer(status, {"Retry-After": value})
        id = shop.dispatch()
        work()
        action = shop.action(id)
        assert timedelta(seconds=95) < action.due_at - action.created_at < timedelta(seconds=130)


@pytest.mark.parametrize(
    "value", ["soon", "-5", "1.5", "inf", "nan", "٣", "1e9", "Fri, 99 Foo 2026", "Mon, 01 Jan 0001 00:00:00 GMT", ""]
)
def test_retry_after__rubbish__does_no_harm(shop: Merchant, inbox: Receiver, value: str) -> None:
    inbox.answer = Answer(503, {"Retry-After": value})
    id = shop.dispatch()

    work()

    assert shop.action(id).status == "dispatched"
    assert len(shop.attempts(id)) == 1


def test_action__refused_until_the_end__fails_with_every_attempt_recorded(shop: Merchant, inbox: Receiver) -> None:
    inbox.answer = Answer(422, body=b"no such member")
    id = shop.dispatch()

    for _ in range(8):
        make_due()
        work()

    action = shop.action(id)
    assert (action.status, action.failure_reason, action.attempts) == ("failed", "attempts_exhausted", 8)
    assert [(attempt.number, attempt.status_code) for attempt in shop.attempts(id)] == [(n, 422) for n in range(1, 9)]
    assert inbox.ids == [id] * 8
    make_due()
    work()
    assert len(inbox.received) == 8


def test_action__answered_at_last__is_delivered(shop: Merchant, inbox: Receiver) -> None:
    answers = itertools.chain([Answer(500), None], itertools.repeat(Answer(204, body=b"")))
    inbox.answer = lambda received: next(answers)
    id = shop.dispatch()

    for _ in range(3):
        make_due()
        work()

    assert shop.action(id).status == "delivered"
    assert [attempt.status_code or attempt.error for attempt in shop.attempts(id)] == [500, "protocol_error", 204]


def test_redirect__is_not_followed(shop: Merchant, inbox: Receiver) -> None:
    with receiver() as elsewhere:
        inbox.answer = Answer(307, {"Location": elsewhere.url})
        id = shop.dispatch()
        work()
        assert elsewhere.received == []

    assert [attempt.status_code for attempt in shop.attempts(id)] == [307]


def test_gone__410__fails_the_action_and_disables_the_endpoint(shop: Merchant, inbox: Receiver) -> None:
    inbox.answer = Answer(410)
    first = shop.dispatch()
    work()
    inbox.answer = Answer(200)
    second = shop.dispatch()
    work()

    assert [shop.action(id).status for id in (first, second)] == ["failed", "failed"]
    assert [shop.action(id).failure_reason for id in (first, second)] == ["endpoint_gone"] * 2
    assert inbox.ids == [first]


def test_proxy__in_the_environment__is_not_used(
    shop: Merchant, inbox: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(Answer(500)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        id = shop.dispatch()
        work()
        assert proxy.received == []

    assert shop.action(id).status == "delivered"


# --- Receivers that take their time ---------------------------------------------------------------------------------


@pytest.fixture
def _impatient(settings: Any) -> None:
    settings.DELIVERY_TIMEOUT_SECONDS = 0.5


@pytest.mark.usefixtures("_impatient")
def test_receiver__that_never_answers__is_a_timeout(shop: Merchant, inbox: Receiver) -> None:
    release = threading.Event()

    def answer(received: Received) -> Answer:
        release.wait(30)
        return Answer()

    inbox.answer = answer
    id = shop.dispatch()
    work()
    release.set()

    (attempt,) = shop.attempts(id)
    assert (attempt.status_code, attempt.error) == (None, "timeout")
    assert attempt.latency_ms >= 500


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("sends", "found"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx", (200, "", "x")),  # the rest never comes
        (b"HTTP/1.1 200 OK\r\nX-", (None, "timeout", "")),
        (b"SSH-2.0-x\r\n\r\n", (None, "protocol_error", "")),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 1_000_000, (None, "protocol_error", "")),
    ],
)
def test_receiver__that_speaks_no_http_or_dribbles__does_no_harm(
    shop: Merchant, inbox: Receiver, sends: bytes, found: tuple[Any, ...]
) -> None:
    with Dribbler(sends) as port:
        let_point_to(shop, f"http://127.0.0.1:{port}/")
        id = shop.dispatch()
        work()

    (attempt,) = shop.attempts(id)
    assert (attempt.status_code, attempt.error, attempt.response) == found


def test_receiver__that_is_not_there__is_tried_again(shop: Merchant) -> None:
    let_point_to(shop, f"http://127.0.0.1:{free_port()}/")
    id = shop.dispatch()

    work()

    assert [attempt.error for attempt in shop.attempts(id)] == ["connection_failed"]
    assert shop.action(id).status == "dispatched"
    let_time_pass(7)
    work()
    assert len(shop.attempts(id)) == 2


def let_point_to(shop: Merchant, url: str) -> None:
    as_owner("UPDATE integrations_revisiontemplate SET delivery_webhook = %s", url)


class Dribbler:
    """Sends these bytes to whoever connects, and keeps the connection."""

    def __init__(self, sends: bytes) -> None:
        self._sends = sends
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._connections:
            connection.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            try:
                connection.recv(65536)
                connection.sendall(self._sends)
            except OSError:
                pass
