"""What a fit gives, what it depends on and what it leaves alone."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import torch

from bench.testing import generators
from bench.testing.members import ask_all
from bench.testing.subject import SEEDS, Failed, NotApplicable, Subject

_SEED_IT = "draw every random number from a generator made of self.random_state in fit"


def fit_gives_labels(subject: Subject) -> None:
    """Fitting returns the estimator, with one whole number a point in labels_, -1 for noise."""
    first = subject.first
    if first.error is not None:
        raise first.error
    subject.labels(first.estimator)
    if first.returned is not first.estimator:
        raise Failed(f"fit returns {type(first.returned).__name__}", "end fit with: return self")


def fit_predict_gives_labels(subject: Subject) -> None:
    """fit_predict returns labels_."""
    subject.fitted  # noqa: B018 - without a fit that gives labels there is nothing to compare
    estimator = subject.make()
    given = np.asarray(estimator.fit_predict(subject.x))
    if not np.array_equal(given, subject.labels(estimator)):
        raise Failed("fit_predict returns something else than labels_", "take it from sklearn.base.ClusterMixin")


def same_seed_same_labels(subject: Subject) -> None:
    """The same seed gives the same labels, whatever the global generators hold."""
    labels = subject.labels(subject.fitted)
    again = subject.labels(subject.again)
    if not np.array_equal(labels, again):
        what = "with the same random_state" if subject.seeded else "without a random_state"
        change = _SEED_IT if subject.seeded else "add a parameter random_state=None, and " + _SEED_IT
        raise Failed(f"two fits {what} differ in {np.sum(labels != again)} of {len(labels)} labels", change)


def seeds_matter(subject: Subject) -> None:
    """Another seed gives other labels, another embedding or other probabilities, unless it is declared seed-free."""
    if not subject.seeded:
        raise NotApplicable("it has no random_state, and is run once")
    first = _said(subject.fitted, subject)
    for seed in SEEDS[1:]:
        other = _said(subject.fit(seed=seed), subject)
        if any(not np.array_equal(value, other[name]) for name, value in first.items()):
            if subject.info.seed_free:
                raise Failed("it is declared seed-free, and seeds matter", "take seed_free out of MethodInfo")
            return
    if not subject.info.seed_free:
        raise Failed(
            f"{len(SEEDS)} seeds gave the same {', '.join(first)}",
            f"{_SEED_IT}; if nothing in it is random, take random_state out of the constructor, or write "
            "seed_free=True in MethodInfo",
        )


def generators_are_left_alone(subject: Subject) -> None:
    """Neither fitting nor asking touches the global generators of random, numpy and torch."""
    estimator, first = subject.fitted, subject.first
    if first.touched:
        raise Failed(f"fit changes the global generator of {', '.join(first.touched)}", _SEED_IT)
    before = generators.states()
    for name, _ in ask_all(estimator, subject.x):
        touched = generators.touched_since(before)
        if touched:
            raise Failed(f"{name} changes the global generator of {', '.join(touched)}", "draw from one of its own")


def pickle_keeps_it(subject: Subject) -> None:
    """A fitted estimator can be pickled, and has the same labels and predictions afterwards."""
    estimator = subject.fitted
    change = "keep in attributes only what pickles: no generators, open files, lambdas or classes inside functions"
    try:
        copy = pickle.loads(pickle.dumps(estimator))  # noqa: S301 - what was pickled here
    except Exception as error:
        raise Failed(f"{type(error).__name__}: {error}", change) from error
    if not np.array_equal(copy.labels_, estimator.labels_):
        raise Failed("after pickling, labels_ differ", change)
    if hasattr(estimator, "predict") and not np.array_equal(copy.predict(subject.x), estimator.predict(subject.x)):
        raise Failed("after pickling, predict says something else", change)


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
        raise Failed('with device="cpu", it takes memory of the GPU', change)
    for name, value in vars(estimator).items():
        devices = {tensor.device.type for tensor in _tensors(value)} - {"cpu"}
        if devices:
            raise Failed(f'with device="cpu", {name} is on {", ".join(sorted(devices))}', change)


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.nn.Module):
        return [*value.parameters(), *value.buffers()]
    return [value] if isinstance(value, torch.Tensor) else []


def _said(estimator: Any, subject: Subject) -> dict[str, np.ndarray]:
    """Return what may differ from seed to seed."""
    said = {"labels_": np.asarray(estimator.labels_)}
    if getattr(estimator, "embedding_", None) is not None:
        said["embedding_"] = np.asarray(estimator.embedding_)
    if hasattr(estimator, "predict_proba"):
        said["predict_proba"] = np.asarray(estimator.predict_proba(subject.x))
    return said


CHECKS = (
    fit_gives_labels,
    fit_predict_gives_labels,
    same_seed_same_labels,
    seeds_matter,
    generators_are_left_alone,
    pickle_keeps_it,
    runs_on_the_cpu,
)
