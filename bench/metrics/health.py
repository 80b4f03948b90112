"""Whether a run ended as what its method promises, and since which epoch it does not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import entr, rel_entr

from bench.metrics.external import clusters_of
from bench.metrics.table import NOISE

Verdict = Literal["healthy", "collapsed", "partly collapsed", "degenerate variance"]

#: With less than this share of log k nats of I(x; c), all rows of a soft assignment say the same: they then differ by
#: less than one per cent of themselves. S-DEC has 1e-7 to 1e-5 where it collapsed, a merger of all into two clusters
#: .003, runs that tell clusters apart .16 and more.
SAME_ROWS = 1e-5
#: Share of the rows that may say something else: a stray point does not undo a collapse.
STRAYS = 0.005
#: In an epoch's means: less than this share of log k nats of I(x; c) says nothing of the clusters.
NO_INFORMATION = 1e-4
#: With more than this share of the variance of the codes the noise is all there is of them.
ALL_NOISE = 0.99
#: With less, the method has become deterministic: a draw then tells about a thousandth of what the code tells of its
#: cluster. S-DEC's noise has .008 to .081 at beta = .01, .0009 to .007 at .001 and at most .0011 at .0001 (digits and
#: MNIST, 10 to 400 epochs); VaDE's .24, a variational autoencoder's .68. A ratio, whatever the scale of the codes.
NO_NOISE = 0.005


@dataclass(frozen=True)
class Health:
    """What became of a run.

    Attributes
    ----------
    verdict : {"healthy", "collapsed", "partly collapsed", "degenerate variance"}
        Collapsed: one cluster, or noise, or one row of soft assignments for every point. Partly: fewer than half of
        the clusters asked for are in use. Degenerate variance: the noise of the codes has shrunk to nothing, and a
        stochastic method has become deterministic.
    epoch : int or None
        Of training the clusters, from 1: the first of those that all show this state, up to the last. None for a
        healthy run, and where the history does not show it.
    reason : str
        A clause with the number that decided.
    """

    verdict: Verdict
    epoch: int | None
    reason: str


def is_collapsed(labels: np.ndarray, soft_assignment: np.ndarray | None) -> bool:
    """Return whether one cluster, noise, or one row of soft assignments is all there is, but for a few strays.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
    soft_assignment : ndarray of shape (n_samples, n_clusters) or None
        None for a method that has none.
    """
    if _outside_largest(labels) <= STRAYS * len(labels):
        return True
    # Where all rows are equal their argmax is decided by rounding: many labels, and none of them means anything.
    return soft_assignment is not None and information_share(soft_assignment) < SAME_ROWS


def information_share(soft_assignment: np.ndarray) -> float:
    """Return I(x; c) = H(mean q) − mean H(q) of a soft assignment (n_samples, k) over log k, its largest value.

    Of all rows but the strays, those that differ most from the others. NaN where it is not finite, and for a single
    column, which can say nothing.
    """
    q = soft_assignment.astype(np.float64)
    kept = max(1, math.ceil((1 - STRAYS) * len(q)))
    with np.errstate(invalid="ignore", divide="ignore"):
        if kept < len(q):
            q = q[np.argpartition(rel_entr(q, q.mean(axis=0)).sum(axis=1), kept - 1)[:kept]]
        return float((entr(q.mean(axis=0)).sum() - entr(q).sum(axis=1).mean()) / np.log(q.shape[1]))


def health_of(outputs: Mapping[str, np.ndarray], n_clusters: int | None) -> Health:
    """Judge the final state of a run; its history only says since when.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        The raw outputs of a cell: ``labels`` and, where there are, ``soft_assignment``, ``embedding``,
        ``embedding_variance``, ``draw_labels`` and ``history/NAME``.
    n_clusters : int or None
        How many were asked for; a method that was asked for no number has lost none.

    Notes
    -----
    A method without noise, or with its noise switched off, is never of degenerate variance: it promised none.
    """
    labels, soft = outputs["labels"], outputs.get("soft_assignment")
    asked, used = n_clusters or 1, len(clusters_of(labels))
    in_use = f"{used} of {n_clusters} clusters in use" if n_clusters else f"{used} cluster{'s' * (used != 1)}"
    if is_collapsed(labels, soft):
        return Health("collapsed", _since(_shows_collapse(outputs, asked)), _why_collapsed(labels, soft))
    if used < _half(asked):
        few = _history(outputs, "clusters_in_use") < _half(asked)
        return Health("partly collapsed", _since(few | _shows_collapse(outputs, asked)), in_use)
    share = latent_noise_share(outputs.get("embedding"), outputs.get("embedding_variance"))
    if share is None:
        return Health("healthy", None, in_use)
    told = f"the noise has {share:.2%} of the variance of the codes"
    if share < NO_NOISE:
        return Health("degenerate variance", _since(_history(outputs, "noise_share") < NO_NOISE), told)
    return Health("healthy", None, f"{in_use}, and {told}")


def latent_noise_share(embedding: np.ndarray | None, variance: np.ndarray | None) -> float | None:
    r"""Return the noise's share of the variance of the codes; None where there is no noise.

    .. math:: \frac{\sum_d E_x \sigma_d^2}{\sum_d \operatorname{Var}_x \mu_d + \sum_d E_x \sigma_d^2}

    Parameters
    ----------
    embedding, variance : ndarray of shape (n_samples, n_latent) or None
        Means and variances of the codes; a variance of 0 everywhere is noise switched off.
    """
    if embedding is None or variance is None or not variance.any():
        return None
    noise = variance.mean(axis=0, dtype=np.float64).sum()
    return float(noise / (embedding.var(axis=0, dtype=np.float64).sum() + noise))


def _outside_largest(labels: np.ndarray) -> int:
    """Return how many points are not in the largest cluster, or not noise where most are."""
    return len(labels) - int(np.unique(labels, return_counts=True)[1].max())


def _why_collapsed(labels: np.ndarray, soft: np.ndarray | None) -> str:
    strays = _outside_largest(labels)
    if soft is None or strays <= STRAYS * len(labels):
        values, counts = np.unique(labels, return_counts=True)
        what = "noise" if values[counts.argmax()] == NOISE else "in 1 cluster"
        return f"all points but {strays} {what}" if strays else f"all points {what}"
    return f"the soft assignment has {information_share(soft):.1g} of the information it could have of the clusters"


def _half(n_clusters: int) -> float:
    # one cluster beside points left out as noise is not half of two; asked for one, a run has lost none
    return max(min(2, n_clusters), n_clusters / 2)


def _shows_collapse(outputs: Mapping[str, np.ndarray], n_clusters: int) -> np.ndarray:
    """Return by epoch whether its means are those of a collapse.

    Clusters in use and I(x; c) alone would miss it: in an epoch's means the labels are those of draws, which
    scatter over the clusters where the codes are nothing but noise, and a single draw counts as information.
    """
    return (
        (_history(outputs, "clusters_in_use") <= 1)
        | (_history(outputs, "mutual_information") < NO_INFORMATION * np.log(n_clusters))
        | (_history(outputs, "noise_share") > ALL_NOISE)
    )


def history_of(outputs: Mapping[str, np.ndarray], name: str, phase: Literal["pretrain", "cluster"]) -> np.ndarray:
    """Return a column of the epochs of one phase, NaN where it is not kept, empty without a history."""
    phases = outputs.get("history/phase")
    if phases is None:
        return np.empty(0)
    chosen = phases == phase
    values = outputs.get(f"history/{name}")
    return np.full(chosen.sum(), np.nan) if values is None else values[chosen]


def _history(outputs: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Return a column of the epochs that trained the clusters."""
    return history_of(outputs, name, "cluster")


def _since(shown: np.ndarray) -> int | None:
    """Return the first epoch, from 1, of the unbroken row of True at the end; None where the last is not."""
    others = np.flatnonzero(~shown)
    first = int(others[-1]) + 2 if len(others) else 1
    return first if first <= len(shown) else None
