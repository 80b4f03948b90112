"""The core is cheap to import, and dependencies point one way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"torch", "ray", "pandas", "matplotlib", "sklearn", "scipy"}


@pytest.mark.parametrize(
    "module", ["bench", "bench.cli", "bench.plan.suite", "bench.data.cards", "bench.records.store"]
)
def test_importing_the_core_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)


@pytest.mark.parametrize("path", sorted((ROOT / "methods").glob("*.py")), ids=lambda p: p.name)
def test_methods_import_nothing_of_the_core_but_its_contract(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert {name for name in imported if name.split(".")[0] == "bench"} <= {"bench.method"}
