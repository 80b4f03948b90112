"""Where the variance of a method's scores comes from: its draws, its seeds, its hyper-parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.metrics.registry import DRAWN, N_DRAWS
from bench.report.document import WORDS, Entry, Escape, TextTable, make_table, word_entry
from bench.report.numbers import ABSENT, format_score
from bench.report.runs_frame import collapsed_mask, metric_values, one_run_per_variant
from bench.statistics.variance import variance_components

SOURCES = ("draws", "seeds", "hyper-parameters")
_NUMBERS = tuple(f"{what} {source}" for what in ("sd", "share") for source in SOURCES)


def variance_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a method and metric: what draws, seeds and configurations add to the variance.

    Configurations of one method, preset and role are one family. Collapsed runs are left out: they agree in nothing
    but their collapse.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set, as `mask_uncertainty` returns them.

    Returns
    -------
    DataFrame
        Columns ``variant`` (name of the family), ``metric``, ``n`` (runs), ``n_configurations``, and ``sd SOURCE`` and
        ``share SOURCE`` for each of `SOURCES`, NaN where there is none: no draws, one seed, one configuration. Empty
        where no family has more than seeds to vary by.
    """
    healthy = frame.loc[(frame["status"] == "ok").to_numpy() & ~collapsed_mask(frame)]
    rows = [row for family in _families(healthy) for row in _components(family)]
    table = pd.DataFrame(rows, columns=["variant", "metric", "n", "n_configurations", *_NUMBERS])
    more = table[["sd draws", "sd hyper-parameters"]].notna().to_numpy().any()
    return table if more else table.iloc[:0]


def _families(frame: pd.DataFrame) -> list[pd.DataFrame]:
    keys = [key for key in ("method", "preset", "role") if key in frame]
    return [family for _, family in frame.groupby(keys, sort=False, dropna=False)]


def _components(family: pd.DataFrame) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for metric in DRAWN:
        sds = metric_values(family, f"{metric}_draws_sd")
        drawn = bool(np.isfinite(sds).any())
        values = metric_values(family, f"{metric}_draws" if drawn else metric)
        scored = np.isfinite(values) & (np.isfinite(sds) | (not drawn))
        if scored.sum() < 2:
            continue
        wide = family.loc[scored, ["variant", "seed"]].assign(score=values[scored], sd=sds[scored])
        scores = wide.pivot_table("score", "variant", "seed").to_numpy()
        of_draws = wide.pivot_table("sd", "variant", "seed").to_numpy() if drawn else None
        components = variance_components(scores, of_draws, N_DRAWS)
        parts = dict(zip(SOURCES, (components.draws, components.seeds, components.hyper_parameters), strict=True))
        row = {"variant": _name(family), "metric": metric, "n": int(scored.sum()), "n_configurations": len(scores)}
        row |= {f"sd {source}": part.sd if part else np.nan for source, part in parts.items()}
        rows.append(row | {f"share {source}": part.share if part else np.nan for source, part in parts.items()})
    return rows


def _name(family: pd.DataFrame) -> str:
    """Return the words that all titles begin with: "S-DEC" of "S-DEC beta=1" and "S-DEC beta=.1"."""
    titles = [title.split() for title in one_run_per_variant(family)["title"].astype(str)]
    shared: list[str] = []
    for spoken in zip(*titles, strict=False):
        if len(set(spoken)) > 1:
            break
        shared.append(spoken[0])
    name = " ".join(shared) or str(family["method"].iloc[0])
    return f"{name} ({len(titles)} configurations)" if len(titles) > 1 else name


def variance_table(rows: pd.DataFrame, escape: Escape) -> TextTable:
    """Return the table of `variance_rows`, as standard deviations and shares."""
    entries = []
    for row in rows.to_dict("records"):
        metric = find_metric(row["metric"])
        sds = [row[f"sd {source}"] for source in SOURCES]
        shares = [row[f"share {source}"] for source in SOURCES]
        cells: list[Entry] = [word_entry(escape(row["variant"])), word_entry(metric.title)]
        cells += [(format_score(sd, metric), sd) for sd in sds]
        cells += [(_percent(share), share) for share in shares]
        entries.append([*cells, (str(row["n"]), row["n"])])
    header = ("method", "metric", *(f"sd {source}" for source in SOURCES), *SOURCES, "runs")
    title = "Where the variance comes from: standard deviation between, and share of the variance"
    return make_table(title, header, entries, cite=False, left=WORDS | {"method", "metric"})


def variance_sentences(rows: pd.DataFrame, escape: Escape, metric: str = "acc") -> list[str]:
    """Say which source has the most of the variance of a metric, of each method that has more than one."""
    by_source: dict[str, list[str]] = {}
    for row in rows.loc[rows["metric"] == metric].to_dict("records"):
        shares = {source: row[f"share {source}"] for source in SOURCES if np.isfinite(row[f"share {source}"])}
        if len(shares) > 1:
            most = max(shares, key=lambda source: shares[source])
            by_source.setdefault(most, []).append(f"{_percent(shares[most])} of {escape(row['variant'])}")
    parts = [f"between {source}: {', '.join(some)}" for source, some in by_source.items()]
    return [f"Most of the variance of {find_metric(metric).title} lies {'; '.join(parts)}."] if parts else []


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if np.isfinite(share) else ABSENT
