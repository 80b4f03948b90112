"""The cells of one run or of several, as the leaderboards read them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench.errors import InputError
from bench.metrics import METRICS_VERSION, all_metrics
from bench.metrics.outliers import outlier_metrics
from bench.metrics.point_scores import OF_KERNEL, PER_POINT
from bench.metrics.registry import SCORES, UNLABELLED, is_built_in
from bench.metrics.scoring import label_metrics, record_fields, values_or_reasons
from bench.metrics.uncertainty import detection_metrics
from bench.plan.suite import Suite, load_suite
from bench.records.experiment import describe_others, reported_records
from bench.records.record import PlannedRuns, Record
from bench.records.store import Run
from bench.text import clean_name, counted, last_line

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from bench.data.dataset import Dataset
    from bench.metrics.stability import Agreement

#: Data, configuration and seed: what is fitted. Outliers are scored beside it, and change no more than the key.
_Place = tuple[str, str, int]


@dataclass(frozen=True)
class CollectedRuns:
    """What leaderboards are made of.

    Attributes
    ----------
    frame : DataFrame
        One row a cell, as `bench.report.runs_frame` describes, with its ``key`` and the number of its ``run``.
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
    agreements : mapping of (str, str) to Agreement
        Between the runs of each data set and variant, once a report has compared them.
    """

    frame: pd.DataFrame
    runs: list[Run]
    suites: list[Suite]
    params: Mapping[str, Mapping[str, Any]]
    origin: Mapping[str, list[str]]
    notes: list[str] = field(default_factory=list)
    agreements: Mapping[tuple[str, str], Agreement] = field(default_factory=dict)

    @property
    def primary_metric(self) -> str:
        """The metric that was declared before the runs."""
        return self.suites[0].primary_metric

    @cached_property
    def with_outputs(self) -> pd.DataFrame:
        """The runs whose raw outputs are kept: a study may be passed on without them."""
        kept = [run.output_keys() for run in self.runs]
        runs = zip(self.frame["run"], self.frame["key"], strict=True)
        return self.frame.loc[[key in kept[number] for number, key in runs]]


def collect(runs: Sequence[Run], load: Callable[[Suite], Iterable[Dataset]]) -> CollectedRuns:
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
        names = ", ".join(f"{run.folder} by {metric}" for metric, run in decided.items())
        raise InputError(f"these runs have different primary metrics ({names}); report them apart")
    rows: dict[_Place, dict[str, Any]] = {}
    n_outliers: dict[_Place, int] = {}
    params: dict[str, Mapping[str, Any]] = {}
    origin: dict[str, dict[str, None]] = {"versions": {}, "hardware": {}, "commits": {}}
    twice = again = 0
    notes = []
    for number, (run, suite) in enumerate(zip(runs, suites, strict=True)):
        others: list[Record] = []
        for record in rescored(run, lambda suite=suite: load(suite), others):  # type: ignore[misc]
            row = _row(record) | {"run": number}
            place = record.fingerprint, record.config, record.seed
            earlier = rows.setdefault(place, row)
            if earlier is not row:
                twice += earlier["key"] == record.key
                again += earlier["key"] != record.key
                # What failed in one run may have ended well in another, or been scored against more outliers.
                if (row["status"] == "ok", len(record.outliers)) > (earlier["status"] == "ok", n_outliers[place]):
                    rows[place] = row
            if rows[place] is row:
                n_outliers[place] = len(record.outliers)
            params.setdefault(record.config, record.params)
            origin["versions"].setdefault(", ".join(f"{name} {of}" for name, of in record.versions.items()))
            origin["hardware"].setdefault(row["hardware"])
            origin["commits"].setdefault(record.commit or "unknown")
        if others:
            notes.append(describe_others(run, others))
    for number, run in enumerate(runs):
        for planned in run.plan():
            for seed, key in planned.keys.items():
                place = planned.fingerprint, planned.config, seed
                rows.setdefault(place, _planned_row(planned, seed, key) | {"run": number})
    frame = _frame(list(rows.values()), suites)
    if len(runs) > 1:
        _refuse_other_data(runs, frame)
    if twice:
        notes.append(f"{counted(twice, 'run')} occur in several folders; each counts once, as in the first.")
    if again:
        notes.append(f"{counted(again, 'run')} repeated with other outliers; each counts once, with the most outliers.")
    return CollectedRuns(frame, list(runs), suites, params, {name: list(of) for name, of in origin.items()}, notes)


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


def rescored(run: Run, load: Callable[[], Iterable[Dataset]], others: list[Record] | None = None) -> Iterator[Record]:
    """Yield the records of a run's experiment but those of choices, scored afresh where the metrics have changed since.

    Metrics that were added since are computed from what the run kept: those of labels from labels and classes, and
    those of scores of uncertainty from the raw outputs. What the record holds is not changed.

    Parameters
    ----------
    run : Run
    load : callable
        Loads the run's data sets; called once, if at all.
    others : list of Record, optional
        The records of other experiments in the folder are added here.

    Raises
    ------
    InputError
        If raw outputs are missing, damaged or not what metrics can be made of, or belong to data that are not at hand.
    """
    datasets: dict[str, Dataset] | None = None
    kept: dict[str, tuple[np.ndarray | None, list[str]]] = {}
    for record in reported_records(run, others):
        if record.part == "selection":  # fitted to choose by, on fewer points and without labels
            continue
        if record.status != "ok" or record.metrics_version == METRICS_VERSION:
            if record.fingerprint not in kept:
                classes = run.dataset(record.fingerprint).get("classes")
                kept[record.fingerprint] = classes, _metrics_of_labels(classes)
            yield _completed(record, run, *kept[record.fingerprint])
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
        try:
            assessed = record_fields(outputs, dataset, record.seed, record.params)
        except ValueError as error:  # it was kept by a version that asked for less
            raise InputError(f"{run.folder}: {record.key} cannot be scored again: {error}") from error
        record = record.model_copy(update=assessed)
        run.write(record, outputs)
        yield record


def _metrics_of_labels(classes: np.ndarray | None) -> list[str]:
    """Return the metrics that can be added to a record later on.

    On unlabelled data they are those of installed packages that need labels alone.
    """
    return [
        row.name
        for row in all_metrics()
        if row.is_of_labels and (classes is not None if "classes" in row.needs else not is_built_in(row))
    ]


def _completed(record: Record, run: Run, classes: np.ndarray | None, names: Collection[str]) -> Record:
    """Add the metrics that came after a record was written, from the outputs and classes (n_samples,) kept."""
    if record.status != "ok":
        return record
    missing = {name for name in names if name not in record.metrics}
    scores = _scores_added(record)
    if not missing and not scores:
        return record
    try:
        outputs = run.outputs(record.key, None if record.outliers else _READ if scores else ["labels"])
        labels = outputs["labels"]
    except (InputError, KeyError):
        return record
    if classes is not None and labels.shape != classes.shape:
        return record
    metrics, reasons = values_or_reasons(
        detection_metrics(outputs, classes, record.fingerprint, record.seed, scores) if scores else {}
    )
    of_labels = label_metrics(labels, classes, missing)
    outliers = outlier_metrics(outputs, None, scores) if scores and record.outliers else {}
    changes = {
        "metrics": record.metrics | metrics | of_labels[0],
        "reasons": record.reasons | reasons | of_labels[1],
        "outliers": {name: of_set | outliers.get(name, {}) for name, of_set in record.outliers.items()},
    }
    return record.model_copy(update=changes)


#: The raw outputs that labels and scores of uncertainty take.
_READ = ("labels", *PER_POINT, *OF_KERNEL)
#: The scores of uncertainty, by the metric that a record has of each.
_SCORE_OF = {f"auroc_{row.name}": row.name for row in SCORES}


def _scores_added(record: Record) -> list[str]:
    """Return the scores of uncertainty that a record has no metric of, though it has those of others."""
    absent = [name for metric, name in _SCORE_OF.items() if metric not in record.metrics]
    return absent if len(absent) < len(_SCORE_OF) else []


def frame_of(records: Iterable[Record]) -> pd.DataFrame:
    """Return one row a cell with its metrics as columns, as the leaderboard reads them."""
    return _frame([_row(record) | {"run": 0} for record in records if record.part == "whole"], [])


def _row(r: Record) -> dict[str, Any]:
    return {
        **r.row(),
        "seed": r.seed,
        "key": r.key,
        "status": r.status,
        "flags": r.flags,
        "unlabelled": UNLABELLED in r.reasons.values(),
        "error": last_line(r.error),
        "hardware": clean_name(name_hardware(r.hardware)),
        "wall_time": r.wall_time,
        "peak_memory": r.peak_memory,
        "health": r.health,
        "health_epoch": r.health_epoch,
        "health_advice": r.health_advice and clean_name(r.health_advice),
        "n_clusters_asked": r.params.get("n_clusters"),
        **r.metrics,
        **{
            f"{metric}/{clean_name(name)}/{score}": value
            for name, scores in r.outliers.items()
            for score, values in scores.items()
            for metric, value in values.items()
        },
    }


def _planned_row(planned: PlannedRuns, seed: int, key: str) -> dict[str, Any]:
    """Return the row of a cell that has no record."""
    return {
        **planned.row(),
        "seed": seed,
        "key": key,
        "status": "not run",
        "flags": [],
        "unlabelled": False,
        "error": "",
        **dict.fromkeys(("hardware", "wall_time", "peak_memory")),
    }


def name_hardware(hardware: Mapping[str, Any]) -> str:
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
    # Text as objects, which a copy puts into one block: with pandas' own type selections of rows take twice as long.
    text = [name for name, kind in frame.dtypes.items() if isinstance(kind, pd.StringDtype)]
    frame = _named_by_content(frame.astype(dict.fromkeys(text, object)).copy())
    planned = {}
    for place, group in frame.groupby(["dataset", "variant"]):
        seeds = itertools.chain.from_iterable(suites[number].seeds for number in set(group["run"]) if suites)
        planned[place] = max(len(set(seeds)), len(group))
    frame["planned"] = [planned[place] for place in zip(frame["dataset"], frame["variant"], strict=True)]
    return frame.sort_values(["dataset", "variant", "seed"], ignore_index=True)


def _named_by_content(frame: pd.DataFrame) -> pd.DataFrame:
    """Give one content one name, and different contents different ones, whatever the commands called them."""
    content = ["fingerprint", "config"]
    # A twin that was asked for later on, or by another run, is one variant still, and was asked for.
    first = frame.assign(order=frame["role"] != "asked").sort_values("order", kind="stable").drop_duplicates(content)
    names = first.set_index(content)[["variant", "title", "role"]]
    frame = frame.drop(columns=list(names)).join(names, on=content)

    # Twins have their partner's preset; presets may hold other values for other data sets, and are one all the same.
    partners = frame.loc[frame["twin"].notna(), ["fingerprint", "twin", "preset"]]
    partners = partners.set_axis([*content, "partner"], axis=1).drop_duplicates(content)
    frame = frame.merge(partners, on=content, how="left")
    preset = frame["preset"].fillna(frame["partner"]).fillna("")
    for mark, differing in (("@", preset), (" v", frame["version"])):
        # As objects: versions of pandas differ in what they add to their own type of text.
        suffix = differing.map(lambda value, mark=mark: f"{mark}{value}").astype(object)
        several = suffix.groupby(frame["variant"]).transform("nunique") > 1
        for column in ("variant", "title"):
            frame.loc[several, column] += suffix[several]
    # What still shares a name: other data, or other parameters.
    frame["revised"] = frame.groupby("dataset")["fingerprint"].transform("nunique") > 1
    for _, group in frame.groupby("dataset"):
        _tell_apart(frame, group, ["dataset"], by="fingerprint")
    for _, group in frame.groupby(["dataset", "variant"]):
        _tell_apart(frame, group, ["variant", "title"], by="config")
    return frame.drop(columns="partner")


def _tell_apart(frame: pd.DataFrame, group: pd.DataFrame, columns: list[str], by: str) -> None:
    """Add the first digits of a hash to names that several contents share."""
    if len(set(group[by])) > 1:
        for column in columns:
            frame.loc[group.index, column] = group[column] + " #" + group[by].str[:6]


def _refuse_other_data(runs: Sequence[Run], frame: pd.DataFrame) -> None:
    """Refuse to put together what bears one name and is not the same data."""
    for dataset, group in frame.loc[frame["revised"]].groupby(frame["dataset"].str.rpartition(" #")[0]):
        contents = group.drop_duplicates(["run", "fingerprint"])
        pairs = zip(contents["run"], contents["fingerprint"], strict=True)
        described = ", ".join(f"{runs[number].folder} has {content[:12]}" for number, content in pairs)
        raise InputError(
            f"{dataset} is not the same data in these runs ({described}); results on different data are not compared"
        )
