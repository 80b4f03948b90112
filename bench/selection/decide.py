"""From selection runs to choices: first without labels, and stored; then by the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from bench.data.dataset import Dataset
from bench.data.selection_split import heldout_indices, read_only_rows
from bench.metrics import find_ranking_metric, score
from bench.plan.cells import Cell, Configuration
from bench.plan.configurations import differing_params
from bench.plan.plan import Plan, PlannedEntry
from bench.records.record import Record
from bench.records.store import Run
from bench.selection.choices import (
    JudgedCandidate,
    LabelFreeChoice,
    Oracle,
    OracleChoice,
    ScoredCandidate,
    Selection,
    merge_choices,
    read_choices,
    write_choices,
)
from bench.selection.rule import HeldOutRun, rank_candidates
from bench.text import last_line

NO_PREDICT = "the method has no predict, so that held-out points have no labels"

#: The runs of each candidate, in the order of the plan.
Runs = list[list[HeldOutRun]]


def decide(run: Run, plan: Plan) -> list[LabelFreeChoice | OracleChoice]:
    """Choose among the configurations of a plan whose selection runs have all ended, and store the choices.

    ``selection.json`` is on the disk before any label is read; ``oracle.json`` follows.

    Parameters
    ----------
    run : Run
        The folder with the selection runs.
    plan : Plan

    Returns
    -------
    list of LabelFreeChoice and OracleChoice
        For each entry with several candidates; the oracle's only where the primary metric needs classes and the data
        have them.

    Raises
    ------
    InputError
        If raw outputs are missing or damaged, or a file cannot be written.
    """
    datasets, seeds, primary_metric = plan.datasets, plan.suite.selection_seeds or [], plan.suite.primary_metric
    records = {record.key: record for record in run.records() if record.part == "selection"}
    runs = {e.place: [[_heldout(run, records[k]) for k in keys] for keys in _keys(e, seeds)] for e in plan.entries}
    label_free = []
    for entry in plan.entries:
        x = datasets[entry.spec].x
        points = x[heldout_indices(datasets[entry.spec])] if entry.candidates else x[:0]
        label_free.append(choose_label_free(entry, runs[entry.place], points, seeds))
    write_choices(run, Selection(choices=merge_choices(read_choices(run, Selection).choices, label_free)))

    by_labels = "classes" in find_ranking_metric(primary_metric).needs  # a metric without labels makes no oracle
    with_classes = [
        entry for entry in plan.entries if entry.candidates and by_labels and datasets[entry.spec].classes is not None
    ]
    oracle = [
        choose_by_labels(entry, runs[entry.place], datasets[entry.spec], seeds, primary_metric)
        for entry in with_classes
    ]
    places = {entry.place for entry in plan.entries}  # these are replaced: an old one may go by another metric
    elsewhere = [choice for choice in read_choices(run, Oracle).choices if choice.place not in places]
    write_choices(run, Oracle(choices=merge_choices(elsewhere, oracle)))
    of_place = {choice.place: choice for choice in oracle}
    made: list[LabelFreeChoice | OracleChoice] = []
    for choice in label_free:
        if choice.candidates:
            made += [choice, *([of_place[choice.place]] if choice.place in of_place else [])]
    return made


def choose_label_free(entry: PlannedEntry, runs: Runs, points: np.ndarray, seeds: Sequence[int]) -> LabelFreeChoice:
    """Choose by :func:`bench.selection.rule.rank_candidates`.

    Parameters
    ----------
    points : ndarray of shape (n_heldout, n_features)
        The held-out points; what they are labelled as has no way in.
    """
    configurations = [pair.configuration for pair in entry.candidates]
    asked = [int(c.params.get("n_clusters", entry.n_clusters)) for c in configurations]
    verdicts = rank_candidates(runs, points, asked)
    described = _described(configurations)
    candidates = [JudgedCandidate(**d, **asdict(v)) for d, v in zip(described, verdicts, strict=True)]
    chosen = next((c.config for c in candidates if c.rank == 1), None)
    return LabelFreeChoice(
        **_place(entry, seeds),
        fixed=entry.fixed.configuration.config,
        candidates=candidates,
        chosen=chosen if candidates else entry.fixed.configuration.config,
        reason=None if chosen or not candidates else _all_out([c.out for c in candidates]),
    )


def choose_by_labels(
    entry: PlannedEntry, runs: Runs, dataset: Dataset, seeds: Sequence[int], primary_metric: str
) -> OracleChoice:
    """Choose the best mean of the primary metric on the held-out points; equal ones by the order of the plan.

    A candidate with a failed run is out: a mean over its other runs would skip failures.
    One that collapsed is scored like any other.
    """
    metric = find_ranking_metric(primary_metric)
    chosen_points = heldout_indices(dataset)
    y = None if dataset.y is None else dataset.y[chosen_points]
    heldout = replace(dataset, x=read_only_rows(dataset.x, chosen_points), y=y, items=None)
    described = _described([pair.configuration for pair in entry.candidates])
    candidates = []
    for description, its_runs in zip(described, runs, strict=True):
        scores = [_score(run, heldout, primary_metric) for run in its_runs]
        out = list(dict.fromkeys(s for s in scores if isinstance(s, str)))
        mean = None if out else round(float(np.mean([s for s in scores if not isinstance(s, str)])), 6)
        candidates.append(ScoredCandidate(**description, out=out, score=mean))
    left = [c for c in candidates if c.score is not None]
    sign = 1 if metric.greater_is_better else -1
    best = max(left, key=lambda c: sign * (c.score or 0.0), default=None)  # the first of equal ones
    return OracleChoice(
        **_place(entry, seeds),
        metric=primary_metric,
        candidates=candidates,
        chosen=best.config if best else None,
        reason=None if best else _all_out([c.out for c in candidates]),
    )


def _keys(entry: PlannedEntry, seeds: Sequence[int]) -> list[list[str]]:
    """Return the keys of each candidate's selection runs."""
    return [
        [
            Cell(entry.spec, entry.dataset, entry.fingerprint, pair.configuration, seed, "selection").key
            for seed in seeds
        ]
        for pair in entry.candidates
    ]


def _heldout(run: Run, record: Record) -> HeldOutRun:
    if record.status != "ok":
        reason = last_line(record.error)
        return HeldOutRun(record.seed, trouble=f"seed {record.seed}: {record.status}{reason and ': '}{reason}")
    outputs = run.outputs(record.key)
    labels, embedding = outputs.get("heldout_labels"), outputs.get("heldout_embedding")
    trouble = None
    if labels is None:
        trouble = NO_PREDICT
    elif record.flags:
        trouble = f"seed {record.seed}: {', '.join(record.flags)}"
    return HeldOutRun(record.seed, labels, embedding, trouble)


def _score(run: HeldOutRun, heldout: Dataset, metric: str) -> float | str:
    """Return a run's score on the held-out points, or why it has none."""
    if run.labels is None:
        return run.trouble or f"seed {run.seed}: no labels of the held-out points"
    outputs = {"labels": run.labels} | ({} if run.embedding is None else {"embedding": run.embedding})
    metrics, reasons = score(outputs, heldout, run.seed, [metric])
    value = metrics[metric]
    return reasons[metric] if value is None else value


def _described(configurations: list[Configuration]) -> list[dict[str, Any]]:
    names = differing_params(configurations)
    return [
        {"config": c.config, "variant": c.variant, "parameters": {name: c.params.get(name) for name in names}}
        for c in configurations
    ]


def _place(entry: PlannedEntry, seeds: Sequence[int]) -> dict[str, Any]:
    return {
        "dataset": entry.dataset,
        "fingerprint": entry.fingerprint,
        "entry": entry.entry,
        "title": entry.title,
        "seeds": list(seeds),
    }


def _all_out(reasons: list[list[str]]) -> str:
    return f"all {len(reasons)} candidates are excluded; the first: {reasons[0][0]}"
