"""A server in front of the real one that fails as it is told to: SDKs must send again, and we store once."""

import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Server


@dataclass
class Flaky:
    """`plan` says what becomes of the next requests: "refuse" answers 503 by itself, "lose the answer" does so after
    the real server took the request. Whatever comes later goes through.
    """

    url: str
    plan: list[str] = field(default_factory=list)
    seen: int = 0


@pytest.fixture
def flaky(server: Server) -> Iterator[Flaky]:
    behind = urlsplit(server.url).netloc

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.seen += 1
            step = state.plan.pop(0) if state.plan else "pass"
            status, answer = 503, b'{"status": 503, "error": "try again"}'
            if step != "refuse":
                connection = http.client.HTTPConnection(behind, timeout=30)
                connection.request("POST", self.path, body, dict(self.headers))
                response = connection.getresponse()
                taken = response.read()
                connection.close()
                if step == "pass":
                    status, answer = response.status, taken
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        state = Flaky(f"http://127.0.0.1:{listening.server_address[1]}")
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            listening.shutdown()
            thread.join()
