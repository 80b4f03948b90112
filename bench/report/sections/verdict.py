"""The verdict: does making a method stochastic help? A sentence for each data set, and the forest plot of contrasts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.board import BoardRuns
from bench.report.document import Sentence
from bench.report.numbers import format_equation, format_margin
from bench.report.section import Section
from bench.report.sections.contrasts import SIGNIFICANT, contrast_sentence, is_equivalent
from bench.report.sections.contrasts import section as contrasts
from bench.report.sections.over_datasets import ALL_DATASETS, contrast_rows_over_datasets
from bench.text import and_list

#: More rows than this fill screen after screen; the tables have all of them.
_MOST_DRAWN = 48

NO_CONTRAST = "Unknown. These runs hold no stochastic method together with its deterministic counterpart."


class Verdict(Section):
    """The answer."""

    name = "verdict"
    title = "Verdict"
    place = 0
    of = "board"
    every_board = True
    csv = ""

    def rows(self, runs: BoardRuns) -> pd.DataFrame:
        parts = [(ALL_DATASETS, contrast_rows_over_datasets(runs))]
        parts += [(one.dataset, contrasts.rows(one)) for one in runs.datasets]
        rows = [{"dataset": name} | row for name, part in parts for row in part.to_dict("records")]
        return pd.DataFrame(rows) if rows else pd.DataFrame([{"dataset": ALL_DATASETS, "metric": runs.metric.name}])

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        if "outcome" not in rows:
            return [Sentence(NO_CONTRAST)]
        return [verdict_sentence(group) for _, group in rows.groupby("dataset", sort=False)]

    def figures(self, rows: pd.DataFrame, runs: BoardRuns) -> list[Any]:
        if "outcome" not in rows:
            return []
        from bench.report import plots
        from bench.report.plots.export import figure_name

        drawn = rows.head(_MOST_DRAWN)
        some = f"; the first {len(drawn)} of {len(rows)}" if len(rows) > len(drawn) else ""
        title = runs.metric.title
        frame = pd.DataFrame(
            {
                "group": drawn["dataset"],
                "label": drawn["title"] + " − " + drawn["counterpart_title"],
                **{column: drawn[column] for column in ("difference", "ci_low", "ci_high", "outcome")},
                "text": [_numbers(row) for row in drawn.to_dict("records")],
            }
        )
        ropes = drawn["rope"].dropna()
        return [
            plots.forest(
                frame,
                runs.metric,
                rope=float(ropes.iloc[0]) if len(ropes) else None,
                name=figure_name("contrasts", runs.name),
                title=f"{title} with noise less {title} without, 95 % intervals (unadjusted){some}",
            )
        ]


def _numbers(row: dict[Any, Any]) -> str:
    if not np.isfinite(row["p_adjusted"]):
        return str(row["reason"])
    return f"{format_equation(row['p_adjusted'])} (Holm), n = {row['n_pairs']}"


def verdict_sentence(rows: pd.DataFrame) -> Sentence:
    """Answer the question by the contrasts of one family.

    Parameters
    ----------
    rows : DataFrame
        Those of one data set, or over data sets; at least one. The claim is the answer, the evidence says which of the
        others are equivalent, inconclusive or not compared. Of a single contrast the evidence is its own sentence.
    """
    records = rows.to_dict("records")
    first = records[0]
    metric, unit, n = find_metric(first["metric"]), first["unit"], len(records)
    place = "Over all data sets" if first["dataset"] == ALL_DATASETS else f"On {first['dataset']}"
    by_outcome: dict[str, list[dict[Any, Any]]] = {}
    for row in records:
        by_outcome.setdefault(row["outcome"], []).append(row)
    better, worse, few, absent = (by_outcome.get(o, []) for o in ("better", "worse", "too few", "not compared"))
    if len(few) + len(absent) == n:
        return Sentence(f"Unknown. {place} {_untested(few, absent, n, unit)}")
    sizes = sorted({row["n_pairs"] for row in records if row["outcome"] != "not compared"})
    pairs = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    test = f"({pairs} paired {unit}s, Holm)"
    if better or worse:
        answer = "No." if not better else "Mixed." if worse else "Yes." if len(better) == n else "For some methods."
        claim = f"{answer} {place}{_significant(better or worse, n)} {test}{_listed(better or worse, n)}."
        if better and worse:
            claim += f" {_names(worse)} {_is(worse)} significantly worse."
    else:
        nobody = f"{first['title']} does not differ" if n == 1 else "neither stochastic method differs"
        nobody = f"none of {n} stochastic methods differs" if n > 2 else nobody
        claim = f"No. {place} {nobody} significantly in {metric.title} from {_counterpart(records)} {test}."
    return Sentence(claim, contrast_sentence(first).text if n == 1 else _others(records))


def _significant(rows: list[dict[Any, Any]], n: int) -> str:
    """Return the subject and what it is: ``2 of 3 stochastic methods are significantly better in ACC than ...``."""
    every = rows[0]["title"] if n == 1 else "both stochastic methods" if n == 2 else f"all {n} stochastic methods"
    subject = every if len(rows) == n else f"{len(rows)} of {n} stochastic methods"
    metric, outcome = find_metric(rows[0]["metric"]).title, rows[0]["outcome"]
    subject = f", {subject}" if subject[0].isdigit() else f" {subject}"  # not "On USPS 2 1 of 3"
    return f"{subject} {_is(rows)} significantly {outcome} in {metric} than {_counterpart(rows, n)}"


def _counterpart(rows: list[dict[Any, Any]], n: int | None = None) -> str:
    """Return what methods are compared with, by name where there is one contrast."""
    if len(rows) == 1 and n in (None, 1):
        return f"its deterministic counterpart {rows[0]['counterpart_title']}"
    one = len(rows) == 1 or n is None
    return "its deterministic counterpart" if one else "their deterministic counterparts"


def _listed(rows: list[dict[Any, Any]], n: int) -> str:
    return f": {_names(rows)}" if n > 1 else ""


def _others(records: list[dict[Any, Any]]) -> str:
    """Say of the contrasts that are not significant which are equivalent, and which show nothing."""
    small = [row for row in records if row["outcome"] in SIGNIFICANT and is_equivalent(row)]
    rest = [row for row in records if row["outcome"] not in SIGNIFICANT]
    equivalent = [row for row in rest if is_equivalent(row)]
    few = [row for row in rest if row["outcome"] == "too few" and row not in equivalent]
    absent = [row for row in rest if row["outcome"] == "not compared"]
    unclear = [row for row in rest if row not in equivalent and row not in few and row not in absent]
    parts = []
    margin = format_margin(records[0]["rope"], find_metric(records[0]["metric"]))
    if small:
        differences = "difference" if len(small) == 1 else "differences"
        parts.append(f"although significant, the {differences} of {_names(small)} {_is(small)} within {margin}")
    if equivalent:
        parts.append(f"{_names(equivalent)} {_is(equivalent)} equivalent within {margin}")
    if unclear:
        parts.append(f"{_names(unclear)} {_is(unclear)} inconclusive")
    if few:
        parts.append(f"{_names(few)} {'has' if len(few) == 1 else 'have'} {few[0]['verdict']}")
    if absent:
        parts.append(f"{_names(absent)} {_is(absent)} not compared")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if small else f"{text}." if parts else ""


def _untested(few: list[dict[Any, Any]], absent: list[dict[Any, Any]], n: int, unit: str) -> str:
    nobody = "neither stochastic method" if n == 2 else f"none of {n} stochastic methods"
    methods = nobody if n > 1 else (few or absent)[0]["title"]
    verb = f"can{'not' * (n == 1)} be compared with its deterministic counterpart"
    if not few:
        return f"{methods} {verb}: {absent[0]['reason']}."
    sizes = sorted({row["n_pairs"] for row in few})
    have = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f"{methods} {verb}: too few {unit}s ({have}; {few[0]['n_needed']} needed)."


def _names(rows: Iterable[dict[Any, Any]]) -> str:
    return and_list([row["title"] for row in rows])


def _is(rows: list[dict[Any, Any]]) -> str:
    return "is" if len(rows) == 1 else "are"


section = Verdict()
