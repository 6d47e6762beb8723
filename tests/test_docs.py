"""What the documents say of the repository is so: the guide to a new connector."""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import include, path

from events import connectors
from retivo.urls import urlpatterns as every_path
from tests.conftest import REPOSITORY, Api
from tests.events.connectors.stored import events

# How to add a connector: file, language and code of each block.
GUIDE = (REPOSITORY / "docs" / "connectors.md").read_text().partition("\n## Add a connector\n")[2]
BLOCKS = [
    (caption, language, code)
    for caption, blocks in re.findall(r"^\*\*`(\S+)`\*\*\n((?:\n```\w+\n(?s:.*?)^```\n)+)", GUIDE, re.MULTILINE)
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", blocks, re.MULTILINE | re.DOTALL)
]

# --- The guide to a new connector -----------------------------------------------------------------------------------

VENDOR = "events.connectors.rudderstack"
URLS = "urls_of_the_guide"


def test_guide_to_a_connector__as_it_is_written__makes_one(
    merchant: Api, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guides_test = build_connector(tmp_path, monkeypatch)
    settings.ROOT_URLCONF = URLS

    tests = [member for name, member in vars(guides_test).items() if name.startswith("test_")]
    assert len(tests) == 1
    tests[0](merchant)

    once_more = {"type": "track", "userId": "u2", "event": "seen", "originalTimestamp": "2026-11-01T10:00:00Z"}
    response = merchant.post(f"{guides_test.PATH}/", {"batch": [once_more]})
    assert response.status_code == 200
    assert response.json() == {"status": "OK", "accepted": 1, "duplicates": 0, "rejected": [], "skipped": 0}
    assert ("u2", "seen", {}) in events(merchant)


@pytest.mark.no_database
def test_guide_to_a_connector__its_operation__is_documented_without_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_connector(tmp_path, monkeypatch)
    schema = tmp_path / "openapi.yaml"

    call_command("spectacular", urlconf=URLS, file=str(schema), validate=True, fail_on_warn=True)

    assert "/api/connectors/rudderstack/v1/batch:" in schema.read_text()


@pytest.mark.no_database
def test_guide_to_a_connector__its_lines_of_pyproject__name_the_vendor_in_both_contracts() -> None:
    contracts = tomllib.loads(_changed("pyproject.toml"))["tool"]["importlinter"]["contracts"]

    (vendors,) = [found for found in contracts if found.get("containers") == ["events.connectors"]]
    assert "rudderstack" in vendors["layers"][1].split(" | ")
    (vendor,) = [found for found in contracts if found["name"].startswith("A vendor: ")]
    assert VENDOR in vendor["containers"]
    files = {Path(name).stem for name, _, _ in BLOCKS if name.startswith("events/connectors/rudderstack/")}
    assert files == {"__init__", *vendor["layers"]}


@pytest.mark.no_database
def test_guide_to_a_connector__with_lines_that_are_not_in_the_file__does_not_apply() -> None:
    with pytest.raises(AssertionError, match="gone"):
        _applied("-gone\n+new\n", "text\n")


def build_connector(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Makes the guide's vendor importable, with its paths in the URLconf `URLS`; returns the guide's test."""
    for name, language, code in BLOCKS:
        if language == "python":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(code)
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, str(folder / "events" / "connectors")])
    package = import_module(VENDOR)
    monkeypatch.setattr(connectors, "rudderstack", package, raising=False)
    urls, guides_test = ModuleType(URLS), ModuleType("test_of_the_guide")
    exec(_changed("events/connectors/urls.py"), vars(urls))
    vars(urls)["urlpatterns"] = [path("api/connectors/", include(vars(urls)["urlpatterns"])), *every_path]
    monkeypatch.setitem(sys.modules, URLS, urls)
    exec((folder / "tests/events/connectors/test_rudderstack.py").read_text(), vars(guides_test))
    return guides_test


@pytest.fixture(autouse=True)
def _forget_the_guides_vendor() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name == VENDOR or name.startswith(f"{VENDOR}.")]:
        del sys.modules[name]
    vars(connectors).pop("rudderstack", None)


def _changed(name: str) -> str:
    """A file of ours after the guide's changes."""
    text = (REPOSITORY / name).read_text()
    changes = [code for caption, language, code in BLOCKS if (caption, language) == (name, "diff")]
    assert changes
    for change in changes:
        text = _applied(change, text)
    return text


def _applied(diff: str, text: str) -> str:
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] != "+")
    assert before in text
    return text.replace(before, "".join(line[1:] for line in lines if line[0] != "-"), 1)
