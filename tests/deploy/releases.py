"""Releases as processes: the code of this checkout, and that of the release before it, taken out of git."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connections

from tests.conftest import REPOSITORY, all_in_one_url, service_environment
from tests.delivery.worker.processes import PATIENCE, wait_for
from tests.ports import free_port

# The release that runs beside this one while it is rolled out. Changed with each release, here and nowhere else.
PREVIOUS_RELEASE = (REPOSITORY / ".ci" / "previous-release").read_text().strip()


@dataclass(frozen=True)
class Release:
    """The code in a folder, run with this checkout's virtual environment."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)  # that differ from what this release is told

    def manage(self, *arguments: str, **more: str) -> str:
        """The standard output of a command, which must succeed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env=service_environment(**self.variables | more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 5,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    @contextmanager
    def web(self, log: Path, **more: str) -> Iterator["Web"]:
        port = free_port()
        arguments = ["-m", "gunicorn", "-c", "gunicorn.conf.py", "-b", f"127.0.0.1:{port}"]
        with self._process(arguments, log, **more) as process, httpx.Client(trust_env=False, timeout=30) as client:
            web = Web(f"http://127.0.0.1:{port}", client, log)
            wait_for(lambda: process.poll() is not None or web.answers())
            assert process.poll() is None, log.read_text()
            yield web

    @contextmanager
    def worker(self, log: Path) -> Iterator[None]:
        with self._process(["manage.py", "worker"], log) as process:
            wait_for(lambda: "worker_started" in log.read_text() or process.poll() is not None)
            yield
            assert process.poll() is None, log.read_text()

    @contextmanager
    def _process(self, arguments: list[str], log: Path, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.folder,
                env=service_environment(**self.variables | more),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)


@dataclass(frozen=True)
class Web:
    url: str
    client: httpx.Client
    log: Path

    def answers(self) -> bool:
        try:
            return self.client.get(f"{self.url}/api/health").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, key: str, path: str) -> Any:
        return self._answer(self.client.get(self.url + path, headers={"Authorization": f"Bearer {key}"}))

    def post(self, key: str, path: str, body: Any, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Authorization"] = f"Bearer {key}"
        return self._answer(self.client.post(self.url + path, json=body, headers=named))

    def _answer(self, response: httpx.Response) -> Any:
        assert response.status_code in (200, 201), f"{response.status_code} {response.text}\n{self._said(response)}"
        return response.json()

    def _said(self, response: httpx.Response) -> str:
        """What the log says of the request: the answer to one that failed names nothing but its id."""
        named = response.headers.get("x-request-id", response.url.path)
        return "\n".join(line for line in self.log.read_text().splitlines() if named in line)


THIS = Release(REPOSITORY)


def previous_release(folder: Path) -> Release:
    """The code of the release before, put into `folder`. It must run on the packages of this one."""
    if _git("rev-parse", "--is-inside-work-tree") is None or _git("rev-parse", "--is-shallow-repository") == b"true\n":
        pytest.skip("this is no clone with its history: git fetch --unshallow")
    archive = _git("archive", "--format=tar", PREVIOUS_RELEASE)
    if archive is None:
        pytest.fail(f"The release before, {PREVIOUS_RELEASE} of .ci/previous-release, is not in the history.")
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return Release(folder, {"DATABASE_URL": all_in_one_url()})


def _git(*arguments: str) -> bytes | None:
    """What it prints; None where it fails. Whoever runs the tests need not own the clone."""
    command = ["git", "-c", "safe.directory=*", "-C", str(REPOSITORY), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


@contextmanager
def database(name: str) -> Iterator[None]:
    """An empty database of this name behind both aliases, dropped afterwards."""
    owner = connections["owner"]
    home = owner.settings_dict["NAME"]
    with owner.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    _use(name)
    try:
        yield
    finally:
        _use(home)
        with owner.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _use(name: str) -> None:
    for alias in ("default", "owner"):
        connections[alias].close()
    for config in connections.settings.values():
        config["NAME"] = name


def errors(log: Path) -> list[str]:
    """The lines of a log that say that something went wrong, and those that are no log lines at all."""
    wrong = []
    for line in log.read_text().splitlines():
        try:
            level = json.loads(line).get("level")
        except ValueError:
            level = None
        if level not in ("debug", "info"):
            wrong.append(line)
    return wrong
