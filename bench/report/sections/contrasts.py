"""Contrasts of uncertainty scores with latent draws against scores without, within the same runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.metrics import find_metric
from bench.metrics.registry import DISAGREEMENT, SCORES, Score
from bench.report.between_runs import VOTERS
from bench.report.document import WORDS, Entry, Escape, TextTable, make_table, word_entry
from bench.report.numbers import ABSENT, format_equation, format_interval, format_p, format_score
from bench.report.ranking import ROPE
from bench.report.runs_frame import NOT_RUN, one_run_per_variant, runs_by_variant, scores_by_seed
from bench.statistics.correction import MethodComparison, Scores, compare_methods, smallest_n

SCORE_OF: Mapping[str, Score] = {score.name: score for score in (*SCORES, DISAGREEMENT)}

PAIRS = (
    ("entropy", "plain_entropy"),  # the decisive one: nothing differs but the draws
    ("entropy", "confidence"),
    ("entropy", "margin"),
    ("entropy", "reconstruction"),
    ("entropy", "disagreement"),
    ("mutual_information", "confidence"),
    ("latent_variance", "confidence"),
)
"""What is asked of each stochastic variant, fixed before any run; those of a data set are one family."""

OUTLIER_PAIRS = (("entropy", "plain_entropy"), ("entropy", "confidence"))
"""What is asked of each stochastic variant and set of outliers; those of a data set are a family of their own."""


@dataclass(frozen=True)
class SamplingContrast:
    """A score that takes sampling less one that does not, by AUROC over the same runs of one variant.

    Attributes
    ----------
    variant : str
    score, against : Score
    outliers : str or None
        What is to be found: the outliers of that name, or mis-clustered points.
    comparison : MethodComparison
    means : (float, float)
        Mean AUROC of the two over the runs that have both.
    """

    variant: str
    score: Score
    against: Score
    outliers: str | None
    comparison: MethodComparison
    means: tuple[float, float]

    @property
    def is_equivalent(self) -> bool:
        """Whether the two are shown to be equivalent in practice."""
        result = self.comparison.result
        return result is not None and result.practical == "equivalent"


def column_of(score: str, outliers: str | None, rate: str = "auroc") -> str:
    """Return the column of the frame of runs that holds a rate of a score."""
    return f"{rate}_{score}" if outliers is None else f"{rate}/{outliers}/{score}"


def stochastic_variants(frame: pd.DataFrame) -> list[str]:
    """Return those variants, in order of appearance."""
    firsts = one_run_per_variant(frame)
    return [str(name) for name in firsts.loc[firsts["kind"] == "stochastic", "variant"]]


def sampling_contrasts(
    frame: pd.DataFrame, pairs: Sequence[tuple[str, str]] = PAIRS, outliers: Sequence[str | None] = (None,)
) -> list[SamplingContrast]:
    """Compare scores pair by pair for every stochastic variant, as one family.

    A pair is in the family unless the method has no such score: S-DEC without a decoder reconstructs nothing. A variant
    of which no run has scores, because they are still to come or all collapsed, counts with the pairs of its method, or
    with all: what it will have, or how it ended, must not make the claims of others easier.

    Parameters
    ----------
    frame : DataFrame
        The runs of one data set, as `mask_uncertainty` returns them.
    pairs : sequence of (str, str)
        Names of scores.
    outliers : sequence of str or None
        Sets of outliers; None asks about mis-clustered points.
    """
    asked = []
    for variant in stochastic_variants(frame):
        rows = frame.loc[frame["variant"] == variant]
        of_method = frame.loc[frame["method"] == rows["method"].iloc[0]]
        for which in outliers:
            scored = _scores_with_values(rows, which) or _scores_with_values(of_method, which)
            if scored and which is None and rows["twin"].notna().any() and len(rows) > VOTERS:
                scored |= {DISAGREEMENT.name}  # too few healthy voters are an outcome too
            asked += [(variant, a, b, which) for a, b in pairs if not scored or {a, b} <= scored]
    columns = {column_of(name, which) for _, a, b, which in asked for name in (a, b)}
    if not any(_has_values(frame, column) for column in columns):
        return []
    by_column = {column: _by_seed(frame, column) for column in columns}

    def key(variant: str, score: str, which: str | None) -> str:
        return f"{column_of(score, which)} of {variant}"

    scores: dict[str, Scores] = {}
    for variant, a, b, which in asked:
        for name in (a, b):
            scores[key(variant, name, which)] = by_column[column_of(name, which)][variant]
    family = [(key(variant, a, which), key(variant, b, which)) for variant, a, b, which in asked]
    comparisons = compare_methods(scores, family, rope=ROPE)
    made = []
    for (variant, a, b, which), c in zip(asked, comparisons, strict=True):
        means = _mean(scores[c.a], c.matched), _mean(scores[c.b], c.matched)
        made.append(SamplingContrast(variant, SCORE_OF[a], SCORE_OF[b], which, c, means))
    return made


def _scores_with_values(frame: pd.DataFrame, outliers: str | None) -> set[str]:
    return {name for name in SCORE_OF if _has_values(frame, column_of(name, outliers))}


def _has_values(frame: pd.DataFrame, column: str) -> bool:
    return column in frame and bool(pd.to_numeric(frame[column], errors="coerce").notna().any())


def _by_seed(frame: pd.DataFrame, column: str) -> dict[str, dict[int, float]]:
    """Return the scores of each variant by seed, NaN where a run ended without one.

    Two scores of one run are a pair even where all seeds give the same, as where AUROC saturates at 1.
    """
    by_variant = {}
    for variant, rows in runs_by_variant(frame).items():
        scores = scores_by_seed(rows, column)
        ended = rows.loc[rows["status"] != NOT_RUN, "seed"].tolist()
        by_variant[variant] = {seed: scores.get(seed, float("nan")) for seed in ended}
    return by_variant


def _mean(scores: Scores, matched: Iterable[object]) -> float:
    values = [scores[unit] for unit in matched] if isinstance(scores, Mapping) else [scores]
    return float(np.mean(values)) if values else np.nan


_AUROC = find_metric("auroc_entropy")
#: What q says of a point without draws.
_OF_Q = ("plain_entropy", "confidence")
_TOLD_APART = {"better": "larger", "worse": "smaller"}


def contrast_table(contrasts: Sequence[SamplingContrast], labels: Mapping[str, str], escape: Escape) -> TextTable:
    """Return one row a contrast; those of outliers name the set."""
    among = any(c.outliers is not None for c in contrasts)
    rows = []
    for c in contrasts:
        result, p = c.comparison.result, c.comparison.p_adjusted
        difference: Entry = (ABSENT, None)
        if result is not None:
            interval = format_interval(*(result.hodges_lehmann_interval or (math.nan, math.nan)), _AUROC)
            difference = f"{format_score(result.hodges_lehmann, _AUROC)} {interval}".rstrip(), result.hodges_lehmann
        equivalent = "; equivalent" if c.is_equivalent else ""
        place = [word_entry(labels[c.variant])] + ([word_entry(escape(c.outliers))] if c.outliers is not None else [])
        a, b = c.means
        rows.append(
            [
                *place,
                word_entry(c.comparison.outcome + equivalent),
                word_entry(escape(c.score.title)),
                (format_score(a, _AUROC), a),
                word_entry(escape(c.against.title)),
                (format_score(b, _AUROC), b),
                difference,
                (ABSENT if p is None else format_p(p), p),
                (str(len(c.comparison.matched)), len(c.comparison.matched)),
            ]
        )
    header = ["variant", *(["outliers"] if among else []), "verdict", "sampled score", "AUROC", "free score"]
    header += ["free AUROC", "difference [95 %]", "p (Holm)", "n"]
    what = "outliers" if among else "mis-clustered points"
    title = f"Does sampling help to find {what}? AUROC of scores from draws and of scores without"
    return make_table(title, header, rows, left=WORDS | {"outliers", "sampled score", "free score"})


def overall_sentence(contrasts: Sequence[SamplingContrast], dataset: str, what: str) -> str:
    """Count over a data set how often sampling helps, and how often it does not.

    Parameters
    ----------
    contrasts : sequence of SamplingContrast
        One family, at least one.
    dataset : str
        Escaped.
    what : str
        What is to be found: "mis-clustered points".
    """
    outcomes = [c.comparison.outcome for c in contrasts]
    short = [c.comparison for c in contrasts if c.comparison.outcome == "cannot be significant"]
    size = len(contrasts)
    needs = f"{size} contrasts as one family need" if size > 1 else "a contrast needs"
    needs = f"{needs} {smallest_n(size)} seeds with scores to show a difference"
    if len(short) + outcomes.count("not compared") == size:
        return f"On {dataset} it cannot be shown whether scores from draws find {what} better than others: {needs}."
    text = (
        f"On {dataset}, scores from draws find {what} better than scores without in {outcomes.count('better')} of "
        f"{size} contrast{'s' * (size > 1)} and worse in {outcomes.count('worse')}"
    )
    if equivalent := sum(c.is_equivalent for c in contrasts):
        text += f"; {equivalent} are equivalent in practice" if equivalent > 1 else "; 1 is equivalent in practice"
    if short:
        text += f"; {len(short)} have too few seeds with scores: {needs}"
    if absent := outcomes.count("not compared"):
        text += f"; {absent} could not be compared"
    return text + "."


def variant_sentence(
    contrasts: Sequence[SamplingContrast], label: str, what: str, escape: Escape, *, collapsed: tuple[int, int] = (0, 0)
) -> str:
    """Answer "does sampling help?" for one variant.

    It is said to help where a score from draws is better than what q says without draws, its entropy and 1 − max q, and
    worse than no other score; in part where it is worse than another, or was not compared with both. To be better than
    the reconstruction error alone, or than 1 − max q where H[q] is as good, is no help. That it does not help is said
    where what decides is worse: that no help is shown is no proof of none.

    Parameters
    ----------
    contrasts : sequence of SamplingContrast
        Those of the variant, the decisive one (H[mean q] against H[q]) first; at least one.
    label : str
        The variant's, escaped.
    what : str
        What is to be found.
    escape : callable
    collapsed : (int, int)
        Runs that collapsed, and so have no scores, and finished runs.
    """
    n_collapsed, n_ok = collapsed
    lost = f" {n_collapsed} of {n_ok} runs collapsed and have no scores." if n_collapsed else ""
    compared = [c for c in contrasts if c.comparison.result is not None]
    if not compared:
        return f"{label}: whether sampling helps to find {what} is not known ({contrasts[0].comparison.reason}).{lost}"
    first, others = compared[0], compared[1:]
    further = _others(others, escape)
    return f"{label}: {_verdict(compared, what)}: {_numbers(first, escape)}.{further}{lost}"


def _verdict(contrasts: Sequence[SamplingContrast], what: str) -> str:
    of_q = [c for c in contrasts if c.against.name in _OF_Q]
    beats = {name: [c for c in of_q if c.score.name == name] for name in dict.fromkeys(c.score.name for c in of_q)}
    won = {name: own for name, own in beats.items() if all(c.comparison.outcome == "better" for c in own)}
    if won:
        loses = {c.score.name for c in contrasts if c.comparison.outcome == "worse"}
        # MI and latent variance are not compared with H[q]: alone they help in part.
        helps = any(len(own) == len(_OF_Q) and name not in loses for name, own in won.items())
        little = all(c.is_equivalent for own in won.values() for c in own)
        verdict = f"sampling helps {'' if helps else 'in part '}to find {what}"
        return f"{verdict}, by less than matters in practice" if little else verdict
    decisive = [c.comparison.outcome for c in of_q if c.score.name == contrasts[0].score.name]
    if "worse" in decisive:
        return f"sampling does not help to find {what}"
    if {c.comparison.outcome for c in contrasts} == {"cannot be significant"}:
        return f"the seeds are too few to show whether sampling helps to find {what}"
    if all(c.is_equivalent for c in contrasts):
        return f"sampling does not help to find {what}, all scores are equivalent in practice"
    return f"sampling is not shown to help to find {what}"


def _numbers(c: SamplingContrast, escape: Escape) -> str:
    comparison, result = c.comparison, c.comparison.result
    if result is None or comparison.p_adjusted is None:
        return str(comparison.reason)
    estimate, (low, high) = result.hodges_lehmann, result.hodges_lehmann_interval or (math.nan, math.nan)
    a, b = _names(c, escape)
    relation = _TOLD_APART.get(comparison.outcome)
    if relation == "smaller":  # "smaller by .031", not "smaller by -.031"
        estimate, low, high = -estimate, -high, -low
    numbers = f"{format_score(estimate, _AUROC)} {format_interval(low, high, _AUROC)}".rstrip()
    if relation is not None:
        claim = f"{a} has an AUROC {relation} than {b} by {numbers}"
    else:
        claim = f"AUROC of {a} less that of {b}: {numbers}"
    test = f"{format_equation(comparison.p_adjusted)} (Holm), n = {len(comparison.matched)}"
    if c.is_equivalent and result.rope is not None:
        test += f"; equivalent in practice (within ±{format_score(result.rope, _AUROC)})"
    return f"{claim}, {test}"


def _others(contrasts: Sequence[SamplingContrast], escape: Escape) -> str:
    outcomes = {c.comparison.outcome for c in contrasts}
    if not outcomes or outcomes == {"cannot be significant"}:
        return ""
    parts = [
        f"{a} {_TOLD_APART[c.comparison.outcome]} than {b}"
        for c in contrasts
        if c.comparison.outcome in _TOLD_APART
        for a, b in [_names(c, escape)]
    ]
    if open_ := len(contrasts) - len(parts):
        parts.append(f"no difference shown in {open_}" if parts else "no difference shown")
    return f" Of {len(contrasts)} further contrasts: {', '.join(parts)}."


def _names(c: SamplingContrast, escape: Escape) -> tuple[str, str]:
    def named(score: Score) -> str:
        return escape(score.title) if score.name != "disagreement" else "the disagreement of five deterministic runs"

    return named(c.score), named(c.against)
