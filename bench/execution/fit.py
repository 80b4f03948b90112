"""Execution of one run: make the estimator, fit it, take its raw outputs, score them."""

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
from bench.data.selection_split import selection_split
from bench.errors import RunTimeoutError
from bench.execution.outputs import Outputs, extremes, heldout_outputs, outputs_of
from bench.execution.provenance import commit, hardware, versions
from bench.isolation import user_interrupts
from bench.method import RUNNER_PARAMETERS, Diverged, MethodInfo
from bench.metrics import METRICS_VERSION
from bench.metrics.point_scores import uncertainty_scores
from bench.metrics.scoring import record_fields
from bench.plan.cells import Cell
from bench.plan.outliers import inlier_indices, outlier_points
from bench.plan.registry import code_of
from bench.records.record import Record, Status
from bench.text import one_line

_STATUS = Path("/proc/self/status")
#: The scores that order points from certain to uncertain: the first one that a method has.
_SHOWN_BY = ("entropy", "confidence", "margin")
#: Limit for a method that warns in every step.
_MOST_WARNINGS = 20


def reset_peak_memory() -> None:
    """Start a new measurement of peak memory; elsewhere than on Linux the peak is that of the process's whole life."""
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
    resident = _peak_resident_memory()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        resident += torch.cuda.max_memory_allocated() / 1e6
    return resident


def _peak_resident_memory() -> float:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def release_gpu_memory() -> None:
    """Free cached GPU memory, since other runs may share the device."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


@lru_cache(maxsize=1)  # called before every run, and slow
def set_threads(threads: int) -> None:
    """Set the number of threads of this process, a worker."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which determinism needs, before CUDA starts
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
    """Execute a run and score it; any error of the method goes into the record.

    Parameters
    ----------
    cell : Cell
        The planned run.
    info : MethodInfo
        Its method.
    dataset : Dataset
        Its whole data set; a run of the selection is fitted, without labels, to its own part of it.
    others : mapping of str to Dataset, optional
        The data sets of its outliers, by the suite's names.
    device : str
        "auto", "cpu", "cuda", ...
    memory : path or None
        Folder of pretrained networks.
    placement : mapping, optional
        The node and GPUs of the run; stored in the record unchanged.

    Returns
    -------
    record : Record
    outputs : dict of str to ndarray
        As `bench.execution.outputs.outputs_of` returns them; ``extreme_points`` and ``extreme_images``, the most
        and least certain ones; ``inliers``, the fitted points that are compared with outliers. A run of the
        selection has `outputs_of` the points it was fitted to and `heldout_outputs` of the others. Empty unless the
        status is "ok".
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
    with warnings.catch_warnings(record=True) as caught, user_interrupts() as interrupts:
        warnings.simplefilter("default")
        try:
            part = selection_split(dataset, cell.seed) if cell.part == "selection" else None
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
            duration = _duration(estimator)
        except Diverged as error:
            status = "diverged"
            return failed(cell, status, str(error), device, placement, code), {}
        except RunTimeoutError:
            raise
        except BaseException:  # a method that calls sys.exit, or raises KeyboardInterrupt, fails like any other
            _end_forks(owner)
            if interrupts.received:
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
        **duration,
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
    """Return the record of a failed run."""
    return _record(cell, device, placement, status=status, error=error, code=code, metrics_version=METRICS_VERSION)


def _record(cell: Cell, device: str, placement: Mapping[str, Any] | None, **outcome: Any) -> Record:
    return Record(
        key=cell.key,
        **cell.facts,
        params={**stored(cell.configuration.params), "random_state": cell.random_state},
        seed=cell.seed,
        part=cell.part,
        versions=versions(),
        hardware=hardware(device),
        placement=dict(placement or {}),
        commit=commit(),
        **outcome,
    )


def _outlier_points(cell: Cell, dataset: Dataset, others: Mapping[str, Dataset]) -> dict[str, np.ndarray]:
    return {o.name: outlier_points(o, dataset, others.get(o.spec)) for o in cell.outliers}


def _chosen_points(cell: Cell, outputs: Outputs, dataset: Dataset) -> Outputs:
    """Return the most and least certain points, and those that are compared with outliers."""
    chosen: Outputs = {}
    scores = uncertainty_scores(outputs, dataset.x)
    score = next((scores[name] for name in _SHOWN_BY if name in scores), None)
    if score is not None and np.isfinite(score).all():
        chosen |= extremes(outputs["labels"], score, dataset)
    if cell.outliers:
        chosen["inliers"] = inlier_indices(dataset)
    return chosen


def _make(info: MethodInfo, cell: Cell, device: str, memory: str | None) -> Any:
    """Make the estimator, and set those of the runner's parameters that it has."""
    estimator = info.load()(**cell.configuration.params)
    names = estimator.get_params(deep=False)
    values = {"random_state": cell.random_state, "device": device, "memory": memory}
    if "device" in names and device == "auto":  # which not every class understands
        import torch

        values["device"] = "cuda" if torch.cuda.is_available() else "cpu"
    return estimator.set_params(**{p: v for p, v in values.items() if p in names and p in RUNNER_PARAMETERS})


def _end_forks(owner: int) -> None:
    """End this process if it is a fork that the method made in ``fit``, where ``fit`` returns as well."""
    if os.getpid() != owner:
        os._exit(0)


def _timings(estimator: Any) -> dict[str, float]:
    """Return the seconds of each phase of a fit.

    Raises
    ------
    ValueError
        If they are not a mapping of names to finite numbers.
    """
    timings = getattr(estimator, "timings_", {})
    if not isinstance(timings, Mapping) or not all(
        isinstance(name, str) and isinstance(seconds, Real) and math.isfinite(seconds)
        for name, seconds in timings.items()
    ):
        raise ValueError(f"timings_ is {timings!r}; it must be a dict of phases and their seconds")
    return {name: round(float(seconds), 4) for name, seconds in timings.items()}


def _duration(estimator: Any) -> dict[str, Any]:
    """Return a fitted estimator's number of iterations and its reason to stop."""
    n_iter, reason = getattr(estimator, "n_iter_", None), getattr(estimator, "stop_reason_", None)
    return {
        "n_iter": None if n_iter is None else int(np.max(n_iter)),
        "stop_reason": None if reason is None else str(reason),
    }
