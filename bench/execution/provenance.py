"""Provenance of a record: versions, hardware, commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("deepclustbench", "numpy", "scipy", "scikit-learn", "torch")


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    installed = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            installed[package] = "not installed"
    return installed


@cache
def commit() -> str | None:
    """Return the commit of this package's checkout, with ``-dirty`` after changes; None if it is no checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def hardware(device: str) -> dict[str, Any]:
    """Return processor, cores, threads in use and the device's name, with TF32 if it computes products in that.

    Parameters
    ----------
    device : str
        "auto", "cpu", "cuda", ...
    """
    threads = None
    name = device
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        threads = torch.get_num_threads()
        use_cuda = (device == "auto" or device.startswith("cuda")) and torch.cuda.is_available()
        name = torch.cuda.get_device_name() if use_cuda else ("cpu" if device == "auto" else device)
        if use_cuda and torch.get_float32_matmul_precision() != "highest":
            name += ", TF32"
    return {"device": name, "processor": _processor(), "cores": os.cpu_count(), "threads": threads}


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
