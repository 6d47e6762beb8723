"""What the documents and comments say of the repository is so: links, names, and the guide to a new connector."""

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
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

ROOMS = ("tenants", "integrations", "events", "learning", "delivery", "decisions", "partners")
ROOTS = ("retivo", *ROOMS, "tests", "bench")
FOLDERS = (*ROOTS, "docs", "templates")
MARKDOWN = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
# Without migrations: they describe the code of their day, and are not changed.
PYTHON = [
    *sorted(REPOSITORY.glob("*.py")),
    *(file for root in ROOTS for file in sorted((REPOSITORY / root).rglob("*.py")) if "migrations" not in file.parts),
]
PROSE = [*MARKDOWN, *PYTHON]

# How to add a connector: file, language and code of each block.
GUIDE = (REPOSITORY / "docs" / "connectors.md").read_text().partition("\n## Add a connector\n")[2]
BLOCKS = [
    (caption, language, code)
    for caption, blocks in re.findall(r"^\*\*`(\S+)`\*\*\n((?:\n```\w+\n(?s:.*?)^```\n)+)", GUIDE, re.MULTILINE)
    for language, code in re.findall(r"^```(\w+)\n(.*?)^```$", blocks, re.MULTILINE | re.DOTALL)
]

WRITTEN_BY_PROGRAMS = "bench/out/"
SETTING_OF_POSTGRESQL = "retivo.tenant_id"


def _relative(file: Path) -> str:
    return str(file.relative_to(REPOSITORY))


# --- Links ----------------------------------------------------------------------------------------------------------


@pytest.mark.no_database
@pytest.mark.parametrize("file", MARKDOWN, ids=_relative)
def test_links__to_files_and_headings__lead_somewhere(file: Path) -> None:
    assert dead_links(file.read_text(), file) == []


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("text", "dead"),
    [
        ("[a](connectors.md), [b](../README.md), [c](https://retivo.example/x), `[d](no.md)`", []),
        ("[a](no.md) and ![b](images/no.png)", ["no.md", "images/no.png"]),
        ('<img src="images/no.png">', ["images/no.png"]),
        ("[a]: no.md", ["no.md"]),
        ("# Of `take`, and *more*\n[a](#of-take-and-more)", []),
        ("# Twice\n# Twice\n[a](#twice), [b](#twice-1), [c](#twice-2)", ["#twice-2"]),
        ("```sh\n# Not a heading\n```\n[a](#not-a-heading)", ["#not-a-heading"]),
        ("[a](connectors.md#segment), [b](connectors.md#no)", ["connectors.md#no"]),
    ],
)
def test_dead_links__of_a_text__are_found(text: str, dead: list[str]) -> None:
    assert dead_links(text, REPOSITORY / "docs" / "page.md") == dead


def dead_links(text: str, file: Path) -> list[str]:
    prose = re.sub(r"`[^`\n]+`", "", _without_fences(text))
    links = [found[1] or found[2] or found[3] for found in _LINK.finditer(prose)]
    return [link for link in links if not re.match(r"[a-z]+:", link) and not _leads_somewhere(link, text, file)]


_LINK = re.compile(r"""\]\(([^)\s]+)[^)]*\)|(?:src|href)="([^"]+)"|^\[[^\]]+\]: *(\S+)""", re.MULTILINE)


def _leads_somewhere(link: str, text: str, file: Path) -> bool:
    target, _, anchor = link.partition("#")
    if target:
        file = file.parent / target
        if not file.exists():
            return False
        text = file.read_text() if anchor else ""
    return not anchor or anchor in _anchors(text)


def _anchors(text: str) -> set[str]:
    """By GitHub's rules: lower case, hyphens for spaces, punctuation left out, a number from the second on."""
    seen: Counter[str] = Counter()
    anchors = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", _without_fences(text), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return anchors


def _without_fences(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


# --- Names ----------------------------------------------------------------------------------------------------------


@pytest.mark.no_database
def test_names__of_paths_and_modules_in_prose__exist() -> None:
    assert {(_relative(file), name) for file in PROSE for name in unknown_names(prose(file))} == set()


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("`events/ingestion/policy.py`, `retivo/`, `docs/decisions/`, `bench/out/demo.png`", []),
        ("`events/ingestion/police.py` and docs/no.md", ["events/ingestion/police.py", "docs/no.md"]),
        ("`test_docs.py`, `openapi.yaml`, `test_doctors.py`", ["test_doctors.py"]),
        ("`tests/test_docs.py::prose` `tests/test_docs.py::verse`", ["tests/test_docs.py::verse"]),
        ("`events.ingestion.policy`, `delivery.services.dispatch`, `retivo.tenant_id`", []),
        ("`events.ingestion.police`, `delivery.services.no(…)`", ["events.ingestion.police", "delivery.services.no"]),
        ("`tenants.access.view.TenantView.once`", []),
        ("`tenants.access.view.TenantView.twice`", ["tenants.access.view.TenantView.twice"]),
        ("`learning_by_partner`, `config.retention_days`, `playbook.paused`, https://x.example/docs/no.md", []),
    ],
)
def test_unknown_names__of_a_text__are_found(text: str, unknown: list[str]) -> None:
    assert sorted(unknown_names(text)) == sorted(unknown)


def unknown_names(text: str) -> list[str]:
    """Paths, names of files alone, and dotted names, that are nothing.

    A path or a dotted name begins with one of our folders: `config.retention_days` and `user.created` are neither.
    """
    paths = [found[1] or found[2] for found in _PATH.finditer(text)]
    files = [found[1] for found in _FILE.finditer(text)]
    names = [found[1] for found in _DOTTED.finditer(text)]
    return [
        *(found for found in paths if not _is_path(found)),
        *(found for found in files if found not in _FILES),
        *(found for found in names if not _is_name(found)),
    ]


_PATH = re.compile(
    rf"`((?:{'|'.join(FOLDERS)})/[\w./*:-]*)`|(?<![\w/.`-])((?:{'|'.join(FOLDERS)})/[\w/.-]+\.(?:py|md|html|json))\b"
)
_FILE = re.compile(r"`(\w[\w.-]*\.(?:py|md|yaml|toml))`")
_FILES = {file.name for file in [*PROSE, *REPOSITORY.glob("*.*")]}
_DOTTED = re.compile(rf"`((?:{'|'.join(ROOTS)})(?:\.\w+)+)(?:\([^`]*\))?`")


def _is_path(name: str) -> bool:
    place, _, function = name.partition("::")
    if place.startswith(WRITTEN_BY_PROGRAMS) or any(place == caption for caption, _, _ in BLOCKS):
        return True
    if function:
        return (REPOSITORY / place).is_file() and function in _members(_tree(REPOSITORY / place))
    return any(REPOSITORY.glob(place.rstrip("/")))


def _is_name(name: str) -> bool:
    """A module, a member of one, or a member of a class in one."""
    if name == SETTING_OF_POSTGRESQL:
        return True
    place, parts = REPOSITORY, name.split(".")
    while parts and (place / parts[0]).is_dir():
        place /= parts.pop(0)
    if parts and (place / parts[0]).with_suffix(".py").is_file():
        place = (place / parts.pop(0)).with_suffix(".py")
    if not parts:
        return True
    file = place if place.is_file() else place / "__init__.py"
    members = _members(_tree(file)) if file.is_file() else {}
    for part in parts:
        if part not in members:
            return False
        members = _members(members[part])
    return True


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def _members(node: ast.AST) -> dict[str, ast.AST]:
    members: dict[str, ast.AST] = {}
    for child in getattr(node, "body", []):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                members[name] = child
            case ast.Assign(targets=targets):
                found = [node for target in targets for node in ast.walk(target)]
                members |= {node.id: child for node in found if isinstance(node, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                members[name] = child
    return members


def prose(file: Path) -> str:
    """A document without its blocks of code and the targets of its links; of a module the docstrings and comments."""
    text = file.read_text()
    if file.suffix == ".md":
        return re.sub(r"\]\([^)]*\)", "]", _without_fences(text))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [ast.get_docstring(node) or "" for node in ast.walk(_tree(file)) if isinstance(node, documented)]
    lines, last = [], 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            lines.append("\n\n" * (token.start[0] > last + 1) + token.string.lstrip("# "))
            last = token.start[0]
    return "\n\n".join([*docstrings, "\n".join(lines)])


# --- Migrations -----------------------------------------------------------------------------------------------------


@pytest.mark.no_database
def test_migrations__in_prose__are_not_named_by_number() -> None:
    """A constraint, a trigger or a function keeps its name when a later migration changes it."""
    assert {(_relative(file), found) for file in PROSE for found in numbered_migrations(prose(file))} == set()


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A trigger (migration 0007) holds it.", ["migration 0007"]),
        ("Keys (migrations 0003, 0004) hold it.", ["migrations 0003"]),
        ("(migration\n`learning/0009`)", ["migration\n`learning/0009", "learning/0009"]),
        ("See `events/migrations/0012_stage_changes.py`.", ["migrations/0012", "0012_stage_changes"]),
        ("Decision 0007, docs/decisions/0007-the-ledger-is-deleted-in-batches.md, 0001-01-01.", []),
        ("A migration of 2026 took 0.0039 s.", []),
    ],
)
def test_numbered_migrations__of_a_text__are_found(text: str, found: list[str]) -> None:
    assert numbered_migrations(text) == found


def numbered_migrations(text: str) -> list[str]:
    return [hit for pattern in _MIGRATIONS for hit in re.findall(pattern, text)]


_MIGRATIONS = [
    r"(?i:\bmigrations?)[\s/(`]+(?:\w+/)?0\d{3}",
    rf"(?<!docs/)\b(?:{'|'.join(ROOMS)})[/.]0\d{{3}}(?!-)",
    r"\b0\d{3}_[a-z]\w+",
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
