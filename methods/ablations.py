"""Ablations of a stochastic method: which of its ingredients does what.

| | noise | prior (KL) |
|---|---|---|
| the method | on | on |
| prior only | off: sigma = 0 | on |
| noise only | on | off: beta = 0 |
| counterpart | off | off |

All four have the same data, start, order of batches, architecture, likelihood and number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Ablation = Callable[[Mapping[str, Any]], tuple[str, dict[str, Any]]]


def ablations_of(method: str) -> dict[str, Ablation]:
    """Return the ablations of a method whose ``noise_scale`` scales its noise and whose ``beta`` weights its prior."""
    return {
        "prior only": lambda parameters: (method, {**parameters, "noise_scale": 0.0}),
        "noise only": lambda parameters: (method, {**parameters, "beta": 0.0}),
    }
