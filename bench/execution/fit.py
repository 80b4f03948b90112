"""Execution of a pack of runs: make the estimator, fit it to all seeds, take the raw outputs of each, score them."""

from __future__ import annotations

import math
import os
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from bench.plan.packs import Pack
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


def fit_cell(cell: Cell, *arguments: Any, memory: Path | None, **options: Any) -> tuple[Record, Outputs]:
    """Execute a single run; parameters and result as of `fit_pack`."""
    (result,) = fit_pack((cell,), *arguments, memories=[memory], **options)
    return result


def fit_pack(
    pack: Pack,
    info: MethodInfo,
    dataset: Dataset,
    others: Mapping[str, Dataset] | None = None,
    *,
    device: str,
    memories: Sequence[Path | None],
    placement: Mapping[str, Any] | None = None,
) -> list[tuple[Record, Outputs]]:
    """Execute a pack of runs and score each; any error of the method goes into the records.

    Parameters
    ----------
    pack : tuple of Cell
        The planned runs, which differ in their seeds alone.
    info : MethodInfo
        Their method.
    dataset : Dataset
        Their whole data set; a run of the selection is fitted, without labels, to its own part of it.
    others : mapping of str to Dataset, optional
        The data sets of their outliers, by the suite's names.
    device : str
        "auto", "cpu", "cuda", ...
    memories : sequence of path or None
        For each run a folder of pretrained networks.
    placement : mapping, optional
        The node and GPUs of the runs; stored in the records unchanged.

    Returns
    -------
    list of (Record, dict of str to ndarray)
        For each run its record and its raw outputs, as `bench.execution.outputs.outputs_of` returns them;
        ``extreme_points`` and ``extreme_images``, the most and least certain ones; ``inliers``, the fitted points that
        are compared with outliers. A run of the selection has `outputs_of` the points it was fitted to and
        `heldout_outputs` of the others. Outputs are empty unless the status is "ok".
    """
    if info.resources.get("gpus") == 0:
        device = "cpu"
    seeds = [cell.seed for cell in pack] if len(pack) > 1 else []
    facts: dict[str, Any] = {"device": device, "placement": placement, "code": code_of(info), "pack": seeds}
    changed = _changed_dataset(pack[0], dataset, others or {})
    if changed:
        return [(failed(cell, "failed", changed, **facts), {}) for cell in pack]
    reset_peak_memory()
    start = time.perf_counter()
    with _recorded_warnings() as caught:
        part = selection_split(dataset, pack[0].seed) if pack[0].part == "selection" else None
        fitted = part.fitted if part else dataset
        with _method_errors() as errors:
            outcomes: Sequence[Any] = _fit(info, pack, device, memories, fitted.x)
        outcomes = [errors[0]] * len(pack) if errors else outcomes
        seconds = round((time.perf_counter() - start) / len(pack), 4)
        results: list[tuple[Record, Outputs]] = []
        for cell, estimator in zip(pack, outcomes, strict=True):
            start = time.perf_counter()
            with _method_errors() as errors:
                if isinstance(estimator, BaseException):
                    raise estimator
                timings = {**_timings(estimator), "fit": seconds}
                outputs = outputs_of(estimator, fitted, cell.random_state, _outlier_points(cell, dataset, others or {}))
                if part:
                    outputs |= heldout_outputs(estimator, part.heldout)
                else:
                    outputs |= _chosen_points(cell, outputs, dataset)
                assessed = record_fields(outputs, fitted, cell.seed, cell.configuration.params)
                timings["score"] = round(time.perf_counter() - start, 4)
                assessed |= {**_duration(estimator), "timings": timings}
            if errors:
                status, text = _status_of(errors[0])
                results.append((failed(cell, status, text, **facts), {}))
            else:
                results.append((_record(cell, status="ok", **assessed, **facts), outputs))
    peak = round(peak_memory(), 1)
    release_gpu_memory()
    messages = sorted({f"{w.category.__name__}: {one_line(w.message, 1000)}" for w in caught})[:_MOST_WARNINGS]
    update = {"peak_memory": peak, "warnings": messages}
    return [(r.model_copy(update=update) if r.status == "ok" else r, outputs) for r, outputs in results]


def _changed_dataset(cell: Cell, dataset: Dataset, others: Mapping[str, Dataset]) -> str | None:
    """Return a message if a data set is not the one of the plan."""
    found = [(cell.spec, cell.fingerprint, dataset)]
    found += [(o.spec, o.fingerprint, others[o.spec]) for o in cell.outliers if o.from_data]
    changed = (spec for spec, fingerprint, data in found if data.fingerprint != fingerprint)
    return next((f"data set {spec} changed since the plan was made" for spec in changed), None)


@contextmanager
def _recorded_warnings() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        yield caught


@contextmanager
def _method_errors() -> Iterator[list[BaseException]]:
    """Catch what a method raises, in a list; a method that calls sys.exit, or raises KeyboardInterrupt, fails too.

    Raises
    ------
    RunTimeoutError, KeyboardInterrupt
        At the time limit, and at the user's Ctrl-C.
    """
    owner, errors = os.getpid(), list[BaseException]()
    with user_interrupts() as interrupts:
        try:
            yield errors
        except RunTimeoutError:
            raise
        except BaseException as error:
            _end_forks(owner)
            if interrupts.received:
                raise KeyboardInterrupt from None
            errors.append(error)
        else:
            _end_forks(owner)


def _status_of(error: BaseException) -> tuple[Status, str]:
    """Return the status of a run that raised an error, and its text: the traceback below the frames of this module."""
    if isinstance(error, Diverged):
        return "diverged", str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return "failed", "".join(traceback.format_exception(type(error), error, trace))


def failed(
    cell: Cell,
    status: Status,
    error: str,
    device: str,
    placement: Mapping[str, Any] | None = None,
    code: str | None = None,
    pack: Sequence[int] = (),
) -> Record:
    """Return the record of a failed run; ``pack`` are the seeds of its pack, if it had others."""
    facts: dict[str, Any] = {"device": device, "placement": placement, "code": code, "pack": pack}
    return _record(cell, status=status, error=error, metrics_version=METRICS_VERSION, **facts)


def _record(
    cell: Cell, *, device: str, placement: Mapping[str, Any] | None, pack: Sequence[int], **outcome: Any
) -> Record:
    return Record(
        key=cell.key,
        **cell.facts,
        params={**stored(cell.configuration.params), "random_state": cell.random_state},
        seed=cell.seed,
        part=cell.part,
        versions=versions(),
        hardware=hardware(device),
        placement=dict(placement or {}),
        pack=list(pack),
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


def _fit(info: MethodInfo, pack: Pack, device: str, memories: Sequence[Path | None], x: np.ndarray) -> Sequence[Any]:
    """Return the fitted estimator of each run, or the exception by which it failed."""
    estimator = info.load()(**pack[0].configuration.params)
    names = set(estimator.get_params(deep=False))
    if "device" in names and device == "auto":  # which not every class understands
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
    folders = [None if memory is None else str(memory) for memory in memories]
    values = {"random_state": pack[0].random_state, "device": device, "memory": folders[0]}
    estimator.set_params(**{p: v for p, v in values.items() if p in names and p in RUNNER_PARAMETERS})
    if len(pack) == 1:
        estimator.fit(x)
        return [estimator]
    random_states = [cell.random_state for cell in pack]
    fitted = estimator.fit_seeds(x, random_states, *([folders] if "memory" in names else []))
    if len(fitted) != len(pack):
        raise ValueError(f"fit_seeds returned {len(fitted)} results for {len(pack)} seeds")
    return fitted


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
