"""One cell: make the estimator, fit it, take its raw outputs, score them."""

from __future__ import annotations

import os
import time
import traceback
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.cells import Cell
from bench.dataset import Dataset
from bench.method import RUNNER_PARAMETERS, Diverged, MethodInfo
from bench.metrics import METRICS_VERSION, score
from bench.metrics.health import is_collapsed
from bench.runner import memory as memory_use
from bench.runner.provenance import commit, hardware, versions
from bench.selection.split import split
from bench.store import Record, Status

Outputs = dict[str, np.ndarray]

#: What workers import before their first cell, so that no cell's time holds it; torch's optimizers import
#: torch._dynamo when first used.
PRELOAD = ("methods.vade", "methods.sdec", "sklearn.metrics", "torch._dynamo")


class TimeIsUpError(BaseException):
    """Raised in a cell that ran out of time; no Exception, so that a method does not swallow it."""


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
        ``labels`` (n,) and, where the method has them, ``soft_assignment`` (n, k), ``embedding`` and
        ``embedding_variance`` (n, d), ``reconstruction`` of an image data set's sample points (m, d),
        ``history/NAME`` by epoch. A selection cell has those of the points it was fitted on, and of the held-out
        ones ``heldout_labels`` and ``heldout_embedding`` where the method can ``predict`` and ``transform``. Empty
        unless the status is "ok".
    """
    if dataset.fingerprint != cell.fingerprint:
        return failed(cell, "failed", f"data set {cell.spec} changed since the plan was made", device), {}
    if info.resources.get("gpus") == 0:
        device = "cpu"
    memory_use.reset_peak()
    start = time.perf_counter()
    status: Status = "failed"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            part = split(dataset, cell.seed) if cell.part == "selection" else None
            fitted = part.fitted if part else dataset
            estimator = _make(info, cell, device, None if memory is None else str(memory))
            estimator.fit(fitted.x)
            seconds = time.perf_counter() - start
            outputs = _outputs(estimator, fitted)
            if part:
                outputs |= _heldout(estimator, part.heldout)
            timings = {**getattr(estimator, "timings_", {}), "fit": seconds}
            start = time.perf_counter()
            metrics, reasons = score(outputs, fitted, cell.seed)
            timings["score"] = time.perf_counter() - start
        except Diverged as error:
            status = "diverged"
            return failed(cell, status, str(error), device, placement), {}
        except (KeyboardInterrupt, TimeIsUpError):
            raise
        except BaseException:  # a method that calls sys.exit fails like any other
            return failed(cell, status, traceback.format_exc(), device, placement), {}
        finally:
            peak = memory_use.peak()
            memory_use.release()
    record = _record(
        cell,
        device,
        placement,
        status="ok",
        flags=_flags(outputs),
        metrics=metrics,
        reasons=reasons,
        n_iter=_integer(getattr(estimator, "n_iter_", None)),
        stop_reason=getattr(estimator, "stop_reason_", None),
        timings={name: round(value, 4) for name, value in timings.items()},
        peak_memory=round(peak, 1),
        warnings=sorted({f"{w.category.__name__}: {w.message}" for w in caught}),
    )
    return record, outputs


def failed(cell: Cell, status: Status, error: str, device: str, placement: Mapping[str, Any] | None = None) -> Record:
    """Return the record of a cell that gave no labels."""
    return _record(cell, device, placement, status=status, error=error)


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
        params={**c.params, "random_state": cell.random_state},
        seed=cell.seed,
        part=cell.part,
        metrics_version=METRICS_VERSION,
        versions=versions(),
        hardware=hardware(device),
        placement=dict(placement or {}),
        commit=commit(),
        **outcome,
    )


def _make(info: MethodInfo, cell: Cell, device: str, memory: str | None) -> Any:
    """Make the estimator and set what the runner knows, where the estimator wants to know it."""
    estimator = info.load()(**cell.configuration.params)
    known = estimator.get_params(deep=False)
    given = {"random_state": cell.random_state, "device": device, "memory": memory}
    wanted = {p: v for p, v in given.items() if p in known and p in RUNNER_PARAMETERS}
    return estimator.set_params(**wanted)


def _outputs(estimator: Any, dataset: Dataset) -> Outputs:
    """Take what the method returned, as arrays.

    Raises
    ------
    ValueError
        If the labels are not one whole number for each point.
    """
    outputs: Outputs = {"labels": _labels("labels_", estimator.labels_, len(dataset.x))}
    if hasattr(estimator, "predict_proba"):
        outputs["soft_assignment"] = np.asarray(estimator.predict_proba(dataset.x), dtype=np.float32)
    for name in ("embedding", "embedding_variance"):
        value = getattr(estimator, f"{name}_", None)
        if value is not None:
            outputs[name] = np.asarray(value, dtype=np.float32)
    if hasattr(estimator, "reconstruct") and dataset.image_shape is not None:
        samples = dataset.x[dataset.sample_indices()]
        outputs["reconstruction"] = np.asarray(estimator.reconstruct(samples), dtype=np.float32)
    outputs.update(_history_columns(getattr(estimator, "history_", None) or []))
    return outputs


def _heldout(estimator: Any, points: np.ndarray) -> Outputs:
    """Take what the fitted method says of points that it has not seen; nothing if it cannot.

    Raises
    ------
    ValueError
        If that is not one whole number, or one row, for each of them.
    """
    outputs: Outputs = {}
    if hasattr(estimator, "predict"):
        outputs["heldout_labels"] = _labels("predict", estimator.predict(points), len(points))
    if hasattr(estimator, "transform"):
        embedding = np.asarray(estimator.transform(points), dtype=np.float32)
        if embedding.ndim != 2 or len(embedding) != len(points) or not embedding.shape[1]:
            raise ValueError(f"transform gives shape {embedding.shape}; it must be ({len(points)}, n_latent > 0)")
        outputs["heldout_embedding"] = embedding
    return outputs


def _labels(name: str, given: Any, n: int) -> np.ndarray:
    labels = np.asarray(given)
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name} has shape {labels.shape} and type {labels.dtype}; "
            f"it must have one integer for each of the {n} points"
        )
    return labels.astype(np.int32)


def _history_columns(history: list[Mapping[str, Any]]) -> Outputs:
    """Turn rows by epoch into one array a name, NaN or "" where a row lacks it."""
    names = list(dict.fromkeys(name for row in history for name in row))
    columns: Outputs = {}
    for name in names:
        values = [row.get(name) for row in history]
        if any(isinstance(value, str) for value in values):
            columns[f"history/{name}"] = np.array([value or "" for value in values])
        else:
            columns[f"history/{name}"] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return columns


def _flags(outputs: Outputs) -> list[str]:
    return ["collapsed"] if is_collapsed(outputs["labels"], outputs.get("soft_assignment")) else []


def _integer(value: Any) -> int | None:
    return None if value is None else int(np.max(value))
