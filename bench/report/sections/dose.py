"""Dose and response: the effect of noise against how much of the codes' variance the noise is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.board import DatasetRuns
from bench.report.document import Column, Sentence, Table
from bench.report.numbers import format_difference, format_equation, format_share
from bench.report.ranking import comparison_columns
from bench.report.runs_frame import (
    OF_NOISE,
    TOTAL,
    families,
    finished_runs,
    metric_values,
    runs_by_variant,
    shared_title,
)
from bench.report.section import Section
from bench.report.sections.contrasts import SIGNIFICANT
from bench.report.values import Amount, Count, Interval, Name, P, Value

if TYPE_CHECKING:
    from bench.report.plots.figure import Figure

_Row = Mapping[Any, Any]

#: What a row has of its contrast.
_NUMBERS = ("difference", "ci_low", "ci_high", "p_adjusted", "n_pairs", "verdict")


class DoseSection(Section):
    """Does noise help at any dose? The dose is the measured share of noise, whatever parameter sets it."""

    name = "dose"
    title = "Effect of noise by its dose"
    place = 15
    every_board = True
    plots = ("dose",)

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        """Return one row a stochastic variant, by method and then by dose.

        ``latent_noise`` is the mean over runs of the noise's share of the variance of the codes. The contrast is the
        method less itself without noise where that was run, else less its counterpart; it is one of the section of
        contrasts, with the same p. There are no rows where hyper-parameters are fixed and no method has two doses.
        """
        by_variant = {c.a: (question, c) for question, c in runs.contrasts if question == TOTAL}
        by_variant |= {c.a: (question, c) for question, c in runs.contrasts if question == OF_NOISE}
        n_collapsed = dict(zip(runs.summary["variant"], runs.summary["n_collapsed"], strict=True))
        rows = []
        for family in families(runs.frame):
            own = []
            for variant, finished in runs_by_variant(finished_runs(family)).items():
                dose = metric_values(finished, "latent_noise")
                dose = dose[np.isfinite(dose)]
                if variant not in by_variant or not dose.any():
                    continue
                question, c = by_variant[variant]
                numbers = comparison_columns(c)
                own.append(
                    {
                        "variant": variant,
                        "title": runs.titles[variant],
                        "latent_noise": dose.mean(),
                        "latent_noise_min": dose.min(),
                        "latent_noise_max": dose.max(),
                        "question": question,
                        "counterpart_title": runs.titles[c.b],
                        "metric": runs.metric.name,
                        **{column: numbers[column] for column in _NUMBERS},
                        "n_collapsed": n_collapsed[variant],
                        "outcome": c.outcome,
                    }
                )
            line = shared_title([row["title"] for row in own], str(family["method"].iloc[0]))
            rows += [{"line": line} | row for row in sorted(own, key=lambda row: row["latent_noise"])]
        table = pd.DataFrame(rows)
        if table.empty or (runs.board.is_headline and not table["line"].duplicated().any()):
            return table.iloc[:0]
        return table

    def table(self, rows: pd.DataFrame) -> Table:
        metric = find_metric(rows["metric"].iloc[0])
        columns = (
            Column("method", words=True),
            Column("latent noise"),
            Column("against", words=True),
            Column(f"Δ{metric.title} [95 % CI]"),
            Column("p (Holm)"),
            Column("seeds", aside=1),
            Column("collapsed", aside=1),
            Column("verdict", words=True),
        )
        written: list[tuple[Value, ...]] = [
            (
                Name(row["title"]),
                Amount(row["latent_noise"], "%"),
                Name(row["counterpart_title"]),
                Interval(row["difference"], row["ci_low"], row["ci_high"], metric, signed=True),
                P(row["p_adjusted"]),
                Count(row["n_pairs"]),
                Count(row["n_collapsed"]),
                Name(row["verdict"]),
            )
            for row in rows.to_dict("records")
        ]
        return Table(
            f"Effect of noise on {metric.title} by its share of the variance of the codes", columns, tuple(written)
        )

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        return [_sentence(own) for _, own in rows.groupby("line", sort=False)]

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        notes = [
            "Dose: the noise's share of the variance of the codes after training, mean over runs. "
            "p (Holm) is adjusted over all contrasts of the data set; intervals are those of each contrast alone."
        ]
        if (rows["question"] == TOTAL).any():
            notes.append("Where the method without noise was not run, its counterpart stands for it, without prior.")
        return notes

    def figures(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[Figure | None]:
        if not rows["line"].duplicated().any():
            return []
        from bench.report import plots
        from bench.report.plots.export import figure_name

        title = f"Effect of noise on {runs.metric.title} by its dose on {runs.dataset}, 95 % intervals (unadjusted)"
        name = figure_name("dose", runs.board.name, runs.dataset)
        return [plots.dose_response(rows, runs.metric, runs.looks, name=name, title=title)]

    def is_news(self, rows: pd.DataFrame) -> bool:
        return True


def _sentence(rows: pd.DataFrame) -> Sentence:
    """Say at how many doses of a method noise helps, or hurts, and where its effect is largest."""
    records = rows.to_dict("records")
    line, n = records[0]["line"], len(records)
    doses = f"{_range(records)} of the variance of the codes"
    tested = [row for row in records if row["outcome"] not in ("too few", "not compared")]
    if n == 1:
        return Sentence(f"{records[0]['title']}: noise is {doses}.", _numbers(records[0]))
    if not tested:
        return Sentence(f"{line}: no dose could be tested, of {n} with noise of {doses}.", f"{_why(records)}.")
    parts = [
        f"{word} at {len(own)} of {n} doses ({_range(own)} of the variance of the codes)"
        for word, outcome in (("helps", "better"), ("hurts", "worse"))
        if (own := [row for row in tested if row["outcome"] == outcome])
    ]
    if not parts:
        return Sentence(f"{line}: noise has no significant effect at any of {n} doses, {doses}.", _largest(tested))
    significant = [row for row in tested if row["outcome"] in SIGNIFICANT]
    return Sentence(f"{line}: noise {' and '.join(parts)}.", _largest(significant))


def _largest(records: Sequence[_Row]) -> str:
    row = max(records, key=lambda row: abs(row["difference"]))
    return f"Largest at {format_share(row['latent_noise'])}, {row['title']}: {_numbers(row)}"


def _numbers(row: _Row) -> str:
    if row["outcome"] in ("too few", "not compared"):
        return f"{_why([row])}."
    metric = find_metric(row["metric"])
    size = f"Δ{metric.title} {format_difference(row['difference'], metric)} against {row['counterpart_title']}"
    return f"{size}, {format_equation(row['p_adjusted'])} (Holm), n = {row['n_pairs']}."


def _why(records: Sequence[_Row]) -> str:
    verdict = str(records[0]["verdict"])
    return verdict[0].upper() + verdict[1:]


def _range(records: Sequence[_Row]) -> str:
    shares = [row["latent_noise"] for row in records]
    low, high = format_share(min(shares)), format_share(max(shares))
    return low if low == high else f"{low.removesuffix(' %')} to {high}"


section = DoseSection()
