"""The frame of runs that every part of a report reads: one row a run, and the functions that read it.

`bench.records.results.collect` makes it; a variable named ``frame`` is this frame or some of its rows. Its columns:

- what was run: ``dataset``, ``fingerprint`` (of the data), ``method``, ``version``, ``preset``, ``variant`` (unique
  name of a configuration), ``title`` (what readers see), ``config`` (hash of the configuration), ``seed``, ``key`` (of
  the record), ``run`` (number of the folder in ``CollectedRuns.runs``);
- what the variant is: ``kind`` ("stochastic" or "deterministic"), ``seeded`` (whether it takes a seed), ``role``
  ("asked" for by the suite, or only the "twin" or an "ablation" of one that was), ``twin`` (``config`` of its
  deterministic counterpart, or None), ``prior_only`` and ``noise_only`` (``config`` of its ablations, or None),
  ``planned`` (number of its planned runs), ``n_clusters_asked`` (NaN where none were asked for);
- how the run ended: ``status`` ("ok", "failed", "diverged", "timeout", ...; `NOT_RUN` where there is no record),
  ``error`` (last line), ``flags`` (list of str), ``health``, ``health_epoch``, ``health_advice``;
- what it cost: ``hardware``, ``wall_time`` (seconds), ``peak_memory`` (MB);
- its scores: a column for each metric, and ``RATE/OUTLIERS/SCORE`` for each set of outliers; a report adds
  ``stability`` and the metrics between runs;
- what is known of the data: ``unlabelled`` (whether there are no classes), ``revised`` (whether several contents share
  the name of the data set).

Only `REQUIRED_COLUMNS` must be there. Names are one line of printable characters: they are cleaned where rows are made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.errors import InputError
from bench.metrics import Metric, all_metrics
from bench.metrics.metric import UNCERTAINTY_NEEDS
from bench.metrics.registry import BETWEEN_RUNS
from bench.statistics.correction import Scores

#: Status of a run that was planned and has no record.
NOT_RUN = "not run"

REQUIRED_COLUMNS = (
    *("dataset", "method", "variant", "title", "config", "twin", "role", "kind"),
    *("seeded", "planned", "seed", "status", "flags", "unlabelled", "revised"),
    *("hardware", "wall_time", "peak_memory"),
)


def check_columns(frame: pd.DataFrame) -> None:
    """Refuse a frame that lacks a column.

    Raises
    ------
    InputError
        If it does; the column is named.
    """
    missing = [column for column in REQUIRED_COLUMNS if column not in frame.columns]
    if missing:
        raise InputError(f"the frame of cells lacks the columns {', '.join(missing)}")


def runs_on_dataset(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return the runs of one data set.

    Raises
    ------
    InputError
        If a seed of a variant occurs twice.
    """
    runs = frame.loc[frame["dataset"] == dataset]
    twice = runs.loc[runs.duplicated(["variant", "seed"])]
    if len(twice):
        first = twice.iloc[0]
        raise InputError(f"{dataset}: seed {first['seed']} of {first['variant']} occurs twice")
    return runs


def runs_by_variant(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the runs of each variant, in order of appearance."""
    return {str(name): rows for name, rows in frame.groupby("variant", sort=False)}


def families(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the runs of each family: the configurations of one method, preset and role, in order of appearance."""
    keys = [key for key in ("method", "preset", "role") if key in frame]
    return [family for _, family in frame.groupby(keys, sort=False, dropna=False)]


def one_run_per_variant(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one run of each variant, in order of appearance: all runs of a variant bear the same names."""
    return frame.drop_duplicates("variant")


def finished_runs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with status "ok"; a collapsed run has it, a failed, diverged or timed-out one has not."""
    return frame.loc[frame["status"] == "ok"]


def scores_by_seed(frame: pd.DataFrame, metric: str) -> dict[int, float]:
    """Return the finite scores of the finished runs of one variant, by seed."""
    values = metric_values(frame, metric)
    scored = np.isfinite(values) & (frame["status"] == "ok").to_numpy()
    return dict(zip(frame["seed"].to_numpy()[scored].tolist(), values[scored].tolist(), strict=True))


def scores_by_variant(frame: pd.DataFrame, metric: str) -> dict[str, Scores]:
    """Return the scores of each variant by seed, NaN where its run ended without a score.

    A variant that takes no seed has its one score, or no scores, by no seed; so has one whose seeds all gave the same:
    it is deterministic in effect, and n equal numbers are no n observations.
    """
    scores: dict[str, Scores] = {}
    read = ["variant", "seed", "status", "seeded", *({metric} & set(frame.columns))]
    for name, rows in runs_by_variant(frame[read]).items():
        by_seed = scores_by_seed(rows, metric)
        same = len(by_seed) > 1 and len({round(score, 6) for score in by_seed.values()}) == 1
        if rows["seeded"].all() and not (same and len(by_seed) == len(rows)):
            ended = rows.loc[rows["status"] != NOT_RUN, "seed"].tolist()
            scores[name] = {seed: by_seed.get(seed, float("nan")) for seed in ended}
        else:
            scores[name] = next(iter(by_seed.values())) if by_seed else {}
    return scores


def metric_values(frame: pd.DataFrame, metric: str) -> np.ndarray:
    """Return a metric of each run, NaN where it has none.

    Returns
    -------
    ndarray of shape (n_runs,)
    """
    if metric not in frame.columns:
        return np.full(len(frame), np.nan)
    column = frame[metric]
    if column.dtype != np.float64:
        column = pd.to_numeric(column, errors="coerce")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def median_run(runs: pd.DataFrame, metric: Metric) -> pd.Series:
    """Return the run with the median score, of an even number the lower one; the first where none has a score.

    Parameters
    ----------
    runs : DataFrame
        The finished runs of one variant, at least one.
    metric : Metric
    """
    values = metric_values(runs, metric.name)
    order = np.lexsort((runs["seed"], values))[: np.isfinite(values).sum()]  # NaN goes last
    return runs.iloc[int(order[(len(order) - 1) // 2]) if len(order) else 0]


def moments(values: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of the finite values, NaN where they do not exist."""
    finite = values[np.isfinite(values)]
    mean = float(finite.mean()) if len(finite) else np.nan
    return mean, float(finite.std(ddof=1)) if len(finite) > 1 else np.nan


def has_flag(frame: pd.DataFrame, flag: str) -> np.ndarray:
    """Return for each run whether it has a flag.

    Returns
    -------
    ndarray of shape (n_runs,), bool
    """
    # Flags read back from parquet are arrays, missing ones None or NaN.
    return np.array([isinstance(f, list | tuple | np.ndarray) and flag in list(f) for f in frame["flags"]], bool)


def variant_titles(frame: pd.DataFrame) -> dict[str, str]:
    """Return the title of each variant.

    Where two share a title, a counterpart is called ``IDEC (counterpart of S-DEC)``, and another has its name beside.
    """
    firsts = one_run_per_variant(frame)
    titles = dict(zip(firsts["variant"], firsts["title"].astype(str), strict=True))
    shared = Counter(titles.values())
    twins = set(firsts.loc[firsts["role"] == "twin", "variant"])
    partners = {twin: titles[variant] for variant, twin in reversed(twin_pairs(frame)[0]) if twin in twins}
    labels: dict[str, str] = {}
    asked = Counter(title for name, title in titles.items() if name not in twins)
    for name, title in titles.items():
        alone = shared[title] == 1 or (name not in twins and asked[title] == 1)
        what = f"counterpart of {partners[name]}" if name in partners else name
        label = title if alone else f"{title} ({what})"
        while label in labels.values():  # a title may be what another's was made into
            label += "'"
        labels[name] = label
    return labels


def shared_title(titles: Sequence[str], otherwise: str) -> str:
    """Return the words that all titles begin with: "S-DEC" of "S-DEC beta=1" and "S-DEC beta=.1"."""
    shared: list[str] = []
    for words in zip(*map(str.split, titles), strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return " ".join(shared) or otherwise


def twin_pairs(frame: pd.DataFrame) -> tuple[list[tuple[str, str]], list[str]]:
    """Match each stochastic variant with its deterministic twin.

    Returns
    -------
    pairs : list of (str, str)
        (variant, its twin), in order of appearance.
    alone : list of str
        Stochastic variants whose twin was not run.
    """
    firsts = one_run_per_variant(frame)
    by_config = dict(zip(firsts["config"], firsts["variant"], strict=True))
    pairs, alone = [], []
    for name, twin, kind, role in zip(*(firsts[c] for c in ("variant", "twin", "kind", "role")), strict=True):
        twin_name = by_config.get(twin) if isinstance(twin, str) else None
        if twin_name is not None and twin_name != name:
            pairs.append((name, twin_name))
        elif kind == "stochastic" and role != "ablation":
            alone.append(name)
    return pairs, alone


#: What a contrast answers: each holds one variant against another from which it differs in one ingredient, or in all.
TOTAL, OF_NOISE, OF_PRIOR = "total", "noise given the prior", "prior without noise"


class Contrasted(NamedTuple):
    """Two variants, and the question that their difference answers."""

    question: str
    a: str
    b: str


def contrast_pairs(frame: pd.DataFrame) -> list[Contrasted]:
    """Return the contrasts of each stochastic variant, in order of appearance.

    `TOTAL` holds it against its counterpart, which has neither its noise nor its prior. Where its ablation without
    noise was run, `OF_NOISE` holds it against that, and `OF_PRIOR` that against the counterpart.
    """
    firsts = one_run_per_variant(frame)
    by_config = dict(zip(firsts["config"], firsts["variant"], strict=True))
    prior_only = dict(zip(firsts["variant"], firsts.get("prior_only", [None] * len(firsts)), strict=True))
    contrasts = []
    for name, twin in twin_pairs(frame)[0]:
        contrasts.append(Contrasted(TOTAL, name, twin))
        if prior := by_config.get(prior_only[name]):
            contrasts += [Contrasted(OF_NOISE, name, prior), Contrasted(OF_PRIOR, prior, twin)]
    return list(dict.fromkeys(contrasts))  # variants may share an ablation


def without_ablations(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of methods: those asked for, and their counterparts."""
    return frame.loc[frame["role"] != "ablation"]


OUTLIER_RATES = ("auroc", "aupr", "fpr95")


def is_outlier_column(column: str) -> bool:
    """Return whether a column is a rate of outlier detection, such as ``auroc/OUTLIERS/SCORE``."""
    return column.count("/") >= 2 and column.split("/", 1)[0] in OUTLIER_RATES


def collapsed_mask(frame: pd.DataFrame) -> np.ndarray:
    """Return for each run whether it collapsed, by flag or verdict.

    Returns
    -------
    ndarray of shape (n_runs,), bool
    """
    return _ended_as(frame, "collapsed")


def partly_collapsed_mask(frame: pd.DataFrame) -> np.ndarray:
    """Return for each run whether it uses fewer than half of its clusters; as `collapsed_mask`."""
    return _ended_as(frame, "partly collapsed")


def _ended_as(frame: pd.DataFrame, health: str) -> np.ndarray:
    verdict = (frame["health"] == health).to_numpy(bool) if "health" in frame else False
    return has_flag(frame, health) | verdict


def mask_uncertainty(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs with the uncertainty of collapsed and unfinished ones set to NaN.

    One cluster for all points is perfectly certain and calibrated. Scoring gives such runs no such metric; records
    that other programs wrote may hold some.
    """
    out = collapsed_mask(frame) | (frame["status"] != "ok").to_numpy()
    uncertain = {m.name for m in (*all_metrics(), *BETWEEN_RUNS) if UNCERTAINTY_NEEDS & set(m.needs)}
    columns = [c for c in frame.columns if c in uncertain or is_outlier_column(str(c))]
    if not out.any() or not columns:
        return frame
    numbers = frame[columns].apply(pd.to_numeric, errors="coerce").astype(np.float64)
    return frame.assign(**{str(name): column.mask(out) for name, column in numbers.items()})


def mean_sd_n(frame: pd.DataFrame, columns: Sequence[str]) -> dict[str, tuple[float, float, int]]:
    """Return mean, standard deviation and number of the finite values of some columns, NaN where there are none."""
    summary = {}
    for column in columns:
        values = metric_values(frame, column)
        summary[column] = *moments(values), int(np.isfinite(values).sum())
    return summary
