"""Clients that keep asking while the server behind the socket is replaced, and note each request that fails."""

import http.client
import json
import select
import threading
import time
from collections import Counter
from itertools import count
from typing import Any
from uuid import uuid4

# A client that pauses for longer than a stopping worker keeps its connections finds it closed, and opens another.
PAUSES = (0.0, 0.0, 0.0, 0.3, 3.0, 3.0)


class Load:
    """While it is entered: kept-alive connections with and without pauses, and new ones, in threads of their own.

    `failures` says why requests failed: refused, reset, cut off, or answered with another status than 200. A connection
    that the server closed between two requests is no failure, if that can be seen before the next one is sent.
    """

    def __init__(self, port: int, *, key: str) -> None:
        self.versions: Counter[str] = Counter()
        self.failures: list[str] = []
        self.accepted = 0
        self._port, self._key = port, key
        self._next = count().__next__
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._keep, args=(pause,)) for pause in PAUSES]
        self._threads += [threading.Thread(target=self._reconnect) for _ in range(3)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_for_version(self, version: str, *, alone: bool = False) -> None:
        """Until it has answered; `alone`, until nothing else has for a second."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            before = self.versions.copy()
            time.sleep(1)
            new = self.versions - before
            if new[version] and (not alone or set(new) == {version}):
                return
        raise AssertionError(f"{version} was not served: {self.versions}")

    def _keep(self, pause: float) -> None:
        connection = self._connection()
        while not self._over.wait(pause):
            if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
                connection.close()  # the server closed it: http.client opens another
            self._ask(connection)
        connection.close()

    def _reconnect(self) -> None:
        while not self._over.wait(0.01):
            connection = self._connection()
            self._ask(connection)
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        """A request that reads, or one that writes, in turns."""
        try:
            if self._next() % 2:
                connection.request("GET", "/api/health")
                version, accepted = str(self._read(connection)["version"]), 0
            else:
                event = {"user_id": "ada", "event": "seen", "idempotency_key": uuid4().hex}
                headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
                connection.request("POST", "/api/track", json.dumps({"events": [event]}), headers)
                version, accepted = None, int(self._read(connection)["accepted"])
        except (OSError, http.client.HTTPException, AssertionError) as error:
            with self._lock:
                self.failures.append(repr(error))
            connection.close()
            return
        with self._lock:
            self.accepted += accepted
            if version:
                self.versions[version] += 1

    def _read(self, connection: http.client.HTTPConnection) -> dict[str, Any]:
        response = connection.getresponse()
        body: dict[str, Any] = json.loads(response.read())
        assert response.status == 200, (response.status, body)
        return body
