"""What a fitted method says of points: its members, and whether they agree with each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bench.testing.subject import N_POINTS, Failed, NotApplicable, Subject

#: Members that take points (n, d) and say something of each.
MEMBERS = ("predict", "predict_proba", "transform", "transform_variance", "reconstruct", "score_samples")
#: Members that say it for each of some latent draws.
DRAWING = ("sample_proba", "sample_reconstruct")
N_DRAWS = 5


def ask_all(estimator: Any, x: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Yield each member's name and what it says; a member that raises says nothing here: it has a check of its own."""
    for name in (*MEMBERS, *DRAWING):
        if hasattr(estimator, name):
            try:
                said = ask(estimator, name, x)
            except Exception:
                said = None
            yield name, said


def ask(estimator: Any, name: str, x: np.ndarray, random_state: int = 0) -> np.ndarray:
    """Return what a member says, asked as the runner asks it."""
    if name in DRAWING:
        return np.asarray(getattr(estimator, name)(x, n_samples=N_DRAWS, random_state=random_state))
    return np.asarray(getattr(estimator, name)(x))


#: Of labels that are computed twice, since a point on the border may fall to either side.
AGREEMENT = 0.99


def predict_agrees_with_labels(subject: Subject) -> None:
    """Asked for the points it was fitted to, predict says what labels_ says, noise left out."""
    subject.member("predict")
    labels, said = subject.labels(subject.fitted), ask(subject.fitted, "predict", subject.x)
    if said.shape != labels.shape or not np.issubdtype(said.dtype, np.integer):
        raise Failed(
            f"predict gives shape {said.shape} and type {said.dtype}", f"return one integer a point: {labels.shape}"
        )
    is_clustered = labels >= 0
    agreement = np.mean(said[is_clustered] == labels[is_clustered]) if is_clustered.any() else 1.0
    if agreement < AGREEMENT:
        raise Failed(
            f"predict agrees with labels_ in {agreement:.0%} of the points",
            "set labels_ to what predict says of the training points, or leave predict out",
        )


def probabilities_sum_to_one(subject: Subject) -> None:
    """predict_proba gives every point a probability in [0, 1] for each cluster, which sum to one."""
    subject.member("predict_proba")
    check_probabilities("predict_proba", ask(subject.fitted, "predict_proba", subject.x), (len(subject.x),))


def probabilities_agree_with_labels(subject: Subject) -> None:
    """The most probable cluster of a point is its label, noise left out."""
    subject.member("predict_proba")
    labels, said = subject.labels(subject.fitted), ask(subject.fitted, "predict_proba", subject.x)
    if said.ndim != 2 or len(said) != len(labels):
        raise NotApplicable("predict_proba has another shape: see probabilities_sum_to_one")
    is_clustered = labels >= 0
    agreement = np.mean(said.argmax(axis=1)[is_clustered] == labels[is_clustered]) if is_clustered.any() else 1.0
    if agreement < AGREEMENT:
        raise Failed(
            f"the argmax of predict_proba is the label of {agreement:.0%} of the points",
            "order its columns by label, and compute both from the same assignment",
        )


def embedding_is_a_code_a_point(subject: Subject) -> None:
    """embedding_ has one row of finite numbers a point."""
    embedding = np.asarray(subject.member("embedding_"))
    if not _are_codes(embedding):
        raise Failed(
            f"embedding_ has shape {embedding.shape}" + _and_is_finite(embedding),
            f"set it to finite numbers of shape ({len(subject.x)}, latent_dim)",
        )


def transform_agrees_with_embedding(subject: Subject) -> None:
    """Asked for the points it was fitted to, transform gives embedding_."""
    embedding = _embedding(subject)
    subject.member("transform")
    _check_close("transform", ask(subject.fitted, "transform", subject.x), "embedding_", embedding)


def variance_is_of_the_embedding(subject: Subject) -> None:
    """embedding_variance_ is not negative and has embedding_'s shape, and transform_variance gives it again."""
    variance = np.asarray(subject.member("embedding_variance_"))
    shape = _embedding(subject).shape
    if variance.shape != shape:
        raise Failed(
            f"embedding_variance_ has shape {variance.shape}, embedding_ {shape}",
            "give each code a variance a dimension",
        )
    if not _finite(variance) or variance.min() < 0:
        raise Failed("embedding_variance_ holds what is no variance", "give sigma², not its logarithm")
    if hasattr(subject.fitted, "transform_variance"):
        said = ask(subject.fitted, "transform_variance", subject.x)
        _check_close("transform_variance", said, "embedding_variance_", variance)


def densities_are_finite(subject: Subject) -> None:
    """score_samples gives one finite number a point."""
    subject.member("score_samples")
    said = ask(subject.fitted, "score_samples", subject.x)
    if said.shape != (len(subject.x),) or not _finite(said):
        raise Failed(
            f"score_samples gives shape {said.shape}" + _and_is_finite(said),
            "return the log-density or bound of each point, computed from logarithms",
        )


def reconstructions_are_points(subject: Subject) -> None:
    """reconstruct gives finite points of the shape it was given."""
    subject.member("reconstruct")
    said = ask(subject.fitted, "reconstruct", subject.x)
    if said.shape != subject.x.shape or not _finite(said):
        raise Failed(
            f"reconstruct gives shape {said.shape}" + _and_is_finite(said),
            f"return the decoder's mean of each point: {subject.x.shape}",
        )


def points_are_judged_alone(subject: Subject) -> None:
    """What is said of a new point does not depend on the points beside it, for the suite asks piece by piece."""
    estimator, new = subject.fitted, subject.new
    asked = [name for name in MEMBERS if hasattr(estimator, name)]
    if not asked:
        raise NotApplicable("it says nothing of new points")
    for name in asked:
        whole, some = ask(estimator, name, new), ask(estimator, name, new[:7])
        if len(some) != 7:
            raise Failed(f"{name} of 7 points has length {len(some)}", "compute it from the points that it is given")
        if whole[:7].shape == some.shape and not np.allclose(whole[:7], some, rtol=1e-3, atol=1e-4, equal_nan=True):
            raise Failed(
                f"{name} says something else of 7 points alone than among {len(new)}",
                "switch to network.eval(), and take means and scales from the fit",
            )


def check_probabilities(name: str, said: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raise unless ``said`` has probabilities over its last axis."""
    right = "return probabilities (n, k) that sum to one over the clusters, such as a softmax"
    if said.ndim != len(shape) + 1 or said.shape[:-1] != shape or not said.shape[-1]:
        raise Failed(f"{name} gives shape {said.shape}", f"return shape ({', '.join(map(str, shape))}, n_clusters)")
    if not _finite(said) or said.min() < 0 or said.max() > 1 + 1e-4:
        raise Failed(f"{name} gives values outside [0, 1]" + _and_is_finite(said), right)
    worst = float(np.abs(said.sum(axis=-1, dtype=np.float64) - 1).max())
    if worst > 1e-3:
        raise Failed(f"rows of {name} are off the sum of one by up to {worst:.3g}", right)


def _are_codes(embedding: np.ndarray) -> bool:
    return embedding.ndim == 2 and len(embedding) == N_POINTS and _finite(embedding)


def _embedding(subject: Subject) -> np.ndarray:
    """Return embedding_, to compare others with; one that is wrong has a check of its own."""
    embedding = np.asarray(subject.member("embedding_"))
    if not _are_codes(embedding):
        raise NotApplicable("embedding_ is wrong: see embedding_is_a_code_a_point")
    return embedding


def _check_close(name: str, said: np.ndarray, attribute: str, expected: np.ndarray) -> None:
    scale = float(np.abs(expected).max()) or 1.0
    if said.shape != expected.shape:
        raise Failed(f"{name} gives shape {said.shape}, {attribute} has {expected.shape}", "let them be the same codes")
    apart = float(np.abs(said - expected).max())
    if not apart <= 1e-3 * scale:
        raise Failed(
            f"{name} is off {attribute} by up to {apart:.3g}",
            f"set {attribute} to what {name} gives for the training points, after the last step",
        )


def _finite(values: np.ndarray) -> bool:
    return bool(np.issubdtype(values.dtype, np.number) and np.isfinite(values).all())


def _and_is_finite(values: np.ndarray) -> str:
    return "" if _finite(values) else ", not all finite numbers"


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
)
