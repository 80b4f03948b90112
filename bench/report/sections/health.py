"""How runs ended: healthy, without noise, in too few clusters, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from bench.report.document import WORDS, Entry, Escape, TextTable, make_table, word_entry
from bench.report.numbers import ABSENT
from bench.report.runs_frame import NOT_RUN, finished_runs, metric_values

HEALTH_VERDICTS = ("healthy", "degenerate variance", "partly collapsed", "collapsed")
_NOTES = {
    "degenerate variance": "has become deterministic; read its result as its twin's",
    "partly collapsed": "left out of stability",
    "collapsed": "no uncertainty, calibration or stability",
}
_SAID = {
    "degenerate variance": "runs have lost their noise (degenerate variance)",
    "partly collapsed": "runs collapsed in part",
    "collapsed": "runs collapsed",
}


def health_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a variant: how many runs have which verdict, and since when those that are not healthy.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set.

    Returns
    -------
    DataFrame
        Columns ``variant``, ``n_ok``, ``failed``, a count for each of `HEALTH_VERDICTS`, and ``epoch VERDICT``: the
        median epoch from which on it held, NaN where none is known. ``advice VERDICT`` is the most frequent advice to
        its runs, empty where there is none. Empty where no run has a verdict.
    """
    names = ["variant", "n_ok", "failed", *HEALTH_VERDICTS, *(f"epoch {v}" for v in HEALTH_VERDICTS)]
    names += [f"advice {v}" for v in HEALTH_VERDICTS[1:]]
    if "health" not in frame or not frame["health"].isin(HEALTH_VERDICTS).any():
        return pd.DataFrame(columns=names)
    ended = finished_runs(frame)
    failed = frame.loc[~frame["status"].isin(["ok", NOT_RUN])].groupby("variant").size()
    judged = ended.assign(epoch=metric_values(ended, "health_epoch")).groupby(["variant", "health"])["epoch"]
    counts, epochs, n_ok = judged.size(), judged.median(), ended.groupby("variant").size()
    rows = []
    for variant in frame["variant"].unique():
        row = {"variant": variant, "n_ok": int(n_ok.get(variant, 0)), "failed": int(failed.get(variant, 0))}
        row |= {verdict: int(counts.get((variant, verdict), 0)) for verdict in HEALTH_VERDICTS}
        row |= {f"epoch {v}": float(epochs.get((variant, v), np.nan)) for v in HEALTH_VERDICTS}
        rows.append(row | {f"advice {v}": _advice(ended, variant, v) for v in HEALTH_VERDICTS[1:]})
    return pd.DataFrame(rows, columns=names)


def _advice(ended: pd.DataFrame, variant: str, verdict: str) -> str:
    """Return the most frequent advice to the runs of a variant that have a verdict."""
    if "health_advice" not in ended:
        return ""
    given = ended.loc[(ended["variant"] == variant) & (ended["health"] == verdict), "health_advice"]
    counts = Counter(text for text in given if isinstance(text, str))
    return counts.most_common(1)[0][0] if counts else ""


def health_table(rows: pd.DataFrame, labels: Mapping[str, str]) -> TextTable:
    """Return the table of `health_rows`; the epoch is that of the most frequent verdict that is not healthy."""
    entries = []
    for row in rows.to_dict("records"):
        cells: list[Entry] = [word_entry(labels[row["variant"]])]
        cells += [(str(row[name]), row[name]) for name in (*HEALTH_VERDICTS, "failed")]
        ill = [verdict for verdict in reversed(HEALTH_VERDICTS[1:]) if row[verdict]]
        worst = max(ill, key=lambda verdict: row[verdict], default=None)
        epoch = row[f"epoch {worst}"] if worst else np.nan
        cells.append((f"{epoch:g}", epoch) if np.isfinite(epoch) else (ABSENT, None))
        entries.append([*cells, word_entry("; ".join(_NOTES[verdict] for verdict in ill))])
    header = ("variant", *HEALTH_VERDICTS, "failed", "epoch", "note")
    title = "Health: runs by verdict, and the median epoch from which the worse one held"
    return make_table(title, header, entries, cite=False, left=WORDS | {"note"})


def health_sentences(rows: pd.DataFrame, labels: Mapping[str, str], escape: Escape = str) -> list[str]:
    """Return what is to say of each variant and verdict that is not healthy: what happened, and what to try."""
    sentences = []
    for row in rows.to_dict("records"):
        for verdict in reversed(HEALTH_VERDICTS[1:]):
            if row[verdict]:
                epoch = row[f"epoch {verdict}"]
                since = f", from epoch {epoch:g} on (median)" if np.isfinite(epoch) else ""
                claim = f"{labels[row['variant']]}: {row[verdict]} of {row['n_ok']} {_SAID[verdict]}{since}"
                claim += f": it {_NOTES[verdict]}." if verdict == "degenerate variance" else "."
                advice = escape(row[f"advice {verdict}"])
                sentences.append(f"{claim} {advice}" if advice else claim)
    return sentences


def health_counts(rows: pd.DataFrame) -> str:
    """Return one sentence over all variants, where they are too many to be told one by one."""
    counts = [f"{int(rows[verdict].sum())} {verdict}" for verdict in HEALTH_VERDICTS if rows[verdict].any()]
    return f"Health of {int(rows['n_ok'].sum())} runs of {len(rows)} variants: {', '.join(counts)}."
