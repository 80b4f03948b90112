"""What the runs of one variant say together: how far they agree, and where their disagreement finds errors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.registry import BETWEEN_RUNS, DISAGREEMENT
from bench.metrics.stability import Agreement, agreement, stability, vote_entropy
from bench.metrics.uncertainty import detection, mis_clustered_of
from bench.report.ranking import MOST_RANKED

if TYPE_CHECKING:
    import pandas as pd

    from bench.records.results import Results
    from bench.records.store import Run

#: Runs that say nothing of how well a method agrees with itself: with one cluster they would agree perfectly.
_LEFT_OUT = frozenset({"collapsed", "partly collapsed"})
#: Runs of a variant that are compared: 435 pairs say what there is to say.
_MOST_RUNS = 30
#: Runs that vote on each point.
VOTERS = 5

#: With more cells than this, reading their labels is worth the start of other processes.
_MANY_CELLS = 10_000
_MOST_PROCESSES = 8

_Cells = list[tuple["Run", str]]


def stability_of(results: Results) -> list[float]:
    """Return for each cell how far the healthy runs of its variant agree; collapsed ones would agree perfectly.

    The first thirty of them, if there are more.
    """
    frame = results.frame
    groups = _healthy_runs(results, frame)
    if sum(map(len, groups.values())) < _MANY_CELLS:
        values = list(map(_stability, groups.values()))
    else:
        with ProcessPoolExecutor(min(_MOST_PROCESSES, os.cpu_count() or 1), get_context("spawn")) as pool:
            values = list(pool.map(_stability, groups.values(), chunksize=8))
    by_place = dict(zip(groups, values, strict=True))
    return [by_place.get(place, float("nan")) for place in zip(frame["dataset"], frame["variant"], strict=True)]


def agreements_of(results: Results) -> dict[tuple[str, str], Agreement]:
    """Return how far the healthy runs of each variant agree, of the first thirty.

    Returns
    -------
    dict of (str, str) to Agreement
        By data set and variant: those with two healthy runs, on data sets with at most twenty variants.
    """
    groups = _healthy_runs(results, _of_few_variants(results.frame))
    return {place: agreement(_labels(cells)) for place, cells in groups.items() if len(cells) > 1}


def disagreement_columns(results: Results) -> pd.DataFrame:
    """Return how well the disagreement of five other runs finds the points that a cell has wrong.

    The voters are the first five healthy runs, with seeds other than the cell's own, of the deterministic variant:
    the cell's variant itself, or its twin. Their votes need no noise, so they are what drawing from it has to beat.

    Returns
    -------
    DataFrame
        The metrics `BETWEEN_RUNS` by the index of ``results.frame``; NaN for cells that did not end well or
        collapsed, that have no five voters, on unlabelled data and on data sets with more than twenty variants.
    """
    import pandas as pd

    frame = results.frame
    found = pd.DataFrame(np.nan, index=frame.index, columns=[row.name for row in BETWEEN_RUNS])
    few = _of_few_variants(frame)
    judged = few.loc[(few["status"] == "ok") & ~few["flags"].map(lambda flags: "collapsed" in flags)]
    voters = {place: group.sort_values("seed") for place, group in _voting(few).groupby(["fingerprint", "config"])}
    entropies: dict[tuple[str, ...], np.ndarray] = {}  # of few sets of voters, as cells leave out one seed each
    for fingerprint, cells in judged.groupby("fingerprint"):
        classes = _classes(results, cells)
        if classes is None:
            continue
        for index, cell in cells.iterrows():
            config = cell["config"] if cell["kind"] == "deterministic" else cell["twin"]
            there = voters.get((fingerprint, config), few.iloc[:0])
            others = there.loc[there["seed"] != cell["seed"]].head(VOTERS)
            if len(others) < VOTERS:
                continue
            keys = tuple(others["key"])
            if keys not in entropies:
                entropies[keys] = vote_entropy(_labels(_cells(results, others)))
            ((run, key),) = _cells(results, cells.loc[[index]])
            labels = run.outputs(key, ["labels"])["labels"]
            scoring, wrong = mis_clustered_of(labels, classes, str(fingerprint), int(cell["seed"]))
            for name, value in detection(entropies[keys][scoring], wrong).items():
                found.loc[index, f"{name}_{DISAGREEMENT.name}"] = np.nan if isinstance(value, str) else value
    return found


def _healthy_runs(results: Results, frame: pd.DataFrame) -> dict[tuple[str, str], _Cells]:
    """Return the first healthy runs of each variant, by data set and variant."""
    groups = _healthy(frame).groupby(["dataset", "variant"])
    return {(str(place[0]), str(place[1])): _cells(results, rows.head(_MOST_RUNS)) for place, rows in groups}


def _healthy(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.loc[(frame["status"] == "ok") & frame["flags"].map(_LEFT_OUT.isdisjoint)]


def _voting(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that may vote; without a seed a method gives one run, however often it is asked."""
    healthy = _healthy(frame)
    return healthy.loc[(healthy["kind"] == "deterministic") & healthy["seeded"].astype(bool)]


def _of_few_variants(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.loc[frame.groupby("dataset")["variant"].transform("nunique") <= MOST_RANKED]


def _classes(results: Results, cells: pd.DataFrame) -> np.ndarray | None:
    """Return the classes that one of the runs of these cells kept of their data set, if it has any."""
    for run in cells["run"].unique():
        classes = results.runs[run].dataset(cells["fingerprint"].iloc[0]).get("classes")
        if classes is not None:
            return classes
    return None


def _cells(results: Results, rows: pd.DataFrame) -> _Cells:
    return [(results.runs[run], key) for run, key in zip(rows["run"], rows["key"], strict=True)]


def _labels(cells: Sequence[tuple[Run, str]]) -> list[np.ndarray]:
    return [run.outputs(key, ["labels"])["labels"] for run, key in cells]


def _stability(cells: Sequence[tuple[Run, str]]) -> float:
    return stability(_labels(cells))
