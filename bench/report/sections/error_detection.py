"""Error detection: how well each score finds mis-clustered points, and whether scores with draws do better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from bench.report.board import DatasetRuns
from bench.report.document import Column, Sentence, Table
from bench.report.ranking import n_planned
from bench.report.runs_frame import mean_sd_n, metric_values, runs_by_variant
from bench.report.sampling import (
    PAIRS,
    SCORE_OF,
    Pair,
    column_of,
    contrast_rows,
    sampling_contrasts,
    stochastic_variants,
)
from bench.report.sampling_answers import RULE, Answer, answers_of, overall_sentence
from bench.report.section import Section
from bench.report.values import Count, Interval, Name, Number, P, Value

if TYPE_CHECKING:
    from bench.report.plots.figure import Figure

_RATES = {"auroc": "AUROC", "aupr": "AUPR", "aurc": "AURC", "augrc": "AUGRC", "fpr95": "FPR at 95 % TPR"}
#: Whole numbers, though not all rows have them.
_COUNTS = ("n", "n_pairs", "n_lost", "n_won", "family_size", "n_needed", "n_collapsed", "n_finished")
#: What a score takes, as plots name it.
_KINDS = {"five runs": "runs"}


class Detection(Section):
    """How well scores of single points detect something, with draws and without.

    Its rows are contrasts of two scores (``kind`` "contrast"; the decisive ones are one family) and single scores of a
    variant ("score"). ``outliers`` is empty where mis-clustered points are detected.

    Attributes
    ----------
    task : str
        "error detection".
    unit : str
        What is asked about, in the plural: "stochastic methods".
    pairs : sequence of Pair
        The contrasts.
    rates : tuple of str
        What is reported of each score; the first is the one of the contrasts.
    """

    task: ClassVar[str]
    unit: ClassVar[str]
    pairs: ClassVar[Sequence[Pair]]
    rates: ClassVar[tuple[str, ...]]

    def targets(self, frame: pd.DataFrame) -> list[str]:
        """Return the sets of outliers to detect; an empty name is mis-clustered points."""
        raise NotImplementedError

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        frame = runs.reported
        targets = self.targets(frame)
        contrasts = contrast_rows(sampling_contrasts(frame, self.pairs, targets), runs.titles, runs.collapsed)
        scores = _score_rows(frame, self.rates, targets, runs.titles)
        rows = pd.DataFrame(
            [{"kind": "contrast"} | row for row in contrasts] + [{"kind": "score"} | row for row in scores]
        )
        rank = {variant: place for place, variant in enumerate(runs.by_score)}
        if len(rows):  # best method first; the order of the contrasts of one is fixed
            rows = rows.sort_values("variant", key=lambda names: names.map(rank), kind="stable", ignore_index=True)
        types = {"complete": "boolean", "decisive": "boolean", **dict.fromkeys(_COUNTS, "Int64")}
        return rows.astype({name: kind for name, kind in types.items() if name in rows})

    def tables(self, rows: pd.DataFrame) -> list[Table]:
        contrasts, scores = contrasts_in(rows), _scores_in(rows)
        tables = [_contrast_table(contrasts, self.task)] if len(contrasts) else []
        return [*tables, _score_table(scores, self.rates)] if len(scores) else tables

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        contrasts = contrasts_in(rows)
        if contrasts.empty:
            return []
        answers = answers_of(contrasts, self.task)
        if len(answers) == 1:
            return [answers[0].sentence]
        overall = overall_sentence(answers, contrasts, self.task, self.unit)
        return [overall, *(answer.sentence for answer in answers if self.is_written(answer))]

    def is_written(self, answer: Answer) -> bool:
        """Whether one answer of several has a sentence of its own."""
        return True

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        contrasts = contrasts_in(rows)
        if contrasts.empty:
            return []
        n = int(contrasts["decisive"].sum())
        family = f"over the {n} decisive contrasts of {runs.dataset}" if n != 1 else "(here of one contrast)"
        notes = [
            RULE,
            f"Contrasts are fixed in the code. Sentences give p as adjusted by Holm {family}; the table gives the "
            "unadjusted p too; intervals are over seeds, unadjusted. The other contrasts are descriptive: they have no "
            "adjusted p, and nothing is claimed of them.",
        ]
        without = [runs.titles[v] for v in stochastic_variants(runs.reported) if v not in set(contrasts["variant"])]
        if without:
            notes.append(f"Stochastic, but without a score with draws to compare: {', '.join(without)}.")
        return notes

    def is_news(self, rows: pd.DataFrame) -> bool:
        contrasts = contrasts_in(rows)
        return bool(len(contrasts) and contrasts["outcome"].isin(("better", "worse")).any())

    def figure(self, rows: pd.DataFrame, runs: DatasetRuns, what: str, name: str) -> Figure | None:
        """Draw the AUROC of each score and seed; ``rows`` are of one target."""
        from bench.report import plots

        by_variant = runs_by_variant(runs.masked)
        drawn = [
            {
                "group": row["title"],
                "label": row["score_title"],
                "kind": _KINDS.get(row["needs_sampling"], row["needs_sampling"]),
                "values": metric_values(by_variant[row["variant"]], column_of(row["score"], row["outliers"])),
            }
            for row in rows.to_dict("records")
        ]
        looks = {runs.titles[variant]: look for variant, look in runs.looks.items() if variant in runs.titles}
        title = f"Detecting {what} on {runs.dataset}: AUROC of each score, every seed"
        return plots.detection_by_score(pd.DataFrame(drawn), looks, what, name=name, title=title) if drawn else None


class ErrorDetection(Detection):
    """How well mis-clustered points are detected."""

    name = "error_detection"
    title = "Error detection: does sampling help to find mis-clustered points?"
    place = 50
    task = "error detection"
    unit = "stochastic methods"
    pairs = PAIRS
    rates = ("auroc", "aupr", "aurc", "augrc")
    plots = ("detection",)

    def targets(self, frame: pd.DataFrame) -> list[str]:
        return [""]

    def figures(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[Any]:
        from bench.report.plots.export import figure_name

        return [self.figure(_scores_in(rows), runs, "mis-clustered points", figure_name("detection", runs.dataset))]


def contrasts_in(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of contrasts."""
    return rows.loc[rows["kind"] == "contrast"]


def _scores_in(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.loc[rows["kind"] == "score"]


def _score_rows(
    frame: pd.DataFrame, rates: Sequence[str], targets: Sequence[str], titles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return one row a target, variant and score that some run has: mean and sd of each rate over runs."""
    rows = []
    for target in targets:
        for variant, runs in runs_by_variant(frame).items():
            for score in SCORE_OF.values():
                summary = mean_sd_n(runs, [column_of(score.name, target, rate) for rate in rates])
                n = next(iter(summary.values()))[2]
                if n == 0:
                    continue
                row = {
                    "variant": variant,
                    "title": titles[variant],
                    "outliers": target,
                    "score": score.name,
                    "score_title": score.title,
                    "needs_sampling": score.needs_sampling,
                    "n": n,
                    "complete": n == n_planned(runs),
                }
                for rate, (mean, sd, _) in zip(rates, summary.values(), strict=True):
                    row |= {rate: mean, f"{rate}_sd": sd}
                rows.append(row)
    return rows


def _contrast_table(rows: pd.DataFrame, task: str) -> Table:
    among = bool((rows["outliers"] != "").any())
    columns = (
        Column("method", words=True),
        *[Column("outliers", words=True)] * among,
        Column("with draws", words=True),
        Column("AUROC", aside=2),
        Column("without", words=True),
        Column("its AUROC", aside=2),
        Column("ΔAUROC [95 % CI]"),
        Column("p", aside=1),
        Column("p (Holm)"),
        Column("seeds", aside=1),
        Column("verdict", words=True),
    )
    written: list[tuple[Value, ...]] = []
    for row in rows.to_dict("records"):
        equivalent = row["outcome"] == "not significant" and row["practical"] == "equivalent"
        written.append(
            (
                Name(row["title"]),
                *[Name(row["outliers"])] * among,
                Name(row["score_title"]),
                Number(row["auroc"]),
                Name(row["against_title"]),
                Number(row["against_auroc"]),
                Interval(row["difference"], row["ci_low"], row["ci_high"], signed=True),
                P(row["p_value"]),
                P(row["p_adjusted"]),
                Count(row["n_pairs"]),
                Name("equivalent" if equivalent else row["verdict"]),
            )
        )
    return Table(f"{task.capitalize()} by scores with draws and without", columns, tuple(written), cite=True)


def _score_table(rows: pd.DataFrame, rates: Sequence[str]) -> Table:
    among = bool((rows["outliers"] != "").any())
    columns = (
        Column("method", words=True),
        *[Column("outliers", words=True)] * among,
        Column("score", words=True),
        Column("needs sampling", words=True, aside=2),
        Column(f"{_RATES[rates[0]]} ± sd"),
        *(Column(_RATES[rate], aside=1) for rate in rates[1:]),
        Column("runs", aside=2),
    )
    written = tuple(
        (
            Name(row["title"]),
            *[Name(row["outliers"])] * among,
            Name(row["score_title"]),
            Name(row["needs_sampling"]),
            Number(row[rates[0]], sd=row[f"{rates[0]}_sd"], complete=bool(row["complete"])),
            *(Number(row[rate], complete=bool(row["complete"])) for rate in rates[1:]),
            Count(row["n"]),
        )
        for row in rows.sort_values(rates[0], ascending=False, kind="stable").to_dict("records")
    )
    return Table("Every score; marked * where runs lack it", columns, written)


section = ErrorDetection()
