"""Does making a deep clustering method stochastic help? Run suites, read their results, load data sets.

Examples
--------
>>> import bench
>>> results = bench.run("quick", methods=["kmeans"], datasets=["digits"], seeds=2, out=folder, progress=False)
>>> results.scores[["method", "seed", "status"]].to_dict("list")
{'method': ['kmeans', 'kmeans'], 'seed': [0, 1], 'status': ['ok', 'ok']}
>>> bench.load_dataset("digits").x.shape
(1797, 64)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.api import Results, load, run
    from bench.data.cards import load_dataset

    __version__: str

__all__ = ["Results", "__version__", "load", "load_dataset", "run"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: ``import bench`` alone costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("deepclustbench")
    if name == "load_dataset":
        from bench.data.cards import load_dataset

        return load_dataset
    if name in __all__:
        from bench import api

        return getattr(api, name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
