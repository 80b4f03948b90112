"""What a fitted method can be asked about points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

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
