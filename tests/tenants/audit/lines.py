"""The audit trail as it is exported, and the script of the docs that verifies it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.conftest import REPOSITORY, Api

SCRIPT = REPOSITORY / "docs" / "retivo_verify.py"
PARTNERS, OWN = "/api/partners/audit", "/api/audit"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("retivo_verify", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


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


def verify(directory: Path, lines: str, *options: str, **answers: Any) -> tuple[int, str]:
    """What the script says of an export, as whoever has it would run it."""
    (directory / "audit.ndjson").write_text(lines)
    command = [sys.executable, "-I", str(SCRIPT), str(directory / "audit.ndjson"), *options]
    for name, answer in answers.items():
        path = directory / f"{name}.json"
        path.write_text(json.dumps(answer))
        command += [f"--{name}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory, timeout=60)
    return done.returncode, done.stdout + done.stderr
