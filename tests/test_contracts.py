"""The rooms' borders: import contracts without a gap, and no statement that writes another room's table.

An import that is reversed, and a module without a layer, break a contract.
"""

import re
from copy import deepcopy
from pathlib import Path

import grimp
import pytest
from importlinter.application.use_cases import read_user_options
from importlinter.configuration import configure
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.no_database

TYPES: dict[str, type[Contract]] = {"layers": LayersContract, "forbidden": ForbiddenContract}


@pytest.fixture(scope="module")
def contracts() -> list[Contract]:
    configure()
    options = read_user_options(str(REPOSITORY / "pyproject.toml"))
    return [
        TYPES[found["type"]](name=found["name"], session_options=options.session_options, contract_options=found)
        for found in options.contracts_options
    ]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*sorted(_rooms()), cache_dir=None)


def test_contracts__of_the_code_as_it_is__are_kept(contracts: list[Contract], graph: grimp.ImportGraph) -> None:
    assert not _is_broken(contracts, graph)


def test_contracts__every_file_of_a_room__is_known_to_them(graph: grimp.ImportGraph) -> None:
    """A folder without `__init__.py` is none to import-linter, which would not see what is imported there."""
    files = [path for room in sorted(_rooms()) for path in (REPOSITORY / room).rglob("*.py")]
    assert len(files) > 300
    assert [path for path in files if _name(path.with_suffix("")).removesuffix(".__init__") not in graph.modules] == []


def test_contracts__every_package_that_is_no_tool__is_a_room() -> None:
    configure()
    options = read_user_options(str(REPOSITORY / "pyproject.toml"))
    packages = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - {"tests", "bench"}
    assert packages == _rooms() == set(options.session_options["root_packages"])


def test_contracts__any_import_within_a_room_reversed__are_broken(
    contracts: list[Contract], graph: grimp.ImportGraph
) -> None:
    imports = [
        (importer, imported)
        for importer in sorted(graph.modules)
        for imported in sorted(graph.find_modules_directly_imported_by(importer))
        if _room(importer) == _room(imported) and ".migrations" not in importer
    ]
    assert len(imports) > 300
    unseen = [pair for pair in imports if not _is_broken(contracts, _reversed(graph, *pair))]
    assert unseen == []


def test_contracts__a_module_without_a_layer__are_broken(contracts: list[Contract], graph: grimp.ImportGraph) -> None:
    folders = [path.parent for path in REPOSITORY.glob("*/**/__init__.py") if _room(_name(path)) in graph.modules]
    named_by_django = {"migrations", "management", "formats", "backend"}
    names = [_name(folder) for folder in folders if not named_by_django & set(folder.parts)]
    assert len(names) > 30
    unseen = []
    for name in names:
        grown = deepcopy(graph)
        grown.add_module(f"{name}.newcomer")
        if not _is_broken(contracts, grown):
            unseen.append(name)
    assert unseen == []


def test_sql__of_a_room__writes_no_other_rooms_tables() -> None:
    rooms = _rooms()
    writes = re.compile(
        rf"\b(?:INSERT INTO|UPDATE|DELETE FROM|MERGE INTO)\s+(?:public\.)?({'|'.join(sorted(rooms))})_\w+"
    )
    written = [
        (path.relative_to(REPOSITORY), found[0])
        for room in rooms
        for path in (REPOSITORY / room).rglob("*")
        if path.suffix in (".py", ".sql") and "migrations" not in path.parts
        for found in writes.finditer(path.read_text())
        if found[1] != room
    ]
    assert written == []


def _is_broken(contracts: list[Contract], graph: grimp.ImportGraph) -> bool:
    return not all(contract.check(deepcopy(graph), verbose=False).kept for contract in contracts)


def _reversed(graph: grimp.ImportGraph, importer: str, imported: str) -> grimp.ImportGraph:
    turned = deepcopy(graph)
    turned.remove_import(importer=importer, imported=imported)
    turned.add_import(importer=imported, imported=importer, line_number=1, line_contents="")
    return turned


def _rooms() -> set[str]:
    return {path.parent.name for path in REPOSITORY.glob("*/apps.py")}


def _room(module: str) -> str:
    return module.partition(".")[0]


def _name(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).parts)
