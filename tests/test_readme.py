"""The README's commands do what it says they do."""

import io
import json
import os
import re
import subprocess
from pathlib import Path

import yaml
from django.core.management import call_command

from tests.conftest import REPOSITORY, Api, gunicorn
from tests.delivery.worker.processes import worker
from tests.ports import free_port

README = (REPOSITORY / "README.md").read_text()


def test_walk__pasted_into_a_shell__goes_through_the_partners_and_the_merchants_calls(
    acme: Api, tmp_path: Path
) -> None:
    walk = README.split("## The Partner API in eight calls")[1].split("\n## Where things are")[0]
    setup, *blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", walk, re.MULTILINE | re.DOTALL)
    assert setup.split("=")[0] == "RETIVO"
    (command,) = re.findall(r"manage.py (create_api_key .*)", walk)
    output = io.StringIO()
    call_command(*command.replace("demo-loyalty", "acme").split(), "--json", stdout=output)
    key = json.loads(output.getvalue())["api_key"]

    with gunicorn(tmp_path / "server") as server, worker(tmp_path / "worker", PUBLIC_URL=server.url):
        done = subprocess.run(
            ["bash", "-euo", "pipefail"],
            input="\n".join(blocks).replace("8809", str(free_port())),  # which may be taken here
            cwd=REPOSITORY,
            env=os.environ | {"RETIVO": f"{server.url}/api", "KEY": key},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert done.returncode == 0, done.stderr + done.stdout
    assert len(blocks) == 1 + 8 + 1 + 7
    customer = acme.get("/api/partners/customers").json()["customers"][0]
    assert customer["slug"] == "merchant-abc"
    assert '"action_types_registered":1' in done.stdout
    assert '"total_customers":1' in done.stdout
    assert '"changed":[]' in done.stdout  # found by its own id
    assert done.stdout.count('"api_key":"rt_live_') == 2
    assert re.search(r'reported: \{"recorded":true,"action_id":"ea_\w+","outcome_status":"completed"\}', done.stdout)
    assert '{"accepted":2,"duplicates":0,"rejected":[]}' in done.stdout
    assert done.stdout.count('"email":"ada@example.com"') == 2  # got and listed
    assert '"candidates":[{"action":"grant_points"' in done.stdout
    assert '"usage":{"month":' in done.stdout


def test_make_targets__named_in_the_docs__exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    docs = [README, *(path.read_text() for path in (REPOSITORY / "docs").rglob("*.md"))]

    for target in {name for text in docs for name in re.findall(r"\bmake ([a-z]+)\b(?=[`\s]*(?:[`#A-Z;]|$))", text)}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_errors__every_code_of_the_schema__is_explained() -> None:
    explained = (REPOSITORY / "docs" / "errors.md").read_text()
    schema = yaml.safe_load((REPOSITORY / "openapi.yaml").read_text())

    codes = {
        code
        for response in schema["components"]["responses"].values()
        for code in response["content"]["application/problem+json"]["schema"]["properties"]["code"]["enum"]
    }
    assert codes
    assert {code for code in codes if f"`{code}`" not in explained} == set()
