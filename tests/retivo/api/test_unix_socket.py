"""What a client may say of its request over a Unix socket, where gunicorn by itself believes every header."""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, service_environment


@pytest.fixture(scope="module")
def unix_socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="retivo-") as folder:
        path, log = Path(folder) / "web", Path(folder) / "log"
        with log.open("w") as output:
            web = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", f"unix:{path}"],
                cwd=REPOSITORY,
                env=service_environment(
                    WEB_CONCURRENCY="1",
                    SECURITY_CONTACT="mailto:s@example.com",
                    SECURITY_TXT_EXPIRES="2099-01-01T00:00:00Z",
                ),
                stderr=output,
            )
        try:
            deadline = time.monotonic() + 30
            while not path.exists():
                assert web.poll() is None, log.read_text()
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield path
        finally:
            web.terminate()
            web.wait(30)


def get(unix_socket: Path, path: str, *headers: str) -> str:
    """The whole answer."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(unix_socket))
        client.sendall("\r\n".join(lines).encode())
        return b"".join(iter(lambda: client.recv(65536), b"")).decode()


def test_script_name__that_a_client_sends__does_not_hide_staff_pages_from_their_middleware(unix_socket: Path) -> None:
    answer = get(unix_socket, "/x/admin/login/", "SCRIPT_NAME: /x")

    assert answer.split("\r\n")[0] == "HTTP/1.1 404 Not Found"


@pytest.mark.parametrize("header", ["X-Forwarded-Proto: https", "X-Forwarded-Ssl: on", "X-Forwarded-Protocol: ssl"])
def test_scheme__that_a_client_sends__is_not_believed(unix_socket: Path, header: str) -> None:
    answer = get(unix_socket, "/.well-known/security.txt", header)

    assert "Canonical: http://localhost/" in answer
