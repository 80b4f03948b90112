"""The pictures of one run, from its raw outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.data.dataset import NO_CLASS, Dataset
from bench.metrics.detection import risk_coverage
from bench.metrics.external import matched_classes
from bench.metrics.health import is_collapsed
from bench.metrics.point_scores import uncertainty_scores
from bench.metrics.registry import SCORES
from bench.metrics.uncertainty import mis_clustered, reliability_of
from bench.report import plots
from bench.report.plots import Look, ReliabilityCurve, RiskCurve
from bench.report.plots.export import figure_name
from bench.report.plots.figure import Figure
from bench.report.plots.style import cluster_names

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
        """Cluster of each point (n_samples,), empty where they were not kept."""
        return self.outputs.get("labels", _NOTHING)

    @property
    def classes(self) -> np.ndarray | None:
        """Class of each point (n_samples,), `NO_CLASS` where it has none; None where they are not known."""
        classes = self.kept.get("classes")
        return classes if classes is not None and 0 < len(classes) == len(self.labels) else None

    @property
    def collapsed(self) -> bool:
        """Whether it puts all points into one cluster: its confidence would be decided by rounding."""
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


def figures_of_run(run: OneRun, counterpart: OneRun | None) -> list[Figure | None]:
    """Draw one run.

    Parameters
    ----------
    run : OneRun
    counterpart : OneRun or None
        The run of the same seed of its deterministic counterpart, whose confidence is drawn beside.

    Returns
    -------
    list of Figure or None
        Classes and clusters, confidence (not of a run that collapsed), images, latent dimensions, map.
    """
    figures: list[Figure | None] = []
    if run.classes is not None:
        named = run.named("confusion", "Classes and clusters")
        figures.append(plots.confusion(run.classes, run.labels, run.class_names, **named))
    if not run.collapsed:
        figures += [*_confidence(run, counterpart), _certain_points(run)]
    return [*figures, _samples(run), *_latent(run)]


def _confidence(run: OneRun, counterpart: OneRun | None) -> Iterator[Figure | None]:
    if run.classes is None:
        return
    curves = [*_reliability(run), *(_reliability(counterpart) if counterpart and not counterpart.collapsed else ())]
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
