"""Fixtures that every room shares."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # isort: split - before numpy and torch: workers share the cores

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from matplotlib.figure import Figure

from bench.cli import main
from tests.undrawn import DRAWING, leave_figures_blank

# A deadline would make tests fail on a busy machine for no fault of the code.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


#: The files that take longest begin first, so that no worker ends long after the other. One file owns a Ray.
LONGEST_FIRST = (
    "tests/execution/test_ray.py",
    "tests/gate/test_own_gate.py",
    "tests/test_newcomer.py",
    "tests/golden/test_report.py",
    "tests/statistics/test_simulation.py",
    "tests/methods/test_dec.py",
    "tests/methods/test_sklearn_contract.py",
    "tests/gate/test_pytest_plugin.py",
    "tests/execution/test_isolation.py",
)


def pytest_collection_modifyitems(items):
    """Put the files that take longest first."""
    order = {name: i for i, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.relative_to(item.config.rootpath).as_posix(), len(order)))


@pytest.fixture(autouse=True, scope="module")
def figures(request):
    """Draw no figure, except in files with ``pytestmark = pytest.mark.figures``."""
    marks = getattr(request.module, "pytestmark", [])
    if any(mark.name == "figures" for mark in (marks if isinstance(marks, list) else [marks])):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        leave_figures_blank(patch.setattr)
        yield


@pytest.fixture(autouse=True)
def drawn(request, monkeypatch):
    """Draw figures in a single test with ``@pytest.mark.figures``."""
    if any(mark.name == "figures" for mark in request.node.own_markers):
        for name, function in DRAWING.items():
            monkeypatch.setattr(Figure, name, function)


@pytest.fixture(autouse=True)
def own_import_path(monkeypatch):
    """Take off the import path what a test put there, as a plugin's folder is."""
    monkeypatch.setattr(sys, "path", sys.path[:])


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with MNIST, Fashion-MNIST and USPS in torchvision's layout; the test is skipped without it."""
    named = os.environ.get("DEEPCLUSTBENCH_DATA")
    root = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (root / "MNIST").is_dir():
        pytest.skip("needs whole data sets: set DEEPCLUSTBENCH_DATA to a folder in torchvision's layout")
    return root


TINY = """
name = "tiny"
preset = "quick"
datasets = ["digits"]
methods = ["kmeans", "vae_kmeans", "sdec"]
seeds = "0-1"
ablations = []
limit = 200

[set.vae_kmeans]
pretrain_epochs = 2

[set.sdec]
pretrain_epochs = 2
epochs = 2
"""


@pytest.fixture
def tiny(tmp_path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def plugins(tmp_path, monkeypatch) -> Iterator[str]:
    """Module of the plugins, importable here and in workers."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("faulty_clusterers.py"), folder / "broken_methods.py")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    yield "broken_methods"
    sys.modules.pop("broken_methods", None)


@pytest.fixture(autouse=True)
def own_cache(request, tmp_path_factory, monkeypatch):
    """Keep pretrained networks of the tests out of the user's cache; hours of pretraining stay where they are."""
    if request.node.get_closest_marker("slow"):
        return
    monkeypatch.setenv("DEEPCLUSTBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "pretrained"))


@pytest.fixture
def cli(monkeypatch, capsys):
    """Run the command; return its exit code, output and errors."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["deepclustbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call
