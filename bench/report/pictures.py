"""The pictures of each variant: its median run, drawn from raw outputs, and the learning curves of all its runs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bench.data.dataset import NO_CLASS, Dataset
from bench.errors import InputError
from bench.metrics import Metric
from bench.metrics.detection import risk_coverage
from bench.metrics.external import matched_classes
from bench.metrics.health import is_collapsed
from bench.metrics.point_scores import uncertainty_scores
from bench.metrics.registry import SCORES
from bench.metrics.uncertainty import COLLAPSED, mis_clustered, reliability_of
from bench.records.results import Results
from bench.report import plots
from bench.report.boards import BoardFrame
from bench.report.document import Figure, Pictures
from bench.report.numbers import format_score
from bench.report.plots import Look, ReliabilityCurve, RiskCurve
from bench.report.plots.export import figure_name
from bench.report.plots.style import cluster_names
from bench.report.runs_frame import finished_runs, median_run, metric_values, runs_by_variant, twin_pairs

_PER_DATASET, _IN_ALL = 12, 40
Arrays = Mapping[str, np.ndarray]
_NOTHING = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class OneRun:
    """A run whose pictures are drawn.

    Attributes
    ----------
    outputs : mapping of str to ndarray
        Raw outputs; any may be missing.
    kept : mapping of str to ndarray
        As `bench.records.store.Run.dataset` returns what was kept of the data; any may be missing.
    fingerprint : str
        Of the data.
    seed : int
    label : str
        What its variant is called.
    look : Look
    stochastic : bool
    names : tuple of str
        Data set and variant, which names of figures bear.
    title : str
        Which titles of figures end with.
    """

    outputs: Arrays
    kept: Arrays
    fingerprint: str
    seed: int
    label: str
    look: Look
    stochastic: bool
    names: tuple[str, ...]
    title: str

    @property
    def labels(self) -> np.ndarray:
        """Cluster of each point (n_samples,), nothing where they were not kept."""
        return self.outputs.get("labels", _NOTHING)

    @property
    def classes(self) -> np.ndarray | None:
        """Class of each point (n_samples,), `NO_CLASS` where it has none; None where they are not known."""
        classes = self.kept.get("classes")
        return classes if classes is not None and 0 < len(classes) == len(self.labels) else None

    @property
    def collapsed(self) -> bool:
        """Whether it tells no points apart: its confidence would be decided by rounding."""
        return len(self.labels) > 0 and is_collapsed(self.labels, self.outputs.get("soft_assignment"))

    @property
    def class_names(self) -> list[str]:
        """A name for every class, its number where the run kept none."""
        known = [str(name) for name in self.kept.get("class_names", ())]
        n_classes = int(self.kept["classes"].max(initial=-1)) + 1
        return known + [str(i) for i in range(len(known), n_classes)]

    @property
    def dataset(self) -> Dataset:
        """The data as far as they were kept: classes, and no points."""
        x = np.empty((len(self.labels), 0), dtype=np.float32)
        return Dataset(self.names[0], x, self.classes, 0, None, None, self.fingerprint)

    def named(self, kind: str, what: str) -> dict[str, Any]:
        """Return the name and the title of a figure."""
        return {"name": figure_name(kind, *self.names), "title": f"{what}: {self.title}"}


def figures_of_run(run: OneRun, twin: OneRun | None, notes: list[str]) -> list[Figure | None]:
    """Draw one run; why there is no figure where one would be expected is added to the notes.

    Parameters
    ----------
    run : OneRun
    twin : OneRun or None
        The run of the same seed of its deterministic twin, whose confidence is drawn beside.
    notes : list of str

    Returns
    -------
    list of Figure or None
        Classes and clusters, confidence, images, latent dimensions, map.
    """
    figures: list[Figure | None] = []
    if run.classes is not None:
        named = run.named("confusion", "Classes and clusters")
        figures.append(plots.confusion(run.classes, run.labels, run.class_names, **named))
    if run.collapsed:
        notes.append(f"No pictures of its confidence: {COLLAPSED}.")
    else:
        figures += [*_confidence(run, twin), _certain_points(run)]
    return [*figures, _samples(run), *_latent(run)]


def _confidence(run: OneRun, twin: OneRun | None) -> Iterator[Figure | None]:
    if run.classes is None:
        return
    curves = [*_reliability(run), *(_reliability(twin) if twin and not twin.collapsed else ())]
    yield plots.reliability_diagram(curves, **run.named("reliability", "Accuracy against confidence"))
    scoring, wrong = mis_clustered(run.labels, run.dataset, run.seed)
    # Without the points there is no margin for a method without an embedding.
    scores = uncertainty_scores(run.outputs)
    risks = [
        RiskCurve(row.title, _takes_sampling(row.needs_sampling, run), *risk_coverage(scores[row.name][scoring], wrong))
        for row in SCORES
        if row.name in scores and len(scores[row.name]) == len(run.labels) and np.isfinite(scores[row.name]).all()
    ]
    yield plots.risk_coverage_curves(risks, **run.named("risk", "Error without the least certain points"))


def _reliability(run: OneRun) -> Iterator[ReliabilityCurve]:
    """Yield the curve at the mean of the code and the one over draws, of those that the outputs allow."""
    outputs = (("soft_assignment", "at the mean"), ("sampled_assignment", "over draws"))
    for name, how in outputs if run.classes is not None else ():
        if name in run.outputs:
            bins = reliability_of(run.outputs[name], run.labels, run.dataset, run.seed)
            label = f"{run.label}, {how}" if "sampled_assignment" in run.outputs else run.label
            if not isinstance(bins, str):
                yield ReliabilityCurve(label, run.look, name == "sampled_assignment", bins)


def _takes_sampling(needs: str, run: OneRun) -> bool:
    return needs == "yes" or (needs == "if stochastic" and run.stochastic)


def _certain_points(run: OneRun) -> Figure | None:
    points, images, samples = (
        arrays.get(name)
        for arrays, name in ((run.outputs, "extreme_points"), (run.outputs, "extreme_images"), (run.kept, "samples"))
    )
    if points is None or images is None or samples is None or images.size != points.size * samples[0].size:
        return None
    wrong = None
    if run.classes is not None:
        classes, true = matched_classes(run.labels, run.classes), run.classes[points]
        predicted = np.array([classes.get(int(cluster), -1) for cluster in run.labels[points].ravel()])
        wrong = (predicted.reshape(points.shape) != true) & (true != NO_CLASS)
    clusters = cluster_names(run.labels)
    images = images.reshape(*points.shape, *samples.shape[1:])
    return plots.certain_points(
        images, points, clusters, wrong, **run.named("certain", "Most and least certain points")
    )


def _samples(run: OneRun) -> Figure | None:
    originals = run.kept.get("samples")
    if originals is None:
        return None
    if {"reconstruction_mean", "reconstruction_sd"} <= run.outputs.keys():
        mean, deviation = run.outputs["reconstruction_mean"], run.outputs["reconstruction_sd"]
        named = run.named("draws", "Data and reconstructions over draws")
        return plots.drawn_samples(originals, mean, deviation, **named)
    if "reconstruction" in run.outputs:
        named = run.named("samples", "Data and reconstructions")
        return plots.samples(originals, run.outputs["reconstruction"], **named)
    return None


def _latent(run: OneRun) -> Iterator[Figure | None]:
    embedding = run.outputs.get("embedding")
    if embedding is None:
        return
    variance = run.outputs.get("embedding_variance")
    yield plots.latent_structure(embedding, variance, run.look, **run.named("latent", "Latent dimensions"))
    if run.classes is not None:
        groups, group_names, what = run.classes, run.class_names, "classes"
        if (groups == NO_CLASS).any():
            groups, group_names = np.where(groups == NO_CLASS, len(group_names), groups), [*group_names, "no class"]
    else:
        groups, group_names, what = np.unique(run.labels, return_inverse=True)[1], cluster_names(run.labels), "clusters"
    yield plots.embedding_map(embedding, groups, group_names, **run.named("map", f"Embedding by {what}"))


def pictures_of(
    results: Results, board: BoardFrame, *, per_dataset: int = _PER_DATASET, in_all: int = _IN_ALL
) -> tuple[Pictures, ...]:
    """Return the pictures of each variant on each data set, of its median run by the board's metric.

    Parameters
    ----------
    results : Results
        Where the raw outputs are.
    board : BoardFrame
    per_dataset, in_all : int
        Variants shown of each data set, the first ones by mean score, and of all data sets in equal shares.

    Returns
    -------
    tuple of Pictures
        By data set, then in order of appearance, called by the variant's label. A method without an embedding, say,
        has no figure of one. Where outputs cannot be read, or variants are left out, a note says so.
    """
    looks = plots.looks_of(board.frame)
    pictures: list[Pictures] = []
    for tables in board.datasets:
        dataset, labels = tables.dataset, tables.labels
        variants, twins = runs_by_variant(finished_runs(tables.runs)), dict(twin_pairs(tables.runs)[0])
        most = min(per_dataset, max(1, in_all // len(board.datasets)), in_all - len(pictures))
        for i, variant in enumerate(_best(variants, board.metric, most)):
            notes = []
            if i == 0 and most < len(variants):
                notes.append(f"Pictures of {dataset} show the best {most} of {len(variants)} variants by mean.")
            twin = twins.get(variant)
            figures = _figures(
                results,
                variants[variant],
                variants.get(twin, tables.runs.iloc[:0]) if twin else tables.runs.iloc[:0],
                board.metric,
                (looks[variant], looks[twin] if twin else Look()),
                (labels[variant], labels[twin] if twin else ""),
                (dataset, variant),
                notes,
            )
            drawn = tuple(figure for figure in figures if figure is not None)
            pictures.append(Pictures(dataset, labels[variant], " ".join(notes), drawn))
    return tuple(pictures)


def _best(variants: Mapping[str, pd.DataFrame], metric: Metric, most: int) -> list[str]:
    """Return at most ``most`` variants, those with the best means, in order of appearance."""
    sign = 1 if metric.greater_is_better else -1
    goods = {}
    for name, runs in variants.items():
        values = metric_values(runs, metric.name)
        values = values[np.isfinite(values)]
        goods[name] = sign * values.mean() if len(values) else -np.inf
    best = set(sorted(goods, key=lambda name: -goods[name])[: max(most, 0)])
    return [name for name in goods if name in best]


def _figures(
    results: Results,
    runs: pd.DataFrame,
    twin_runs: pd.DataFrame,
    metric: Metric,
    looks: tuple[Look, Look],
    labels: tuple[str, str],
    names: tuple[str, str],
    notes: list[str],
) -> list[Figure | None]:
    """Draw a variant's median run, and the learning curves of all its runs; its twin's beside them. Add notes.

    Looks and labels are of the variant and its twin.
    """
    median = median_run(runs, metric)
    notes.append(_which(median, runs, metric))
    title = f"{labels[0]} on {names[0]}"
    try:
        run = _one_run(results, median, looks[0], labels[0], names, title)
    except InputError as error:
        notes.append(f"No pictures: {error}.")
        return []
    twin = None
    for _, cell in twin_runs.loc[twin_runs["seed"] == median["seed"]].iterrows():
        with contextlib.suppress(InputError):  # it is missed in the learning curves, where a note says so
            twin = _one_run(results, cell, looks[1], labels[1], names, title)
    columns = [name for name in run.outputs if name.startswith("history/")]
    histories, twin_histories = (_histories(results, rows, columns, notes) for rows in (runs, twin_runs))
    curves = plots.learning_curves(
        histories,
        labels[0],
        looks[0],
        twin_runs=twin_histories,
        twin=labels[1],
        name=figure_name("curves", *names),
        title=f"Learning curves: {title}, mean and range of {len(histories)} runs",
    )
    return [*figures_of_run(run, twin, notes), curves]


def _which(middle: pd.Series, runs: pd.DataFrame, metric: Metric) -> str:
    score = float(metric_values(middle.to_frame().T, metric.name)[0])
    if not np.isfinite(score):
        return f"Seed {middle['seed']}, the first of {len(runs)} finished runs; none has a {metric.title}."
    collapsed = ", collapsed" if "collapsed" in list(middle["flags"]) else ""
    return (
        f"Seed {middle['seed']}, the median run of {len(runs)} by {metric.title} "
        f"({format_score(score, metric)}{collapsed}); learning curves are of all."
    )


def _one_run(results: Results, cell: pd.Series, look: Look, label: str, names: tuple[str, str], title: str) -> OneRun:
    """Read the outputs of a cell.

    Raises
    ------
    InputError
        If they cannot be read.
    """
    run, fingerprint = results.runs[cell["run"]], str(cell["fingerprint"])
    return OneRun(
        run.outputs(str(cell["key"])),
        run.dataset(fingerprint),
        fingerprint,
        int(cell["seed"]),
        label,
        look,
        cell["kind"] == "stochastic",
        names,
        title,
    )


def _histories(
    results: Results, runs: pd.DataFrame, columns: Collection[str], notes: list[str]
) -> list[dict[str, np.ndarray]]:
    """Read the named columns of the histories; runs that cannot be read are counted in a note."""
    histories, unreadable = [], 0
    for number, key in zip(runs["run"], runs["key"], strict=True) if columns else ():
        try:
            outputs = results.runs[number].outputs(str(key), columns)
        except InputError:
            unreadable += 1
            continue
        history = {name.removeprefix("history/"): values for name, values in outputs.items()}
        if len({values.shape for values in history.values()}) == 1 and next(iter(history.values())).ndim == 1:
            histories.append(history)
    if unreadable:
        notes.append(f"The outputs of {unreadable} runs cannot be read; the learning curves lack them.")
    return histories
