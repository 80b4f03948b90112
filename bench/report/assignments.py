"""Assignments of items to clusters: the runs to report, and their tables."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.data.dataset import NO_CLASS
from bench.errors import InputError
from bench.metrics import Metric, find_metric
from bench.metrics.registry import NOISE
from bench.records.record import Items
from bench.records.store import Run
from bench.report.numbers import format_score
from bench.report.runs_frame import finished_runs, median_run, metric_values, runs_by_variant, variant_titles
from bench.text import clean_name, last_line

if TYPE_CHECKING:
    import pandas as pd

#: File of a report that lists which item is in which cluster.
ASSIGNMENTS = "assignments.csv"
_COLUMNS = ("dataset", "method", "seed", "item", "cluster", "confidence", "class")
#: Metric by which runs on unlabelled data are compared.
WITHOUT_LABELS = "silhouette_pixels"
#: Rows of the table that a report writes: some 10 MB.
_MOST_ROWS = 200_000

#: A text that begins so is a formula to a spreadsheet.
_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class ChosenRun:
    """A run whose assignments are reported.

    Attributes
    ----------
    run : Run
        Where it is kept.
    key, fingerprint : str
    dataset, variant : str
        As leaderboards name them.
    seed : int
    why : str
        A clause: why this run of the variant.
    items : Items or None
        Names of the points in the source, where they are known.
    """

    run: Run
    key: str
    fingerprint: str
    dataset: str
    variant: str
    seed: int
    why: str
    items: Items | None = None

    def __str__(self) -> str:
        return f"{self.variant} on {self.dataset}: seed {self.seed}, {self.why}"

    def labels(self) -> np.ndarray:
        """Return the cluster of each point (n_samples,), -1 for noise.

        Raises
        ------
        InputError
            If they cannot be read.
        """
        return self._outputs()["labels"]

    def names(self, n: int) -> list[str] | None:
        """Return what the source calls each of so many points, None where it is not known."""
        return self.items.items if self.items is not None and len(self.items.items) == n else None

    def table(self) -> pd.DataFrame:
        """Return one row a point, with `_COLUMNS`.

        ``item`` is what the source calls the point, else its position from 0; ``cluster`` is -1 for noise;
        ``confidence`` the largest soft assignment, NaN for noise and where there is none; ``class`` its name, None
        where the point has none.

        Raises
        ------
        InputError
            If the raw outputs cannot be read.
        """
        import pandas as pd

        outputs = self._outputs()
        labels = outputs["labels"]
        names = self.names(len(labels))
        return pd.DataFrame(
            {
                "dataset": self.dataset,
                "method": self.variant,
                "seed": self.seed,
                "item": np.arange(len(labels)) if names is None else pd.Series(names, dtype=object),
                "cluster": labels,
                "confidence": _confidence(labels, outputs.get("soft_assignment")),
                "class": pd.Series(self._class_names(len(labels)), dtype=object),
            },
            columns=list(_COLUMNS),
        )

    def _outputs(self) -> dict[str, np.ndarray]:
        outputs = self.run.outputs(self.key, ["labels", "soft_assignment"])
        labels = outputs.get("labels")
        if labels is None or labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
            mend = "run it again (--force)"
            raise InputError(f"{self.run.folder}: the raw outputs of {self.key} hold no labels; {mend}")
        return outputs

    def _class_names(self, n: int) -> list[str | None]:
        kept = self.run.dataset(self.fingerprint)
        classes, names = kept.get("classes"), [str(name) for name in kept.get("class_names", ())]
        if classes is None or classes.shape != (n,):
            return [None] * n
        known = dict(enumerate(names))
        return [None if code == NO_CLASS else known.get(code, str(code)) for code in classes.tolist()]


def _confidence(labels: np.ndarray, soft: np.ndarray | None) -> np.ndarray:
    """Return the largest soft assignment of each point (n_samples,), NaN where there is none."""
    if soft is None or soft.ndim != 2 or len(soft) != len(labels) or not soft.size:
        return np.full(len(labels), np.nan)
    largest = soft.max(axis=1).astype(np.float64)
    return np.where((labels == NOISE) | ~np.isfinite(largest), np.nan, largest)


def choose_runs(
    frame: pd.DataFrame,
    runs: Sequence[Run],
    metric: Metric,
    *,
    method: str | None = None,
    seed: int | None = None,
    dataset: str | None = None,
) -> tuple[list[ChosenRun], list[str]]:
    """Choose a run of each variant: the median one by a metric, or that of a seed.

    Parameters
    ----------
    frame : DataFrame
        The frame of runs, as `bench.report.runs_frame` describes, with their ``key`` and the number of their ``run``.
    runs : sequence of Run
    metric : Metric
        The primary one. Where no run of a data set has it, `WITHOUT_LABELS` is taken, and where none has that, the
        lowest seed.
    method : str, optional
        Of which variants: a variant, a title or a method's name, or how a variant or a title begins.
    seed : int, optional
        A method that takes no seed has one run for all of them.
    dataset : str, optional
        On which data set; or how its name begins.

    Returns
    -------
    chosen : list of Chosen
        By data set, the best score first.
    left_out : list of str
        Why variants have none.

    Raises
    ------
    InputError
        If there is no such method, seed or data set, or no run of them ended well.
    """
    if frame.empty:
        raise InputError(f"{', '.join(str(run.folder) for run in runs)}: there are no runs; run the suite first")
    selected = _of_method(_of_dataset(frame, runs, dataset), method)
    if seed is not None and not selected.empty and selected["seeded"].all() and seed not in set(selected["seed"]):
        raise InputError(f"--seed {seed}: no such seed in this run; it has {_listed(selected['seed'].sort_values())}")
    chosen: list[ChosenRun] = []
    left_out: list[str] = []
    items: dict[tuple[int, str, str], Items | None] = {}
    for name, of_dataset in selected.groupby("dataset", sort=False):
        scored = metric if _has(of_dataset, metric) else find_metric(WITHOUT_LABELS)
        candidates: list[tuple[float, ChosenRun]] = []
        for variant, rows in runs_by_variant(of_dataset).items():
            try:
                cell, why = _run_of(rows, scored, seed)
            except InputError as error:
                left_out.append(f"{variant} on {name}: {error}")
                continue
            score = float(metric_values(cell.to_frame().T, scored.name)[0])
            badness = np.inf if np.isnan(score) else (-score if scored.greater_is_better else score)
            source = int(cell["run"]), str(cell["fingerprint"]), str(name)
            if source not in items:
                items[source] = _items(runs[source[0]], *source[1:])
            candidates.append(
                (
                    badness,
                    ChosenRun(
                        run=runs[source[0]],
                        key=str(cell["key"]),
                        fingerprint=source[1],
                        dataset=source[2],
                        variant=variant,
                        seed=int(cell["seed"]),
                        why=why,
                        items=items[source],
                    ),
                )
            )
        chosen += [one for _, one in sorted(candidates, key=lambda pair: pair[0])]
    if not chosen:
        raise InputError("; ".join(left_out))
    return chosen, left_out


def assignment_tables(chosen: Iterable[ChosenRun]) -> tuple[list[tuple[ChosenRun, pd.DataFrame]], list[str]]:
    """Return the tables of runs, and why the others have none; nothing is raised where outputs cannot be read."""
    tables, left_out = [], []
    for one in chosen:
        try:
            tables.append((one, one.table()))
        except InputError as error:
            left_out.append(f"{one.variant} on {one.dataset}: {error}")
    return tables, left_out


def runs_listed(frame: pd.DataFrame, runs: Sequence[Run], metric: Metric) -> tuple[list[ChosenRun], int]:
    """Return the runs that the table of a report lists, and of how many variants the points have names.

    Parameters
    ----------
    frame, runs, metric
        As for `choose_runs`.

    Returns
    -------
    listed : list of ChosenRun
        The median run of each variant whose points have names and whose outputs can be read, the best ones within the
        limit of rows.
    n_named : int
    """
    sources = frame[["run", "fingerprint", "dataset"]].drop_duplicates()
    has_names = {
        dataset
        for number, fingerprint, dataset in sources.itertuples(index=False)
        if _items(runs[number], str(fingerprint), str(dataset)) is not None
    }
    try:
        chosen, _ = choose_runs(frame.loc[frame["dataset"].isin(has_names)], runs, metric)
    except InputError:  # no run gave labels, as the leaderboards say
        return [], 0
    named = [one for one in chosen if one.items is not None]
    listed = []
    for one in within_row_limit(named):
        with contextlib.suppress(InputError):
            one.labels()
            listed.append(one)
    return listed, len(named)


def as_csv(tables: Iterable[pd.DataFrame]) -> Iterator[str]:
    """Yield tables as CSV, one chunk a table, under one line of headings.

    Notes
    -----
    Names come from elsewhere. One that a spreadsheet would take for a formula has an apostrophe before it, bytes that
    are not UTF-8 are written as escapes, and names with commas, quotes or line ends are quoted.
    """
    from pandas.api.types import is_numeric_dtype

    for i, table in enumerate(tables):
        safe = {
            column: table[column].map(_safe, na_action="ignore")
            for column in ("dataset", "method", "item", "class")
            if not is_numeric_dtype(table[column])
        }
        table = table.assign(**safe)
        # A carriage return alone is not quoted by the csv module of every Python.
        odd = any(values.astype(str).str.contains("\r").any() for values in safe.values())
        quoting: Literal[0, 2] = 2 if odd else 0  # csv.QUOTE_NONNUMERIC, csv.QUOTE_MINIMAL
        text = table.to_csv(header=i == 0, index=False, lineterminator="\n", float_format="%.6g", quoting=quoting)
        yield str(text)


def as_parquet(tables: Sequence[pd.DataFrame], path: Path) -> None:
    """Write tables as one parquet file, names as they are; bytes that are not UTF-8 become escapes."""
    import pandas as pd

    texts = ("dataset", "method", "item", "class")
    stored = [t.assign(**{c: t[c].map(_storable, na_action="ignore").astype("string") for c in texts}) for t in tables]
    pd.concat(stored, ignore_index=True).to_parquet(path, index=False)


def within_row_limit(chosen: Sequence[ChosenRun], most: int = _MOST_ROWS) -> list[ChosenRun]:
    """Return the best runs of each data set whose points have names, in all with at most so many rows.

    Of every such data set one is there, whatever its size.
    """
    ranks: Counter[str] = Counter()
    kept: list[ChosenRun] = []
    rows = 0
    ranked = []
    for one in chosen:
        ranked.append((ranks[one.dataset], one))
        ranks[one.dataset] += 1
    for rank, one in sorted(ranked, key=lambda pair: pair[0]):
        size = 0 if one.items is None else len(one.items.items)
        if size and (rank == 0 or rows + size <= most):
            kept.append(one)
            rows += size
    return [one for one in chosen if one in kept]


def _items(run: Run, fingerprint: str, dataset: str) -> Items | None:
    known = run.items(fingerprint)
    own = [items for items in known if clean_name(items.dataset) == dataset.partition(" #")[0]]
    return next(iter(own or known), None)  # of another name, but of the same points in the same order


def _of_dataset(frame: pd.DataFrame, runs: Sequence[Run], asked: str | None) -> pd.DataFrame:
    if asked is None:
        return frame
    for matches in (frame["dataset"] == asked, frame["dataset"].str.startswith(asked)):
        if matches.any() and asked:
            return frame.loc[matches]
    for fingerprint, group in frame.groupby("fingerprint"):  # equal points may have come under several names
        names = {clean_name(i.dataset) for run in group["run"].unique() for i in runs[run].items(str(fingerprint))}
        if asked in names:
            return group.assign(dataset=asked)
    raise InputError(f"--dataset {asked}: no such data set in this run; it has {_listed(frame['dataset'])}")


def _of_method(frame: pd.DataFrame, asked: str | None) -> pd.DataFrame:
    if asked is None:
        return frame
    text, labels = asked.casefold(), variant_titles(frame)
    titles = frame["variant"].map(labels).str.casefold()
    variants, methods = frame["variant"].str.casefold(), frame["method"].str.casefold()
    begins = variants.str.startswith(text) | titles.str.startswith(text)
    for matches in (variants == text, titles == text, methods == text, begins):
        if matches.any() and text:
            return frame.loc[matches]
    raise InputError(f"--method {asked}: no such method in this run; it has {_listed(frame['variant'])}")


def _listed(names: pd.Series) -> str:
    return ", ".join(dict.fromkeys(names.astype(str)))


def _has(frame: pd.DataFrame, metric: Metric) -> bool:
    return bool(np.isfinite(metric_values(finished_runs(frame), metric.name)).any())


def _run_of(rows: pd.DataFrame, metric: Metric, seed: int | None) -> tuple[pd.Series, str]:
    """Return one of the runs of a variant, and why it is this one.

    Raises
    ------
    InputError
        If there is none.
    """
    ended = finished_runs(rows)
    if seed is not None and rows["seeded"].all():
        asked = rows.loc[rows["seed"] == seed]
        if asked.empty:
            raise InputError(f"there is no seed {seed}; there are {_listed(rows['seed'])}")
        if asked["status"].iloc[0] != "ok":
            raise InputError(f"seed {seed} gave no labels: {_how_it_ended(asked.iloc[0])}")
        return asked.iloc[0], "as asked for"
    if ended.empty:
        raise InputError(f"no run gave labels: {_how_it_ended(rows.iloc[0])}")
    cell = median_run(ended, metric)
    if len(ended) == 1:
        return cell, "the only run" if rows["seeded"].all() else "the only run, since the method takes no seed"
    score = float(metric_values(cell.to_frame().T, metric.name)[0])
    if np.isnan(score):
        return cell, f"the first of {len(ended)} runs, since none has a {metric.title}"
    return cell, f"the median of {len(ended)} runs by {metric.title} ({format_score(score, metric)})"


def _how_it_ended(cell: pd.Series) -> str:
    return f"{cell['status']} {last_line(str(cell['error'] or ''))}".strip()


def _storable(text: object) -> str:
    """Return a name that every encoder takes: bytes that are not UTF-8 become escapes."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def _safe(text: object) -> str:
    written = _storable(text)
    return f"'{written}" if _FORMULA.match(written) and not _NUMBER.fullmatch(written) else written
