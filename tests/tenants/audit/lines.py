"""The audit trail as it is exported, and the script of the docs that verifies it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY, Api

SCRIPT = REPOSITORY / "docs" / "retivo_verify.py"
PARTNERS, OWN = "/api/partners/audit", "/api/audit"


def export(api: Api, path: str = PARTNERS, query: dict[str, Any] | None = None) -> str:
    answer = api.get(path, query, Accept="application/x-ndjson")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/x-ndjson"
    return b"".join(answer.streaming_content).decode()


def exported(api: Api, path: str = PARTNERS, query: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export(api, path, query).splitlines()]


def entries(api: Api, path: str = PARTNERS, **query: Any) -> list[dict[str, Any]]:
    answer = api.get(path, query)
    assert answer.status_code == 200, answer.content
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


def by_system(partner: Api, **query: Any) -> list[tuple[str, str]]:
    """What Retivo itself did since the partner was made, the newest first: the action, and the kind of its target."""
    made = ("partner.created", "api_key.issued")
    found = [entry for entry in entries(partner, actor="system", **query) if entry["action"] not in made]
    return [(entry["action"], entry["target"]["type"]) for entry in found]


def verify(directory: Path, lines: str | bytes, *options: str, **answers: Any) -> tuple[int, str]:
    """What the script says of an export, as whoever has it would run it. Bytes are an answer as it is in its file."""
    (directory / "audit.ndjson").write_bytes(lines if isinstance(lines, bytes) else lines.encode())
    command = [sys.executable, "-I", str(SCRIPT), "audit.ndjson", *options]
    for name, answer in answers.items():
        path = directory / f"{name}.json"
        path.write_bytes(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
        command += [f"--{name}", path.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory, timeout=60)
    return done.returncode, done.stdout + done.stderr
