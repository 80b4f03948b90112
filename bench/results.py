"""The cells of one run or of several, as the leaderboards read them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.metrics import METRICS_VERSION, score
from bench.metrics.stability import stability
from bench.store import Record, Run
from bench.suite import Suite, load_suite

if TYPE_CHECKING:
    import pandas as pd

    from bench.dataset import Dataset

#: With more cells than this, reading their labels is worth the start of other processes.
_MANY_CELLS = 10_000
_MOST_RUNS = 30


@dataclass(frozen=True)
class Results:
    """What leaderboards are made of.

    Attributes
    ----------
    frame : DataFrame
        One row a cell, as `bench.leaderboard.frame` describes, with its ``key`` and the number of its ``run``.
    runs : list of Run
        In the order of the frame's column ``run``.
    suites : list of Suite
        One for each run.
    params : mapping of str to mapping
        All parameters of each configuration, by ``config``.
    origin : mapping of str to list of str
        Where the numbers come from: versions, hardware and commits that occur.
    notes : list of str
        What a reader must know of how runs were put together.
    """

    frame: pd.DataFrame
    runs: list[Run]
    suites: list[Suite]
    params: Mapping[str, Mapping[str, Any]]
    origin: Mapping[str, list[str]]
    notes: list[str] = field(default_factory=list)

    @property
    def primary_metric(self) -> str:
        """The metric that was declared before the runs."""
        return self.suites[0].primary_metric


def collect(runs: Sequence[Run], load: Callable[[Suite], Iterable[Dataset]]) -> Results:
    """Read the records of runs, scored afresh where the metrics have changed since.

    Parameters
    ----------
    runs : sequence of Run
        Locked by the caller: records that are scored again are written.
    load : callable
        Loads the data sets of a suite; called only where something must be scored again.

    Raises
    ------
    InputError
        If a folder is not a run, if runs were decided by different metrics, if a data set of one name has
        different contents in two of them, or if records of an older metrics version cannot be scored again.
    """
    suites = [suite_of(run) for run in runs]
    decided = {suite.primary_metric: run for run, suite in zip(runs, suites, strict=True)}
    if len(decided) > 1:
        told = ", ".join(f"{run.folder} by {metric}" for metric, run in decided.items())
        raise InputError(f"these runs have different primary metrics ({told}); report them apart")
    rows: list[dict[str, Any]] = []
    params: dict[str, Mapping[str, Any]] = {}
    origin: dict[str, dict[str, None]] = {"versions": {}, "hardware": {}, "commits": {}}
    seen: dict[str, int] = {}
    fingerprints: dict[str, dict[str, int]] = {}
    twice = 0
    for number, (run, suite) in enumerate(zip(runs, suites, strict=True)):
        for record in rescored(run, lambda suite=suite: load(suite)):  # type: ignore[misc]
            if seen.setdefault(record.key, number) != number:
                twice += 1
                continue
            fingerprints.setdefault(record.dataset, {}).setdefault(record.fingerprint, number)
            rows.append(_row(record) | {"run": number})
            params.setdefault(record.config, record.params)
            origin["versions"].setdefault(", ".join(f"{name} {number}" for name, number in record.versions.items()))
            origin["hardware"].setdefault(rows[-1]["hardware"])
            origin["commits"].setdefault(record.commit or "unknown")
    _refuse_other_data(runs, fingerprints)
    notes = [f"{twice} cells are in several of the runs; they count once, as the first has them."] if twice else []
    found = {name: list(values) for name, values in origin.items()}
    return Results(_frame(rows, suites), list(runs), suites, params, found, notes)


def suite_of(run: Run) -> Suite:
    """Return the suite of a run as it was resolved.

    Raises
    ------
    InputError
        If the folder is not a run's.
    """
    path = run.folder / "suite.toml"
    if not path.is_file():
        raise InputError(f"{run.folder}: not the folder of a run (no suite.toml)")
    return load_suite(str(path))


def rescored(run: Run, load: Callable[[], Iterable[Dataset]]) -> Iterator[Record]:
    """Yield a run's records but those of choices, scored afresh where the metrics have changed since.

    Parameters
    ----------
    run : Run
    load : callable
        Loads the run's data sets; called once, if at all.

    Raises
    ------
    InputError
        If raw outputs are missing or damaged, or belong to data that are not at hand.
    """
    datasets: dict[str, Dataset] | None = None
    for record in run.records():
        if record.part == "selection":  # fitted to choose by, on fewer points and without labels
            continue
        if record.status != "ok" or record.metrics_version == METRICS_VERSION:
            yield record
            continue
        if datasets is None:
            datasets = {dataset.fingerprint: dataset for dataset in load()}
        dataset = datasets.get(record.fingerprint)
        if dataset is None:
            was, now = record.metrics_version, METRICS_VERSION
            raise InputError(
                f"{run.folder}: {record.key} has metrics of version {was}, which are not compared with version {now}, "
                f"and cannot be scored again: its data set {record.dataset} is not at hand or has changed"
            )
        outputs = run.outputs(record.key)
        metrics, reasons = score(outputs, dataset)
        record = record.model_copy(update={"metrics": metrics, "reasons": reasons, "metrics_version": METRICS_VERSION})
        run.write(record, outputs)
        yield record


def frame_of(records: Iterable[Record]) -> pd.DataFrame:
    """Return one row a cell with its metrics as columns, as the leaderboard reads them."""
    return _frame([_row(record) | {"run": 0} for record in records if record.part == "whole"], [])


def stability_of(results: Results) -> list[float]:
    """Return for each cell how far the healthy runs of its variant agree; collapsed ones would agree perfectly.

    The first thirty of them, if there are more: 435 pairs say what there is to say.
    """
    frame = results.frame
    healthy = frame.loc[(frame["status"] == "ok") & ~frame["flags"].map(lambda flags: "collapsed" in flags)]
    groups = {
        place: [(results.runs[run], key) for run, key in zip(rows["run"], rows["key"], strict=True)][:_MOST_RUNS]
        for place, rows in healthy.groupby(["dataset", "variant"])
    }
    if len(healthy) < _MANY_CELLS:
        values = list(map(_stability, groups.values()))
    else:
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            values = list(pool.map(_stability, groups.values(), chunksize=8))
    by_place = dict(zip(groups, values, strict=True))
    return [by_place.get(place, float("nan")) for place in zip(frame["dataset"], frame["variant"], strict=True)]


def _stability(cells: Sequence[tuple[Run, str]]) -> float:
    return stability([run.outputs(key, ["labels"])["labels"] for run, key in cells])


def _row(r: Record) -> dict[str, Any]:
    return {
        "dataset": r.dataset,
        "fingerprint": r.fingerprint,
        "method": r.method,
        "variant": r.variant,
        "title": r.title,
        "config": r.config,
        "twin": r.twin,
        "role": r.role,
        "kind": r.kind,
        "seeded": r.seeded,
        "seed": r.seed,
        "key": r.key,
        "status": r.status,
        "flags": r.flags,
        "hardware": _hardware(r.hardware),
        "wall_time": r.wall_time,
        "peak_memory": r.peak_memory,
        **r.metrics,
    }


def _hardware(hardware: Mapping[str, Any]) -> str:
    """Name what decides how long a cell takes."""
    device, processor, threads = (hardware.get(name) for name in ("device", "processor", "threads"))
    if device not in (None, "cpu", "auto"):
        return str(device)
    return f"{processor}, {threads} thread{'s' * (threads != 1)}" if threads else str(processor)


def _frame(rows: list[dict[str, Any]], suites: Sequence[Suite]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    # A folder may hold other data, or another version of a variant, under one name: each keeps rows of its own.
    for _, group in frame.groupby("dataset"):
        _tell_apart(frame, group, ["dataset"], by="fingerprint")
    for _, group in frame.groupby(["dataset", "variant"]):
        _tell_apart(frame, group, ["variant", "title"], by="config")
    planned = {}
    for place, group in frame.groupby(["dataset", "variant"]):
        seeds = itertools.chain.from_iterable(suites[number].seeds for number in set(group["run"]) if suites)
        planned[place] = max(len(set(seeds)), len(group))
    frame["planned"] = [planned[place] for place in zip(frame["dataset"], frame["variant"], strict=True)]
    return frame.sort_values(["dataset", "variant", "seed"], ignore_index=True)


def _tell_apart(frame: pd.DataFrame, group: pd.DataFrame, columns: list[str], by: str) -> None:
    """Add the first digits of a hash to names that several contents share."""
    if len(set(group[by])) > 1:
        for column in columns:
            frame.loc[group.index, column] = group[column] + " #" + group[by].str[:6]


def _refuse_other_data(runs: Sequence[Run], fingerprints: Mapping[str, Mapping[str, int]]) -> None:
    """Refuse results on different data under one name in different runs; one run tells its own apart."""
    for dataset, contents in fingerprints.items():
        if len(set(contents.values())) > 1:
            told = ", ".join(
                f"{runs[number].folder} has {fingerprint[:12]}" for fingerprint, number in contents.items()
            )
            raise InputError(
                f"{dataset} is not the same data in these runs ({told}); results on different data are not compared"
            )
