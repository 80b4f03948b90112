"""The smallest difference that planned seeds can show, from the spread of earlier runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from bench.metrics import Metric
from bench.plan.cells import Cell
from bench.records.store import Run
from bench.report.numbers import format_score
from bench.report.ranking import MOST_RANKED
from bench.report.runs_frame import contrast_pairs, one_run_per_variant, variant_titles
from bench.statistics.correction import all_pairs, smallest_n
from bench.statistics.power import detectable_effect
from bench.text import and_list, clean_name, counted

#: Median standard deviation of the paired differences of nine contrasts: the suite ``quick`` with twenty seeds on
#: digits (results/quick), where they are .005 to .059 in ACC. They stand in where there are no earlier runs.
DEFAULT_SDS = {"acc": 0.038, "nmi": 0.017, "ari": 0.033}
#: Pairs of earlier runs that a standard deviation is taken from.
FEWEST_PAIRS = 5
_LEVEL = 0.05

#: Scores by seed of each configuration, by fingerprint of the data and ``config``.
Earlier = Mapping[tuple[str, str], Mapping[int, float]]


def earlier_scores(run: Run, metric: str) -> Earlier:
    """Return the scores of the runs in a folder, and of those that a checkout publishes; the former come first.

    Parameters
    ----------
    run : Run
    metric : str
    """
    scores: dict[tuple[str, str], dict[int, float]] = {}
    for fingerprint, config, seed, score in _published(metric):
        scores.setdefault((fingerprint, config), {})[seed] = score
    for record in run.records():
        found = record.metrics.get(metric)
        if record.part == "whole" and record.status == "ok" and found is not None:
            scores.setdefault((record.fingerprint, record.config), {})[record.seed] = found
    return scores


def _published(metric: str) -> Iterable[tuple[str, str, int, float]]:
    checkout = Path(str(files("bench"))).parent
    if not (checkout / "pyproject.toml").is_file():
        return
    for path in sorted(checkout.glob("results/*/scores.csv")):
        table = pd.read_csv(path, dtype={"fingerprint": str, "config": str})
        columns = ("fingerprint", "config", "seed", metric)
        if {*columns, "status"} <= set(table):
            scored = table.loc[(table["status"] == "ok") & table[metric].notna()]
            yield from zip(*(scored[column].tolist() for column in columns), strict=True)


def smallest_differences(cells: Sequence[Cell], n_seeds: int, metric: Metric, earlier: Earlier) -> list[str]:
    """Say how large a difference must be on each data set to be shown with 80 % power, or how many seeds that needs.

    The family is that of the report: the contrasts of stochastic methods or, where there are none, all pairs of
    methods. Holm's procedure takes each of m comparisons at 5 % / m at first; the sentence goes by this step, the worst
    case, since later ones depend on what else differs. Differences are taken to be normal.

    Parameters
    ----------
    cells : sequence of Cell
        The runs to report.
    n_seeds : int
    metric : Metric
        The primary one.
    earlier : mapping
        As `earlier_scores` returns them; standard deviations are those of runs of the same configurations on the same
        data.

    Returns
    -------
    list of str
        A sentence for data sets of which the same is to say; none where nothing is compared.
    """
    frame = pd.DataFrame(list({(c.fingerprint, c.configuration.config): c.facts for c in cells}.values()))
    sentences: dict[tuple[str, str], list[str]] = {}
    for name, rows in frame.groupby("dataset", sort=False) if len(frame) else ():
        if said := _sentence(rows, n_seeds, metric, earlier):
            sentences.setdefault(said, []).append(str(name))
    return [clean_name(f"{start} on {and_list(names)}{end}") for (start, end), names in sentences.items()]


def _sentence(rows: pd.DataFrame, n_seeds: int, metric: Metric, earlier: Earlier) -> tuple[str, str] | None:
    """Return what is to say of a data set, before and after its name."""
    pairs, noun = _family(rows)
    if not pairs:
        return None
    seeds, family = counted(n_seeds, "seed"), counted(len(pairs), noun)
    effect = detectable_effect(n_seeds, _LEVEL / len(pairs))
    if effect is None:
        over = f" for Holm over {family}" if len(pairs) > 1 else ""
        needed = f"{smallest_n(len(pairs))} needed{over}"
        return f"With {seeds} no difference can be shown", f": too few seeds ({n_seeds}; {needed})."
    sds = _spread(rows, pairs, earlier)
    unit = f" in {metric.title}"
    if sds:
        sd = float(np.median(list(sds.values())))
        details = [f"sd of paired differences {format_score(sd, metric)} in earlier runs"]
    elif metric.name in DEFAULT_SDS:
        sd = DEFAULT_SDS[metric.name]
        details = [f"sd of paired differences {format_score(sd, metric)}, a default, as no earlier runs are known"]
    else:
        sd, unit = 1.0, f" standard deviations of paired differences{unit}"
        details = ["no earlier runs are known"]
    if len(sds) > 1:
        titles = variant_titles(rows)
        ends = [
            f"{format_score(effect * sds[a, b], metric)} for {titles[a]} vs {titles[b]}"
            for a, b in (min(sds, key=sds.__getitem__), max(sds, key=sds.__getitem__))
        ]
        details = [f"median over {counted(len(sds), noun)}, {details[0]}", f"from {' to '.join(ends)}"]
    if len(pairs) > 1:
        details.append(f"Holm over {family}, first step")
    start = f"With {seeds} a difference of {format_score(effect * sd, metric)}{unit} can be shown"
    return start, f" with 80 % power ({'; '.join(details)})."


def _family(rows: pd.DataFrame) -> tuple[list[tuple[str, str]], str]:
    """Return which variants a report compares on a data set as one family, and what it calls a comparison."""
    pairs, noun = [(pair.a, pair.b) for pair in contrast_pairs(rows)], "contrast"
    if not pairs:
        asked = one_run_per_variant(rows.loc[rows["role"] == "asked"])["variant"].tolist()
        pairs, noun = all_pairs(asked) if len(asked) <= MOST_RANKED else [], "pair"
    seeded = dict(zip(rows["variant"], rows["seeded"], strict=True))
    return [pair for pair in pairs if any(seeded[name] for name in pair)], noun


def _spread(rows: pd.DataFrame, pairs: Sequence[tuple[str, str]], earlier: Earlier) -> dict[tuple[str, str], float]:
    """Return the standard deviation of the differences of each pair of which there are enough earlier runs."""
    scores: dict[str, pd.Series | float] = {}
    for row in rows.to_dict("records"):
        own = pd.Series(earlier.get((row["fingerprint"], row["config"]), {}), dtype=np.float64)
        # The one score of a method without a seed shifts all differences alike.
        scores[row["variant"]] = own if row["seeded"] else 0.0
    sds = {}
    for a, b in pairs:
        differences = pd.Series(scores[a] - scores[b]).dropna()
        sd = float(differences.std()) if len(differences) >= FEWEST_PAIRS else 0.0
        if round(sd, 6):
            sds[a, b] = sd
    return sds
