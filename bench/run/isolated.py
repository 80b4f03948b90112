"""Cells of methods that are not ours: each in a process for it alone, so that none is reached by what another did.

A cell, and not a configuration, is what has a process: so its record depends neither on the cells before it nor on
the number of workers.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.plan.cells import Cell
from bench.plan.method_spec import MethodSpec
from bench.plan.registry import find_method
from bench.records.record import Record
from bench.run.fit import Outputs, fit_cell, limit_threads
from bench.run.networks import memory_of
from bench.run.resources import Settings
from bench.run.shared_files import opened
from bench.text import one_line


@dataclass(frozen=True)
class Sealed:
    """A cell of somebody's method; to look inside it takes the method's code, so only its own process does.

    Attributes
    ----------
    key, network, source : str, str or None, str
        As of the cell and its configuration.
    specs : tuple of str
        The data sets that it needs.
    content : bytes
        Empty where the cell cannot be sent.
    fault : str
        Why not.
    """

    key: str
    network: str | None
    source: str
    specs: tuple[str, ...]
    content: bytes
    fault: str = ""

    def open(self) -> Cell:
        """Load the method, whose settings of the process stay, and return the cell.

        Raises
        ------
        ValueError
            If the cell could not be sent.
        """
        if self.fault:
            raise ValueError(self.fault)
        find_method(self.source, keep_process_state=True)
        file = MethodSpec.parse(self.source).file
        if file:  # modules beside it can be imported by everything in this process, and by its children
            folder = str(Path(file).parent)
            if folder not in sys.path:
                sys.path.append(folder)
        return pickle.loads(self.content)  # noqa: S301 - what `seal` has made, in the process that asked for this one


def is_apart(cell: Cell) -> bool:
    """Tell whether a cell has a process for itself: whether its method is not ours."""
    source = cell.configuration.source
    return bool(source) and not MethodSpec.parse(source).is_built_in


def seal(cell: Cell) -> Sealed:
    """Close a cell of somebody's method."""
    content, fault = b"", ""
    try:
        content = pickle.dumps(cell)
    except Exception as error:  # a parameter may go wrong in any way
        fault = f"a parameter cannot be sent to a worker ({type(error).__name__}: {one_line(error)})"
    return Sealed(cell.key, cell.network, cell.configuration.source, specs_of(cell), content, fault)


def specs_of(cell: Cell) -> tuple[str, ...]:
    """Return what the suite calls the data sets that a cell needs: its own, and those of its outliers."""
    return cell.spec, *(o.spec for o in cell.outliers if o.from_data)


def run_cell(
    cell: Cell, settings: Settings, places: Mapping[str, Path], placement: Mapping[str, Any] | None = None
) -> tuple[Record, Outputs]:
    """Run a cell on data sets that were shared, in the process that is for it.

    Parameters
    ----------
    cell : Cell
    settings : Settings
    places : mapping of str to Path
        As `bench.run.shared_files.shared` has them.
    placement : mapping, optional
        As for `bench.run.fit.fit_cell`.
    """
    info = find_method(cell.configuration.source)
    limit_threads(settings.threads_of(info))
    datasets = {spec: opened(places[spec]) for spec in specs_of(cell)}
    memory = memory_of(cell, settings.memory)
    return fit_cell(
        cell, info, datasets[cell.spec], datasets, device=settings.device, memory=memory, placement=placement
    )


def run_sealed(
    sealed: Sealed, settings: Settings, places: Mapping[str, Path], placement: Mapping[str, Any] | None = None
) -> tuple[Record, Outputs]:
    """Run a closed cell; as `run_cell`."""
    return run_cell(sealed.open(), settings, places, placement)
