"""The documentation, held to the code: links, names, the picture of the architecture, and the guide to a connector."""

import ast
import importlib
import importlib.util
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.urls import include, path
from drf_spectacular.generators import SchemaGenerator

import events.connectors
import retivo.urls
from tests.conftest import REPOSITORY, Api
from tests.events.connectors.stored import names as stored_names

CONTRACTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
ROOMS: list[str] = CONTRACTS["root_packages"]
PACKAGES = [*ROOMS, "tests", "bench"]

DOCUMENTS = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "SECURITY.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
SOURCES = [
    *REPOSITORY.glob("*.py"),
    *(found for package in PACKAGES for found in sorted((REPOSITORY / package).rglob("*.py"))),
]

# What looks like a module and is none: a setting of PostgreSQL, an attribute of spans, a host, and the connector that
# the guide adds.
NO_MODULES = {
    "retivo.tenant_id",
    "learning.consent_changed",
    "retivo.request_id",
    "retivo.example",
    "events.connectors.amplitude",
}
# The same of paths: a unit, and files that a run writes.
NO_PATHS = re.compile(r"events/s$|bench/out/")


# --- Links ----------------------------------------------------------------------------------------------------------


@pytest.mark.no_database
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda found: str(found.relative_to(REPOSITORY)))
def test_links__to_files_and_headings__lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", _prose(document)):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


@pytest.mark.no_database
def test_pages__in_docs__are_all_linked_from_the_readme() -> None:
    linked = re.findall(r"\]\((docs/[^)#]+\.md)", (REPOSITORY / "README.md").read_text())

    assert {f"docs/{page.name}" for page in (REPOSITORY / "docs").glob("*.md")} <= set(linked)


def _anchors(document: Path) -> set[str]:
    """The headings' anchors, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", _prose(document), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        copies = (f"{slug}-{number}" for number in range(1, 100))
        found.add(slug if slug not in found else next(copy for copy in copies if copy not in found))
    return found


# --- Names ----------------------------------------------------------------------------------------------------------


@pytest.mark.no_database
def test_paths__in_docs_and_comments__exist() -> None:
    in_a_folder = re.compile(rf"(?<![\w./:-])(?:docs|templates|{'|'.join(PACKAGES)})/[\w./-]*\w/?(?![\w./*{{-])")
    bare = re.compile(r"`(\w+\.(?:py|md|html|sql|toml))`")
    known = {found.name for found in _files()}
    wrong = []
    for where, text in _texts():
        for name in in_a_folder.findall(text):
            if NO_PATHS.match(name) or (REPOSITORY / name).exists():
                continue
            # A decision is named by its number in comments.
            if not (re.fullmatch(r"docs/decisions/\d{4}", name) and list(REPOSITORY.glob(f"{name}-*.md"))):
                wrong.append(f"{where}: {name}")
        wrong += [f"{where}: {name}" for name in bare.findall(text) if name not in known]

    assert not wrong, "\n".join(wrong)


@pytest.mark.no_database
def test_dotted_names__in_docs_and_comments__exist() -> None:
    dotted = re.compile(rf"(?<![\w./@-])(?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+(?![\w/@-])")
    wrong = [
        f"{where}: {name}"
        for where, text in _texts()
        for name in dotted.findall(text)
        if name not in NO_MODULES and not name.endswith(".md") and not _exists(name)
    ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.no_database
def test_names_in_the_database__in_docs_and_comments__are_made_by_a_migration_or_a_model() -> None:
    named = re.compile(r"\b(?:trigger|constraint|polic(?:y|ies)|database function|foreign key)s? `(\w+)`")
    sql = [found for room in ROOMS for found in (REPOSITORY / room).rglob("*.sql")]
    made = "\n".join(
        found.read_text()
        for found in [*sql, *SOURCES]
        if found.suffix == ".sql" or "models" in found.parts or found.name == "models.py" or "migrations" in found.parts
    )
    wrong = [
        f"{where}: {name}"
        for where, text in _texts()
        for name in named.findall(text)
        if not re.search(rf"\b{name}\b", made)
    ]

    assert not wrong, "\n".join(wrong)


@pytest.mark.no_database
def test_migrations__in_docs_and_comments__are_not_named_by_their_number() -> None:
    """A number says nothing once a later migration has replaced what it made; a constraint's name can be searched."""
    by_number = re.compile(
        rf"(?:migrations? `?(?:\w+/)?|\(|(?<!docs/)\b(?:{'|'.join(ROOMS)})[./](?:migrations[./])?)00\d\d(?!-[\w-]+\.md)"
        r"|(?<![\w./\[-])(?<!decision )(?<!^# )00\d\d(?![\w.:-])",
        re.IGNORECASE | re.MULTILINE,
    )

    wrong = [f"{where}: {found}" for where, text in _texts() for found in by_number.findall(text)]

    assert not wrong, "\n".join(wrong)


@cache
def _exists(dotted: str) -> bool:
    """Whether it is a module, or what a module or class of ours has by that name."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        name = ".".join(parts[:end])
        if not any((REPOSITORY / Path(*parts[:end])).with_suffix(suffix).exists() for suffix in ("", ".py")):
            continue
        if end == len(parts):
            return importlib.util.find_spec(name) is not None
        found: object = importlib.import_module(name)
        for part in parts[end:]:
            fields = getattr(found, "__annotations__", {})
            if not hasattr(found, part) and part not in fields:
                return False
            found = getattr(found, part, None)
        return True
    return False


def _texts() -> Iterator[tuple[str, str]]:
    """Documents, and the comments and docstrings of code, each with where it stands. Migrations are as they were."""
    for document in DOCUMENTS:
        yield str(document.relative_to(REPOSITORY)), _WRAPPED.sub(" ", _LINK.sub("]", _prose(document)))
    for source in SOURCES:
        if "migrations" not in source.parts:
            where = source.relative_to(REPOSITORY)
            for line, text in _comments(source.read_text()):
                yield f"{where}:{line}", " ".join(text.split())


_LINK = re.compile(r"\]\([^)]+\)")
_WRAPPED = re.compile(r"(?<=\S)\n *(?=\w|`)")


def _prose(document: Path) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)


def _comments(code: str) -> Iterator[tuple[int, str]]:
    """Docstrings, and comments of lines that follow each other as one, each with its line."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.body[0].lineno, docstring
    comments = [
        (token.start[0], token.string.lstrip("# "))
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
        if token.type == tokenize.COMMENT
    ]
    for _, block in groupby(enumerate(comments), key=lambda found: found[1][0] - found[0]):
        lines = [comment for _, comment in block]
        yield lines[0][0], " ".join(text for _, text in lines)


def _files() -> Iterator[Path]:
    for folder in [*PACKAGES, "docs", "templates"]:
        yield from (REPOSITORY / folder).rglob("*.*")
    yield from REPOSITORY.glob("*.*")


# --- The architecture -----------------------------------------------------------------------------------------------

ARCHITECTURE = (REPOSITORY / "docs" / "architecture.md").read_text()


@pytest.mark.no_database
def test_architecture__its_picture__has_the_rooms_in_the_order_of_the_contract() -> None:
    picture = ARCHITECTURE.split("```mermaid")[1].split("```")[0]
    (contract,) = (found for found in CONTRACTS["contracts"] if found["type"] == "layers" and "containers" not in found)
    floors = [layer.split(" : ") for layer in contract["layers"]]
    order = {name: number for number, floor in enumerate(floors) for name in floor}

    chain = [
        [name for name in re.findall(r"[\w.]+", text) if name in order]
        for line in picture.splitlines()
        if " --> " in line and "(" not in line
        for text in line.split("-->")
    ]

    numbers = [min(order[name] for name in names) for names in chain]
    assert numbers == sorted(numbers)
    assert {name for names in chain for name in names} == order.keys()


@pytest.mark.no_database
def test_architecture__its_table__names_every_room_and_its_folders() -> None:
    rows = re.findall(r"^\| `(\w+)/` \|.*\| (.*) \|$", ARCHITECTURE, re.MULTILINE)

    assert {room: set(re.findall(r"`(\w+)`", subjects)) for room, subjects in rows} == {
        room: {found.parent.name for found in (REPOSITORY / room).glob("*/__init__.py")} - _AT_THE_TOP for room in ROOMS
    }


_AT_THE_TOP = {"management", "migrations", "models", "formats"}


# --- The guide to a connector ---------------------------------------------------------------------------------------

GUIDE = (REPOSITORY / "docs" / "connectors.md").read_text().split("## Add a connector\n")[1]
VENDOR = "amplitude"
PACKAGE = f"{events.connectors.__name__}.{VENDOR}"


def _block(after: str) -> str:
    """The guide's first block of code behind some text."""
    found = re.search(r"^```\w+\n(.*?)^```$", GUIDE.split(after, 1)[1], re.MULTILINE | re.DOTALL)
    assert found is not None, after
    return found[1]


@pytest.fixture
def amplitude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """The guide's connector as a folder of `events.connectors`, and its line among the vendors' paths."""
    folder = tmp_path / VENDOR
    folder.mkdir()
    for name in ("__init__", "translation", "serializers", "schema", "views", "urls"):
        (folder / f"{name}.py").write_text(_block(f"\n`{name}.py` "))
    monkeypatch.setattr(events.connectors, "__path__", [*events.connectors.__path__, str(tmp_path)])
    vendors: dict[str, Any] = {"path": path, "include": include}
    exec(_block("### 2. "), vendors)
    urls = ModuleType("urls_with_amplitude")
    urls.urlpatterns = [path("api/connectors/", include(vendors["urlpatterns"])), *retivo.urls.urlpatterns]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, urls.__name__, urls)
    settings.ROOT_URLCONF = urls.__name__
    yield
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]
    del events.connectors.__dict__[VENDOR]


@pytest.mark.usefixtures("amplitude")
def test_connector_guide__followed__stores_events_and_passes_its_own_test(merchant: Api) -> None:
    test: dict[str, object] = {}
    exec(_block("### 4. "), test)
    (check,) = (found for name, found in test.items() if name.startswith("test_"))

    check(merchant)  # type: ignore[operator]

    assert stored_names(merchant) == ["$identify", "Order Completed"]
    malformed = merchant.post("/api/connectors/amplitude", {"events": "none"}).json()
    assert malformed["detail"] == "The body is not a batch of events: `events` is not an array."


@pytest.mark.no_database
@pytest.mark.usefixtures("amplitude")
def test_connector_guide__its_endpoint__is_described_in_openapi() -> None:
    generator = SchemaGenerator(urlconf="urls_with_amplitude")  # type: ignore[no-untyped-call]
    schema = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]

    operation = schema["paths"]["/api/connectors/amplitude"]["post"]
    assert f'"{operation["operationId"]}": {{"200"}} | POST' in GUIDE
    assert "AmplitudeOutcome" in schema["components"]["schemas"]


@pytest.mark.no_database
def test_connector_guide__its_urls_and_layers__are_of_the_files_they_change() -> None:
    urls = [line for line in _block("### 2. ").splitlines() if VENDOR not in line]
    (layers,) = tomllib.loads(_block("### 3. ")).values()
    (contract,) = (found for found in CONTRACTS["contracts"] if found.get("containers") == ["events.connectors"])
    inside = next(found for found in CONTRACTS["contracts"] if found["name"].startswith("A vendor"))

    # Not the same vendors: whoever follows the guide adds one.
    assert [layers[0], layers[-1]] == [contract["layers"][0], contract["layers"][-1]]
    assert set(layers[1].split(" | ")) - {VENDOR} <= set(contract["layers"][1].split(" | "))
    assert PACKAGE.replace(VENDOR, "segment") in inside["containers"]
    assert set(urls) <= set((REPOSITORY / "events" / "connectors" / "urls.py").read_text().splitlines())
