"""Checks of the members of a fitted method: predictions, embeddings, reconstructions, and random draws of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from bench.testing.subject import N_POINTS, CheckFailed, NotApplicable, Subject

#: Members that take points (n, d) and return one result for each point.
_MEMBERS = ("predict", "predict_proba", "transform", "transform_variance", "reconstruct", "score_samples")
#: Members that return one result for each point and latent draw.
_DRAWING = ("sample_proba", "sample_reconstruct")
_N_DRAWS = 5
#: Smallest fraction of equal labels. Labels that are computed twice may differ for points on a border.
_AGREEMENT = 0.99


def called_members(estimator: Any, x: np.ndarray) -> Iterator[str]:
    """Call each member and yield its name. Exceptions are ignored, because each member has its own checks."""
    for name in (*_MEMBERS, *_DRAWING):
        if hasattr(estimator, name):
            with suppress(Exception):
                call_member(estimator, name, x)
            yield name


def call_member(estimator: Any, name: str, x: np.ndarray, random_state: int = 0) -> np.ndarray:
    """Return the result of a member, called as the runner calls it."""
    if name in _DRAWING:
        return np.asarray(getattr(estimator, name)(x, n_samples=_N_DRAWS, random_state=random_state))
    return np.asarray(getattr(estimator, name)(x))


def predict_agrees_with_labels(subject: Subject) -> None:
    """For the points it was fitted to, predict returns labels_, noise left out."""
    subject.member("predict")
    labels, values = subject.labels(subject.fitted), call_member(subject.fitted, "predict", subject.x)
    if values.shape != labels.shape or not np.issubdtype(values.dtype, np.integer):
        raise CheckFailed(
            f"predict gives shape {values.shape} and type {values.dtype}",
            f"return one integer per point: {labels.shape}",
        )
    is_clustered = labels >= 0
    agreement = np.mean(values[is_clustered] == labels[is_clustered]) if is_clustered.any() else 1.0
    if agreement < _AGREEMENT:
        raise CheckFailed(
            f"predict agrees with labels_ in {agreement:.0%} of the points",
            "set labels_ to what predict returns for the training points, or remove predict",
        )


def probabilities_sum_to_one(subject: Subject) -> None:
    """predict_proba gives every point a probability in [0, 1] for each cluster, which sum to one."""
    subject.member("predict_proba")
    _check_probabilities("predict_proba", call_member(subject.fitted, "predict_proba", subject.x), (len(subject.x),))


def probabilities_agree_with_labels(subject: Subject) -> None:
    """The most probable cluster of a point is its label, noise left out."""
    subject.member("predict_proba")
    labels, values = subject.labels(subject.fitted), call_member(subject.fitted, "predict_proba", subject.x)
    if values.ndim != 2 or len(values) != len(labels):
        raise NotApplicable("predict_proba has another shape: see probabilities_sum_to_one")
    is_clustered = labels >= 0
    agreement = np.mean(values.argmax(axis=1)[is_clustered] == labels[is_clustered]) if is_clustered.any() else 1.0
    if agreement < _AGREEMENT:
        raise CheckFailed(
            f"the argmax of predict_proba is the label of {agreement:.0%} of the points",
            "order its columns by label, and compute both from the same assignment",
        )


def embedding_is_a_code_a_point(subject: Subject) -> None:
    """embedding_ has one row of finite numbers a point."""
    embedding = np.asarray(subject.member("embedding_"))
    if not _are_codes(embedding):
        raise CheckFailed(
            f"embedding_ has shape {embedding.shape}" + _not_finite_note(embedding),
            f"set it to finite numbers of shape ({len(subject.x)}, latent_dim)",
        )


def transform_agrees_with_embedding(subject: Subject) -> None:
    """For the points it was fitted to, transform returns embedding_."""
    embedding = _embedding(subject)
    subject.member("transform")
    _check_close("transform", call_member(subject.fitted, "transform", subject.x), "embedding_", embedding)


def variance_is_of_the_embedding(subject: Subject) -> None:
    """embedding_variance_ is not negative and has embedding_'s shape, and transform_variance gives it again."""
    variance = np.asarray(subject.member("embedding_variance_"))
    shape = _embedding(subject).shape
    if variance.shape != shape:
        raise CheckFailed(
            f"embedding_variance_ has shape {variance.shape}, embedding_ {shape}",
            "give each code one variance per dimension",
        )
    if not _are_finite(variance) or variance.min() < 0:
        raise CheckFailed("embedding_variance_ holds negative or non-finite values", "give sigma², not its logarithm")
    if hasattr(subject.fitted, "transform_variance"):
        values = call_member(subject.fitted, "transform_variance", subject.x)
        _check_close("transform_variance", values, "embedding_variance_", variance)


def densities_are_finite(subject: Subject) -> None:
    """score_samples gives one finite number a point."""
    subject.member("score_samples")
    values = call_member(subject.fitted, "score_samples", subject.x)
    if values.shape != (len(subject.x),) or not _are_finite(values):
        raise CheckFailed(
            f"score_samples gives shape {values.shape}" + _not_finite_note(values),
            "return the log-density or bound of each point, computed from logarithms",
        )


def reconstructions_are_points(subject: Subject) -> None:
    """reconstruct gives finite points of the shape it was given."""
    subject.member("reconstruct")
    values = call_member(subject.fitted, "reconstruct", subject.x)
    if values.shape != subject.x.shape or not _are_finite(values):
        raise CheckFailed(
            f"reconstruct gives shape {values.shape}" + _not_finite_note(values),
            f"return the decoder's mean of each point: {subject.x.shape}",
        )


def points_are_judged_alone(subject: Subject) -> None:
    """The result for a new point does not depend on the other points of the call: the suite calls in chunks."""
    estimator, new = subject.fitted, subject.new_points
    existing = [name for name in _MEMBERS if hasattr(estimator, name)]
    if not existing:
        raise NotApplicable("it has no member that takes new points")
    for name in existing:
        whole, part = call_member(estimator, name, new), call_member(estimator, name, new[:7])
        if len(part) != 7:
            raise CheckFailed(
                f"{name} of 7 points has length {len(part)}", "compute it from the points that it is given"
            )
        if whole[:7].shape == part.shape and not np.allclose(whole[:7], part, rtol=1e-3, atol=1e-4, equal_nan=True):
            raise CheckFailed(
                f"{name} of 7 points differs from {name} of the same points among {len(new)}",
                "switch to network.eval(), and take means and scales from the fit",
            )


def draws_are_soft_assignments(subject: Subject) -> None:
    """sample_proba gives a soft assignment of every point for each latent draw."""
    subject.member("sample_proba")
    _check_probabilities(
        "sample_proba", call_member(subject.fitted, "sample_proba", subject.x), (_N_DRAWS, len(subject.x))
    )


def draws_are_reconstructions(subject: Subject) -> None:
    """sample_reconstruct gives a finite point of the data's shape for each point and latent draw."""
    subject.member("sample_reconstruct")
    values, shape = call_member(subject.fitted, "sample_reconstruct", subject.x), (_N_DRAWS, *subject.x.shape)
    if values.shape != shape or not np.isfinite(values).all():
        raise CheckFailed(f"sample_reconstruct gives shape {values.shape}", f"return finite points of shape {shape}")


def draws_follow_their_seed(subject: Subject) -> None:
    """Draws of the same random_state are the same, and of another one are others."""
    for name in _drawing(subject):
        one, again, other = (call_member(subject.fitted, name, subject.x, seed) for seed in (1, 1, 2))
        if not np.array_equal(one, again):
            raise CheckFailed(
                f"{name} gives other draws for the same random_state", "make its generator of random_state"
            )
        if draws_vary(subject.fitted, subject.x, name) and np.array_equal(one, other):
            raise CheckFailed(
                f"{name} gives the same draws for every random_state", "make its generator of random_state"
            )


def draws_are_what_the_kind_says(subject: Subject) -> None:
    """Draws of a stochastic method vary, and those of a deterministic one do not."""
    kind = subject.configuration.kind
    for name in _drawing(subject):
        varies = draws_vary(subject.fitted, subject.x, name)
        if varies and kind == "deterministic":
            raise CheckFailed(
                f"it declares itself deterministic, and draws of {name} vary", 'write kind="stochastic" in MethodInfo'
            )
        if not varies and kind == "stochastic":
            raise CheckFailed(
                f"it declares itself stochastic, and all draws of {name} are one",
                f"draw a code of its own for each of n_samples, or leave {name} out",
            )


def draws_vary(estimator: Any, x: np.ndarray, name: str = "sample_proba") -> bool:
    """Return whether the draws of a fitted method differ from each other; False for a method without draws."""
    if not hasattr(estimator, name):
        return False
    values = call_member(estimator, name, x)
    return values.shape[:2] == (_N_DRAWS, len(x)) and bool((values != values[:1]).any())


def _drawing(subject: Subject) -> list[str]:
    """Return the members that draw and return the right shape."""
    existing = [name for name in _DRAWING if hasattr(subject.fitted, name)]
    if not existing:
        raise NotApplicable(f"it has no {' and no '.join(_DRAWING)}")
    valid = [
        name
        for name in existing
        if call_member(subject.fitted, name, subject.x).shape[:2] == (_N_DRAWS, len(subject.x))
    ]
    if not valid:
        raise NotApplicable(f"{' and '.join(existing)} give another shape: see draws_are_soft_assignments")
    return valid


def _check_probabilities(name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise unless ``values`` has ``shape`` and an axis of probabilities."""
    change = "return probabilities (n, k) that sum to one over the clusters, such as a softmax"
    if values.ndim != len(shape) + 1 or values.shape[:-1] != shape or not values.shape[-1]:
        raise CheckFailed(
            f"{name} gives shape {values.shape}", f"return shape ({', '.join(map(str, shape))}, n_clusters)"
        )
    if not _are_finite(values) or values.min() < 0 or values.max() > 1 + 1e-4:
        raise CheckFailed(f"{name} gives values outside [0, 1]" + _not_finite_note(values), change)
    deviation = float(np.abs(values.sum(axis=-1, dtype=np.float64) - 1).max())
    if deviation > 1e-3:
        raise CheckFailed(f"rows of {name} are off the sum of one by up to {deviation:.3g}", change)


def _are_codes(embedding: np.ndarray) -> bool:
    return embedding.ndim == 2 and len(embedding) == N_POINTS and _are_finite(embedding)


def _embedding(subject: Subject) -> np.ndarray:
    """Return a valid embedding_, for comparisons; another check reports an invalid one."""
    embedding = np.asarray(subject.member("embedding_"))
    if not _are_codes(embedding):
        raise NotApplicable("embedding_ is wrong: see embedding_is_a_code_a_point")
    return embedding


def _check_close(name: str, values: np.ndarray, attribute: str, expected: np.ndarray) -> None:
    scale = float(np.abs(expected).max()) or 1.0
    if values.shape != expected.shape:
        raise CheckFailed(
            f"{name} gives shape {values.shape}, {attribute} has {expected.shape}", "let them be the same codes"
        )
    difference = float(np.abs(values - expected).max())
    if not difference <= 1e-3 * scale:
        raise CheckFailed(
            f"{name} is off {attribute} by up to {difference:.3g}",
            f"set {attribute} to what {name} gives for the training points, after the last step",
        )


def _are_finite(values: np.ndarray) -> bool:
    return bool(np.issubdtype(values.dtype, np.number) and np.isfinite(values).all())


def _not_finite_note(values: np.ndarray) -> str:
    return "" if _are_finite(values) else ", not all finite numbers"


CHECKS = (
    predict_agrees_with_labels,
    probabilities_sum_to_one,
    probabilities_agree_with_labels,
    embedding_is_a_code_a_point,
    transform_agrees_with_embedding,
    variance_is_of_the_embedding,
    densities_are_finite,
    reconstructions_are_points,
    points_are_judged_alone,
    draws_are_soft_assignments,
    draws_are_reconstructions,
    draws_follow_their_seed,
    draws_are_what_the_kind_says,
)
