"""One request to a receiver: what is sent, within which bounds, and what the answer was."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

import h11
from django.conf import settings

from delivery.transport.connecting import AddressRefusedError, Connection, Connections, LookupFailedError, Origin
from integrations import webhook_url

KEPT_BYTES = 1024
_READ_BYTES = 65536
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: `status`, or else `error`, the reason why there is none.

    An `error` is one of `timeout`, `dns_failed`, `address_refused`, `url_refused`, `connection_failed`, `tls_failed`
    and `protocol_error`.
    """

    started_at: datetime
    latency_ms: int
    status: int | None = None
    error: str = ""
    body: str = ""
    retry_after: float | None = None

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(milliseconds=self.latency_ms)

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_failure_of_endpoint(self) -> bool:
        """Whether the receiver itself is unwell. One that refuses an action is not."""
        return self.status is None or self.status >= 500

    @property
    def summary(self) -> str:
        return self.error or str(self.status)


@dataclass
class _Heard:
    """What has come of an answer so far."""

    status: int | None = None
    retry_after: str | None = None
    body: bytearray = field(default_factory=bytearray)


class Sender:
    """Keeps connections, but follows no redirect, asks no proxy and unpacks nothing."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._connections = Connections(tls)

    def close(self) -> None:
        self._connections.close()

    async def send(self, *, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST `body` and wait for the answer; never raises for what the receiver does."""
        started_at, clock = datetime.now(UTC), time.perf_counter()
        heard, error = _Heard(), ""
        try:
            origin, request = _request(url, headers, body)
            async with asyncio.timeout(settings.DELIVERY_TIMEOUT_SECONDS):
                await self._exchange(origin, request, body, heard)
        except Exception as failure:  # noqa: BLE001  # whatever a receiver can cause is its answer
            # What came in time counts: a body that dribbles changes nothing about the status.
            error = "" if heard.status else _reason(failure)
        return Answer(
            started_at=started_at,
            latency_ms=round((time.perf_counter() - clock) * 1000),
            status=heard.status,
            error=error,
            body=heard.body[:KEPT_BYTES].decode(errors="replace").replace("\0", "�"),
            retry_after=_retry_after(heard, started_at),
        )

    async def _exchange(self, origin: Origin, request: h11.Request, body: bytes, heard: _Heard) -> None:
        connection = await self._connections.take(origin)
        try:
            await _converse(connection, request, body, heard)
        except (OSError, h11.RemoteProtocolError):
            if not connection.was_used or heard.status:
                raise
            # It was closed while it was kept. At worst the receiver gets the same id twice, which it has to bear.
            connection.close()
            connection = await self._connections.take(origin, fresh=True)
            await _converse(connection, request, body, heard)
        finally:
            self._connections.give_back(origin, connection)


async def _converse(connection: Connection, request: h11.Request, body: bytes, heard: _Heard) -> None:
    """Of the body no more than is kept: a longer one costs its connection, not our memory."""
    http, writer = connection.http, connection.writer
    writer.write((http.send(request) or b"") + (http.send(h11.Data(data=body)) or b""))
    http.send(h11.EndOfMessage())
    await writer.drain()
    while len(heard.body) <= KEPT_BYTES:
        match http.next_event():
            case h11.NEED_DATA:
                http.receive_data(await connection.reader.read(_READ_BYTES))
            case h11.Response() as response:
                heard.retry_after = next(
                    (value.decode("ascii", "replace") for name, value in response.headers if name == b"retry-after"),
                    None,
                )
                heard.status = response.status_code
            case h11.Data() as data:
                heard.body += data.data
            case h11.EndOfMessage() | h11.ConnectionClosed() | h11.PAUSED:
                return


def _request(url: str, headers: Mapping[str, str], body: bytes) -> tuple[Origin, h11.Request]:
    parts = urlsplit(webhook_url.check(url))
    host = str(parts.hostname)
    host = host if ":" in host or host.isascii() else host.encode("idna").decode()
    host = host.removesuffix(".")  # no certificate has it
    named = f"[{host}]" if ":" in host else host
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=-._~")
    query = quote(parts.query, safe="/?%:@!$&'()*+,;=-._~[]")
    request = h11.Request(
        method="POST",
        target=f"{path}?{query}" if query else path,
        headers=[
            ("Host", f"{named}:{parts.port}" if parts.port else named),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("User-Agent", "Retivo/1.0"),
            ("Accept", "*/*"),
            *headers.items(),
        ],
    )
    return (parts.scheme, host, parts.port or _PORTS[parts.scheme]), request


def _retry_after(heard: _Heard, now: datetime) -> float | None:
    """Seconds to wait, where a 429 or 503 asks for it in seconds or by a date."""
    if heard.status not in (429, 503) or heard.retry_after is None:
        return None
    text = heard.retry_after.strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def _reason(failure: Exception) -> str:  # noqa: PLR0911  # a table
    match failure:
        case webhook_url.InvalidWebhookURLError():
            return "url_refused"
        case AddressRefusedError():
            return "address_refused"
        case LookupFailedError():
            return "dns_failed"
        case TimeoutError():
            return "timeout"
        case ssl.SSLError():
            return "tls_failed"
        case OSError():
            return "connection_failed"
        case _:
            return "protocol_error"
