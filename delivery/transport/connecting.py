"""Connections to receivers, to public addresses alone.

The name is resolved here, each address is checked, and the socket is opened to that very address: what the name means a
moment later does not matter. TLS and `Host` keep the name. Nothing here knows of proxies.
"""

import asyncio
import ipaddress
import socket
import ssl
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import h11
from django.conf import settings

from integrations.addresses import is_public

# A look-up cannot be cancelled: threads of its own, so that names that hang leave some for the others.
_LOOKUP_THREADS = 64
_KEPT_SECONDS = 30
_KEPT_CONNECTIONS = 200

Origin = tuple[str, str, int]  # scheme, host, port


class AddressRefusedError(Exception):
    """The name leads to no address that actions may be sent to."""


class LookupFailedError(Exception):
    """The name cannot be resolved."""


class Connection:
    """An open connection and where its HTTP stands."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.http = h11.Connection(h11.CLIENT)
        self.was_used = False
        self.kept_at = 0.0

    def close(self) -> None:
        """At once: what the other side may still want to say is not waited for."""
        self.writer.transport.abort()


class Connections:
    """Opens connections, and keeps those that can serve again."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls or ssl.create_default_context()
        self._threads = ThreadPoolExecutor(_LOOKUP_THREADS, thread_name_prefix="lookup")
        self._lookups: dict[tuple[str, int], asyncio.Future[list[str]]] = {}
        self._kept: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._kept_count = 0

    async def take(self, origin: Origin, *, fresh: bool = False) -> Connection:
        """A kept connection, or a new one; `fresh` wants a new one.

        Raises:
            AddressRefusedError, LookupFailedError, OSError.
        """
        while not fresh and (kept := self._kept.get(origin)):
            connection = kept.pop()
            self._kept_count -= 1
            if time.monotonic() - connection.kept_at < _KEPT_SECONDS and not connection.reader.at_eof():
                connection.was_used = True
                return connection
            connection.close()
        scheme, host, port = origin
        failure: Exception | None = None
        for address in await self._addresses(host, port):
            try:
                secured = {"ssl": self._tls, "server_hostname": host} if scheme == "https" else {}
                return Connection(*await asyncio.open_connection(address, port, **secured))  # type: ignore[arg-type]
            except OSError as error:
                failure = error
        raise failure or AddressRefusedError(host)

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Keep it if it can serve again, close it otherwise."""
        if connection.http.our_state is connection.http.their_state is h11.DONE:
            if self._kept_count >= _KEPT_CONNECTIONS:
                self.close_kept()
            connection.http.start_next_cycle()
            connection.kept_at = time.monotonic()
            self._kept[origin].append(connection)
            self._kept_count += 1
        else:
            connection.close()

    def close_kept(self) -> None:
        for connections in self._kept.values():
            for connection in connections:
                connection.close()
        self._kept.clear()
        self._kept_count = 0

    def close(self) -> None:
        self.close_kept()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Those that may be connected to. Requests for one name at once share a look-up."""
        key = (host, port)
        lookup = self._lookups.get(key)
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = self._lookups[key] = loop.run_in_executor(self._threads, _resolve, host, port)
            lookup.add_done_callback(lambda done: (self._lookups.pop(key), done.cancelled() or done.exception()))
        return [address for address in await asyncio.shield(lookup) if _may_be_used(address)]


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise LookupFailedError(host) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _may_be_used(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    return is_public(address) or (settings.WEBHOOKS_MAY_USE_LOOPBACK_HTTP and address.is_loopback)
