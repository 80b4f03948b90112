"""The verdict: one sentence for each outcome, as a critical reader would read it."""

import numpy as np
import pytest

from bench.report.sections import verdict
from tests.report.made_runs import board_of, scored, spread, texts_of


def pair(i, difference, n=10, *, noisy=False, dataset="digits"):
    """A stochastic method S with its counterpart B; of a noisy one the difference has another sign at each seed."""
    seeds = np.arange(n)
    of_seed = 0.02 * np.where(seeds % 2, -1, 1) if noisy else 0.0001 * seeds
    base = spread(0.7, n=n)
    return scored(f"B{i}", base, dataset=dataset, role="twin") + scored(
        f"S{i}", base + difference + of_seed, dataset=dataset, twin=f"B{i}"
    )


def no_effect(i, **more):
    return pair(i, 0, noisy=True, **more)


def equal(i):
    """Equal but for differences far below the region of practical equivalence."""
    base = spread(0.7)
    tiny = 0.0001 * np.array([1, -1] * 5) * np.arange(1, 11)
    return scored(f"B{i}", base, role="twin") + scored(f"S{i}", base + tiny, twin=f"B{i}")


COUNTERPARTS = "in ACC than their deterministic counterparts (10 paired seeds, Holm)"
COUNTERPART = "in ACC than its deterministic counterpart (10 paired seeds, Holm)"

SENTENCES = {
    "all better": (
        pair(1, 0.05) + pair(2, 0.04) + pair(3, 0.06),
        f"Yes. On digits all 3 stochastic methods are significantly better {COUNTERPARTS}: S1, S2 and S3.",
    ),
    "both better": (
        pair(1, 0.05) + pair(2, 0.04),
        f"Yes. On digits both stochastic methods are significantly better {COUNTERPARTS}: S1 and S2.",
    ),
    "one better": (
        pair(1, 0.05) + no_effect(2) + equal(3),
        f"For some. On digits 1 of 3 stochastic methods is significantly better {COUNTERPART}: S1. "
        "S3 is equivalent within ±.01; S2 is inconclusive.",
    ),
    "two better": (
        pair(1, 0.05) + pair(2, 0.03) + no_effect(3),
        f"For some. On digits 2 of 3 stochastic methods are significantly better {COUNTERPARTS}: S1 and S2. "
        "S3 is inconclusive.",
    ),
    "better by little": (
        pair(1, 0.002) + no_effect(2),
        f"For some. On digits 1 of 2 stochastic methods is significantly better {COUNTERPART}: S1. "
        "S1 is better by less than .01, which hardly matters in practice; S2 is inconclusive.",
    ),
    "mixed": (
        pair(1, 0.05) + pair(2, -0.05) + equal(3),
        f"Mixed. On digits 1 of 3 stochastic methods is significantly better {COUNTERPART}: S1. "
        "S2 is significantly worse. S3 is equivalent within ±.01.",
    ),
    "one worse": (
        pair(1, -0.05) + no_effect(2),
        f"No. On digits 1 of 2 stochastic methods is significantly worse {COUNTERPART}: S1. S2 is inconclusive.",
    ),
    "all worse": (
        pair(1, -0.05) + pair(2, -0.04) + pair(3, -0.03),
        f"No. On digits all 3 stochastic methods are significantly worse {COUNTERPARTS}: S1, S2 and S3.",
    ),
    "none": (
        no_effect(1) + no_effect(2) + equal(3),
        "No. On digits none of 3 stochastic methods differs significantly in ACC from its deterministic counterpart "
        "(10 paired seeds, Holm). S3 is equivalent within ±.01; S1 and S2 are inconclusive.",
    ),
    "all equivalent": (
        equal(1) + equal(2),
        "No. On digits neither of 2 stochastic methods differs significantly in ACC from its deterministic counterpart "
        "(10 paired seeds, Holm). S1 and S2 are equivalent within ±.01.",
    ),
    "too few": (
        pair(1, 0.05, n=5) + pair(2, 0.05, n=5),
        "Unknown. On digits neither of 2 stochastic methods can be compared with its deterministic counterpart: "
        "too few seeds (5; 7 needed).",
    ),
    "too few for one": (
        pair(1, 0.05, n=5) + pair(2, 0.05),
        "For some. On digits 1 of 2 stochastic methods is significantly better in ACC than its deterministic "
        "counterpart (5 to 10 paired seeds, Holm): S2. S1 has too few seeds (5; 7 needed).",
    ),
    "not compared": (
        pair(1, 0.05, n=1) + pair(2, 0.05, n=1),
        "Unknown. On digits neither of 2 stochastic methods can be compared with its deterministic counterpart: "
        "1 matched seed; a comparison needs at least 2.",
    ),
    "one not compared": (
        pair(1, 0.05) + pair(2, 0.05, n=1),
        f"For some. On digits 1 of 2 stochastic methods is significantly better {COUNTERPART}: S1. S2 is not compared.",
    ),
    "single, better": (
        pair(1, 0.05),
        "Yes. On digits S1 is significantly better in ACC than its deterministic counterpart B1 (10 paired seeds). "
        "S1 vs B1: ΔACC +.050, 95 % CI over seeds [.050, .051], p = .002, n = 10; significantly better.",
    ),
    "single, better by little": (
        pair(1, 0.002),
        "Yes. On digits S1 is significantly better in ACC than its deterministic counterpart B1 (10 paired seeds). "
        "S1 vs B1: ΔACC +.002, 95 % CI over seeds [.002, .003], p = .002, n = 10; "
        "significantly better but equivalent within ±.01.",
    ),
    "single, worse": (
        pair(1, -0.05),
        "No. On digits S1 is significantly worse in ACC than its deterministic counterpart B1 (10 paired seeds). "
        "S1 vs B1: ΔACC −.050, 95 % CI over seeds [−.050, −.049], p = .002, n = 10; significantly worse.",
    ),
    "single, none": (
        no_effect(1),
        "No. On digits S1 does not differ significantly in ACC from its deterministic counterpart B1 (10 paired "
        "seeds). S1 vs B1: ΔACC .000, 95 % CI over seeds [−.020, .020], p = 1.000, n = 10; not significant.",
    ),
    "single, too few": (
        pair(1, 0.05, n=5),
        "Unknown. On digits S1 cannot be compared with its deterministic counterpart: too few seeds (5; 6 needed).",
    ),
    "against one score": (
        scored("birch", [0.6], seeded=False, role="twin") + scored("noisy birch", spread(0.7), twin="birch"),
        "Yes. On digits noisy birch is significantly better in ACC than its deterministic counterpart birch (10 "
        "seeds). noisy birch vs birch: ΔACC +.100, 95 % CI over seeds [.095, .105], p = .002, n = 1 vs 10; "
        "significantly better.",
    ),
    "no contrast": (
        scored("kmeans", spread(0.7)),
        "Unknown. These runs hold no stochastic method together with its deterministic counterpart.",
    ),
}


def answers(board):
    """The verdict's sentences but for that on whether the metrics agree."""
    return [text for text in texts_of(verdict.section, board) if not text.startswith("ACC and NMI agree")]


@pytest.mark.parametrize(("runs", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_the_verdict_is_one_clear_sentence(runs, sentence):
    assert answers(board_of(runs)) == [sentence]


def test_the_verdict_over_data_sets_comes_before_those_of_each():
    over = [
        run
        for d in range(7)
        for run in pair(1, 0.05 + d / 1000, dataset=f"d{d}") + pair(2, (0.02 if d % 2 else -0.02), dataset=f"d{d}")
    ]
    first, second, third, *_ = sentences = answers(board_of(over))
    assert len(sentences) == 8
    assert first == (
        "For some. Over all data sets 1 of 2 stochastic methods is significantly better in ACC than its deterministic "
        "counterpart (7 paired data sets, Holm): S1. S2 is inconclusive."
    )
    assert second.startswith("Mixed. On d0, 1 of 2 stochastic methods is significantly better")
    assert third == f"Yes. On d1, both stochastic methods are significantly better {COUNTERPARTS}: S1 and S2."


def test_too_few_data_sets_leave_the_verdicts_of_each():
    over = [run for d in range(2) for run in pair(1, 0.05, dataset=f"d{d}") + no_effect(2, dataset=f"d{d}")]
    first, *each = answers(board_of(over))
    assert first == (
        "Unknown. Over all data sets neither of 2 stochastic methods can be compared with its deterministic "
        "counterpart: too few data sets (2; 7 needed)."
    )
    assert [sentence.partition(" 1 of")[0] for sentence in each] == ["For some. On d0,", "For some. On d1,"]


def test_runs_that_collapsed_are_not_called_equivalent():
    base = spread(0.1, step=0.0001)
    runs = scored("B", base, role="twin", collapsed=range(10)) + scored("S", base, twin="B", collapsed=range(10))
    (sentence,) = answers(board_of(runs))
    assert "equivalent" not in sentence
    assert "10 runs of S collapsed. 10 runs of B collapsed." in sentence
