"""From the raw outputs of one run to the values of its metrics."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from bench.data.dataset import Dataset
from bench.errors import InputError, plugin_faults
from bench.isolation import process_state_restored
from bench.metrics.external import external_scores, with_class
from bench.metrics.health import advice_on, health_of, is_collapsed, latent_noise_share
from bench.metrics.metric import UNCERTAINTY_NEEDS, Metric, Need
from bench.metrics.outliers import outlier_metrics
from bench.metrics.point_scores import NO_ASSIGNMENT, NO_DRAWS, checked_probabilities, uncertainty_scores
from bench.metrics.registry import METRICS_VERSION, NOISE, UNLABELLED, all_metrics, is_built_in
from bench.metrics.uncertainty import COLLAPSED
from bench.text import one_line

_RECLUSTERED = ("acc", "nmi", "ari")
_LARGEST_VALUE = 1e15  # beyond it the squared distances of a float32 embedding overflow without a word

Values = tuple[dict[str, float | None], dict[str, str]]


def score_outputs(
    outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int, names: Collection[str] | None = None
) -> Values:
    """Compute the metrics of a run; `bench.metrics.score` documents it."""
    labels = _checked_labels(outputs, len(dataset.x))
    run = _Run({**outputs, "labels": labels}, dataset.classes, dataset.x)
    rows = [row for row in all_metrics(warn=False) if names is None or row.name in names]
    return _values(rows, run, dataset, seed)


def label_metrics(labels: np.ndarray, classes: np.ndarray | None, names: Collection[str]) -> Values:
    """Compute metrics that need labels and classes alone; returned as by `bench.metrics.score`.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
    classes : ndarray of shape (n_samples,) or None
        None for unlabelled data.
    names : collection of str
        Metrics with `Metric.is_of_labels`; others are left out.
    """
    rows = [row for row in all_metrics(warn=False) if row.is_of_labels and row.name in names]
    return _values(rows, _Run({"labels": labels}, classes, None))


def _values(rows: Sequence[Metric], run: _Run, dataset: Dataset | None = None, seed: int = 0) -> Values:
    groups: dict[Any, list[Metric]] = {}
    for row in rows:
        function = row.function if isinstance(row.function, str) else id(row.function)
        groups.setdefault((is_built_in(row), function, () if row.whole_run else row.needs), []).append(row)
    values: dict[str, float | str] = {}
    # The limit reaches only libraries already loaded: scikit-learn is imported at the top for this too.
    with threadpool_limits(limits=1):
        for group in groups.values():
            values |= _group_values(group, run, dataset, seed)

    return values_or_reasons({row.name: values[row.name] for row in rows})


def values_or_reasons(values: Mapping[str, float | str]) -> Values:
    """Return values by metric, None for one that is a text or not finite, and the reasons why."""
    metrics: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            value = "the value is not finite"
        metrics[name] = None if isinstance(value, str) else value
        if isinstance(value, str):
            reasons[name] = value
    return metrics, reasons


def _group_values(group: Sequence[Metric], run: _Run, dataset: Dataset | None, seed: int) -> Mapping[str, float | str]:
    """Return the values of metrics that share a function and its inputs; a text stands for a value that is missing."""
    first = group[0]
    built_in = is_built_in(first)
    try:
        if not built_in and any(UNCERTAINTY_NEEDS & set(row.needs) for row in group) and run.is_collapsed:
            raise _Missing(COLLAPSED)
        named = {} if first.whole_run else run.arguments(first.needs)
    except _Missing as reason:
        return dict.fromkeys([row.name for row in group], str(reason))
    in_order: tuple[Any, ...] = ()
    if first.whole_run:
        in_order = (run.outputs if built_in else _read_only(run.outputs), dataset, seed)
    if built_in:
        values: Mapping[str, float | str] = first.load()(*in_order, **named)
        return {row.name: values[row.name] for row in group}
    try:
        with process_state_restored(), plugin_faults(_function_fault, InputError):
            returned = first.load()(*in_order, **named)
            return {row.name: _value(returned, row.name, len(group)) for row in group}
    except InputError as error:
        return dict.fromkeys([row.name for row in group], str(error))


def _function_fault(error: BaseException) -> str:
    return one_line(f"its function failed ({type(error).__name__}: {one_line(error)})")


def _value(returned: Any, name: str, group_size: int) -> float | str:
    """Return what a plugin's function returned for a metric, or why that is no value."""
    if isinstance(returned, Mapping):
        if name not in returned:
            return "its function returned no value of that name"
        returned = returned[name]
    elif group_size > 1:
        return f"its function, which several metrics share, returned a {type(returned).__name__} and no mapping by name"
    if isinstance(returned, str):
        return one_line(returned) or "its function gave no reason"
    if isinstance(returned, (bool, np.bool_)) or not isinstance(returned, Real):
        return f"its function returned a {type(returned).__name__}, which is no number"
    return float(returned)


class _Missing(Exception):  # noqa: N818 - a run without some output is no error
    """Why a run has no input of a metric."""


@dataclass(frozen=True, eq=False)
class _Run:
    """A run as the functions of metrics receive it.

    Attributes
    ----------
    outputs : mapping of str to ndarray
        The raw outputs; ``labels`` are checked.
    classes : ndarray of shape (n_samples,) or None
    points : ndarray of shape (n_samples, n_features) or None
        None where metrics of labels alone are computed.
    """

    outputs: Mapping[str, np.ndarray]
    classes: np.ndarray | None
    points: np.ndarray | None

    @cached_property
    def is_collapsed(self) -> bool:
        return is_collapsed(self.outputs["labels"], self.outputs.get("soft_assignment"))

    def arguments(self, needs: Sequence[Need]) -> dict[str, Any]:
        """Return the inputs by the names of arguments, without the points that have no class where classes are needed.

        Raises
        ------
        _Missing
            If the run lacks one.
        """
        inputs = {need: self._input(need) for need in needs}
        if self.classes is not None and "classes" in needs:
            judged = with_class(self.classes)
            if not len(judged):
                raise _Missing(UNLABELLED)
            if len(judged) < len(self.classes):
                inputs = {need: _taken(value, judged, need) for need, value in inputs.items()}
        return {need.replace(" ", "_"): _read_only(value) for need, value in inputs.items()}

    def _input(self, need: Need) -> Any:
        if need == "labels":
            return self.outputs["labels"]
        if need == "classes":
            return _given(self.classes, UNLABELLED)
        if need == "points":
            return _given(self.points, "the points are not at hand")
        if need == "embedding":
            return _checked_embedding(self.outputs, self._n_samples)
        if need == "soft assignment":
            assignment = _given(self.outputs.get("soft_assignment"), NO_ASSIGNMENT)
            return _given(checked_probabilities(assignment, self._n_samples))
        if need == "scores":
            scores = uncertainty_scores(self.outputs, self.points)
            finite = {name: values for name, values in scores.items() if np.isfinite(values).all()}
            return _given(finite or None, "the method has no scores of uncertainty")
        draws = _given(self.outputs.get("draw_labels"), NO_DRAWS)
        if draws.ndim != 2 or draws.shape[1] != self._n_samples or not len(draws):
            raise _Missing(f"draw_labels has shape {draws.shape}; it needs (n_draws > 0, {self._n_samples})")
        return draws

    @property
    def _n_samples(self) -> int:
        return len(self.outputs["labels"])


def _given(value: Any, reason: str = "") -> Any:
    """Return a value, or raise `_Missing` where it is None or the text of a reason."""
    if value is None or isinstance(value, str):
        raise _Missing(value or reason)
    return value


def _taken(value: Any, points: np.ndarray, need: Need) -> Any:
    """Return an input of the points with these indices."""
    if isinstance(value, Mapping):
        return {name: values[points] for name, values in value.items()}
    return value[:, points] if need == "draws" else value[points]


def _read_only(value: Any) -> Any:
    """Return a view that a function cannot write to: the arrays are stored afterwards."""
    if isinstance(value, Mapping):
        return MappingProxyType({name: _read_only(values) for name, values in value.items()})
    view = value.view()
    view.flags.writeable = False
    return view


def reclustered_scores(outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int) -> dict[str, float | str]:
    """Compute ``acc``, ``nmi`` and ``ari`` of KMeans on the embedding, each with the suffix ``_reclustered``.

    Parameters
    ----------
    outputs : mapping of str to ndarray
    dataset : Dataset
    seed : int
        Without effect: all runs start KMeans alike.
    """
    del seed
    names = [f"{name}_reclustered" for name in _RECLUSTERED]
    try:
        embedding = _checked_embedding(outputs, len(dataset.x))
    except _Missing as reason:
        return dict.fromkeys(names, str(reason))
    if dataset.classes is None:
        return dict.fromkeys(names, UNLABELLED)
    if dataset.n_clusters > len(embedding):
        return dict.fromkeys(names, "there are fewer points than clusters")
    scores = external_scores(dataset.classes, recluster(embedding, dataset.n_clusters))
    return {f"{name}_reclustered": scores[name] for name in _RECLUSTERED}


def latent_noise(outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int) -> dict[str, float | str]:
    """Compute ``latent_noise``, the noise's share of the variance of the codes; 0 where the noise is switched off.

    Parameters
    ----------
    outputs : mapping of str to ndarray
    dataset : Dataset
    seed : int
        Without effect.
    """
    del seed
    try:
        embedding = _checked_embedding(outputs, len(dataset.x))
    except _Missing as reason:
        return {"latent_noise": str(reason)}
    variance = outputs.get("embedding_variance")
    if variance is None:
        return {"latent_noise": "the method has no latent noise"}
    return {"latent_noise": latent_noise_share(embedding, variance) or 0.0}


def recluster(embedding: np.ndarray, n_clusters: int) -> np.ndarray:
    """Cluster an embedding by KMeans from ten starts with a fixed seed.

    Parameters
    ----------
    embedding : ndarray of shape (n_samples, n_latent)
        Finite.
    n_clusters : int
        At most n_samples.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    kmeans = KMeans(n_clusters, n_init=10, random_state=0)
    # One thread: KMeans adds up centres per thread, and another order of addition moves border points.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct points than clusters: collapsed
        return kmeans.fit_predict(embedding)


def _checked_labels(outputs: Mapping[str, np.ndarray], n_samples: int) -> np.ndarray:
    if "labels" not in outputs:
        raise ValueError(f"the outputs hold no 'labels'; they hold {sorted(outputs)}")
    labels = np.asarray(outputs["labels"])
    if labels.shape != (n_samples,):
        raise ValueError(f"labels have shape {labels.shape}; the data set needs ({n_samples},)")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels have type {labels.dtype}; they must be integers, one cluster a point")
    if n_samples == 0:
        raise ValueError("the data set has no points to score")
    if labels.min() < NOISE:
        raise ValueError(f"labels have the value {labels.min()}; they must be -1 (noise) or more")
    return labels.astype(np.int64)  # unsigned labels would wrap where a sign is looked for


def _checked_embedding(outputs: Mapping[str, np.ndarray], n_samples: int) -> np.ndarray:
    """Return the embedding (n_samples, n_latent) as floats.

    Raises
    ------
    ValueError
        If it has the wrong shape.
    _Missing
        If there is none, or its values are not finite or too large.
    """
    if outputs.get("embedding") is None:
        raise _Missing("the method has no embedding")
    embedding = np.asarray(outputs["embedding"])
    if embedding.ndim != 2 or len(embedding) != n_samples or embedding.shape[1] == 0:
        raise ValueError(f"the embedding has shape {embedding.shape}; the data set needs ({n_samples}, n_latent > 0)")
    if not np.issubdtype(embedding.dtype, np.floating):
        embedding = embedding.astype(np.float64)
    if not np.isfinite(embedding).all():
        raise _Missing("the embedding has values that are not finite")
    if np.abs(embedding).max() > _LARGEST_VALUE:
        raise _Missing(f"the embedding has values above {_LARGEST_VALUE:g}: it has diverged")
    return embedding


def record_fields(
    outputs: Mapping[str, np.ndarray], dataset: Dataset, seed: int, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the fields of a record that follow from the raw outputs alone.

    Parameters
    ----------
    outputs : mapping of str to ndarray
    dataset : Dataset
        What the run was fitted to.
    seed : int
        The run's; it says on which half of the points clusters are matched to classes.
    params : mapping
        The run's.

    Raises
    ------
    ValueError
        If an output has the wrong length, shape or type.
    """
    metrics, reasons = score_outputs(outputs, dataset, seed)
    health = health_of(outputs, params.get("n_clusters"))
    return {
        "metrics": metrics,
        "reasons": reasons,
        "outliers": outlier_metrics(outputs, dataset.x),
        "health": health.verdict,
        "health_epoch": health.epoch,
        "health_reason": health.reason,
        "health_advice": advice_on(health, outputs, params, *dataset.x.shape),
        "flags": [] if health.verdict == "healthy" else [health.verdict],
        "metrics_version": METRICS_VERSION,
    }
