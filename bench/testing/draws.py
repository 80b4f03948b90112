"""What a stochastic method draws: soft assignments and reconstructions of latent codes."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.testing.members import DRAWING, N_DRAWS, ask, check_probabilities
from bench.testing.subject import Failed, NotApplicable, Subject


def draws_are_soft_assignments(subject: Subject) -> None:
    """sample_proba gives a soft assignment of every point for each latent draw."""
    subject.member("sample_proba")
    check_probabilities("sample_proba", ask(subject.fitted, "sample_proba", subject.x), (N_DRAWS, len(subject.x)))


def draws_are_reconstructions(subject: Subject) -> None:
    """sample_reconstruct gives a finite point of the data's shape for each point and latent draw."""
    subject.member("sample_reconstruct")
    said, right = ask(subject.fitted, "sample_reconstruct", subject.x), (N_DRAWS, *subject.x.shape)
    if said.shape != right or not np.isfinite(said).all():
        raise Failed(f"sample_reconstruct gives shape {said.shape}", f"return finite points of shape {right}")


def draws_follow_their_seed(subject: Subject) -> None:
    """Draws of the same random_state are the same, and of another one are others."""
    for name in _drawing(subject):
        one, again, other = (ask(subject.fitted, name, subject.x, seed) for seed in (1, 1, 2))
        if not np.array_equal(one, again):
            raise Failed(f"{name} gives other draws for the same random_state", "make its generator of random_state")
        if vary(subject.fitted, subject.x, name) and np.array_equal(one, other):
            raise Failed(f"{name} gives the same draws for every random_state", "make its generator of random_state")


def draws_are_what_the_kind_says(subject: Subject) -> None:
    """Draws of a stochastic method vary, and those of a deterministic one do not."""
    kind = subject.configuration.kind
    for name in _drawing(subject):
        varies = vary(subject.fitted, subject.x, name)
        if varies and kind == "deterministic":
            raise Failed(
                f"it declares itself deterministic, and draws of {name} vary", 'write kind="stochastic" in MethodInfo'
            )
        if not varies and kind == "stochastic":
            raise Failed(
                f"it declares itself stochastic, and all draws of {name} are one",
                f"draw a code of its own for each of n_samples, or leave {name} out",
            )


def vary(estimator: Any, x: np.ndarray, name: str = "sample_proba") -> bool:
    """Tell whether the draws of a fitted method differ from each other; not where it has none."""
    if not hasattr(estimator, name):
        return False
    said = ask(estimator, name, x)
    return said.shape[:2] == (N_DRAWS, len(x)) and bool((said != said[:1]).any())


def _drawing(subject: Subject) -> list[str]:
    """Return the members that draw, those left out whose draws have a wrong shape."""
    has = [name for name in DRAWING if hasattr(subject.fitted, name)]
    if not has:
        raise NotApplicable(f"it has no {' and no '.join(DRAWING)}")
    found = [name for name in has if ask(subject.fitted, name, subject.x).shape[:2] == (N_DRAWS, len(subject.x))]
    if not found:
        raise NotApplicable(f"{' and '.join(has)} give another shape: see draws_are_soft_assignments")
    return found


CHECKS = (
    draws_are_soft_assignments,
    draws_are_reconstructions,
    draws_follow_their_seed,
    draws_are_what_the_kind_says,
)
