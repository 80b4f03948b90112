"""Fixtures that every room shares."""

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A deadline would make tests fail on a busy machine for no fault of the code.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture(autouse=True, scope="module")
def old_heap():
    """Keep what is there out of garbage collection: statsmodels collects in every Holm, .2 s once torch is imported."""
    gc.freeze()
    yield
    gc.unfreeze()


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
