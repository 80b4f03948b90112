"""Contrasts: each stochastic method against its deterministic counterpart on one data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.board import DatasetRuns
from bench.report.document import Column, Sentence, Table
from bench.report.numbers import format_difference, format_equation, format_interval, format_margin, format_p
from bench.report.ranking import comparison_columns, matched_scores
from bench.report.runs_frame import OF_NOISE, OF_PRIOR, TOTAL, twin_pairs
from bench.report.section import Section
from bench.report.values import Count, Interval, Name, Number, P, Value
from bench.statistics.correction import MethodComparison

SIGNIFICANT = ("better", "worse")


_QUESTIONS = (
    f"{OF_NOISE.capitalize()}: the method less itself without noise. {OF_PRIOR.capitalize()}: the latter less the "
    f"deterministic counterpart, which has as many training steps. {TOTAL.capitalize()}: both together."
)


_INTERVALS = (
    "The interval beside a difference is over seeds: what other trainings on these points would give. The one over "
    "points is what these trained runs would give on other points (bootstrap, the same resamples for all runs). "
    "Neither holds for other data sets."
)


class Contrasts(Section):
    """Does noise help? The difference of each pair, tested."""

    name = "contrasts"
    title = "Stochastic methods against their counterparts"
    place = 10
    every_board = True
    csv = "contrasts.csv"

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        summary = {row["variant"]: row for row in runs.summary.to_dict("records")}
        rows = []
        for question, contrast in runs.contrasts:
            own, other = summary[contrast.a], summary[contrast.b]
            means = [
                float(np.mean(matched_scores(runs.scores[name], contrast.matched) or np.nan))
                for name in (contrast.a, contrast.b)
            ]
            facts = {
                "complete": len(contrast.matched) == max(own["planned"], other["planned"]),
                "n_collapsed": own["n_collapsed"],
                "counterpart_n_collapsed": other["n_collapsed"],
            }
            row = contrast_row(contrast, runs.titles, runs.metric.name, means)
            points = runs.point_intervals.get((contrast.a, contrast.b), (np.nan, np.nan))
            rows.append({"question": question} | row | facts | over_points(row, points))
        return pd.DataFrame(rows)

    def table(self, rows: pd.DataFrame) -> Table:
        return contrast_table(rows)

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        return [contrast_sentence(row) for row in rows.to_dict("records")]

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        notes = [_INTERVALS] if (rows["wider"] != "").any() else []
        notes += [_QUESTIONS] if (rows["question"] != TOTAL).any() else []
        if rows["family_size"].max() > 1:
            notes.append(
                "Intervals and p are those of each contrast alone; p (Holm) is adjusted over all contrasts of the data "
                "set, and decides."
            )
        if alone := [runs.titles[name] for name in twin_pairs(runs.frame)[1]]:
            notes.append(f"Without a contrast, since its deterministic counterpart was not run: {', '.join(alone)}.")
        return notes


def contrast_row(
    contrast: MethodComparison, titles: Mapping[str, str], metric: str, means: Sequence[float]
) -> dict[str, Any]:
    """Return the row of a contrast.

    Parameters
    ----------
    contrast : MethodComparison
        A stochastic variant against its counterpart.
    titles : mapping of str to str
        Of each variant.
    metric : str
    means : (float, float)
        Of both over what they are matched by.
    """
    return {
        "variant": contrast.a,
        "title": titles[contrast.a],
        "counterpart": contrast.b,
        "counterpart_title": titles[contrast.b],
        "metric": metric,
        "mean": means[0],
        "counterpart_mean": means[1],
        "complete": True,
        "n_collapsed": 0,
        "counterpart_n_collapsed": 0,
        **comparison_columns(contrast),
        "family_size": contrast.family_size,
        "n_needed": contrast.n_needed,
        "outcome": contrast.outcome,
        "reason": contrast.reason or "",
        "unit": contrast.unit,
        "rope": contrast.result.rope if contrast.result and contrast.result.rope is not None else np.nan,
    }


def over_points(row: Mapping[str, Any], interval: tuple[float, float]) -> dict[str, Any]:
    """Return the columns of an interval over points, and which of the two intervals of a row is the wider."""
    widths = row["ci_high"] - row["ci_low"], interval[1] - interval[0]
    wider = "" if not np.isfinite(widths).all() else "seeds" if widths[0] >= widths[1] else "points"
    return {"points_ci_low": interval[0], "points_ci_high": interval[1], "wider": wider}


def is_equivalent(row: Mapping[Any, Any]) -> bool:
    """Return whether the two of a contrast are equivalent in practice; not where most of their runs collapsed."""
    collapsed = max(row["n_collapsed"], row["counterpart_n_collapsed"])
    return row["practical"] == "equivalent" and 2 * collapsed <= row["n_pairs"]


def contrast_table(rows: pd.DataFrame) -> Table:
    """Return the table of contrasts."""
    metric = find_metric(rows["metric"].iloc[0])
    unit = rows["unit"].iloc[0]
    by_points = "wider" in rows and (rows["wider"] != "").any()
    columns = (
        Column("contrast", words=True),
        Column("method", words=True),
        Column(metric.title, aside=2),
        Column("against", words=True),
        Column(f"{metric.title} of that", aside=2),
        Column(f"Δ{metric.title} [95 % CI]"),
        *([Column("[95 % CI over points]", aside=2)] if by_points else []),
        Column("p", aside=1),
        Column("p (Holm)"),
        Column(f"{unit}s", aside=1),
        Column("verdict", words=True),
    )
    written: list[tuple[Value, ...]] = []
    for row in rows.to_dict("records"):
        written.append(
            (
                Name(row["question"]),
                Name(row["title"]),
                Number(row["mean"], metric, complete=row["complete"]),
                Name(row["counterpart_title"]),
                Number(row["counterpart_mean"], metric, complete=row["complete"]),
                Interval(row["difference"], row["ci_low"], row["ci_high"], metric, signed=True),
                *([Interval(np.nan, row["points_ci_low"], row["points_ci_high"], metric)] if by_points else []),
                P(row["p_value"]),
                P(row["p_adjusted"]),
                Name(f"1 vs {row['n_pairs']}") if row["form"] == "one-sample" else Count(row["n_pairs"]),
                Name(_verdict(row)),
            )
        )
    return Table(f"{metric.title} with noise and without", columns, tuple(written), cite=True)


def _verdict(row: Mapping[Any, Any]) -> str:
    equivalent = row["outcome"] == "not significant" and is_equivalent(row)
    return "equivalent" if equivalent else row["verdict"]


def contrast_sentence(row: Mapping[Any, Any]) -> Sentence:
    """Return what is to say of one contrast: ``S-DEC vs IDEC: ΔACC −.001, 95 % CI [...] (unadjusted), p = ...``."""
    claim = f"{row['title']} vs {row['counterpart_title']}:"
    if not math.isfinite(row["p_adjusted"]):
        return Sentence(claim, f"not compared, {row['reason']}.")
    metric = find_metric(row["metric"])
    size = f"n = 1 vs {row['n_pairs']}" if row["form"] == "one-sample" else f"n = {row['n_pairs']}"
    numbers = [f"Δ{metric.title} {format_difference(row['difference'], metric)}"]
    if math.isfinite(row["ci_low"]):
        wider = row.get("wider")
        remarks = ["unadjusted"] * (row["family_size"] > 1) + ["the wider"] * (wider == "seeds")
        interval = format_interval(row["ci_low"], row["ci_high"], metric)
        numbers.append(f"95 % CI over {row['unit']}s {interval}{_in_brackets(remarks)}")
        if wider:
            interval = format_interval(row["points_ci_low"], row["points_ci_high"], metric)
            numbers.append(f"over points {interval}{_in_brackets(['the wider'] * (wider == 'points'))}")
    numbers += [format_equation(row["p_value"]), size]
    holm = f" after Holm ({format_p(row['p_adjusted'])})" if row["family_size"] > 1 else ""
    if row["outcome"] in SIGNIFICANT:
        verdict = f"significantly {row['outcome']}{holm}"
    elif row["outcome"] == "too few":
        verdict = row["verdict"]
    else:
        verdict = f"not significant{holm}"
    if is_equivalent(row):
        but = " but" if row["outcome"] in SIGNIFICANT else ","
        verdict += f"{but} equivalent within ±{format_margin(row['rope'], metric)}"
    caveats = []
    for title, lost, collapsed in (
        (row["title"], row["n_lost"], row["n_collapsed"]),
        (row["counterpart_title"], row["n_won"], row["counterpart_n_collapsed"]),
    ):
        if lost:
            count = "counts" if lost == 1 else "count"
            caveats.append(f"{_runs(lost)} of {title} ended without a score and {count} as lost")
        if collapsed:
            caveats.append(f"{_runs(collapsed)} of {title} collapsed")
    return Sentence(claim, ". ".join([f"{', '.join(numbers)}; {verdict}", *caveats]) + ".")


def _in_brackets(remarks: Sequence[str]) -> str:
    return f" ({'; '.join(remarks)})" if remarks else ""


def _runs(n: int) -> str:
    return f"{n} run{'s' * (n != 1)}"


section = Contrasts()
