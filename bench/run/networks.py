"""Where pretrained networks lie: one folder a network, so that a runner can tell them apart and move them.

Methods fill the folders and know what is in them; the runner only knows which cells share one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bench.plan.cells import Cell


def default_memory() -> Path:
    """Return where pretrained networks are kept: ``$DEEPCLUSTBENCH_CACHE``, else the user's cache folder."""
    named = os.environ.get("DEEPCLUSTBENCH_CACHE")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("deepclustbench") / "pretrained"


def memory_of(cell: Cell, memory: str | Path | None) -> Path | None:
    """Return the folder in which a cell finds its network; cells without a shared one have the root."""
    if memory is None:
        return None
    return Path(memory) / cell.network if cell.network else Path(memory)


def is_stored(folder: Path) -> bool:
    """Tell whether a network is there."""
    return any(folder.glob("*.npz"))


def pack(folder: Path) -> dict[str, bytes]:
    """Return the networks in a folder, by file name."""
    return {path.name: path.read_bytes() for path in folder.glob("*.npz")}


def unpack(files: Mapping[str, bytes], folder: Path) -> None:
    """Write networks that another node packed, each whole or not at all, over none that is there.

    Raises
    ------
    ValueError
        If a name is not that of a plain .npz file: it would lead out of the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        if Path(name).name != name or path.suffix != ".npz":
            raise ValueError(f"{name!r} is not the name of a stored network")
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}.partial")
            partial.write_bytes(content)
            partial.replace(path)
