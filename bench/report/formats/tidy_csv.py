"""Leaderboards and findings as tidy CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.report.boards import BoardFrame, DatasetFindings
from bench.report.runs_frame import OUTLIER_RATES
from bench.report.sections.calibration import LOSSES, OVER_DRAWS
from bench.report.sections.contrasts import SamplingContrast, column_of
from bench.report.sections.error_detection import RATES
from bench.report.sections.health import HEALTH_VERDICTS
from bench.report.sections.variance import SOURCES

FINDINGS_COLUMNS = (
    *("dataset", "variant", "finding", "metric", "against", "outliers", "needs_sampling", "n"),
    *("value", "sd", "ci_low", "ci_high", "p_value", "p_adjusted", "family_size", "verdict", "practical"),
)
"""Of ``findings.csv``.

``finding`` is "contrast", "detection", "calibration", "stability", "variance", "health" or "outliers". ``metric`` is
what ``value`` is of: the mean over ``n`` runs, or for a contrast the Hodges-Lehmann difference to ``against``, for
health a number of runs, for variance its share (and ``sd`` the component itself). The interval is that of the test, or
of the jackknife. The variant of a variance is a family of configurations.
"""


def render_findings_csv(board: BoardFrame) -> str:
    """Return tidy CSV of the findings of a board: one row for each data set, variant and metric or contrast.

    Names are written as they are and numbers to ten digits. With nothing to say there is the header alone.
    """
    rows = [{"dataset": f.dataset, **row} for f in board.findings for row in _rows(f)]
    return pd.DataFrame(rows, columns=list(FINDINGS_COLUMNS)).to_csv(
        index=False, lineterminator="\n", float_format="%.10g"
    )


def _rows(findings: DatasetFindings) -> Iterator[dict[str, Any]]:
    for contrast in (*findings.contrasts, *findings.outlier_contrasts):
        yield _contrast(contrast)
    for kind, table, rates in (
        ("detection", findings.detection, RATES),
        ("outliers", findings.outliers, OUTLIER_RATES),
    ):
        for row in table.to_dict("records"):
            for rate in rates:
                yield {
                    "finding": kind,
                    "variant": row["variant"],
                    "metric": column_of(row["score"], None, rate),
                    "outliers": row["outliers"],
                    "needs_sampling": row["needs_sampling"],
                    "n": row["n"],
                    "value": row[rate],
                    "sd": row[f"{rate}_sd"],
                }
    for row in findings.calibration.to_dict("records"):
        for loss in LOSSES:
            suffix, needs = ("_sampled", "yes") if row["q"] == OVER_DRAWS else ("", "no")
            if row["n"]:
                named = {"metric": f"{loss}{suffix}", "needs_sampling": needs, "n": row["n"]}
                numbers = {"value": row[loss], "sd": row[f"{loss}_sd"]}
                yield {"finding": "calibration", "variant": row["variant"], **named, **numbers}
    yield from _stability(findings)
    for row in findings.variance.to_dict("records"):
        for source in SOURCES:
            if np.isfinite(row[f"sd {source}"]):
                named = {"variant": row["variant"], "metric": f"{row['metric']} between {source}", "n": row["n"]}
                yield {"finding": "variance", **named, "value": row[f"share {source}"], "sd": row[f"sd {source}"]}
    for row in findings.health.to_dict("records"):
        for verdict in (*HEALTH_VERDICTS, "failed"):
            yield {"finding": "health", "variant": row["variant"], "metric": verdict, "value": row[verdict],
                   "n": row["n_ok"]}  # fmt: skip


def _contrast(contrast: SamplingContrast) -> dict[str, Any]:
    c, result = contrast.comparison, contrast.comparison.result
    low, high = (result.hodges_lehmann_interval if result else None) or (np.nan, np.nan)
    return {
        "finding": "contrast",
        "variant": contrast.variant,
        "metric": column_of(contrast.score.name, None),
        "against": column_of(contrast.against.name, None),
        "outliers": contrast.outliers,
        "needs_sampling": "yes",
        "n": len(c.matched),
        "value": result.hodges_lehmann if result else np.nan,
        "ci_low": low,
        "ci_high": high,
        "p_value": c.p_value,
        "p_adjusted": c.p_adjusted,
        "family_size": c.family_size,
        "verdict": c.verdict,
        "practical": result.practical if result else None,
    }


def _stability(findings: DatasetFindings) -> Iterator[dict[str, Any]]:
    for row in findings.stability.to_dict("records"):
        place = {"finding": "stability", "variant": row["variant"], "n": row["n_used"]}
        for name in ("ari", "nmi"):
            if row["n_used"]:
                interval = {"ci_low": row[f"{name}_low"], "ci_high": row[f"{name}_high"]}
                yield {**place, "metric": name, "value": row[name], **interval}
        names = ("n_clusters", "n_dissolved", "n_stable", "n_highly_stable", "point_agreement")
        yield from ({**place, "metric": name, "value": row[name]} for name in names if np.isfinite(row[name]))
        if row["n_drawn"]:
            yield {**place, "metric": "label_change", "value": row["label_change"], "n": row["n_drawn"]}


def render_csv(boards: Sequence[BoardFrame]) -> str:
    """Return tidy CSV: one row for each board, data set and variant, with its twin's comparison where it has one.

    Names are written as they are and numbers to ten digits.
    """
    rows = []
    for board in boards:
        for tables in board.datasets:
            twins = tables.twins.drop(columns=["title", "mean"])
            # "twin_mean" and its like are named already; of the rest each says whose comparison it is.
            renamed = {c: f"twin_{c}" for c in twins.columns if c != "variant" and not c.startswith("twin_")}
            part = tables.quality.merge(twins.rename(columns=renamed), on="variant", how="left")
            place = {"board": board.name, "dataset": tables.dataset, "metric": board.metric.name}
            # Not concat of frames: it would warn about, and guess, the types of columns that are all empty.
            rows += [{**place, **row} for row in part.to_dict("records")]
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n", float_format="%.10g")
