"""The house: few rooms, imports that point one way, one meaning for each public name."""

import ast
from collections import defaultdict
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "bench").rglob("*.py"), *(ROOT / "methods").rglob("*.py")])

#: Each imports only from rooms that stand before it, and from modules at the top of ``bench``.
ORDER = (
    "data",
    "metrics",
    "statistics",
    "plan",
    "records",
    "selection",
    "report",
    "execution",
    "gate",
    "testing",
    "cli",
)
#: Names that several modules define with one meaning, since the registry of methods, the table of readers or the list
#: of checks looks for them.
PROTOCOLS = {
    "info",
    "section",
    "run",
    "twin",
    "load",
    "splits_in",
    "download",
    "is_present",
    "with_class_names",
    "CHECKS",
}


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): ast.parse(path.read_text()) for path in FILES}


def imports_of(tree):
    """Modules of ours that a module imports, wherever it does: also in functions and for type hints."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                member = f"{node.module}.{alias.name}"
                yield member if member in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


IMPORTS = nx.DiGraph()
IMPORTS.add_nodes_from(MODULES)
IMPORTS.add_edges_from(
    (module, other) for module, tree in MODULES.items() for other in imports_of(tree) if other in MODULES
)


def room_of(module):
    parts = module.split(".")
    inside = (ROOT / "bench" / parts[1]).is_dir() if len(parts) > 1 and parts[0] == "bench" else False
    return parts[1] if inside else None


def public_names(tree):
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


def test_no_import_leads_back():
    circles = [sorted(circle) for circle in nx.strongly_connected_components(IMPORTS) if len(circle) > 1]
    assert not circles


def test_rooms_import_from_the_rooms_before_them_alone():
    wrong = [
        f"{module} imports {other}"
        for module, other in IMPORTS.edges
        if room_of(module) in ORDER
        and room_of(other) in ORDER
        and ORDER.index(room_of(other)) > ORDER.index(room_of(module))
    ]
    assert not wrong


@pytest.mark.parametrize("module", ["method", "canonical", "errors", "text", "isolation", "generators"])
def test_what_every_room_may_import_imports_no_room(module):
    assert not [other for other in IMPORTS.successors(f"bench.{module}") if room_of(other)]


def test_there_are_at_most_twenty_rooms():
    rooms = {path.parent for path in (ROOT / "bench").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert len(rooms) <= 20, sorted(rooms)


def test_no_public_name_has_two_meanings():
    modules = defaultdict(list)
    for module, tree in MODULES.items():
        for name in set(public_names(tree)):
            if not name.startswith("_") and name not in PROTOCOLS:
                modules[name].append(module)
    assert {name: places for name, places in modules.items() if len(places) > 1} == {}


@pytest.mark.parametrize("path", [p for p in FILES if p.name != "__init__.py"], ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_only_passes_things_on(path):
    own = [
        node
        for node in ast.parse(path.read_text()).body
        if not isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    ]
    assert own
