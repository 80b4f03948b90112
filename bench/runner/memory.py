"""Peak memory of one cell, in a process that runs many."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def reset_peak() -> None:
    """Start a new measurement; Linux alone can, elsewhere the process's whole life counts."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
    finally:
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()


def peak() -> float:
    """Return the largest memory since ``reset_peak`` in MB (10⁶ bytes): resident, plus the GPU's."""
    resident = _high_water()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        resident += torch.cuda.max_memory_allocated() / 1e6
    return resident


def _high_water() -> float:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def release() -> None:
    """Give cached GPU memory back: other cells may share the device."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
