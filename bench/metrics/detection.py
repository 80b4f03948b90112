"""How well a score of uncertainty finds the points that are wrong."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score

DETECTION = ("auroc", "aupr", "aurc", "augrc")


def detection(score: np.ndarray, wrong: np.ndarray) -> dict[str, float | str]:
    r"""Compute ``auroc``, ``aupr``, ``aurc`` and ``augrc`` of a score; where one does not exist, the reason as text.

    AURC is the mean of the risk over the coverages 1/n, 2/n, ..., 1 (see `risk_coverage`). AUGRC is the area under
    the share of points that are kept and wrong, by the trapezoid rule over the coverages 0, 1/n, ..., 1. With that
    rule, and ties counted as half a pair in AUROC and as every order alike in AUGRC, for any n

    .. math:: \text{AUGRC} = (1 - \text{AUROC}) \, a (1 - a) + \tfrac{1}{2} (1 - a)^2, \qquad a \text{ the accuracy}

    exactly: summed over coverages, a wrong point counts once for each later right one, which are the pairs that AUROC
    has the wrong way round, and half for each wrong one. Where all points are wrong AURC is 1 and AUGRC is 1/2; where
    none is, both are 0.

    Parameters
    ----------
    score : ndarray of shape (n_samples,)
        Large where a point is uncertain.
    wrong : ndarray of shape (n_samples,) of bool

    References
    ----------
    Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017, for AURC.
    Traub et al., "Overcoming Common Flaws in the Evaluation of Selective Classification Systems", NeurIPS 2024, for
    AUGRC and the identity.
    """
    if not np.isfinite(score).all():
        return dict.fromkeys(DETECTION, "the score has values that are not finite")
    errors = _expected_errors(score, wrong)
    n = len(score)
    areas: dict[str, float | str] = {
        "aurc": float((errors[1:] / np.arange(1, n + 1)).mean()),
        "augrc": float(np.trapezoid(errors / n, dx=1 / n)),
    }
    if wrong.all() or not wrong.any():
        reason = "every point is mis-clustered" if wrong.all() else "no point is mis-clustered"
        return {"auroc": reason, "aupr": reason} | areas
    ranks: dict[str, float | str] = {
        "auroc": _auroc(score, wrong),
        "aupr": float(average_precision_score(wrong, score)),
    }
    return ranks | areas


def _auroc(score: np.ndarray, wrong: np.ndarray) -> float:
    """Return the share of pairs of a wrong and a right point where the wrong one scores higher; ties count half.

    It is the statistic of Mann and Whitney over the number of pairs. scikit-learn's takes thirty times as long, most
    of it checks, and a run has a dozen scores.
    """
    n_wrong = int(wrong.sum())
    above = rankdata(score)[wrong].sum() - n_wrong * (n_wrong + 1) / 2
    return float(above / (n_wrong * (len(score) - n_wrong)))


def risk_coverage(score: np.ndarray, wrong: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the error among the most certain points, by how many of them are kept.

    Points of equal score are kept in every order alike: the risk is its expectation over these orders.

    Returns
    -------
    coverage, risk : ndarray of shape (n_samples,)
        Share kept, 1/n to 1, and share of wrong points among them.
    """
    n = len(score)
    kept = np.arange(1, n + 1)
    return kept / n, _expected_errors(score, wrong)[1:] / kept


def _expected_errors(score: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Return the expected number of wrong points (n_samples + 1,) among the 0, 1, ... n most certain."""
    _, block = np.unique(score, return_inverse=True)
    ends = np.concatenate([[0], np.cumsum(np.bincount(block))])
    errors = np.concatenate([[0], np.cumsum(np.bincount(block, weights=wrong))])
    return np.interp(np.arange(len(score) + 1), ends, errors)  # within a block of ties each point is as likely wrong
