"""Check of a whole run: fit the method as the suite does, store the record and outputs, and read them back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from bench.errors import InputError
from bench.execution.fit import fit_cell
from bench.plan.cells import UNIFORM_NOISE, Cell, OutlierSet
from bench.records.record import Record
from bench.records.store import Run
from bench.testing.subject import CheckFailed, NotApplicable, Subject
from bench.text import last_line

_ENDED = {"failed": "failed", "diverged": "diverged", "timeout": "ran out of time"}


def runs_in_the_suite(subject: Subject) -> None:
    """The suite can run it, and the record and outputs can be stored, read and scored."""
    outliers = (OutlierSet(UNIFORM_NOISE, UNIFORM_NOISE, UNIFORM_NOISE),)
    data, configuration = subject.dataset, subject.configuration
    cells = [Cell(data.name, data.name, data.fingerprint, configuration, seed=0, outliers=outliers)]
    if subject.info.search_space:  # its hyper-parameters are selected on a subset of the points
        cells.append(Cell(data.name, data.name, data.fingerprint, configuration, seed=0, part="selection"))
    with tempfile.TemporaryDirectory() as folder:
        for cell in cells:
            try:
                _run(subject, cell, Path(folder))
            except CheckFailed as fault:
                if subject.failures:
                    raise NotApplicable(f"{fault.seen}: see {', '.join(subject.failures)}") from fault
                raise


def _run(subject: Subject, cell: Cell, folder: Path) -> None:
    record, outputs = fit_cell(cell, subject.info, subject.dataset, device="cpu", memory=folder / "pretrained")
    if record.status != "ok":
        raise CheckFailed(
            f"the run {_ENDED[record.status]}: {last_line(record.error)}", "correct what raises this error"
        )
    run, change = Run(folder / cell.part), "give arrays of numbers and plain text, no objects"
    try:
        with run.lock():
            run.write(record, outputs)
        kept, (read,) = run.outputs(record.key), run.records()
    except (InputError, ValueError, TypeError) as error:
        raise CheckFailed(f"the run cannot be stored: {error}", change) from error
    lost = [name for name, values in outputs.items() if not _equal(values, kept.get(name))]
    if lost or read != Record.model_validate(record.model_dump()):
        raise CheckFailed(f"after storing and reading, {', '.join(lost) or 'the record'} differs", change)


def _equal(a: np.ndarray, b: np.ndarray | None) -> bool:
    return b is not None and np.array_equal(a, b, equal_nan=np.issubdtype(a.dtype, np.inexact))


CHECKS = (runs_in_the_suite,)
