"""Calibration of soft assignments: whether one of .8 is right in eight of ten cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.board import DatasetRuns
from bench.report.document import Column, Sentence, Table
from bench.report.numbers import format_score
from bench.report.ranking import n_planned
from bench.report.runs_frame import (
    collapsed_mask,
    finished_runs,
    mean_sd_n,
    metric_values,
    partly_collapsed_mask,
    runs_by_variant,
)
from bench.report.sampling import stochastic_variants
from bench.report.section import Section
from bench.report.values import Absent, Count, Name, Number, Value

_LOSSES = ("ece", "ece_mass", "brier", "nll")
_AT_MEAN, _OVER_DRAWS = "at the mean", "over draws"
_KINDS = {_AT_MEAN: "", _OVER_DRAWS: "_sampled"}
_COLUMNS = ("variant", "title", "q", "n", "complete", "n_partly_collapsed", "note", "acc", "ece_change")


class Calibration(Section):
    """How far the soft assignments of each method can be believed."""

    name = "calibration"
    title = "Calibration of the soft assignment"
    place = 60

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        """Return one row a variant and kind of soft assignment ``q``; a variant without any has one, with the reason.

        ``ece_change`` is the mean over runs of the ECE of q averaged over draws less that of q at the mean of the code.
        """
        frame = runs.reported
        stochastic, rows = stochastic_variants(frame), []
        by_variant = runs_by_variant(frame)
        for variant in (name for name in runs.by_score if name in by_variant):
            own = by_variant[variant]
            place = {
                "variant": variant,
                "title": runs.titles[variant],
                "n_partly_collapsed": int(partly_collapsed_mask(own).sum()),
            }
            kinds = [place | row for row in _kinds_of(own, variant in stochastic)]
            acc = mean_sd_n(finished_runs(own), ["acc"])["acc"][0]
            rows += kinds or [place | {"q": "", "n": 0, "complete": False, "note": _why_not(own), "acc": acc}]
        columns = [*_COLUMNS, *(f"{loss}{sd}" for loss in _LOSSES for sd in ("", "_sd"))]
        table = pd.DataFrame(rows, columns=columns)
        return table if table["n"].any() else table.iloc[:0]

    def table(self, rows: pd.DataFrame) -> Table:
        metrics = [find_metric(loss) for loss in _LOSSES]
        columns = (
            Column("method", words=True),
            Column("q", words=True),
            Column("ECE ± sd"),
            *(Column(metric.title, aside=1) for metric in metrics[1:]),
            Column("ACC", aside=2),
            Column("runs", aside=2),
            Column("note", words=True, aside=1),
        )
        written: list[tuple[Value, ...]] = []
        for row in rows.to_dict("records"):
            complete = row["complete"] or not row["n"]
            written.append(
                (
                    Name(row["title"]),
                    Name(row["q"]) if row["q"] else Absent(),
                    Number(row["ece"], sd=row["ece_sd"], complete=complete),
                    *(Number(row[loss], complete=complete) for loss in _LOSSES[1:]),  # three decimals for all
                    Number(row["acc"] if row["n"] else np.nan),
                    Count(row["n"]),
                    Name(row["note"]) if row["note"] else Absent(),
                )
            )
        return Table("Calibration of the soft assignment q, as it is", columns, tuple(written))

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        return [*_best(rows), *_averaging(rows)]

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        notes = ["Calibration is described and not tested."]
        scored = rows.loc[rows["n"] > 0]
        if not scored["complete"].all() or scored["n_partly_collapsed"].any():
            notes.append(
                "Only methods of which all planned runs have a soft assignment are called best calibrated, and none of "
                "which a run partly collapsed: few clusters are calibrated easily. Means over fewer runs are marked *."
            )
        return notes


def _kinds_of(runs: pd.DataFrame, stochastic: bool) -> list[dict[str, Any]]:
    rows = []
    for q, suffix in _KINDS.items():
        summary = mean_sd_n(runs, [f"{loss}{suffix}" for loss in _LOSSES])
        n = summary[f"ece{suffix}"][2]
        if not n:
            continue
        row: dict[str, Any] = {"q": q, "n": n, "complete": n == n_planned(runs), "note": ""}
        for loss, (mean, sd, _) in zip(_LOSSES, summary.values(), strict=True):
            row |= {loss: mean, f"{loss}_sd": sd}
        ece = metric_values(runs, f"ece{suffix}")
        if q == _AT_MEAN:
            row["acc"] = mean_sd_n(runs.loc[np.isfinite(ece)], ["acc"])["acc"][0]
        elif stochastic:
            change = ece - metric_values(runs, "ece")
            row["ece_change"] = float(change[np.isfinite(change)].mean()) if np.isfinite(change).any() else np.nan
        rows.append(row)
    return rows


def _why_not(runs: pd.DataFrame) -> str:
    ended = finished_runs(runs)
    if ended.empty:
        return "no run has finished"
    if collapsed_mask(ended).all():
        return f"all {len(ended)} runs collapsed"
    return "no soft assignment"


def _best(rows: pd.DataFrame) -> list[Sentence]:
    """Name the best calibrated of at least two variants that have all their runs, in none of which clusters died."""
    complete = rows.loc[rows["complete"].astype(bool) & (rows["n_partly_collapsed"] == 0)]
    if complete["variant"].nunique() < 2:
        return []
    best = complete.iloc[int(np.argmin(complete["ece"]))]
    return [
        Sentence(
            f"Best calibrated on average: {best['title']} with q {best['q']}.", f"ECE {format_score(best['ece'])}."
        )
    ]


def _averaging(rows: pd.DataFrame) -> list[Sentence]:
    """Say what averaging over draws does to the mean ECE."""
    changes: dict[str, list[str]] = {}
    for row in rows.loc[rows["ece_change"].notna()].to_dict("records"):
        before, after = format_score(row["ece"] - row["ece_change"]), format_score(row["ece"])
        verb = "leaves" if before == after else "lowers" if row["ece_change"] < 0 else "raises"
        numbers = f"at {before}" if before == after else f"from {before} to {after}"
        changes.setdefault(verb, []).append(f"of {row['title']} {numbers}")
    verbs = "; it ".join(f"{verb} the mean ECE {', '.join(some)}" for verb, some in changes.items())
    return [Sentence(f"Averaging q over draws {verbs}.")] if changes else []


section = Calibration()
