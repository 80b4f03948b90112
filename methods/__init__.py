"""The clustering methods: each module with an ``info`` is a method, the others are shared code.

Examples
--------
>>> from methods import SDEC
>>> SDEC(n_clusters=10, beta=0.01).beta
0.01
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any


def __getattr__(name: str) -> Any:
    """Return the estimator of that name, ``SDEC`` or ``VaDE``; only then is it imported."""
    modules = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    if not name.startswith("_") and name not in modules:
        for module in modules:
            info = getattr(importlib.import_module(f"methods.{module}"), "info", None)
            if info is not None and info.load().__name__ == name:
                return info.load()
    raise AttributeError(f"module 'methods' has no attribute {name!r}")
