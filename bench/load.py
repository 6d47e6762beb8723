"""Load over real HTTP: kept-alive connections that send and wait, by a client that costs little itself."""

import itertools
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench import cpu
from bench.cpu import Cpu
from bench.server import Server

Request = bytes


@dataclass(frozen=True)
class Result:
    """`seconds` are the latencies of the single requests, `elapsed` and `cpu` the time that all of them took."""

    seconds: list[float]
    elapsed: float
    cpu: Cpu = field(default_factory=Cpu)

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.elapsed

    def percentile(self, percent: int) -> float:
        """In milliseconds."""
        return statistics.quantiles(self.seconds, n=100, method="inclusive")[percent - 1] * 1000

    def __add__(self, other: "Result") -> "Result":
        return Result(self.seconds + other.seconds, self.elapsed + other.elapsed, self.cpu + other.cpu)

    @property
    def cpu_ms(self) -> float:
        """Of web and PostgreSQL together, for each request."""
        return self.cpu.request / len(self.seconds) * 1000


def request(path: str, *, key: str = "", body: bytes | None = None) -> Request:
    head = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "Host: localhost"]
    if key:
        head.append(f"Authorization: Bearer {key}")
    if body is not None:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + (body or b"")


def run(
    server: Server,
    make: Callable[[int], Request],
    *,
    connections: int,
    seconds: float,
    status: int = 200,
    at_least: int = 1,
) -> Result:
    """Send `make(n)`, n = 0, 1, 2 …, over `connections` connections for `seconds`, each `at_least` so many times.

    Raises:
        AssertionError: an answer has another status.
    """
    numbers = itertools.count()
    before = cpu.spent(server.process)
    started = time.perf_counter()
    latencies: list[list[float]] = [[] for _ in range(connections)]
    failures: list[Exception] = []

    def work(seen: list[float]) -> None:
        try:
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while len(seen) < at_least or time.perf_counter() - started < seconds:
                    message = make(next(numbers))
                    sent = time.perf_counter()
                    connection.sendall(message)
                    answer = _read(connection)
                    seen.append(time.perf_counter() - sent)
                    assert int(answer[9:12]) == status, answer[:2000]
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seen,)) for seen in latencies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    elapsed = time.perf_counter() - started
    return Result(list(itertools.chain(*latencies)), elapsed, cpu.spent(server.process) - before)


def _read(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += _some(connection)
    head, _, body = head.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
    chunks, received = [body], len(body)
    while received < length:
        chunk = _some(connection)
        chunks.append(chunk)
        received += len(chunk)
    return head + b"\r\n\r\n" + b"".join(chunks)


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(262144)
    if not data:
        raise ConnectionError("the server hung up")
    return data


def rounds(*measures: Callable[[], Result], count: int = 5) -> Iterator[Result]:
    """Each measure's result over `count` rounds that take turns, so that a noisy moment hits all of them."""
    totals: list[Result] = [measure() for measure in measures]
    for _ in range(count - 1):
        totals = [total + measure() for total, measure in zip(totals, measures, strict=True)]
    yield from totals
