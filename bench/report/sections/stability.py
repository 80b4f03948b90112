"""How far the runs of a variant find the same clusters."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.metrics.stability import FEWEST_RUNS
from bench.report.document import WORDS, Entry, TextTable, make_table, word_entry
from bench.report.numbers import ABSENT, format_interval, format_score
from bench.report.runs_frame import (
    collapsed_mask,
    finished_runs,
    mean_sd_n,
    partly_collapsed_mask,
    runs_by_variant,
    twin_pairs,
)

if TYPE_CHECKING:
    from bench.metrics.stability import Agreement

_ARI, _NMI, _CHANGE = find_metric("ari"), find_metric("nmi"), find_metric("label_change")
_NUMBERS = (
    *("ari", "ari_low", "ari_high", "nmi", "nmi_low", "nmi_high"),
    *("n_clusters", "n_dissolved", "n_stable", "n_highly_stable", "point_agreement", "label_change"),
)


def stability_rows(frame: pd.DataFrame, agreements: Mapping[str, Agreement]) -> pd.DataFrame:
    """Return one row a variant: the agreement of its runs that did not collapse.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set, as `mask_uncertainty` returns them.
    agreements : mapping of str to Agreement
        By variant.

    Returns
    -------
    DataFrame
        Columns ``variant``, ``n_used``, ``n_ok``, ``n_out`` (runs that collapsed, wholly or in part), ``ari`` and
        ``nmi`` with ``_low`` and ``_high``, ``n_clusters`` and how many of them are dissolved, stable and highly
        stable, ``point_agreement`` and ``label_change`` (means; the latter over ``n_drawn`` runs), ``note``. Empty
        where nothing is known of any variant.
    """
    rows = []
    for variant, runs in runs_by_variant(frame).items():
        ended = finished_runs(runs)
        n_out = int((collapsed_mask(ended) | partly_collapsed_mask(ended)).sum())
        change, _, n_drawn = mean_sd_n(runs, ["label_change"])["label_change"]
        place = {"variant": variant, "n_ok": len(ended), "n_out": n_out, "label_change": change, "n_drawn": n_drawn}
        agreement = agreements.get(variant)
        if agreement is None or agreement.n_runs < 2 or n_out == len(ended):
            rows.append(place | {"n_used": 0, "note": _why_not(runs, ended, n_out)})
            continue
        described = {
            "n_used": agreement.n_runs,
            "ari": agreement.ari,
            **dict(zip(("ari_low", "ari_high"), agreement.ari_interval or (np.nan, np.nan), strict=True)),
            "nmi": agreement.nmi,
            **dict(zip(("nmi_low", "nmi_high"), agreement.nmi_interval or (np.nan, np.nan), strict=True)),
            "n_clusters": len(agreement.jaccard),
            "n_dissolved": agreement.n_dissolved,
            "n_stable": agreement.n_stable,
            "n_highly_stable": agreement.n_highly_stable,
            "point_agreement": float(np.mean(agreement.point_agreement)),
            "note": "",
        }
        rows.append(place | described)
    table = pd.DataFrame(rows, columns=["variant", "n_used", "n_ok", "n_out", "n_drawn", *_NUMBERS, "note"])
    return table if table["n_used"].any() or table["label_change"].notna().any() else table.iloc[:0]


def _why_not(runs: pd.DataFrame, ended: pd.DataFrame, n_out: int) -> str:
    if len(ended) and n_out == len(ended):
        return f"all {n_out} runs collapsed" if n_out > 1 else "its run collapsed"
    if not runs["seeded"].all():
        return "takes no seed"
    return "fewer than two runs to compare"


def stability_table(rows: pd.DataFrame, labels: Mapping[str, str]) -> TextTable:
    """Return the table of `stability_rows`."""
    entries = []
    for row in rows.to_dict("records"):
        out = f", {row['n_out']} out" if row["n_out"] else ""
        cells: list[Entry] = [
            word_entry(labels[row["variant"]]),
            (f"{row['n_used']} of {row['n_ok']}{out}", row["n_used"]),
        ]
        for name, metric in (("ari", _ARI), ("nmi", _NMI)):
            interval = format_interval(row[f"{name}_low"], row[f"{name}_high"], metric)
            cells.append((f"{format_score(row[name], metric)} {interval}".rstrip(), row[name]))
        counts = [row[name] for name in ("n_dissolved", "n_stable", "n_highly_stable", "n_clusters")]
        compared = bool(row["n_used"])
        cells += [(f"{count:.0f}", count) if compared else (ABSENT, None) for count in counts]
        cells += [(format_score(row[name], _CHANGE), row[name]) for name in ("point_agreement", "label_change")]
        entries.append([*cells, word_entry(row["note"])])
    header = ["variant", "runs", "ARI [95 %]", "NMI [95 %]", "dissolved", "stable", "highly stable", "clusters"]
    header += ["point agreement", "label change", "note"]
    title = "Stability over seeds, and within a run from draw to draw"
    return make_table(title, header, entries, cite=False, left=WORDS | {"note"})


_ENOUGH_RUNS = 10
"""Of either twin, to say which is more stable."""


def stability_sentences(rows: pd.DataFrame, frame: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    """Say of each pair of twins which agrees more with itself over seeds, by intervals alone.

    From ten runs on: the jackknife's intervals of few hold the truth less often than they say.
    """
    by_variant = {row["variant"]: row for row in rows.to_dict("records")}
    sentences = []
    for name, twin in twin_pairs(frame)[0]:
        own, other = by_variant[name], by_variant[twin]
        if min(own["n_used"], other["n_used"]) < FEWEST_RUNS:  # which have no intervals
            continue
        relation = f"{labels[name]} and its twin {labels[twin]} are not told apart by stability over seeds"
        apart = ""
        if min(own["n_used"], other["n_used"]) >= _ENOUGH_RUNS:
            more, less = own["ari_low"] > other["ari_high"], own["ari_high"] < other["ari_low"]
            if more or less:
                than = f"{'more' if more else 'less'} stable over seeds than"
                relation = f"{labels[name]} is {than} its twin {labels[twin]}"
                apart = ", intervals that do not overlap"
        sentences.append(f"{relation}: mean ARI {_ari(own)} and {_ari(other)}{apart}.")
    return sentences


def _ari(row: dict[Hashable, Any]) -> str:
    return f"{format_score(row['ari'], _ARI)} {format_interval(row['ari_low'], row['ari_high'], _ARI)}".rstrip()
