"""From a suite to a leaderboard: plan, run what is left, score, write. The command line calls these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cards import load_dataset
from bench.cells import Cell
from bench.errors import InputError
from bench.metrics import METRICS_VERSION, score
from bench.registry import find_method
from bench.selection.boards import chosen_in
from bench.selection.contest import contests_of, reporting_cells, selection_cells
from bench.store import Record, Run
from bench.suite import Suite, plan_cells

if TYPE_CHECKING:
    import pandas as pd

    from bench.dataset import Dataset


@dataclass(frozen=True)
class Plan:
    """The cells of a suite, and what a run's folder already holds of them.

    Attributes
    ----------
    cells : list of Cell
        All of them.
    done : dict of str to Record
        The records there are, by key.
    left : list of Cell
        What remains to be run.
    """

    cells: list[Cell]
    done: dict[str, Record]
    left: list[Cell]

    def seconds(self) -> dict[tuple[str, str], float]:
        """Return the mean seconds of a cell, fit and score, by data set and configuration."""
        seen: dict[tuple[str, str], list[float]] = {}
        for record in self.done.values():
            if "fit" in record.timings:
                took = record.timings["fit"] + record.timings.get("score", 0.0)
                seen.setdefault((record.dataset, record.config), []).append(took)
        return {place: sum(times) / len(times) for place, times in seen.items()}

    def seconds_left(self, jobs: int) -> float | None:
        """Estimate the time left from the cells that are done; None where a configuration has none."""
        known = self.seconds()
        places = [(cell.dataset, cell.configuration.id) for cell in self.left]
        if any(place not in known for place in places):
            return None
        return sum(known[place] for place in places) / jobs


def load_datasets(suite: Suite, data_root: str | Path | None) -> dict[str, Dataset]:
    """Load every data set of a suite, by the suite's name for it.

    Raises
    ------
    InputError
        If one is missing, damaged or has fewer points than clusters; before anything runs.
    """
    return {
        spec: load_dataset(spec, data_root=data_root, limit=suite.limit, n_clusters=suite.clusters)
        for spec in suite.datasets
    }


def make_plan(
    suite: Suite,
    run: Run,
    datasets: Mapping[str, Dataset],
    *,
    force: bool = False,
    retry_failed: bool = False,
) -> Plan:
    """Return what a suite asks for and what is left of it.

    Of a suite that chooses hyper-parameters these are the cells it reports: the fixed configurations, and the
    choices as far as the run has made them. :func:`make_selection_plan` has those that it chooses by.

    Parameters
    ----------
    force : bool
        Run every cell again.
    retry_failed : bool
        Run again the cells that failed, diverged or ran out of time.

    Raises
    ------
    InputError
        If a method, preset or parameter does not exist, or there is nothing to choose between.
    """
    if suite.selection_seeds is None:
        return _left_of(plan_cells(suite, datasets, find_method), run, force, retry_failed)
    contests = contests_of(suite, datasets, find_method)
    chosen = chosen_in(run, contests, suite.selection_seeds)
    return _left_of(reporting_cells(suite, datasets, contests, chosen), run, force, retry_failed)


def make_selection_plan(
    suite: Suite,
    run: Run,
    datasets: Mapping[str, Dataset],
    *,
    force: bool = False,
    retry_failed: bool = False,
) -> Plan:
    """Return the cells that a suite chooses hyper-parameters by, none if it chooses nothing; as `make_plan`."""
    cells = selection_cells(suite, datasets, contests_of(suite, datasets, find_method))
    return _left_of(cells, run, force, retry_failed)


def choose(suite: Suite, run: Run, datasets: Mapping[str, Dataset]) -> list[str]:
    """Choose among the configurations of a suite whose selection cells have been run, and write the choices down.

    Returns
    -------
    list of str
        Each choice in a line.
    """
    from bench.selection.decide import decide, sentence

    contests = contests_of(suite, datasets, find_method)
    choices = decide(run, contests, datasets, suite.selection_seeds or [], suite.primary_metric)
    return [sentence(choice) for choice in choices]


def _left_of(cells: list[Cell], run: Run, force: bool, retry_failed: bool) -> Plan:
    keys = {cell.key for cell in cells}
    done = {record.key: record for record in run.records() if record.key in keys}
    left = [cell for cell in cells if force or cell.key not in done or (retry_failed and done[cell.key].status != "ok")]
    return Plan(cells, done, left)


def frame_of(records: Iterable[Record]) -> pd.DataFrame:
    """Return one row a cell with its metrics as columns, as the leaderboard reads them."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for r in records:
        if r.part == "selection":  # fitted to choose by, on fewer points and without labels
            continue
        rows.append(
            {
                "dataset": r.dataset,
                "fingerprint": r.fingerprint,
                "method": r.method,
                "variant": r.variant,
                "title": r.title,
                "config": r.config,
                "twin": r.twin,
                "kind": r.kind,
                "seeded": r.seeded,
                "seed": r.seed,
                "key": r.key,
                "status": r.status,
                "flags": r.flags,
                "wall_time": r.wall_time,
                "peak_memory": r.peak_memory,
                **r.metrics,
            }
        )
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    # The folder may hold other data, or another version of a variant, under one name: each keeps rows of its own.
    for _, group in frame.groupby("dataset"):
        _tell_apart(frame, group, ["dataset"], by="fingerprint")
    for _, group in frame.groupby(["dataset", "variant"]):
        _tell_apart(frame, group, ["variant", "title"], by="config")
    return frame.sort_values(["dataset", "variant", "seed"], ignore_index=True)


def _tell_apart(frame: pd.DataFrame, group: pd.DataFrame, columns: list[str], by: str) -> None:
    """Add the first digits of a hash to names that several contents share."""
    if len(set(group[by])) > 1:
        for column in columns:
            frame.loc[group.index, column] = group[column] + " #" + group[by].str[:6]


def write_leaderboard(run: Run, suite: Suite, records: Sequence[Record]) -> pd.DataFrame:
    """Write ``leaderboard.md`` and ``leaderboard.csv`` of all records of a run, and return their frame."""
    from bench.leaderboard.render import render_csv, render_markdown

    frame = frame_of(records)
    if not frame.empty:
        frame["stability"] = _stability(run, frame)
        planned = len(suite.seeds)
        run.write_text("leaderboard.md", render_markdown(frame, primary_metric=suite.primary_metric, planned=planned))
        run.write_text("leaderboard.csv", render_csv(frame, primary_metric=suite.primary_metric, planned=planned))
    return frame


def _stability(run: Run, frame: pd.DataFrame) -> pd.Series:
    """Return for each cell how far the healthy runs of its variant agree; collapsed ones would agree perfectly."""
    from bench.metrics.stability import stability

    values = frame["seed"].astype(float) * float("nan")
    for _, group in frame.groupby(["dataset", "variant"]):
        healthy = group.loc[(group["status"] == "ok") & ~group["flags"].map(lambda flags: "collapsed" in flags)]
        values.loc[group.index] = stability([run.outputs(key)["labels"] for key in healthy["key"]])
    return values


def rescore(run: Run, datasets: Iterable[Dataset]) -> list[Record]:
    """Return a run's records, scored afresh from the stored outputs where the metrics have changed since.

    Raises
    ------
    InputError
        If raw outputs are missing or damaged, or belong to data that are not at hand.
    """
    from bench.selection.split import split

    by_fingerprint = {dataset.fingerprint: dataset for dataset in datasets}
    records = []
    for record in run.records():
        if record.status == "ok" and record.metrics_version != METRICS_VERSION:
            dataset = by_fingerprint.get(record.fingerprint)
            if dataset is None:
                raise InputError(f"{record.key}: data set {record.dataset} has changed; it cannot be scored again")
            outputs = run.outputs(record.key)
            if record.part == "selection":
                dataset = split(dataset, record.seed).fitted
            metrics, reasons = score(outputs, dataset)
            changes = {"metrics": metrics, "reasons": reasons, "metrics_version": METRICS_VERSION}
            record = record.model_copy(update=changes)
            run.write(record, outputs)
        records.append(record)
    return records
