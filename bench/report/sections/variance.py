"""Where the variance of a method's scores comes from: its draws, its seeds, its hyper-parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.metrics.registry import DRAWN, N_DRAWS
from bench.report.board import DatasetRuns
from bench.report.document import Column, Sentence, Table
from bench.report.runs_frame import collapsed_mask, families, metric_values, one_run_per_variant, shared_title
from bench.report.section import Section
from bench.report.values import Amount, Count, Name, Number, Value
from bench.statistics.variance import variance_components
from bench.text import and_list

#: What scores vary by, as columns are named, and what it is called.
SOURCES = {"draws": "draws", "seeds": "seeds", "hyper_parameters": "hyper-parameters"}


class Variance(Section):
    """Components of the variance of scores."""

    name = "variance"
    title = "Sources of variance"
    place = 80

    def rows(self, runs: DatasetRuns) -> pd.DataFrame:
        """Return one row a family of configurations and metric, the primary metric first.

        A family is one of `bench.report.runs_frame.families`. ``sd_SOURCE`` and ``share_SOURCE`` of each of
        `SOURCES` are NaN where there is none: no draws, one seed, one configuration. A family that varies by seeds
        alone has no row: its standard deviation is on the leaderboard. Collapsed runs are left out, as they agree in
        nothing but their collapse.
        """
        frame = runs.masked
        healthy = frame.loc[(frame["status"] == "ok").to_numpy() & ~collapsed_mask(frame)]
        own = sorted(families(healthy), key=lambda f: min(map(runs.by_score.index, f["variant"].unique())))
        metrics = sorted(DRAWN, key=lambda name: name != runs.metric.name)
        rows = [row for metric in metrics for family in own if (row := _components(family, metric))]
        return pd.DataFrame(rows)

    def table(self, rows: pd.DataFrame) -> Table:
        present = [source for source in SOURCES if rows[f"sd_{source}"].notna().any()]
        columns = (
            Column("method", words=True),
            Column("metric", words=True),
            *(Column(f"sd, {SOURCES[source]}", aside=1) for source in present),
            *(Column(f"share, {SOURCES[source]}") for source in present),
            Column("runs", aside=2),
        )
        written: list[tuple[Value, ...]] = []
        for row in rows.to_dict("records"):
            metric = find_metric(row["metric"])
            written.append(
                (
                    Name(row["title"]),
                    Name(metric.title),
                    *(Number(row[f"sd_{source}"], metric) for source in present),
                    *(Amount(row[f"share_{source}"], "%") for source in present),
                    Count(row["n_runs"]),
                )
            )
        return Table("Standard deviation of scores by source, and share of the variance", columns, tuple(written))

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        metric = rows["metric"].iloc[0]
        by_source: dict[str, list[str]] = {}
        for row in rows.loc[rows["metric"] == metric].to_dict("records"):
            shares = {source: row[f"share_{source}"] for source in SOURCES if np.isfinite(row[f"share_{source}"])}
            if shares:
                most = max(shares, key=lambda source: shares[source])
                by_source.setdefault(SOURCES[most], []).append(f"{row['title']} ({100 * shares[most]:.0f} %)")
        parts = [f"{source} for {and_list(methods)}" for source, methods in by_source.items()]
        claim = f"Largest source of the variance of {find_metric(metric).title}:"
        return [Sentence(claim, f"{'; '.join(parts)}.")] if parts else []

    def notes(self, rows: pd.DataFrame, runs: DatasetRuns) -> list[str]:
        notes = ["Components of variance by the method of moments; shares are of their sum."]
        if rows["sd_draws"].notna().any():
            notes.append(f"Draws: scores of the labels from one latent draw of each point, {N_DRAWS} times a run.")
        return notes


def _components(family: pd.DataFrame, metric: str) -> dict[str, Any] | None:
    """Return the components of a family, None where it varies by seeds alone."""
    sds = metric_values(family, f"{metric}_draws_sd")
    drawn = bool(np.isfinite(sds).any())
    values = metric_values(family, f"{metric}_draws" if drawn else metric)
    scored = np.isfinite(values) & (np.isfinite(sds) | (not drawn))
    if scored.sum() < 2:
        return None
    wide = family.loc[scored, ["variant", "seed"]].assign(score=values[scored], sd=sds[scored])
    scores = wide.pivot_table("score", "variant", "seed").to_numpy()
    of_draws = wide.pivot_table("sd", "variant", "seed").to_numpy() if drawn else None
    components = variance_components(scores, of_draws, N_DRAWS)
    parts = {source: getattr(components, source) for source in SOURCES}
    if parts["draws"] is None and parts["hyper_parameters"] is None:
        return None
    titles = [str(title) for title in one_run_per_variant(family)["title"]]
    name = shared_title(titles, str(family["method"].iloc[0]))
    title = f"{name} ({len(titles)} configurations)" if len(titles) > 1 else name
    row = {"title": title, "metric": metric, "n_runs": int(scored.sum()), "n_configurations": len(scores)}
    row |= {f"sd_{source}": part.sd if part else np.nan for source, part in parts.items()}
    return row | {f"share_{source}": part.share if part else np.nan for source, part in parts.items()}


section = Variance()
