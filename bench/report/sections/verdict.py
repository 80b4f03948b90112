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
from bench.report.runs_frame import OF_NOISE, OF_PRIOR, TOTAL
from bench.report.section import Section
from bench.report.sections.contrasts import SIGNIFICANT, contrast_sentence, is_equivalent
from bench.report.sections.contrasts import section as contrasts
from bench.report.sections.over_datasets import ALL_DATASETS, contrast_rows_over_datasets
from bench.report.sections.robustness import agreement_sentences
from bench.report.sections.robustness import section as robustness
from bench.text import and_list

#: More rows than this fill screen after screen; the tables have all of them.
_MOST_DRAWN = 48

NO_CONTRAST = "Unknown. These runs hold no stochastic method together with its deterministic counterpart."


class VerdictSection(Section):
    """The answer."""

    name = "verdict"
    title = "Verdict"
    place = 0
    of = "board"
    every_board = True
    csv = ""
    plots = ("contrasts",)

    def rows(self, runs: BoardRuns) -> pd.DataFrame:
        """Return the contrasts over data sets and on each, in the primary metric and then in the others."""
        boards = (runs, *(() if any(one.crowded for one in runs.datasets) else runs.in_other_metrics))
        parts = [(ALL_DATASETS, contrast_rows_over_datasets(board)) for board in boards]
        for one in runs.datasets:
            parts.append((one.dataset, contrasts.rows(one)))
            by_metric = robustness.rows(one)
            if len(by_metric):
                parts.append((one.dataset, by_metric.loc[by_metric["metric"] != runs.metric.name]))
        rows = [{"dataset": name} | row for name, part in parts for row in part.to_dict("records")]
        return pd.DataFrame(rows) if rows else pd.DataFrame([{"dataset": ALL_DATASETS, "metric": runs.metric.name}])

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        if "outcome" not in rows:
            return [Sentence(NO_CONTRAST)]
        sentences = []
        for _, group in rows.groupby("dataset", sort=False):
            decisive = _decisive(group)
            for question in (TOTAL, OF_NOISE, OF_PRIOR):
                own = decisive.loc[decisive["question"] == question]
                sentences += [verdict_sentence(own)] if len(own) else []
        return sentences + agreement_sentences(rows)

    def figures(self, rows: pd.DataFrame, runs: BoardRuns) -> list[Any]:
        if "outcome" not in rows:
            return []
        from bench.report import plots
        from bench.report.plots.export import figure_name

        rows = _decisive(rows)
        order = rows["question"].map({TOTAL: 0, OF_NOISE: 1, OF_PRIOR: 2})
        places = rows["dataset"].map({name: place for place, name in enumerate(rows["dataset"].unique())})
        drawn = rows.loc[pd.DataFrame({"place": places, "order": order}).sort_values(["place", "order"]).index]
        drawn = drawn.head(_MOST_DRAWN)
        some = f"; the first {len(drawn)} of {len(rows)}" if len(rows) > len(drawn) else ""
        title, units = (
            runs.metric.title,
            " or ".join(f"{unit}s" for unit in sorted(drawn["unit"].unique(), reverse=True)),
        )
        frame = pd.DataFrame(
            {
                "group": _joined(drawn, "dataset", " · ", "question"),
                "label": _joined(drawn, "title", " − ", "counterpart_title"),
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
                title=f"Differences in {title} by contrast, 95 % intervals over {units} (unadjusted){some}",
            )
        ]


def _decisive(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the contrasts in the primary metric, which is that of the first row."""
    return rows.loc[rows["metric"] == rows["metric"].iloc[0]]


def _joined(rows: pd.DataFrame, first: str, between: str, second: str) -> list[str]:
    return [f"{a}{between}{b}" for a, b in zip(rows[first], rows[second], strict=True)]


def _numbers(row: dict[Any, Any]) -> str:
    if not np.isfinite(row["p_adjusted"]):
        return str(row["reason"])
    return f"{format_equation(row['p_adjusted'])} (Holm), n = {row['n_pairs']}"


def verdict_sentence(rows: pd.DataFrame) -> Sentence:
    """Answer a question by its contrasts.

    Parameters
    ----------
    rows : DataFrame
        Those of one question on one data set, or over data sets; at least one. The claim is the answer, the evidence
        says which of the others are equivalent, inconclusive or not compared. Of a single contrast the evidence is its
        own sentence.
    """
    records = rows.to_dict("records")
    first = records[0]
    metric, unit, n = find_metric(first["metric"]), first["unit"], len(records)
    many, one_of, several_of = _AGAINST[first["question"]]
    place = "Over all data sets" if first["dataset"] == ALL_DATASETS else f"On {first['dataset']}"
    place += "," * place[-1].isdigit()  # not "On USPS 2 1 of 3"

    def answer(word: str, text: str) -> str:
        """Begin with the answer, or where it is to a part of the question with that part."""
        if first["question"] == TOTAL:
            return f"{word}. {place} {text}"
        return f"{first['question'].capitalize()}: {word.lower()}. {place} {text}"

    by_outcome: dict[str, list[dict[Any, Any]]] = {}
    for row in records:
        by_outcome.setdefault(row["outcome"], []).append(row)
    better, worse, few, absent = (by_outcome.get(o, []) for o in ("better", "worse", "too few", "not compared"))
    if len(few) + len(absent) == n:
        return Sentence(answer("Unknown", _untested(few, absent, n, unit)))
    tested = [row for row in records if row["outcome"] != "not compared"]
    paired = "" if any(row["form"] == "one-sample" for row in tested) else "paired "
    holm = ", Holm" if first["family_size"] > 1 else ""
    test = f"({_sizes(tested)} {paired}{unit}s{holm})"
    if n == 1:
        verb = f"is significantly {first['outcome']}" if better or worse else "does not differ significantly"
        than = "than" if better or worse else "from"
        other = f"its deterministic counterpart {first['counterpart_title']}"
        other = other if first["question"] == TOTAL else first["counterpart_title"]
        claim = answer("Yes" if better else "No", f"{first['title']} {verb} in {metric.title} {than} {other} {test}.")
        return Sentence(claim, contrast_sentence(first).text)
    if not better and not worse:
        claim = answer("No", f"{_none_of(n)} {many} differs significantly in {metric.title} from {one_of} {test}.")
        return Sentence(claim, _others(records))
    leading = better or worse
    word = ("Mixed" if worse else "Yes" if len(better) == n else "For some") if better else "No"
    count = f"{len(leading)} of {n}" if len(leading) < n else "both" if n == 2 else f"all {n}"
    than = one_of if len(leading) == 1 else several_of
    claim = answer(
        word,
        f"{count} {many} {_is(leading)} significantly {leading[0]['outcome']} in {metric.title} than {than} {test}: "
        f"{_names(leading)}.",
    )
    if better and worse:
        claim += f" {_names(worse)} {_is(worse)} significantly worse."
    return Sentence(claim, _others(records))


#: By question: what is compared, and what one of them or several are held against.
_AGAINST = {
    TOTAL: ("stochastic methods", "its deterministic counterpart", "their deterministic counterparts"),
    OF_NOISE: ("stochastic methods", "itself without noise", "themselves without noise"),
    OF_PRIOR: ("methods without their noise", "its deterministic counterpart", "their deterministic counterparts"),
}


def _none_of(n: int) -> str:
    return "neither of 2" if n == 2 else f"none of {n}"


def _others(records: list[dict[Any, Any]]) -> str:
    """Say of the contrasts that are not significant which are equivalent, and which show nothing.

    Of those that are significant it says whose difference is too small to matter.
    """
    rest = [row for row in records if row["outcome"] not in SIGNIFICANT]
    small = [row for row in records if row["outcome"] in SIGNIFICANT and is_equivalent(row)]
    equivalent = [row for row in rest if is_equivalent(row)]
    few = [row for row in rest if row["outcome"] == "too few" and row not in equivalent]
    absent = [row for row in rest if row["outcome"] == "not compared"]
    unclear = [row for row in rest if row not in equivalent and row not in few and row not in absent]
    metric, parts = find_metric(records[0]["metric"]), []
    margin = format_margin((equivalent + small)[0]["rope"], metric) if equivalent or small else ""
    if small:
        outcome = " or ".join(sorted({row["outcome"] for row in small}))
        parts.append(f"{_names(small)} {_is(small)} {outcome} by less than {margin}, which hardly matters in practice")
    if equivalent:
        parts.append(f"{_names(equivalent)} {_is(equivalent)} equivalent within ±{margin}")
    if unclear:
        parts.append(f"{_names(unclear)} {_is(unclear)} inconclusive")
    if few:
        parts.append(f"{_names(few)} {'has' if len(few) == 1 else 'have'} {few[0]['verdict']}")
    if absent:
        parts.append(f"{_names(absent)} {_is(absent)} not compared")
    return f"{'; '.join(parts)}." if parts else ""


def _untested(few: list[dict[Any, Any]], absent: list[dict[Any, Any]], n: int, unit: str) -> str:
    first = (few or absent)[0]
    many, one_of, _ = _AGAINST[first["question"]]
    methods = f"{_none_of(n)} {many}" if n > 1 else first["title"]
    verb = "can" if n > 1 else "cannot"
    reasons = [f"too few {unit}s ({_sizes(few)}; {few[0]['n_needed']} needed)"] if few else []
    for reason in dict.fromkeys(row["reason"] for row in absent):
        of = [row for row in absent if row["reason"] == reason]
        reasons.append(f"{_names(of)}: {reason}" if len(of) < n else reason)
    return f"{methods} {verb} be compared with {one_of}: {'; '.join(reasons)}."


def _sizes(rows: list[dict[Any, Any]]) -> str:
    sizes = sorted({row["n_pairs"] for row in rows})
    return f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"


def _names(rows: Iterable[dict[Any, Any]]) -> str:
    return and_list([row["title"] for row in rows])


def _is(rows: list[dict[Any, Any]]) -> str:
    return "is" if len(rows) == 1 else "are"


section = VerdictSection()
