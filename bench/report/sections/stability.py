"""Stability: how far the runs of each method agree on the clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.board import DatasetRuns
from bench.report.document import Column, Sentence, Table
from bench.report.numbers import format_interval, format_score
from bench.report.runs_frame import (
    collapsed_mask,
    finished_runs,
    mean_sd_n,
    partly_collapsed_mask,
    runs_by_variant,
    twin_pairs,
)
from bench.report.section import Section
from bench.report.values import Absent, Count, Interval, Name, Number, Value
from bench.text import and_list

if TYPE_CHECKING:
    from bench.metrics.stability import Agreement
    from bench.report.plots.figure import Figure

_ARI, _NMI, _CHANGE = find_metric("ari"), find_metric("nmi"), find_metric("label_change")
#: Runs of either method that a comparison needs: where one in four ends elsewhere, one in four sets of five shows none.
_ENOUGH_RUNS = 10
_OF_AGREEMENT = (
    *("ari", "ari_low", "ari_high", "nmi", "nmi_low", "nmi_high"),
    *("n_clusters", "n_dissolved", "n_stable", "n_highly_stable", "point_agreement"),
)


class Stability(Section):
    """Whether other seeds give the same clusters."""

    name = "stability"
    title = "Stability over seeds"
    place = 70
    plots = ("clusters", "points")

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        """Return one row a variant, the best mean score first: the agreement of its runs that did not collapse.

        Of ``n_ok`` finished runs ``n_out`` collapsed, wholly or in part; ``n_used`` are compared. ``ari`` and ``nmi``
        are means over pairs of runs. ``n_clusters`` are those of the run that agrees most with the others.
        ``label_change`` is within a run, from draw to draw, the mean over ``n_drawn`` runs.
        """
        by_variant, counterparts = runs_by_variant(runs.reported), dict(twin_pairs(runs.frame)[0])
        rows = []
        for variant in (name for name in runs.by_score if name in by_variant):
            named = {"variant": variant, "title": runs.titles[variant], "counterpart": counterparts.get(variant, "")}
            rows.append(named | _row(by_variant[variant], runs.agreements.get(variant)))
        table = pd.DataFrame(rows)
        known = len(table) and (table["n_used"].any() or table["label_change"].notna().any())
        return table if known else table.iloc[:0]

    def table(self, rows: pd.DataFrame) -> Table:
        drawn, noted = bool(rows["label_change"].notna().any()), bool(rows["note"].any())
        columns = (
            Column("method", words=True),
            Column("runs", aside=2),
            Column("ARI [95 % CI]"),
            Column("NMI [95 % CI]", aside=2),
            Column("stable clusters"),
            Column("highly stable", aside=1),
            Column("dissolved", aside=1),
            Column("point agreement", aside=1),
            *[Column("label change", aside=1)] * drawn,
            *[Column("note", words=True, aside=1)] * noted,
        )
        written: list[tuple[Value, ...]] = []
        for row in rows.to_dict("records"):
            compared = bool(row["n_used"])
            written.append(
                (
                    Name(row["title"]),
                    Count(row["n_used"], row["n_ok"]),
                    Interval(row["ari"], row["ari_low"], row["ari_high"], _ARI),
                    Interval(row["nmi"], row["nmi_low"], row["nmi_high"], _NMI),
                    Count(row["n_stable"], row["n_clusters"]) if compared else Absent(),
                    *(Count(row[name]) if compared else Absent() for name in ("n_highly_stable", "n_dissolved")),
                    Number(row["point_agreement"]),
                    *[Number(row["label_change"], _CHANGE)] * drawn,
                    *[Name(row["note"])] * noted,
                )
            )
        return Table("Agreement between the runs of each method", columns, tuple(written))

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        by_variant = {row["variant"]: row for row in rows.to_dict("records")}
        pairs = [
            (row, by_variant[row["counterpart"]]) for row in by_variant.values() if row["counterpart"] in by_variant
        ]
        pairs = [pair for pair in pairs if _fewest(pair)]
        enough = [pair for pair in pairs if _fewest(pair) >= _ENOUGH_RUNS]
        sentences = [_comparison(*pair) for pair in sorted(enough, key=lambda pair: _direction(*pair) == 0)]
        if few := [pair for pair in pairs if _fewest(pair) < _ENOUGH_RUNS]:
            sizes = sorted(map(_fewest, few))
            have = f"{sizes[0]}" if sizes[0] == sizes[-1] else f"{sizes[0]} to {sizes[-1]}"
            counterpart = "its counterpart" if len(few) == 1 else "their counterparts"
            claim = f"{and_list([own['title'] for own, _ in few])} cannot be compared in stability with {counterpart}:"
            sentences.append(Sentence(claim, f"too few runs ({have}; {_ENOUGH_RUNS} needed)."))
        return sentences or _extremes(rows)

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        notes = []
        if rows["n_used"].any():
            notes.append(
                "ARI and NMI are means over pairs of runs, with jackknife intervals over runs; methods are compared by "
                "whether the intervals overlap, without a test. Clusters are those of the run that agrees most with "
                "the others: dissolved where their mean Jaccard coefficient with the best match in the other runs is "
                "at most .5, stable from .75, highly stable from .85. Point agreement is the mean share of the runs "
                "that put a point into its most frequent cluster."
            )
        if rows["label_change"].notna().any():
            notes.append("Label change is the share of points whose cluster changes from draw to draw within a run.")
        return notes

    def figures(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[Figure | None]:
        used = {variant: runs.agreements[variant] for variant in rows.loc[rows["n_used"] > 0, "variant"]}
        if not used:
            return []
        from bench.report import plots
        from bench.report.plots.export import figure_name

        return [
            plots.cluster_stability(
                {variant: agreement.jaccard for variant, agreement in used.items()},
                runs.looks,
                runs.titles,
                name=figure_name("clusters", runs.dataset),
                title=f"Stability of each cluster on {runs.dataset}: Jaccard coefficient over seeds",
            ),
            plots.point_agreement(
                {variant: agreement.point_agreement for variant, agreement in used.items()},
                runs.looks,
                runs.titles,
                name=figure_name("points", runs.dataset),
                title=f"Agreement of the runs on each point of {runs.dataset}",
            ),
        ]


def _row(runs: pd.DataFrame, agreement: Agreement | None) -> dict[str, Any]:
    ended = finished_runs(runs)
    n_out = int((collapsed_mask(ended) | partly_collapsed_mask(ended)).sum())
    change, _, n_drawn = mean_sd_n(runs, ["label_change"])["label_change"]
    row = {"n_used": 0, "n_ok": len(ended), "n_out": n_out, "n_drawn": n_drawn, "label_change": change}
    if agreement is None or agreement.n_runs < 2 or n_out == len(ended):
        return row | dict.fromkeys(_OF_AGREEMENT, np.nan) | {"note": _why_not(runs, ended, n_out)}
    ari, nmi = (interval or (np.nan, np.nan) for interval in (agreement.ari_interval, agreement.nmi_interval))
    left_out = f"without {n_out} {'run' if n_out == 1 else 'runs'} that collapsed, wholly or in part" if n_out else ""
    return row | {
        "n_used": agreement.n_runs,
        "ari": agreement.ari,
        "ari_low": ari[0],
        "ari_high": ari[1],
        "nmi": agreement.nmi,
        "nmi_low": nmi[0],
        "nmi_high": nmi[1],
        "n_clusters": len(agreement.jaccard),
        "n_dissolved": agreement.n_dissolved,
        "n_stable": agreement.n_stable,
        "n_highly_stable": agreement.n_highly_stable,
        "point_agreement": float(np.mean(agreement.point_agreement)),
        "note": left_out,
    }


def _why_not(runs: pd.DataFrame, ended: pd.DataFrame, n_out: int) -> str:
    if len(ended) and n_out == len(ended):
        return f"all {n_out} runs collapsed" if n_out > 1 else "its run collapsed"
    if not runs["seeded"].all():
        return "takes no seed"
    return "fewer than two runs to compare"


_Row = Mapping[Any, Any]


def _fewest(pair: tuple[_Row, _Row]) -> int:
    return min(int(row["n_used"]) for row in pair)


def _direction(own: _Row, other: _Row) -> int:
    """Return 1 or -1 where the first is more or less stable by intervals that do not overlap, else 0."""
    return int(own["ari_low"] > other["ari_high"]) - int(own["ari_high"] < other["ari_low"])


def _comparison(own: _Row, other: _Row) -> Sentence:
    direction = _direction(own, other)
    if direction:
        than = "more stable" if direction > 0 else "less stable"
        claim = f"{own['title']} is {than} over seeds than its counterpart {other['title']}:"
    else:
        claim = (
            f"No clear difference in stability over seeds between {own['title']} and its counterpart {other['title']}:"
        )
    overlap = "do not overlap" if direction else "overlap"
    return Sentence(claim, f"mean ARI {_ari(own)} vs {_ari(other)}; the intervals {overlap}.")


def _extremes(rows: pd.DataFrame) -> list[Sentence]:
    """Say between what methods stability lies, where none is compared with its counterpart."""
    known = rows.loc[rows["n_used"] > 0].sort_values("ari", ascending=False, kind="stable").to_dict("records")
    if not known:
        return []
    best, worst = (f"{row['title']}, {_ari(row)}" for row in (known[0], known[-1]))
    evidence = f"{best}." if len(known) == 1 else f"highest {best}; lowest {worst}."
    return [Sentence("Mean ARI between runs:", evidence)]


def _ari(row: _Row) -> str:
    return f"{format_score(row['ari'], _ARI)} {format_interval(row['ari_low'], row['ari_high'], _ARI)}".rstrip()


section = Stability()
