"""Fixtures that every room shares."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A deadline would make tests fail on a busy machine for no fault of the code.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with MNIST, Fashion-MNIST and USPS in torchvision's layout; the test is skipped without it."""
    named = os.environ.get("DEEPCLUSTBENCH_DATA")
    root = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (root / "MNIST").is_dir():
        pytest.skip("needs whole data sets: set DEEPCLUSTBENCH_DATA to a folder in torchvision's layout")
    return root
