"""Checks of ``fit``: its result, its dependence on the seed, its side effects, and the points that it accepts."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import torch
from sklearn.utils import get_tags

from bench.testing.members import called_members
from bench.testing.subject import (
    TEST_SEEDS,
    CheckFailed,
    NotApplicable,
    Subject,
    changed_generators,
    generator_states,
)

_CONVERT = "begin fit with X = sklearn.utils.validation.validate_data(self, X, dtype=np.float32)"
_SEED_IT = "draw every random number from a generator made of self.random_state in fit"


def fit_gives_labels(subject: Subject) -> None:
    """Fitting returns the estimator, with one whole number a point in labels_, -1 for noise."""
    first = subject.first_fit
    if first.error is not None:
        raise first.error
    subject.labels(first.estimator)
    if first.returned is not first.estimator:
        raise CheckFailed(f"fit returns {type(first.returned).__name__}", "end fit with: return self")


def fit_predict_gives_labels(subject: Subject) -> None:
    """fit_predict returns labels_."""
    subject.fitted  # noqa: B018 - not applicable without a valid fit
    estimator = subject.make()
    returned = np.asarray(estimator.fit_predict(subject.x))
    if not np.array_equal(returned, subject.labels(estimator)):
        raise CheckFailed("fit_predict does not return labels_", "take it from sklearn.base.ClusterMixin")


def same_seed_same_labels(subject: Subject) -> None:
    """The same seed gives the same labels, whatever the global generators hold."""
    labels = subject.labels(subject.fitted)
    repeated = subject.labels(subject.repeated_fit)
    if not np.array_equal(labels, repeated):
        seed = "with the same random_state" if subject.seeded else "without a random_state"
        change = _SEED_IT if subject.seeded else "add a parameter random_state=None, and " + _SEED_IT
        raise CheckFailed(f"two fits {seed} differ in {np.sum(labels != repeated)} of {len(labels)} labels", change)


def seeds_matter(subject: Subject) -> None:
    """Another seed gives other labels, another embedding or other probabilities, unless it is declared seed-free."""
    if not subject.seeded:
        raise NotApplicable("it has no random_state, and is run once")
    first = _results(subject.fitted, subject)
    for seed in TEST_SEEDS[1:]:
        other = _results(subject.fit(seed=seed), subject)
        if any(not np.array_equal(value, other[name]) for name, value in first.items()):
            if subject.info.seed_free:
                raise CheckFailed("it is declared seed-free, and seeds differ", "remove seed_free from MethodInfo")
            return
    if not subject.info.seed_free:
        raise CheckFailed(
            f"{len(TEST_SEEDS)} seeds gave the same {', '.join(first)}",
            f"{_SEED_IT}; if nothing in it is random, remove random_state from the constructor, or write "
            "seed_free=True in MethodInfo",
        )


def seeds_together_are_seeds_alone(subject: Subject) -> None:
    """fit_seeds returns, seed by seed, the estimator that fit returns for that seed alone."""
    if not hasattr(subject.make(), "fit_seeds"):
        raise NotApplicable("it has no fit_seeds: each seed is a run of its own")
    seeds = TEST_SEEDS[1::-1]  # the first fit of the checks is the second of the pack
    change = "let no random number, sum or stopping rule of a seed depend on the others"
    together = subject.make().fit_seeds(subject.x, list(seeds))
    if len(together) != len(seeds):
        raise CheckFailed(f"fit_seeds returns {len(together)} results for {len(seeds)} seeds", "return one a seed")
    for seed, fitted in zip(seeds, together, strict=True):
        if isinstance(fitted, BaseException):
            raise fitted
        alone = subject.fitted if seed == TEST_SEEDS[0] else subject.fit(seed=seed)
        expected, found = _results(alone, subject), _results(fitted, subject)
        for name, value in expected.items():
            if not np.array_equal(value, found[name]):
                raise CheckFailed(f"{name} of a seed differ from those of fit with that seed", change)


def generators_are_left_alone(subject: Subject) -> None:
    """Neither fitting nor predicting changes the global generators of random, numpy and torch."""
    estimator, first = subject.fitted, subject.first_fit
    if first.changed_generators:
        raise CheckFailed(f"fit changes the global generator of {', '.join(first.changed_generators)}", _SEED_IT)
    before = generator_states()
    for name in called_members(estimator, subject.x):
        changed = changed_generators(before)
        if changed:
            raise CheckFailed(
                f"{name} changes the global generator of {', '.join(changed)}", "draw from one of its own"
            )


def pickle_keeps_it(subject: Subject) -> None:
    """A fitted estimator can be pickled, and has the same labels and predictions afterwards."""
    estimator = subject.fitted
    change = "keep in attributes only what pickles: no generators, open files, lambdas or classes inside functions"
    try:
        copy = pickle.loads(pickle.dumps(estimator))  # noqa: S301 - pickled by this process
    except Exception as error:
        raise CheckFailed(f"{type(error).__name__}: {error}", change) from error
    if not np.array_equal(copy.labels_, estimator.labels_):
        raise CheckFailed("after pickling, labels_ differ", change)
    if hasattr(estimator, "predict") and not np.array_equal(copy.predict(subject.x), estimator.predict(subject.x)):
        raise CheckFailed("after pickling, predict gives other clusters", change)


def runs_on_the_cpu(subject: Subject) -> None:
    """Asked for device="cpu", it is on the CPU and leaves a GPU alone."""
    if "device" not in subject.parameters:
        raise NotApplicable("it has no parameter device")
    change = "make networks and tensors on torch.device(self.device)"
    has_gpu = torch.cuda.is_available()
    before = torch.cuda.memory_allocated() if has_gpu else 0
    if has_gpu:
        torch.cuda.reset_peak_memory_stats()
    estimator = subject.fit() if has_gpu else subject.fitted
    if has_gpu and torch.cuda.max_memory_allocated() > before:
        raise CheckFailed('with device="cpu", it takes memory of the GPU', change)
    for name, value in vars(estimator).items():
        devices = {tensor.device.type for tensor in _tensors(value)} - {"cpu"}
        if devices:
            raise CheckFailed(f'with device="cpu", {name} is on {", ".join(sorted(devices))}', change)


def points_are_left_alone(subject: Subject) -> None:
    """Fitting leaves the points as they were, and takes read-only ones, as those of the suite are."""
    estimator, first = subject.fitted, subject.first_fit
    change = "copy X before you write into it"
    if not np.array_equal(first.x_before, first.x_after):
        raise CheckFailed(f"fit of {type(estimator).__name__} changes X", change)
    try:
        subject.fit(subject.dataset.x)
    except (ValueError, RuntimeError, TypeError) as error:
        raise CheckFailed(f"with read-only X, fit raises {type(error).__name__}: {error}", change) from error


def nan_is_refused(subject: Subject) -> None:
    """Points that are no finite numbers are refused with a ValueError."""
    subject.fitted  # noqa: B018 - not applicable to a method that refuses all points
    if _takes_nan(subject):
        raise NotApplicable("its scikit-learn tags declare that it takes NaN")
    for kind, value in (("NaN", np.nan), ("infinity", np.inf)):
        x = subject.x
        x[3, 5] = value
        try:
            subject.fit(x)
        except ValueError:
            continue
        except Exception as error:
            raise CheckFailed(f"with {kind} in X, fit raises {type(error).__name__}", _CONVERT) from error
        raise CheckFailed(f"with {kind} in X, fit raises no error", _CONVERT)


def one_cluster_is_one(subject: Subject) -> None:
    """With n_clusters=1 it gives one cluster or raises a ValueError."""
    if "n_clusters" not in subject.parameters:
        raise NotApplicable("it has no n_clusters")
    subject.fitted  # noqa: B018
    try:
        labels = subject.labels(subject.fit(n_clusters=1))
    except ValueError:
        return
    n_clusters = len(np.unique(labels[labels >= 0]))
    if n_clusters > 1:
        raise CheckFailed(
            f"with n_clusters=1 it gives {n_clusters} clusters", "read self.n_clusters in fit, or raise a ValueError"
        )


def fewer_points_than_clusters(subject: Subject) -> None:
    """Fewer distinct points than clusters give labels or a ValueError, and nothing else."""
    subject.fitted  # noqa: B018
    x = np.tile(subject.x[:3], (20, 1))
    try:
        subject.labels(subject.fit(x), len(x))
    except ValueError:
        return
    except CheckFailed:
        raise
    except Exception as error:
        raise CheckFailed(
            f"of 60 points that are 3 distinct ones, fit raises {type(error).__name__}: {error}",
            "allow empty clusters, or raise a ValueError that explains what is wrong with the points",
        ) from error


def layout_does_not_matter(subject: Subject) -> None:
    """Points in column order, or in every other place of a larger array, give the same labels."""
    expected = subject.repeated_labels()
    wide = np.zeros((2 * len(subject.x), 2 * subject.x.shape[1]), dtype=np.float32)
    wide[::2, ::2] = subject.x
    for layout, x in (("column order", np.asfortranarray(subject.x)), ("steps of two", wide[::2, ::2])):
        labels = subject.labels(subject.fit(x))
        if not np.array_equal(labels, expected):
            raise CheckFailed(
                f"with X in {layout}, {np.sum(labels != expected)} of {len(labels)} labels differ",
                'do not read the memory of X: begin fit with X = validate_data(self, X, order="C")',
            )


def float64_is_taken(subject: Subject) -> None:
    """Points of 64 bits are taken too."""
    subject.fitted  # noqa: B018
    try:
        subject.labels(subject.fit(subject.x.astype(np.float64)))
    except (ValueError, TypeError, RuntimeError) as error:
        raise CheckFailed(f"with float64 X, fit raises {type(error).__name__}: {error}", _CONVERT) from error


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.nn.Module):
        return [*value.parameters(), *value.buffers()]
    return [value] if isinstance(value, torch.Tensor) else []


def _results(estimator: Any, subject: Subject) -> dict[str, np.ndarray]:
    """Return the results of a fit that may depend on the seed."""
    results = {"labels_": np.asarray(estimator.labels_)}
    if getattr(estimator, "embedding_", None) is not None:
        results["embedding_"] = np.asarray(estimator.embedding_)
    if hasattr(estimator, "predict_proba"):
        results["predict_proba"] = np.asarray(estimator.predict_proba(subject.x))
    return results


def _takes_nan(subject: Subject) -> bool:
    try:
        return bool(get_tags(subject.make()).input_tags.allow_nan)
    except Exception:  # not an estimator with scikit-learn tags
        return False


CHECKS = (
    fit_gives_labels,
    fit_predict_gives_labels,
    same_seed_same_labels,
    seeds_matter,
    seeds_together_are_seeds_alone,
    generators_are_left_alone,
    pickle_keeps_it,
    runs_on_the_cpu,
    points_are_left_alone,
    nan_is_refused,
    one_cluster_is_one,
    fewer_points_than_clusters,
    layout_does_not_matter,
    float64_is_taken,
)
