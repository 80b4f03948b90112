"""The text of what is said over several data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from bench.leaderboard.content import Entry, Section, TextTable, make_table, runs_of, words
from bench.leaderboard.frame import counts_of
from bench.leaderboard.numbers import ABSENT, format_interval, format_p, format_ranks, format_score
from bench.leaderboard.overall import OverallTables
from bench.leaderboard.sentences import twin_sentence
from bench.statistics.aggregate import wins_ties_losses

OVERALL = "All data sets"
_ABSENT: Entry = (ABSENT, None)

_HOW = (
    "A data set counts once, by the mean over its seeds; seeds and data sets are never pooled into one test.",
    "IQM is the mean of the middle half of all scores. Its first interval is over other seeds on these data sets, "
    "the second over other data sets like these as well. They are given from five seeds, and five data sets, on.",
)


def overall_section(overall: OverallTables, escape: Callable[[str], str]) -> Section:
    """Say what holds over all data sets.

    Parameters
    ----------
    overall : OverallTables
    escape : callable
        Rewrites every name that comes from data or plugins.
    """
    metric = overall.metric
    if len(overall.datasets) < 2:
        return Section(OVERALL, (f"Fewer than two data sets have a {metric.title}: nothing is said over data sets.",))
    labels = {name: escape(label) for name, label in overall.labels.items()}
    sentences = [twin_sentence(c, labels[c.a], labels[c.b], metric, unit="data sets") for c in overall.contrasts]
    tables = [_twins(overall, labels)] if overall.contrasts else []
    notes = list(_HOW)
    if overall.revised:
        several = ", ".join(map(escape, overall.revised))
        notes.append(f"Not counted, since one name stands for different data: {several}.")
    for name in overall.asked:
        if lacking := overall.missing(name):
            where = ", ".join(map(escape, lacking))
            notes.append(f"{labels[name]} has no total and no rank: not all its runs have a score on {where}.")
    for contrast in overall.contrasts:
        if left_out := [d for d in overall.datasets if d not in contrast.matched]:
            pair = f"{labels[contrast.a]} and its twin {labels[contrast.b]}"
            where = ", ".join(map(escape, left_out))
            notes.append(f"{pair} are compared without {where}, where not all runs of both have a score.")
    if len(set(map(len, overall.seeds.values()))) > 1:
        told = ", ".join(f"{escape(dataset)} {len(seeds)}" for dataset, seeds in overall.seeds.items())
        notes.append(f"Seeds that all share: {told}. Means are over these, IQM over the fewest.")
    notes += [] if overall.ranking.limits is None else [overall.ranking.limits]
    return Section(OVERALL, tuple(sentences), (*tables, _totals(overall, labels)), tuple(notes))


def _twins(overall: OverallTables, labels: Mapping[str, str]) -> TextTable:
    metric, rows = overall.metric, []
    for c in overall.contrasts:
        difference, p = _ABSENT, _ABSENT
        if c.result is not None and c.p_adjusted is not None:
            estimate, (low, high) = c.result.hodges_lehmann, c.result.hodges_lehmann_interval or (np.nan, np.nan)
            difference = f"{format_score(estimate, metric)} {format_interval(low, high, metric)}".rstrip(), estimate
            p = format_p(c.p_adjusted), c.p_adjusted
        variant, twin = (words(labels[name]) for name in (c.a, c.b))
        wins = _wins(overall, c.a, c.b, [str(dataset) for dataset in c.matched])
        rows.append((variant, twin, difference, wins, p, (str(len(c.matched)), len(c.matched))))
    header = ("variant", "twin", "difference [95 %]", "win/tie/loss", "p (Holm)", "data sets")
    return make_table(f"Twins over data sets: {metric.title} with the noise and without", header, rows)


def _totals(overall: OverallTables, labels: Mapping[str, str]) -> TextTable:
    metric, ranking = overall.metric, overall.ranking
    sign = -1 if metric.greater_is_better else 1
    ranked = sorted(ranking.names, key=lambda name: (sign * overall.mean(name), name))
    rows = []
    for name in (*ranked, *(name for name in overall.asked if name not in ranking.names)):
        there = len(overall.scores.get(name, {}))
        totals = _total(overall, name) if name in ranking.names else [_ABSENT] * 7
        place = f"{there} of {len(overall.datasets)}", there
        rows.append((words(labels[name]), _runs(overall, name), place, *totals))
    header = ["variant", "runs", "data sets", f"mean {metric.title}", "median", "IQM [95 %]", "[95 %, other data]"]
    header += ["win/tie/loss", "mean rank", "rank"]
    against = f", win/tie/loss against {labels[ranking.reference]}" if ranking.reference else ""
    return make_table(f"Board over data sets: {metric.title}{against}", header, rows)


def _total(overall: OverallTables, name: str) -> list[Entry]:
    metric, ranking = overall.metric, overall.ranking
    mean, median = overall.mean(name), float(np.median(list(overall.means(name).values())))
    iqm = overall.interquartile_means.get(name)
    intervals = (iqm.interval_fixed, iqm.interval_resampled) if iqm else (None, None)
    fixed, other = (format_interval(*interval, metric) if interval else "" for interval in intervals)
    rank, ranks = ranking.mean_rank.get(name), ranking.ranges.get(name, (np.nan, np.nan))
    versus = name != ranking.reference and ranking.reference is not None
    return [
        (format_score(mean, metric), mean),
        (format_score(median, metric), median),
        (f"{format_score(iqm.value, metric)} {fixed}".rstrip(), iqm.value) if iqm else _ABSENT,
        (other or ABSENT, intervals[1][0] if intervals[1] else None),
        _wins(overall, name, str(ranking.reference), overall.datasets) if versus else _ABSENT,
        _ABSENT if rank is None else (f"{rank:.2f}", rank),
        (format_ranks(*ranks), ranks[0]),
    ]


def _wins(overall: OverallTables, a: str, b: str, datasets: list[str]) -> Entry:
    means_a, means_b = overall.means(a), overall.means(b)
    up = bool(overall.metric.greater_is_better)
    counts = wins_ties_losses([means_a[d] for d in datasets], [means_b[d] for d in datasets], greater_is_better=up)
    return "/".join(map(str, counts)), counts[0]


def _runs(overall: OverallTables, name: str) -> Entry:
    cells = (table.cells.loc[table.cells["variant"] == name] for table in overall.tables)
    return runs_of(*map(sum, zip(*map(counts_of, cells), strict=True)))
