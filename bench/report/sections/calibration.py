"""Calibration of soft assignments: whether one of .8 is right in eight of ten cases."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.document import WORDS, Entry, TextTable, make_table, word_entry
from bench.report.numbers import ABSENT, format_mean, format_score
from bench.report.ranking import n_planned
from bench.report.runs_frame import collapsed_mask, finished_runs, mean_sd_n, partly_collapsed_mask, runs_by_variant
from bench.report.sections.contrasts import stochastic_variants

LOSSES = ("ece", "ece_mass", "brier", "nll")
_AT_MEAN, OVER_DRAWS = "at the mean", "over draws"
_KINDS = {_AT_MEAN: "", OVER_DRAWS: "_sampled"}


def calibration_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a variant and kind of soft assignment; a variant without any has one, with the reason.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set, as `mask_uncertainty` returns them.

    Returns
    -------
    DataFrame
        Columns ``variant``, ``q``, ``n``, ``complete``, ``note``, and mean and sd of each loss: ``ece``, ``ece_sd``,
        ... and ``acc``. Empty where no variant is calibrated or not.
    """
    rows = []
    for variant, runs in runs_by_variant(frame).items():
        place = {"variant": variant, "acc": mean_sd_n(finished_runs(runs), ["acc"])["acc"][0]}
        kinds = []
        for q, suffix in _KINDS.items():
            summary = mean_sd_n(runs, [f"{loss}{suffix}" for loss in LOSSES])
            n = summary[f"ece{suffix}"][2]
            if n:
                numbers: dict[str, float] = {}
                for loss, (mean, sd, _) in zip(LOSSES, summary.values(), strict=True):
                    numbers |= {loss: mean, f"{loss}_sd": sd}
                healthy = runs.loc[np.isfinite(pd.to_numeric(runs[f"ece{suffix}"], errors="coerce"))]
                acc = mean_sd_n(healthy, ["acc"])["acc"][0] if q == _AT_MEAN else np.nan
                described = {"q": q, "n": n, "complete": n == n_planned(runs), "note": ""}
                kinds.append(place | described | numbers | {"acc": acc})
        rows += kinds or [place | {"q": ABSENT, "n": 0, "complete": False, "note": _why_not(runs)}]
    columns = ["variant", "q", "n", "complete", "note", "acc", *(f"{x}{sd}" for x in LOSSES for sd in ("", "_sd"))]
    table = pd.DataFrame(rows, columns=columns)
    return table if table["n"].any() else table.iloc[:0]


def _why_not(runs: pd.DataFrame) -> str:
    ended = finished_runs(runs)
    if ended.empty:
        return "no run has finished"
    if collapsed_mask(ended).all():
        return f"all {len(ended)} runs collapsed"
    return "no soft assignment"


def calibration_table(rows: pd.DataFrame, labels: Mapping[str, str]) -> TextTable:
    """Return the table of `calibration_rows`."""
    metrics = [find_metric(loss) for loss in LOSSES]
    entries = []
    for row in rows.to_dict("records"):
        cells: list[Entry] = [word_entry(labels[row["variant"]]), word_entry(row["q"])]
        cells.append((format_mean(row["ece"], row["ece_sd"], metrics[0]), row["ece"]))
        for metric in metrics[1:]:
            form = metric if metric.unit_scale else find_metric("ece")  # three decimals are enough for all
            cells.append((format_score(row[metric.name], form), row[metric.name]))
        acc = row["acc"] if row["n"] else np.nan
        cells += [(format_score(acc, find_metric("acc")), acc), (str(row["n"]), row["n"]), word_entry(row["note"])]
        entries.append(cells)
    header = ("variant", "q", "ECE ± sd", *(metric.title for metric in metrics[1:]), "ACC", "n", "note")
    title = "Calibration of the soft assignment, as it is"
    return make_table(title, header, entries, cite=False, left=WORDS | {"q", "note"})


def calibration_sentences(rows: pd.DataFrame, frame: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    """Name the best calibrated variant, and say what averaging over draws does; both only describe."""
    ece, sentences = find_metric("ece"), []
    lost = set(frame.loc[partly_collapsed_mask(frame), "variant"])  # few clusters are calibrated easily
    complete = rows.loc[rows["complete"].astype(bool) & ~rows["variant"].isin(lost)]
    if len(complete["variant"].unique()) > 1:
        best = complete.iloc[int(np.argmin(complete["ece"]))]
        which = f"{labels[best['variant']]}, q {best['q']}"
        sentences.append(f"Best calibrated on average: {which}, with an ECE of {format_score(best['ece'], ece)}.")
    changes: dict[str, list[str]] = {}
    stochastic = stochastic_variants(frame)
    for variant, runs in runs_by_variant(frame).items():
        if variant not in stochastic or not {"ece", "ece_sampled"} <= set(runs.columns):
            continue
        pairs = runs[["ece", "ece_sampled"]].apply(pd.to_numeric, errors="coerce").dropna()
        if len(pairs):
            before, after = (format_score(float(x), ece) for x in pairs.mean())
            change = float(pairs["ece_sampled"].mean() - pairs["ece"].mean())
            verb = "leaves" if before == after else "lowers" if change < 0 else "raises"
            numbers = f"at {before}" if before == after else f"from {before} to {after}"
            changes.setdefault(verb, []).append(f"of {labels[variant]} {numbers}")
    if changes:
        verbs = "; it ".join(f"{verb} the mean ECE {', '.join(some)}" for verb, some in changes.items())
        sentences.append(f"Averaging q over draws {verbs}.")
    return sentences
