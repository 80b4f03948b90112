"""Health of a run: collapse and degenerate noise, since which epoch, and advice on what to change."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.special import entr, rel_entr

from bench.metrics.external import clusters_of
from bench.metrics.registry import NOISE

HealthVerdict = Literal["healthy", "collapsed", "partly collapsed", "vague assignments", "degenerate variance"]

#: With less than this share of log k nats of I(x; c), all rows of a soft assignment say the same: they then differ by
#: less than one per cent of themselves. S-DEC has 1e-7 to 1e-5 where it collapsed, a merger of all into two clusters
#: .003, runs that tell clusters apart .16 and more.
SAME_ROWS = 1e-5
#: Share of the rows that may say something else: a stray point does not undo a collapse.
STRAYS = 0.005
#: In an epoch's means: less than this share of log k nats of I(x; c) says nothing of the clusters.
NO_INFORMATION = 1e-4
#: With less at the end of training, the assignments that trained the clusters hardly told them apart. DEC and S-DEC on
#: eight data sets, three seeds, have .03 to .09 where their codes lie within the kernel's width of one (letter and
#: satimage in [0, 1]: ACC .15 and .55, their autoencoders .30 and .72) and .12 to .47 elsewhere; VaDE has .49 to .99.
VAGUE = 0.1
#: With more than this share of the variance of the codes the noise is all there is of them.
ALL_NOISE = 0.99
#: With less, the method has become deterministic: a draw then tells about a thousandth of what the code tells of its
#: cluster. S-DEC's noise has .008 to .081 at beta = .01, .0009 to .007 at .001 and at most .0011 at .0001 (digits and
#: MNIST, 10 to 400 epochs); VaDE's .24, a variational autoencoder's .68. A ratio, whatever the scale of the codes.
NO_NOISE = 0.005


@dataclass(frozen=True)
class Health:
    """The health of a run.

    Attributes
    ----------
    verdict : {"healthy", "collapsed", "partly collapsed", "vague assignments", "degenerate variance"}
        Collapsed: one cluster, or noise, or one row of soft assignments for every point. Partly: fewer than half of
        the clusters asked for are in use. Vague assignments: those that trained the clusters say little of them.
        Degenerate variance: the noise of the codes has shrunk to nothing, and a stochastic method has become
        deterministic.
    epoch : int or None
        Of training the clusters, from 1: the first of those that all show this state, up to the last. None for a
        healthy run, and where the history does not show it.
    reason : str
        A clause with the number that decided.
    """

    verdict: HealthVerdict
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
    """Return the health of a run by its final state; its history gives the epoch since which it holds.

    Parameters
    ----------
    outputs : mapping of str to ndarray
        The raw outputs of a run: ``labels`` and, where the method has them, ``soft_assignment``, ``embedding``,
        ``embedding_variance``, ``draw_labels`` and ``history/NAME``.
    n_clusters : int or None
        Clusters asked for; None for a method without such a parameter, which has lost none.

    Notes
    -----
    A method without noise, or with its noise switched off, is never of degenerate variance.
    """
    labels, soft = outputs["labels"], outputs.get("soft_assignment")
    asked, used = n_clusters or 1, len(clusters_of(labels))
    in_use = f"{used} of {n_clusters} clusters in use" if n_clusters else f"{used} cluster{'s' * (used != 1)}"
    if is_collapsed(labels, soft):
        return Health("collapsed", _since(_shows_collapse(outputs, asked)), _why_collapsed(labels, soft))
    if used < _half(asked):
        few = _history(outputs, "clusters_in_use") < _half(asked)
        return Health("partly collapsed", _since(few | _shows_collapse(outputs, asked)), in_use)
    information = _history(outputs, "mutual_information") / np.log(max(asked, 2))
    if len(information) and information[-1] < VAGUE:
        reason = f"the assignments have {information[-1]:.1%} of the information that they could have of the clusters"
        return Health("vague assignments", _since(information < VAGUE), reason)
    share = latent_noise_share(outputs.get("embedding"), outputs.get("embedding_variance"))
    if share is None:
        return Health("healthy", None, in_use)
    noise = f"the noise has {share:.2%} of the variance of the codes"
    if share < NO_NOISE:
        return Health("degenerate variance", _since(_history(outputs, "noise_share") < NO_NOISE), noise)
    return Health("healthy", None, f"{in_use}, and {noise}")


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


#: A collapse within so many epochs of clustering is one of its first steps. DEC with too large a rate: epoch 2 or 3.
EARLY = 5
#: With less than this share of log k nats of I(x; c) in the first epoch of clustering, pretraining left no clusters to
#: sharpen. DEC on 801 points of 2,000 to 20,531 features after 60 epochs: .0002 to .011, labels at chance; after 150
#: epochs, from which it finds the clusters, .24 (d = 20,531), and .05 where a first epoch of too large steps lost them.
NO_START = 0.015
#: With more than this share of the variance of the codes, the noise has drowned them: S-DEC has .95 to .98 where the
#: prior took over, and at most .08 on digits and MNIST where it did not.
DROWNED = 0.9


class _Run(NamedTuple):
    outputs: Mapping[str, np.ndarray]
    params: Mapping[str, Any]
    verdict: str
    epoch: int | None
    shape: tuple[int, int]


def advice_on(
    health: Health,
    outputs: Mapping[str, np.ndarray],
    params: Mapping[str, Any],
    n_points: int,
    n_features: int,
) -> str | None:
    """Return what is likely to have caused a verdict, with its evidence, and what to try.

    Parameters
    ----------
    health : Health
    outputs : mapping of str to ndarray
        The raw outputs of the run, its ``history/NAME`` above all.
    params : mapping of str to object
        The run's; advice names only parameters that the method has.
    n_points, n_features : int
        Size of the data that were fitted.

    Returns
    -------
    str or None
        One or two sentences. None for a healthy run, and where no known cause shows.

    Notes
    -----
    Causes are those that were measured (see the constants of this module). They are checked from the most to the least
    specific, and the first that applies is returned.
    """
    if health.verdict == "healthy":
        return None
    run = _Run(outputs, params, health.verdict, health.epoch, (n_points, n_features))
    cause = next(filter(None, (find(run) for find in _CAUSES)), None)
    return " ".join(filter(None, (cause, _too_wide(run)))) or None


def _lost_noise(run: _Run) -> str | None:
    if run.verdict != "degenerate variance" or "beta" not in run.params:
        return None
    evidence = "Sharpening has shrunk the noise, and the prior was too weak to keep it"
    return f"{evidence}: try {_times(run, 'beta', 10) or 'beta=0.01'}."


def _narrow_codes(run: _Run) -> str | None:
    if run.verdict != "vague assignments" or "alpha" not in run.params or not _in_units_of_the_data(run):
        return None
    return "The codes lie closer together than the width of the assignment's kernel. Try likelihood=standardized."


def _drowned(run: _Run) -> str | None:
    share = latent_noise_share(run.outputs.get("embedding"), run.outputs.get("embedding_variance"))
    smaller = _times(run, "beta", 0.1)
    if not _lost_clusters(run) or share is None or share < DROWNED or smaller is None:
        return None
    # The weight of an ELBO's prior depends on the scale of the data. On satimage VAE+KMeans collapsed with a Bernoulli
    # decoder (ten seeds of ten, 100 % noise), and not on standardized points (one seed, 76 %).
    is_bound = _in_units_of_the_data(run) and "reconstruction_weight" not in run.params
    mend = f"likelihood=standardized, which fits the scale of the data, or {smaller}" if is_bound else smaller
    return f"The prior has taken over: noise makes up {share:.0%} of the variance of the codes. Try {mend}."


def _constant_code(run: _Run) -> str | None:
    units = history_of(run.outputs, "active_units", "pretrain")
    if not _lost_clusters(run) or not len(units) or units[-1] != 0:  # NaN is not known
        return None
    return (
        "After pretraining all codes are alike (no active unit). Try more or fewer pretrain_epochs, "
        "and check the scaling of data that are mostly zero."
    )


def _no_pretraining(run: _Run) -> str | None:
    if not _lost_clusters(run) or run.params.get("pretrain_epochs") != 0:
        return None
    return "Clustering began from an untrained network (pretrain_epochs=0). Try pretrain_epochs=50."


def _uninformed_start(run: _Run) -> str | None:
    information, asked = history_of(run.outputs, "mutual_information", "cluster"), run.params.get("n_clusters")
    longer = _times(run, "pretrain_epochs", 3)
    if not _lost_clusters(run) or not len(information) or not asked or asked < 2 or longer is None:
        return None
    share = information[0] / math.log(asked)
    if not share < NO_START:  # NaN is not known
        return None
    mend = f"likelihood=standardized or {longer}" if _in_units_of_the_data(run) else longer
    return f"Pretraining left codes that hardly tell clusters apart ({share:.1%} of log k). Try {mend}."


def _large_steps(run: _Run) -> str | None:
    used = history_of(run.outputs, "clusters_in_use", "cluster")
    smaller = _times(run, "learning_rate", 0.1)
    if not _lost_clusters(run) or run.epoch is None or run.epoch > EARLY or smaller is None:
        return None
    if len(used) < run.epoch or not np.isfinite(used[: run.epoch]).all():
        return None
    before, after = used[0], used[run.epoch - 1]
    if run.epoch < 2 or before <= after:
        return None
    fell = f"clusters in use fell from {before:.0f} in epoch 1 to {after:.0f} in epoch {run.epoch} of clustering"
    return f"The first steps were too large: {fell}. Try {smaller}."


def _too_wide(run: _Run) -> str | None:
    n_points, n_features = run.shape
    if not _lost_clusters(run) or n_features <= n_points:
        return None
    # 801 points of 20,531 features, DEC after 60 epochs: ARI .16; of their 50 principal components 1.0
    return f"{n_points:,} points have {n_features:,} features: try preprocessing, such as pca = 50 in a card."


_CAUSES: tuple[Callable[[_Run], str | None], ...] = (
    _lost_noise,
    _narrow_codes,
    _no_pretraining,
    _constant_code,
    _drowned,
    _uninformed_start,
    _large_steps,
)


def _in_units_of_the_data(run: _Run) -> bool:
    """Return whether the network was trained on points that are not standardized, which it could be."""
    return run.params.get("likelihood") in ("gaussian", "bernoulli")


def _lost_clusters(run: _Run) -> bool:
    return run.verdict in ("collapsed", "partly collapsed")


def _times(run: _Run, name: str, factor: float) -> str | None:
    """Return a parameter with a multiple of its value, None where it has no number above 0."""
    value = run.params.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        return None
    return f"{name}={value * factor:g}"
