"""Where pretrained networks are stored: one folder for each network, which runs share and nodes exchange.

Methods read and write the files; the runner only knows which runs share a network.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bench.plan.cells import Cell


def default_memory() -> Path:
    """Return the folder of pretrained networks: ``$DEEPCLUSTBENCH_CACHE``, else one in the user's cache folder."""
    folder = os.environ.get("DEEPCLUSTBENCH_CACHE")
    if folder:
        return Path(folder).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("deepclustbench") / "pretrained"


def network_folder(cell: Cell, memory: str | Path | None) -> Path | None:
    """Return the folder of a run's network; ``memory`` itself for a run that shares no network."""
    if memory is None:
        return None
    return Path(memory) / cell.network if cell.network else Path(memory)


def is_stored(folder: Path) -> bool:
    """Tell whether a folder holds a network."""
    return any(folder.glob("*.npz"))


def read_files(folder: Path) -> dict[str, bytes]:
    """Return the content of a network's files, by name."""
    return {path.name: path.read_bytes() for path in folder.glob("*.npz")}


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the files of a network atomically; existing ones stay as they are.

    Raises
    ------
    ValueError
        If a name is not that of a plain .npz file, such as one that leads out of the folder.
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
