"""How hyper-parameters were chosen: the candidates of each method, and what decided between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.board import BoardRuns
from bench.report.document import Column, Sentence, Table
from bench.report.numbers import format_score
from bench.report.section import Section
from bench.report.values import Count, Name, Number, Value
from bench.selection.choices import AnyChoice, JudgedCandidate, OracleChoice
from bench.text import clean_name


class Choices(Section):
    """What was chosen, between what."""

    name = "choices"
    title = "Choice of hyper-parameters"
    place = 40
    of = "board"
    every_board = True

    def rows(self, runs: BoardRuns) -> pd.DataFrame:
        """Return one row a candidate.

        ``prediction_strength``, ``stability`` (mean ARI between runs on held-out points) and ``rank`` decide a choice
        without labels, ``score`` of ``metric`` one by the labels. ``excluded`` lists why a candidate could not be
        chosen, ``reason`` why nothing was.
        """
        return pd.DataFrame([row for choice in runs.choices for row in _rows(choice)])

    def tables(self, rows: pd.DataFrame) -> list[Table]:
        return [_table(group) for _, group in _choices(rows)]

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        return [_sentence(group) for _, group in _choices(rows)]

    def notes(self, rows: pd.DataFrame, runs: BoardRuns) -> list[str]:
        seeds = sorted({seed for own in rows["seeds"] for seed in own})
        return [
            f"Chosen on the seeds {', '.join(map(str, seeds))}, of which no leaderboard reports a score. The points "
            "are the same: the fits that were chosen by leave out a fifth of them, the reported ones do not."
        ]


def _rows(choice: AnyChoice) -> Iterator[dict[str, Any]]:
    for candidate in choice.candidates:
        row: dict[str, Any] = {
            "dataset": clean_name(choice.dataset),
            "method": clean_name(choice.entry),
            "title": clean_name(choice.title),
            "seeds": choice.seeds,
            "variant": clean_name(candidate.variant),
            "parameters": clean_name(" ".join(f"{name}={value}" for name, value in candidate.parameters.items())),
            "chosen": candidate.config == choice.chosen,
        }
        if isinstance(candidate, JudgedCandidate):
            row |= {
                "prediction_strength": _number(candidate.prediction_strength),
                "stability": _number(candidate.stability),
                "rank": _number(candidate.rank),
            }
        else:
            row |= {
                "metric": choice.metric if isinstance(choice, OracleChoice) else "",
                "score": _number(getattr(candidate, "score", None)),
            }
        yield row | {"excluded": [clean_name(why) for why in candidate.out], "reason": clean_name(choice.reason or "")}


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _choices(rows: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    yield from rows.groupby(["dataset", "method"], sort=False)


def _table(rows: pd.DataFrame) -> Table:
    first = rows.iloc[0]
    by_labels = "score" in rows
    metric = find_metric(first["metric"]) if by_labels else None
    numbers = (Column(metric.title),) if metric else (Column("prediction strength"), Column("ARI"), Column("rank"))
    columns = (
        Column("parameters", words=True),
        *numbers,
        Column("chosen", words=True),
        Column("excluded because", words=True, aside=1),
    )
    written: list[tuple[Value, ...]] = []
    for row in rows.to_dict("records"):
        values: tuple[Value, ...]
        if by_labels:
            values = (Number(row["score"], metric),)
        else:
            values = (Number(row["prediction_strength"]), Number(row["stability"]), Count(row["rank"]))
        written.append(
            (
                Name(row["parameters"]),
                *values,
                Name("chosen" if row["chosen"] else ""),
                Name("; ".join(row["excluded"])),
            )
        )
    title = f"Candidates for {first['title']} on {first['dataset']}"
    return Table(title, columns, tuple(written))


def _sentence(rows: pd.DataFrame) -> Sentence:
    first, chosen = rows.iloc[0], rows.loc[rows["chosen"]]
    what = f"{first['title']} on {first['dataset']}"
    if chosen.empty:
        return Sentence(f"{what}: nothing was chosen", f"{first['reason']}.")
    winner = chosen.iloc[0]
    if "score" in rows:
        metric = find_metric(winner["metric"])
        why = f"mean {metric.title} {format_score(winner['score'], metric)}"
    else:
        strength, ari = format_score(winner["prediction_strength"]), format_score(winner["stability"])
        why = f"prediction strength {strength}, ARI {ari}"
    n_excluded = int((rows["excluded"].map(len) > 0).sum())
    excluded = f", {n_excluded} excluded" if n_excluded else ""
    return Sentence(f"{what}: {winner['parameters']}", f"({why}; {len(rows)} candidates{excluded}).")


section = Choices()
