"""What to try after a run that is not healthy, from what its history shows; no labels are looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from bench.metrics.health import Health, history_of, latent_noise_share

Outputs = Mapping[str, np.ndarray]

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
    outputs: Outputs
    params: Mapping[str, Any]
    verdict: str
    epoch: int | None
    shape: tuple[int, int]


def advice_on(
    health: Health, outputs: Outputs, params: Mapping[str, Any], n_points: int, n_features: int
) -> str | None:
    """Return what is likely to have caused a verdict, with its evidence, and what to try.

    Parameters
    ----------
    health : Health
    outputs : mapping of str to ndarray
        The raw outputs of the cell, its ``history/NAME`` above all.
    params : mapping of str to object
        The cell's; only parameters that the method has are advised.
    n_points, n_features : int
        Size of the data that were fitted.

    Returns
    -------
    str or None
        One or two sentences. None for a healthy run, and where no known cause shows.

    Notes
    -----
    Each cause is one that was measured (see the constants of this module and `bench.metrics.health`), and the first of
    them that shows is told. Causes are tried from the most to the least specific.
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


def _drowned(run: _Run) -> str | None:
    share = latent_noise_share(run.outputs.get("embedding"), run.outputs.get("embedding_variance"))
    smaller = _times(run, "beta", 0.1)
    if not _lost_clusters(run) or share is None or share < DROWNED or smaller is None:
        return None
    return f"The prior has taken over: noise makes up {share:.0%} of the variance of the codes. Try {smaller}."


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
    return f"Pretraining left codes that hardly tell clusters apart ({share:.1%} of log k). Try {longer}."


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
    _no_pretraining,
    _constant_code,
    _drowned,
    _uninformed_start,
    _large_steps,
)


def _lost_clusters(run: _Run) -> bool:
    return run.verdict in ("collapsed", "partly collapsed")


def _times(run: _Run, name: str, factor: float) -> str | None:
    """Return a parameter with a multiple of its value, None where it has no number above 0."""
    value = run.params.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        return None
    return f"{name}={value * factor:g}"
