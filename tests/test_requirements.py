"""What is installed is what was locked: each package that the `.in` files lead to, in one version, by its hashes."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import REPOSITORY

SETS = ["requirements", "requirements-embedded", "requirements-otel", "requirements-dev"]

pytestmark = pytest.mark.no_database


def wanted(name: str) -> Iterator[Requirement]:
    """What the `.in` file of a set names, and those that it includes."""
    for line in (REPOSITORY / f"{name}.in").read_text().splitlines():
        if line.startswith("-r "):
            yield from wanted(line.removeprefix("-r ").removesuffix(".in"))
        elif line and not line.startswith("#"):
            yield Requirement(line)


def locked(name: str) -> dict[str, Requirement]:
    """What the `.txt` file of a set holds for this machine, by canonical name."""
    lines = re.findall(r"^(\w.*?) \\$", (REPOSITORY / f"{name}.txt").read_text(), re.MULTILINE)
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name): each for each in found if each.marker is None or each.marker.evaluate()}


def closure(requirements: list[Requirement]) -> set[str]:
    """The canonical names of all that these pull in here, by what the installed packages say of themselves."""
    found: set[str] = set()
    waiting = [(each, extra) for each in requirements for extra in ("", *each.extras)]
    seen = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        found.add(name)
        if (name, extra) not in seen:
            seen.add((name, extra))
            for each in _pulled_in(name):
                if each.marker is None or each.marker.evaluate({"extra": extra}):
                    waiting += [(each, more) for more in ("", *each.extras)]
    return found


@cache
def _pulled_in(name: str) -> list[Requirement]:
    return [Requirement(text) for text in distribution(name).requires or []]


@pytest.mark.parametrize("name", SETS)
def test_lock__of_each_set__holds_what_its_names_pull_in_and_nothing_else(name: str) -> None:
    lock = locked(name)

    try:
        assert closure(list(wanted(name))) == lock.keys(), "make lock"
    except PackageNotFoundError as error:
        pytest.fail(f"{error} is not installed: make lock, then make test")
    for each in wanted(name):
        (pinned,) = each.specifier
        assert pinned.operator == "==", each
        assert lock[canonicalize_name(each.name)].specifier == each.specifier, f"{each}: make lock"


@pytest.mark.parametrize("name", SETS)
def test_lock__of_each_set__is_what_is_installed_here(name: str) -> None:
    for package, each in locked(name).items():
        assert each.specifier.contains(version(package), prereleases=True), each


def test_locks__of_all_sets__agree() -> None:
    everything = locked("requirements-dev")

    for name in SETS:
        assert {package: str(each) for package, each in locked(name).items()}.items() <= {
            package: str(each) for package, each in everything.items()
        }.items(), name


@pytest.mark.parametrize("name", SETS)
def test_lock__of_each_set__has_hashes_and_names_no_place(name: str) -> None:
    text = (REPOSITORY / f"{name}.txt").read_text()
    blocks = re.split(r"\n(?=\w)", text)[1:]

    assert len(blocks) >= len(locked(name)) > 0
    for block in blocks:
        assert re.search(r"\n    --hash=sha256:[0-9a-f]{64}", block), block
    for line in text.splitlines():
        assert re.fullmatch(r"#.*|\w[^/]*|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line


def test_installs__wherever_they_are_written__require_hashes() -> None:
    places: list[Path] = [
        REPOSITORY / "Makefile",
        REPOSITORY / ".ci" / "run",
        REPOSITORY / "README.md",
        *(REPOSITORY / "deploy").glob("*"),
        *(REPOSITORY / "docs").rglob("*.md"),
    ]
    found = [
        (place.name, command)
        for place in places
        if place.is_file()
        for command in re.findall(r"pip install[^`&]*|PIP = .*", place.read_text())
    ]

    assert {"Makefile", "Dockerfile", "operations.md", "observability.md"} <= {name for name, _ in found}
    assert [each for each in found if "--require-hashes" not in each[1]] == []
