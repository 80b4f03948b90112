"""The family of contrasts: what each of three methods is with noise and prior, with the prior only, and with neither.

Total, noise given the prior, and prior without noise are differences of the same three scores of a seed: the first is
the sum of the others. Of three methods these are nine contrasts, one family.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from bench.statistics.correction import compare_methods
from tests.simulation.claims import Rate, frozen_heap
from tests.simulation.noise import SCALE, equal_methods, generator

N_CONTRASTS = 9
_METHODS = range(0, N_CONTRASTS, 3)
_FAMILY = [
    (f"method {arm}", f"method {other}")
    for own in _METHODS
    for arm, other in ((own, own + 2), (own, own + 1), (own + 1, own + 2))  # total, noise, prior
]
_TOTAL, _NOISE = 0, 1


class Found(NamedTuple):
    """Families with some claim.

    Attributes
    ----------
    false : Rate
        That a contrast differs which does not.
    noise : Rate
        That the noise of the first method makes it better, which it does where there is an effect.
    """

    false: Rate
    noise: Rate


def contrasts_found(
    n_seeds: int, noise: str = "normal", step: float | None = None, effect: float = 0.0, *, families: int
) -> Found:
    """Compare the arms of three methods, which are equally good but for the noise of the first method.

    Parameters
    ----------
    n_seeds : int
    noise : str
        One of `NOISES`.
    step : float or None
        Scores are rounded to multiples of this.
    effect : float
        What noise given the prior adds to the score of the first method, in standard deviations of that difference,
        where scores are normal. Its total is as large, and the seven other contrasts have none.
    families : int
    """
    rng = generator("contrasts", n_seeds, noise, step, effect)
    added = effect * SCALE * math.sqrt(2)  # two arms have a noise of their own
    false = found = 0
    with frozen_heap():
        for _ in range(families):
            scores = equal_methods(rng, N_CONTRASTS, n_seeds, noise, step)
            scores["method 0"] = {seed: score + added for seed, score in scores["method 0"].items()}
            outcomes = [c.outcome for c in compare_methods(scores, _FAMILY)]
            true = [] if effect == 0 else [_TOTAL, _NOISE]
            false += any(o in ("better", "worse") for i, o in enumerate(outcomes) if i not in true)
            found += outcomes[_NOISE] == "better"
    return Found(Rate(false, families), Rate(found, families))
