"""How far the runs of one variant agree, and how well their disagreement finds mis-clustered points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.metrics.detection import detection
from bench.metrics.registry import ALIGNED_VOTE, BETWEEN_RUNS, DISAGREEMENT
from bench.metrics.stability import Agreement, agreement, pairwise_disagreement, stability, vote_entropy
from bench.metrics.uncertainty import mis_clustered_of
from bench.report.ranking import MOST_RANKED
from bench.report.runs_frame import without_ablations

if TYPE_CHECKING:
    import pandas as pd

    from bench.records.results import CollectedRuns

#: Runs that are not compared: with one cluster they would agree perfectly.
_UNHEALTHY = frozenset({"collapsed", "partly collapsed"})
#: Runs of a variant that are compared: 435 pairs are enough, and 45 of a grid that is read as a table alone.
_MOST_RUNS, _MOST_RUNS_OF_MANY = 30, 10
_OF_RUN = ("seed", "status", "flags", "run", "key")
#: Runs that vote on each point.
VOTERS = 5
_COMPUTED = {DISAGREEMENT.name: pairwise_disagreement, ALIGNED_VOTE.name: vote_entropy}


def stability_of(results: CollectedRuns) -> list[float]:
    """Return for each run of the frame how far the first healthy runs of its variant agree.

    They are the first thirty, or ten on data sets with more than `MOST_RANKED` variants.
    """
    frame, known = results.frame, results.agreements
    few = set(_of_few_variants(frame)["dataset"])
    values = {}
    for place, rows in _healthy_runs(results.with_outputs):
        compared = rows if place[0] in few else rows.head(_MOST_RUNS_OF_MANY)
        values[place] = known[place].ari if place in known else stability(_labels(results, compared))
    return [values.get(place, float("nan")) for place in zip(frame["dataset"], frame["variant"], strict=True)]


def agreements_of(results: CollectedRuns) -> dict[tuple[str, str], Agreement]:
    """Return how far the first thirty healthy runs of each variant agree.

    Returns
    -------
    dict of (str, str) to Agreement
        By data set and variant: those with two healthy runs, on data sets with at most `MOST_RANKED` variants.
    """
    groups = _healthy_runs(_of_few_variants(results.with_outputs))
    return {place: agreement(_labels(results, rows)) for place, rows in groups if len(rows) > 1}


def disagreement_columns(results: CollectedRuns) -> pd.DataFrame:
    """Return how well the disagreement of five other runs finds the points that a run has wrong.

    It is taken twice: from pairs of runs, and from votes that are aligned to the first of them.

    The voters are the first five healthy runs, with seeds other than the run's own, of the deterministic variant:
    the run's variant itself, or its twin. Their votes need no noise, so they are what drawing from it has to beat.

    Returns
    -------
    DataFrame
        The metrics `BETWEEN_RUNS` by the index of ``results.frame``; NaN for runs that did not finish or collapsed,
        whose raw outputs are gone, that have no five voters, beyond the first thirty of a variant, on unlabelled data
        and on data sets with more than `MOST_RANKED` variants.
    """
    import pandas as pd

    frame = results.frame
    few = _of_few_variants(results.with_outputs)[["fingerprint", "config", "twin", "kind", "seeded", *_OF_RUN]]
    judged = few.loc[(few["status"] == "ok") & ~few["flags"].map(lambda flags: "collapsed" in flags)]
    candidates = {
        place: rows.sort_values("seed").head(VOTERS + 1).to_dict("records")  # one may be judged itself
        for place, rows in _voting(few).groupby(["fingerprint", "config"])
    }
    found: dict[Any, dict[str, float]] = {}
    for (fingerprint, _), rows in judged.groupby(["fingerprint", "config"]):
        classes = classes_of(results, rows)
        if classes is None:
            continue
        scores: dict[tuple[str, ...], dict[str, np.ndarray]] = {}  # few, as runs leave out one seed each
        first = rows.sort_values("seed").head(_MOST_RUNS)
        for index, run in zip(first.index, first.to_dict("records"), strict=True):
            config = run["config"] if run["kind"] == "deterministic" else run["twin"]
            others = [o for o in candidates.get((fingerprint, config), ()) if o["seed"] != run["seed"]][:VOTERS]
            if len(others) < VOTERS:
                continue
            keys = tuple(other["key"] for other in others)
            if keys not in scores:
                labelings = [labels_of(results, other) for other in others]
                scores[keys] = {name: of(labelings) for name, of in _COMPUTED.items()}
            labels = labels_of(results, run)
            scoring, wrong = mis_clustered_of(labels, classes, str(fingerprint), int(run["seed"]))
            found[index] = {
                f"{rate}_{name}": value
                for name, score in scores[keys].items()
                for rate, value in detection(score[scoring], wrong).items()
                if not isinstance(value, str)
            }
    names = [row.name for row in BETWEEN_RUNS]
    return pd.DataFrame.from_dict(found, orient="index", dtype=np.float64).reindex(index=frame.index, columns=names)


def _healthy_runs(frame: pd.DataFrame) -> Iterable[tuple[tuple[str, str], pd.DataFrame]]:
    """Yield data set and variant, and the first healthy runs of it."""
    read = frame[["dataset", "variant", *_OF_RUN]]
    for (dataset, variant), rows in _healthy(read).groupby(["dataset", "variant"]):
        yield (str(dataset), str(variant)), rows.head(_MOST_RUNS)


def _healthy(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.loc[(frame["status"] == "ok") & frame["flags"].map(_UNHEALTHY.isdisjoint)]


def _voting(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that may vote: deterministic ones with a seed, since without one all runs are the same."""
    healthy = _healthy(frame)
    return healthy.loc[(healthy["kind"] == "deterministic") & healthy["seeded"].astype(bool)]


def _of_few_variants(frame: pd.DataFrame) -> pd.DataFrame:
    n_variants = without_ablations(frame).groupby("dataset")["variant"].nunique()
    return frame.loc[frame["dataset"].map(n_variants) <= MOST_RANKED]


def classes_of(results: CollectedRuns, frame: pd.DataFrame) -> np.ndarray | None:
    """Return the classes that one of the folders of these runs keeps of their data set, if it has any."""
    for number in frame["run"].unique():
        classes = results.runs[number].dataset(frame["fingerprint"].iloc[0]).get("classes")
        if classes is not None:
            return classes
    return None


def _labels(results: CollectedRuns, frame: pd.DataFrame) -> list[np.ndarray]:
    return [labels_of(results, run) for run in frame[["run", "key"]].to_dict("records")]


def labels_of(results: CollectedRuns, run: Mapping[Any, Any]) -> np.ndarray:
    """Return the stored labels (n_samples,) of a run, given as a row of the frame."""
    return results.runs[run["run"]].outputs(run["key"], ["labels"])["labels"]
