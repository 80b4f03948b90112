"""One run: make the estimator, fit it, take its raw outputs, score them."""

from __future__ import annotations

import math
import os
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Mapping
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from bench.canonical import stored
from bench.data.dataset import Dataset
from bench.data.selection_split import split
from bench.errors import TimeIsUpError
from bench.isolation import heeded_interrupts
from bench.method import RUNNER_PARAMETERS, Diverged, MethodInfo
from bench.metrics import METRICS_VERSION
from bench.metrics.point_scores import uncertainty_scores
from bench.metrics.scoring import record_fields
from bench.plan.cells import Cell
from bench.plan.outliers import inlier_indices, points_of
from bench.plan.registry import code_of
from bench.records.store import Record, Status
from bench.run.outputs import Outputs, extremes, heldout_outputs, outputs_of
from bench.run.provenance import commit, hardware, versions
from bench.text import one_line

_STATUS = Path("/proc/self/status")


def reset_peak_memory() -> None:
    """Start a new measurement; Linux alone can, elsewhere the process's whole life counts."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
    finally:
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.reset_peak_memory_stats()


def peak_memory() -> float:
    """Return the largest memory since ``reset_peak_memory`` in MB (10⁶ bytes): resident, plus the GPU's."""
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


def release_gpu_memory() -> None:
    """Give cached GPU memory back: other cells may share the device."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


#: The scores by which points are shown as certain or not: the first that a method has.
SHOWN_BY = ("entropy", "confidence", "margin")

#: A method that warns in every step shall not fill the disk.
_MOST_WARNINGS = 20

#: What workers import before their first cell, so that no cell's time holds it; torch's optimizers import
#: torch._dynamo when first used.
PRELOAD = ("methods.vade", "methods.sdec", "sklearn.metrics", "torch._dynamo")


@lru_cache(maxsize=1)  # done again only when the number changes
def limit_threads(threads: int) -> None:
    """Give this process, a worker, its number of threads."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before CUDA starts; determinism needs it
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(threads)
    threadpool_limits(threads)


def fit_cell(
    cell: Cell,
    info: MethodInfo,
    dataset: Dataset,
    others: Mapping[str, Dataset] | None = None,
    *,
    device: str,
    memory: Path | None,
    placement: Mapping[str, Any] | None = None,
) -> tuple[Record, Outputs]:
    """Run a cell and score it; whatever the method does wrong ends up in the record.

    Parameters
    ----------
    cell : Cell
    info : MethodInfo
        Its method.
    dataset : Dataset
        Its data, whole; of a selection cell only the part that is its own is fitted, without labels.
    others : mapping of str to Dataset, optional
        Where its outliers come from, by the suite's names.
    device : str
        "auto", "cpu", "cuda", ...
    memory : path or None
        Folder of pretrained networks.
    placement : mapping, optional
        Where the cell runs; goes into the record as it is.

    Returns
    -------
    record : Record
    outputs : dict of str to ndarray
        As `bench.run.outputs.outputs_of` has them; ``extreme_points`` and ``extreme_images``, the most and least
        certain ones; ``inliers``, the fitted points that are compared with outliers. A selection cell has the
        former of the points it was fitted on, and what `heldout_outputs` says of the others. Empty unless the status is
        "ok".
    """
    if dataset.fingerprint != cell.fingerprint:
        return failed(cell, "failed", f"data set {cell.spec} changed since the plan was made", device), {}
    for outlier_set in cell.outliers:
        if outlier_set.from_data and (others or {})[outlier_set.spec].fingerprint != outlier_set.fingerprint:
            return failed(cell, "failed", f"data set {outlier_set.spec} changed since the plan was made", device), {}
    if info.resources.get("gpus") == 0:
        device = "cpu"
    code = code_of(info)
    reset_peak_memory()
    owner = os.getpid()
    start = time.perf_counter()
    status: Status = "failed"
    with warnings.catch_warnings(record=True) as caught, heeded_interrupts() as interrupts:
        warnings.simplefilter("default")
        try:
            part = split(dataset, cell.seed) if cell.part == "selection" else None
            fitted = part.fitted if part else dataset
            estimator = _make(info, cell, device, None if memory is None else str(memory))
            estimator.fit(fitted.x)
            _end_forks(owner)
            timings = {**_timings(estimator), "fit": round(time.perf_counter() - start, 4)}
            start = time.perf_counter()
            outputs = outputs_of(estimator, fitted, cell.random_state, _outlier_points(cell, dataset, others or {}))
            if part:
                outputs |= heldout_outputs(estimator, part.heldout)
            else:
                outputs |= _chosen_points(cell, outputs, dataset)
            assessed = record_fields(outputs, fitted, cell.seed, cell.configuration.params)
            timings["score"] = round(time.perf_counter() - start, 4)
            told = _told(estimator)
        except Diverged as error:
            status = "diverged"
            return failed(cell, status, str(error), device, placement, code), {}
        except TimeIsUpError:
            raise
        except BaseException:  # a method that calls sys.exit, or raises KeyboardInterrupt, fails like any other
            _end_forks(owner)
            if interrupts.pressed:
                raise KeyboardInterrupt from None
            return failed(cell, status, traceback.format_exc(), device, placement, code), {}
        finally:
            peak = peak_memory()
            release_gpu_memory()
    record = _record(
        cell,
        device,
        placement,
        status="ok",
        **assessed,
        **told,
        timings=timings,
        peak_memory=round(peak, 1),
        warnings=sorted({f"{w.category.__name__}: {one_line(w.message, 1000)}" for w in caught})[:_MOST_WARNINGS],
        code=code,
    )
    return record, outputs


def failed(
    cell: Cell,
    status: Status,
    error: str,
    device: str,
    placement: Mapping[str, Any] | None = None,
    code: str | None = None,
) -> Record:
    """Return the record of a cell that gave no labels."""
    return _record(cell, device, placement, status=status, error=error, code=code, metrics_version=METRICS_VERSION)


def _record(cell: Cell, device: str, placement: Mapping[str, Any] | None, **outcome: Any) -> Record:
    c = cell.configuration
    return Record(
        key=cell.key,
        dataset=cell.dataset,
        fingerprint=cell.fingerprint,
        method=c.method,
        version=c.version,
        preset=c.preset,
        variant=c.variant,
        title=c.title,
        kind=c.kind,
        config=c.id,
        seeded=c.seeded,
        twin=c.twin,
        role=c.role,
        params={**stored(c.params), "random_state": cell.random_state},
        seed=cell.seed,
        part=cell.part,
        versions=versions(),
        hardware=hardware(device),
        placement=dict(placement or {}),
        commit=commit(),
        **outcome,
    )


def _outlier_points(cell: Cell, dataset: Dataset, others: Mapping[str, Dataset]) -> dict[str, np.ndarray]:
    return {o.name: points_of(o, dataset, others.get(o.spec)) for o in cell.outliers}


def _chosen_points(cell: Cell, outputs: Outputs, dataset: Dataset) -> Outputs:
    """Return the points that are shown as most and least certain, and those that are compared with outliers."""
    chosen: Outputs = {}
    scores = uncertainty_scores(outputs, dataset.x)
    score = next((scores[name] for name in SHOWN_BY if name in scores), None)
    if score is not None and np.isfinite(score).all():
        chosen |= extremes(outputs["labels"], score, dataset)
    if cell.outliers:
        chosen["inliers"] = inlier_indices(dataset)
    return chosen


def _make(info: MethodInfo, cell: Cell, device: str, memory: str | None) -> Any:
    """Make the estimator and set what the runner knows, where the estimator wants to know it."""
    estimator = info.load()(**cell.configuration.params)
    known = estimator.get_params(deep=False)
    given = {"random_state": cell.random_state, "device": device, "memory": memory}
    if "device" in known and device == "auto":  # what every class that wants a device understands
        import torch

        given["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    wanted = {p: v for p, v in given.items() if p in known and p in RUNNER_PARAMETERS}
    return estimator.set_params(**wanted)


def _end_forks(owner: int) -> None:
    """End this process if it is a fork that a method made in ``fit``: there, too, ``fit`` returns."""
    if os.getpid() != owner:
        os._exit(0)


def _timings(estimator: Any) -> dict[str, float]:
    """Return the seconds of each phase of a fit.

    Raises
    ------
    ValueError
        If they are no numbers by name.
    """
    timings = getattr(estimator, "timings_", {})
    if not isinstance(timings, Mapping) or not all(
        isinstance(name, str) and isinstance(seconds, Real) and math.isfinite(seconds)
        for name, seconds in timings.items()
    ):
        raise ValueError(f"timings_ is {timings!r}; it must be a dict of phases and their seconds")
    return {name: round(float(seconds), 4) for name, seconds in timings.items()}


def _told(estimator: Any) -> dict[str, Any]:
    """Return what a fitted estimator says of how long it went on."""
    n_iter, reason = getattr(estimator, "n_iter_", None), getattr(estimator, "stop_reason_", None)
    return {
        "n_iter": None if n_iter is None else int(np.max(n_iter)),
        "stop_reason": None if reason is None else str(reason),
    }
