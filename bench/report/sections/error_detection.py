"""Error detection and outlier detection: how well each score finds mis-clustered points, or outliers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.report.document import WORDS, Entry, Escape, TextTable, make_table, word_entry
from bench.report.numbers import format_mean, format_score
from bench.report.ranking import n_planned
from bench.report.runs_frame import OUTLIER_RATES, is_outlier_column, mean_sd_n, runs_by_variant
from bench.report.sections.contrasts import SCORE_OF, column_of

RATES = ("auroc", "aupr", "aurc", "augrc")
_TITLES = {"auroc": "AUROC", "aupr": "AUPR", "aurc": "AURC", "augrc": "AUGRC", "fpr95": "FPR at 95 % TPR"}
_UNIT = find_metric("auroc_entropy")
_LEFT = WORDS | {"score", "needs sampling", "outliers"}
_PLACE = ("variant", "outliers", "score", "title", "needs_sampling", "n", "complete")


def outlier_sets(frame: pd.DataFrame) -> list[str]:
    """Return the names of the outliers that some run of a data set was scored against, in order of the columns."""
    names = [str(c) for c in frame.columns if is_outlier_column(str(c)) and frame[c].notna().any()]
    return list(dict.fromkeys(name.split("/", 1)[1].rsplit("/", 1)[0] for name in names))


def detection_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a variant and score: AUROC, AUPR, AURC and AUGRC in finding mis-clustered points.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set, as `mask_uncertainty` returns them.

    Returns
    -------
    DataFrame
        Columns ``variant``, ``outliers`` (None), ``score``, ``title``, ``needs_sampling``, ``n`` (runs that have it),
        ``complete`` (whether all that were planned do), and mean and sd of each rate: ``auroc``, ``auroc_sd``, ...
    """
    return _rows(frame, RATES, [None])


def outlier_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a variant, score and set of outliers: AUROC, AUPR and FPR at 95 % TPR.

    Columns are as those of `detection_rows`.
    """
    return _rows(frame, OUTLIER_RATES, outlier_sets(frame))


def _rows(frame: pd.DataFrame, rates: tuple[str, ...], outliers: list[str] | list[None]) -> pd.DataFrame:
    rows = []
    for which in outliers:
        for variant, runs in runs_by_variant(frame).items():
            for score in SCORE_OF.values():
                summary = mean_sd_n(runs, [column_of(score.name, which, rate) for rate in rates])
                n = next(iter(summary.values()))[2]
                if n == 0:
                    continue
                row = [variant, which, score.name, score.title, score.needs_sampling, n, n == n_planned(runs)]
                rows.append(row + [number for mean, sd, _ in summary.values() for number in (mean, sd)])
    return pd.DataFrame(rows, columns=[*_PLACE, *(f"{rate}{part}" for rate in rates for part in ("", "_sd"))])


def detection_table(rows: pd.DataFrame, labels: Mapping[str, str], escape: Escape) -> TextTable:
    """Return the table of `detection_rows`."""
    return _table("Finding mis-clustered points", rows, RATES, labels, escape)


def outlier_table(rows: pd.DataFrame, labels: Mapping[str, str], escape: Escape) -> TextTable:
    """Return the table of `outlier_rows`."""
    return _table("Finding outliers among points of this data set", rows, OUTLIER_RATES, labels, escape)


def _table(
    title: str, rows: pd.DataFrame, rates: tuple[str, ...], labels: Mapping[str, str], escape: Escape
) -> TextTable:
    among = bool(rows["outliers"].notna().any())
    entries = []
    for row in rows.to_dict("records"):
        cells: list[Entry] = [word_entry(labels[row["variant"]])]
        cells += [word_entry(escape(str(row["outliers"])))] * among
        cells += [word_entry(escape(row["title"])), word_entry(row["needs_sampling"])]
        cells.append((format_mean(row[rates[0]], row[f"{rates[0]}_sd"], _UNIT), row[rates[0]]))
        cells += [(format_score(row[rate], _UNIT), row[rate]) for rate in rates[1:]]
        entries.append([*cells, (str(row["n"]), row["n"])])
    header = ["variant", *["outliers"] * among, "score", "needs sampling", "AUROC ± sd"]
    return make_table(title, [*header, *(_TITLES[r] for r in rates[1:]), "n"], entries, cite=False, left=_LEFT)


def best_sentences(rows: pd.DataFrame, labels: Mapping[str, str], escape: Escape) -> list[str]:
    """Name the score that finds each set of outliers best by the mean, among the variants that have all their runs."""
    sentences = []
    for name, some in rows.loc[rows["complete"].astype(bool)].groupby("outliers", sort=False):
        best = some.iloc[int(np.argmax(some["auroc"]))]
        printed = format_score(best["auroc"], _UNIT)
        others = sum(format_score(value, _UNIT) == printed for value in some["auroc"]) - 1
        as_well = f", and as well by {others} other{'s' * (others > 1)} of this table" if others else ""
        needs = {"no": "needs no sampling", "yes": "needs sampling"}.get(best["needs_sampling"], "a density")
        sentences.append(
            f"Outliers from {escape(str(name))} are found best, on average, by {escape(best['title'])} of "
            f"{labels[best['variant']]} ({needs}): AUROC {format_mean(best['auroc'], best['auroc_sd'], _UNIT)}"
            f"{as_well}."
        )
    return sentences
