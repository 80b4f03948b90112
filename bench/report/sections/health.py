"""Health of the runs: how many are healthy, collapsed or failed, since when, and what to try."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.report.board import DatasetRuns
from bench.report.document import Column, Sentence, Table
from bench.report.ranking import MOST_RANKED
from bench.report.runs_frame import NOT_RUN, collapsed_mask, metric_values, partly_collapsed_mask, runs_by_variant
from bench.report.section import Section
from bench.report.values import Count, Name, Value
from bench.text import and_list, one_line

if TYPE_CHECKING:
    from bench.report.plots.figure import Figure

#: Verdicts on finished runs, and the columns that count them.
VERDICTS = {
    "healthy": "n_healthy",
    "degenerate variance": "n_degenerate_variance",
    "vague assignments": "n_vague_assignments",
    "partly collapsed": "n_partly_collapsed",
    "collapsed": "n_collapsed",
}
#: Of runs that are not healthy, the worst first: what became of them, and what follows for a reader.
_UNHEALTHY = {
    "collapsed": ("collapsed", "no uncertainty, calibration or stability"),
    "partly collapsed": ("collapsed in part", "left out of stability"),
    "vague assignments": (
        "had assignments that hardly told clusters apart (vague assignments)",
        "its clusters rest on small differences",
    ),
    "degenerate variance": (
        "lost their noise (degenerate variance)",
        "deterministic in effect: compare with the counterpart",
    ),
}


class HealthSection(Section):
    """How runs ended."""

    name = "health"
    title = "Health of the runs"
    place = 100
    plots = ("health",)

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        """Return one row a variant, the best mean first.

        ``n_runs`` were made, ``n_ok`` finished and ``n_failed`` did not; of the finished ones the columns of
        `VERDICTS` count each verdict. ``epoch_VERDICT`` is the median epoch from which it held, ``advice_VERDICT``
        the most frequent advice; ``status`` and ``reason`` are those of the failed runs, the most frequent first.
        """
        frame = runs.frame.assign(verdict=_verdicts(runs.frame))
        if not frame["verdict"].isin([*VERDICTS, "failed"]).any():
            return pd.DataFrame()
        by_variant = runs_by_variant(frame)
        rows = [_row(name, runs.titles[name], by_variant[name]) for name in runs.by_score]
        return pd.DataFrame(rows).assign(listed=not runs.crowded)

    def table(self, rows: pd.DataFrame) -> Table | None:
        if not rows["listed"].all() or not _has_trouble(rows):
            return None
        counted = {
            verdict: column for verdict, column in VERDICTS.items() if verdict == "healthy" or rows[column].any()
        }
        failed = bool(rows["n_failed"].any())
        since = bool(rows[[_column("epoch", verdict) for verdict in _UNHEALTHY]].notna().to_numpy().any())
        columns = (
            Column("method", words=True),
            *(Column(verdict) for verdict in counted),
            *[Column("failed")] * failed,
            *[Column("since epoch", aside=2)] * since,
            Column("note", words=True, aside=1),
        )
        written: list[tuple[Value, ...]] = []
        for row in rows.to_dict("records"):
            worst = max(_UNHEALTHY, key=lambda verdict: row[VERDICTS[verdict]])
            written.append(
                (
                    Name(row["title"]),
                    *(Count(row[column]) for column in counted.values()),
                    *[Count(row["n_failed"])] * failed,
                    *[Count(row[_column("epoch", worst)])] * since,
                    Name(_note(row)),
                )
            )
        return Table("Runs by how they ended; since which epoch, as the median over runs", columns, tuple(written))

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        made, ok, failed, missing, healthy = (
            int(rows[name].sum()) for name in ("n_runs", "n_ok", "n_failed", "n_not_run", "n_healthy")
        )
        if not _has_trouble(rows):
            pending = f"; {missing} more {'have' if missing > 1 else 'has'} not been made" if missing else ""
            if healthy == ok:
                return [Sentence(f"{_all(ok)} finished and {'is' if ok == 1 else 'are'} healthy{pending}.")]
            return [Sentence(f"{_all(ok)} finished{pending}. The health of {healthy} is known: they are healthy.")]
        sentences = []
        if failed:
            claim = f"{failed} {'runs' if failed > 1 else 'run'} failed; retry with --retry-failed."
            sentences.append(Sentence(claim, _failures(rows.loc[rows["n_failed"] > 0])))
        if rows["listed"].all():
            return sentences + [
                _unhealthy(row, verdict)
                for verdict in _UNHEALTHY
                for row in rows.loc[rows[VERDICTS[verdict]] > 0].to_dict("records")
            ]
        counts = [f"{rows[VERDICTS[v]].sum()} {what}" for v, (what, _) in _UNHEALTHY.items() if rows[VERDICTS[v]].any()]
        are = "is" if healthy == 1 else "are"
        claim = f"Of {made} runs of {len(rows)} configurations {and_list([f'{healthy} {are} healthy', *counts])}."
        return [*sentences, Sentence(claim)]

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        notes = []
        if not rows["listed"].all():
            notes.append(
                f"With more than {MOST_RANKED} configurations uncertainty, calibration and stability are not reported "
                "one by one; their numbers are in scores.csv."
            )
        elif (rows["n_collapsed"] > 0).any():
            notes.append("Collapsed runs have no uncertainty, calibration or stability: those sections leave them out.")
        return notes

    def figures(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[Figure | None]:
        if not rows["listed"].all() or not _has_trouble(rows):
            return []
        from bench.report import plots
        from bench.report.plots.export import figure_name

        kinds = {**VERDICTS, "failed": "n_failed"}
        drawn = pd.DataFrame(
            [
                {"label": row["title"], "verdict": verdict, "epoch": row.get(_column("epoch", verdict), np.nan)}
                for row in rows.to_dict("records")
                for verdict, column in kinds.items()
                for _ in range(row[column])
            ]
        )
        title = f"How the runs on {runs.dataset} ended"
        return [plots.health_timeline(drawn, name=figure_name("health", runs.dataset), title=title)]

    def is_news(self, rows: pd.DataFrame) -> bool:
        """Return whether some runs are not healthy; that noise shrinks without a prior is no news of an ablation."""
        shrunk = rows[VERDICTS["degenerate variance"]] * (rows["role"] != "ablation")
        return _has_trouble(rows.assign(**{VERDICTS["degenerate variance"]: shrunk}))


def _has_trouble(rows: pd.DataFrame) -> bool:
    return bool(rows[["n_failed", *(VERDICTS[verdict] for verdict in _UNHEALTHY)]].to_numpy().any())


def _verdicts(frame: pd.DataFrame) -> np.ndarray:
    """Return how each run ended: a verdict of `VERDICTS`, "failed", `NOT_RUN`, or None where nothing is known."""
    status = frame["status"].to_numpy(object)
    known = frame["health"].astype(object) if "health" in frame else pd.Series(None, frame.index, dtype=object)
    verdicts = known.where(known.isin(list(VERDICTS)), None).to_numpy(object)
    verdicts = np.where(partly_collapsed_mask(frame), "partly collapsed", verdicts)
    verdicts = np.where(collapsed_mask(frame), "collapsed", verdicts)
    return np.where(status == "ok", verdicts, np.where(status == NOT_RUN, NOT_RUN, "failed"))


def _row(variant: str, title: str, frame: pd.DataFrame) -> dict[str, Any]:
    failed = frame.loc[frame["verdict"] == "failed"]
    n_not_run, n_ok = int((frame["verdict"] == NOT_RUN).sum()), int((frame["status"] == "ok").sum())
    row: dict[str, Any] = {"variant": variant, "title": title, "role": frame["role"].iloc[0]}
    row |= {"n_runs": len(frame) - n_not_run, "n_not_run": n_not_run, "n_ok": n_ok, "n_failed": len(failed)}
    row |= {column: int((frame["verdict"] == verdict).sum()) for verdict, column in VERDICTS.items()}
    row["status"] = _by_frequency(failed["status"])
    row["reason"] = _by_frequency(failed["error"]) if "error" in failed else []
    for verdict in _UNHEALTHY:
        of_verdict = frame.loc[frame["verdict"] == verdict]
        epochs = metric_values(of_verdict, "health_epoch")
        advice = _by_frequency(of_verdict["health_advice"]) if "health_advice" in frame else []
        row[_column("epoch", verdict)] = float(np.median(e)) if len(e := epochs[np.isfinite(epochs)]) else np.nan
        row[_column("advice", verdict)] = advice[0] if advice else ""
    return row


def _column(what: str, verdict: str) -> str:
    return f"{what}_{verdict.replace(' ', '_')}"


def _by_frequency(values: pd.Series) -> list[str]:
    """Return the distinct texts, the most frequent first."""
    counts = Counter(one_line(text) for text in values if isinstance(text, str) and text)
    return [text for text, _ in counts.most_common()]


def _all(n: int) -> str:
    return f"All {n} runs" if n > 1 else "The one run"


def _failures(rows: pd.DataFrame) -> str:
    """Say of which methods how many runs failed, and why; of many only the first."""
    parts = []
    for row in rows.head(MOST_RANKED).to_dict("records"):
        counts = f"{row['n_failed']} of {row['n_runs']} {_how(row['status'])}"
        parts.append(f"{row['title']}: {counts}" + (f" ({row['reason'][0]})" if row["reason"] else ""))
    more = len(rows) - len(parts)
    return "; ".join([*parts, *[f"and {more} more configurations"] * (more > 0)]) + "."


def _unhealthy(row: Mapping[Any, Any], verdict: str) -> Sentence:
    count = f"{row[VERDICTS[verdict]]} of {row['n_ok']} runs"
    epoch = row[_column("epoch", verdict)]
    since = f", from epoch {epoch:g} on (median)" if math.isfinite(epoch) else ""
    what, follows = _UNHEALTHY[verdict]
    claim = f"{row['title']}: {count} {what}{since}"
    claim += f"; {follows}." if verdict == "degenerate variance" else "."
    return Sentence(claim, row[_column("advice", verdict)])


def _note(row: Mapping[Any, Any]) -> str:
    """Say in a table what follows for the reader, and how runs failed."""
    notes = [follows for verdict, (_, follows) in _UNHEALTHY.items() if row[VERDICTS[verdict]]]
    return "; ".join([*notes, *([_how(row["status"])] if row["status"] else [])])


def _how(status: list[str]) -> str:
    return and_list(["timed out" if one == "timeout" else one for one in status])


section = HealthSection()
