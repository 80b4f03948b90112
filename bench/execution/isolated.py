"""What a worker process does for a pack of runs, and how a pack of a plugin reaches a process of its own.

Each pack of a plugin, not each configuration, has a process: then its records depend neither on earlier runs nor on
the number of workers.
"""

from __future__ import annotations

import pickle
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle

from bench.execution.fit import fit_pack, set_threads
from bench.execution.networks import network_folder
from bench.execution.outputs import Outputs
from bench.execution.resources import Settings
from bench.execution.shared_files import open_dataset
from bench.method import MethodInfo
from bench.plan.cells import Cell
from bench.plan.method_spec import MethodSpec
from bench.plan.packs import Pack
from bench.plan.registry import find_method, give_method, given_method
from bench.records.record import Record
from bench.text import one_line


@dataclass(frozen=True)
class PickledPack:
    """Planned runs of a plugin, pickled: only the process that executes them imports the plugin's code.

    Attributes
    ----------
    keys, networks : tuple of str, tuple of str or None
        Of each run.
    source : str
        Of their configuration.
    specs : tuple of str
        The data sets that they need, by the suite's names.
    content : bytes
        The pickled runs; empty if they cannot be pickled.
    fault : str
        The reason, if they cannot be pickled.
    method : bytes
        The method, pickled by value, where a program gave it as an object; else empty.
    """

    keys: tuple[str, ...]
    networks: tuple[str | None, ...]
    source: str
    specs: tuple[str, ...]
    content: bytes
    fault: str = ""
    method: bytes = b""

    def load(self) -> Pack:
        """Import the plugin, whose changes to this process stay, and return the planned runs.

        Raises
        ------
        ValueError
            If they could not be pickled.
        """
        if self.fault:
            raise ValueError(self.fault)
        if self.method:
            give_method(pickle.loads(self.method))  # noqa: S301 - as below
        find_method(self.source, keep_process_state=True)
        file = MethodSpec.parse(self.source).file
        if file:  # modules beside it can be imported by everything in this process, and by its children
            folder = str(Path(file).parent)
            if folder not in sys.path:
                sys.path.append(folder)
        return pickle.loads(self.content)  # noqa: S301 - made by `pickle_pack` in the process that started this one


def is_isolated(cell: Cell) -> bool:
    """Tell whether the pack of a run has a process of its own: whether its method is a plugin."""
    source = cell.configuration.source
    return bool(source) and not MethodSpec.parse(source).is_built_in


def pickle_pack(pack: Pack) -> PickledPack:
    """Pickle planned runs of a plugin."""
    content, fault, method = b"", "", b""
    source = pack[0].configuration.source
    try:
        method = _pickle_by_value(given_method(source))
        content = pickle.dumps(pack)
    except Exception as error:  # a parameter may raise anything
        fault = f"a parameter cannot be sent to a worker ({type(error).__name__}: {one_line(error)})"
    keys, networks = tuple(cell.key for cell in pack), tuple(cell.network for cell in pack)
    return PickledPack(keys, networks, source, dataset_specs(pack[0]), content, fault, method)


def _pickle_by_value(method: MethodInfo | None) -> bytes:
    """Pickle a method and the module that defines it, which a worker may not be able to import."""
    if method is None:
        return b""
    module = sys.modules.get(method.load().__module__)
    installed = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    file = getattr(module, "__file__", None)
    local = module is not None and file is not None and not any(Path(file).is_relative_to(p) for p in installed)
    if local:
        cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(method)
    finally:
        if local:
            cloudpickle.unregister_pickle_by_value(module)


def dataset_specs(cell: Cell) -> tuple[str, ...]:
    """Return the suite's names for the data sets that a run needs: its own, and those of its outliers."""
    return cell.spec, *(o.spec for o in cell.outliers if o.from_data)


def run_pack(
    pack: Pack, settings: Settings, paths: Mapping[str, Path], placement: Mapping[str, Any] | None = None
) -> list[tuple[Record, Outputs]]:
    """Execute a pack of runs in this process, a worker.

    Parameters
    ----------
    pack : tuple of Cell
    settings : Settings
    paths : mapping of str to Path
        Where the data sets are stored, as `bench.execution.shared_files.shared_datasets` yields them.
    placement : mapping, optional
        As for `bench.execution.fit.fit_pack`.
    """
    info = find_method(pack[0].configuration.source)
    set_threads(settings.threads_of(info))
    datasets = {spec: open_dataset(paths[spec]) for spec in dataset_specs(pack[0])}
    memories = [network_folder(cell, settings.memory) for cell in pack]
    dataset = datasets[pack[0].spec]
    return fit_pack(pack, info, dataset, datasets, device=settings.device, memories=memories, placement=placement)


def run_pickled_pack(
    pickled: PickledPack, settings: Settings, paths: Mapping[str, Path], placement: Mapping[str, Any] | None = None
) -> list[tuple[Record, Outputs]]:
    """Execute a pickled pack in this process; parameters as of `run_pack`."""
    return run_pack(pickled.load(), settings, paths, placement)
