"""Does sampling help? Answers in words, by the contrasts of scores with draws against scores without."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from bench.metrics.registry import DISAGREEMENT
from bench.report.document import Sentence
from bench.report.numbers import format_difference, format_equation, format_interval, format_margin
from bench.report.sampling import OUTLIER_PAIRS, PAIRS, SCORE_OF
from bench.text import and_list

Row = Mapping[Any, Any]
Verdict = Literal[
    "sampling helps", "mixed", "sampling does not help", "not significant", "equivalent", "too few", "not known"
]

#: What tells an effect of draws from one of a softer q: by the first, H[mean q] differs in the draws alone.
_OF_Q = ("plain_entropy", "smoothed_kernel")
#: What is free besides, and described.
_DESCRIBED = ("confidence", "temperature")
_SIGNIFICANT = ("better", "worse")
#: More names than this are counted.
_MOST_NAMED = 5
_IN_WORDS = {
    "smoothed_kernel": "the smoothed kernel",
    "temperature": "q at the matched temperature",
    DISAGREEMENT.name: "the disagreement of five deterministic runs",
}

RULE = (
    "Sampling helps where H[mean q] beats H[q] and the smoothed kernel significantly, is above 1 − max q and q at the "
    "matched temperature with the whole of its 95 % intervals, and loses nowhere: not to the disagreement of five "
    "deterministic runs, and not with a whole interval to a score that describes. What is not compared is not won. "
    "Mixed is less: it beats H[q] or the smoothed kernel, and that is not all. A smoothed kernel and a temperature "
    "soften q as draws do, without a draw: to beat H[q] and not them is no effect of sampling. That sampling does not "
    "help is said only where H[mean q] loses to H[q] or the smoothed kernel and beats neither."
)


@dataclass(frozen=True)
class Answer:
    """Whether sampling helps one variant, of one set of outliers where these are asked about.

    Attributes
    ----------
    name : str
        The title of the variant, with the set of outliers.
    verdict : str
    sentence : Sentence
    significant : bool
        Whether some decisive contrast is.
    """

    name: str
    verdict: Verdict
    sentence: Sentence
    significant: bool


def answers_of(rows: pd.DataFrame, task: str) -> list[Answer]:
    """Answer for each variant, and each set of outliers.

    Parameters
    ----------
    rows : DataFrame
        As `bench.report.sampling.contrast_rows` returns them.
    task : str
        What the scores are for: "error detection".
    """
    answers = []
    for (_, outliers), group in rows.groupby(["variant", "outliers"], sort=False):
        contrasts = group.to_dict("records")
        title = contrasts[0]["title"]
        place = f"{title}, outliers from {outliers}" if outliers else f"{title}, {task}"
        name = f"{title} with {outliers}" if outliers else title
        verdict = verdict_of(contrasts)
        sentence = Sentence(f"{place}: {_claim(verdict, contrasts)}.", _evidence(verdict, contrasts))
        significant = any(c["outcome"] in _SIGNIFICANT for c in contrasts)
        answers.append(Answer(name, verdict, sentence, significant))
    return answers


def verdict_of(contrasts: Sequence[Row]) -> Verdict:
    """Return the verdict on one variant, by the rule of `RULE`.

    That no help is shown is no proof of none: "sampling does not help" needs a loss to what decides.

    Parameters
    ----------
    contrasts : sequence of mapping
        Its rows; ``decisive`` tells those of the family.
    """
    deciding = _deciding(contrasts)
    if not deciding:
        return "not known"
    outcomes = {c["outcome"] for c in deciding}
    if "better" in outcomes:
        return "sampling helps" if _helps(contrasts) else "mixed"
    if "worse" in outcomes:
        return "sampling does not help"
    if "too few" in outcomes and "not significant" not in outcomes:
        return "too few"
    compared = [c for c in _decisive(contrasts) if _is_compared(c)]
    if all(c["practical"] == "equivalent" and c["outcome"] not in _SIGNIFICANT for c in compared):
        return "equivalent"
    return "not significant"


def _helps(contrasts: Sequence[Row]) -> bool:
    of_draws = {c["against"]: c for c in contrasts if c["score"] == "entropy"}
    sides = {against: side_of(c) for against, c in of_draws.items()}
    every = all(sides.get(against) == "above" for against in (*_OF_Q, *_DESCRIBED))
    return every and not _missing(contrasts) and "below" not in sides.values()


def side_of(c: Row) -> Literal["above", "below", "undecided"]:
    """Return on which side of 0 a difference lies: by its test if it decides, by its 95 % interval if it describes."""
    if c["decisive"]:
        above, below = (c["outcome"] == outcome for outcome in _SIGNIFICANT)
    else:
        above, below = c["ci_low"] > 0, c["ci_high"] < 0
    return "above" if above else "below" if below else "undecided"


def _is_compared(c: Row) -> bool:
    return math.isfinite(c["difference"])


def _decisive(contrasts: Sequence[Row]) -> list[Row]:
    return [c for c in contrasts if c["decisive"]]


def _deciding(contrasts: Sequence[Row]) -> list[Row]:
    return [c for c in _decisive(contrasts) if _is_compared(c) and c["against"] in _OF_Q]


def _missing(contrasts: Sequence[Row]) -> list[str]:
    """Return the names of what H[mean q] should be held against to decide, and is not."""
    asked = OUTLIER_PAIRS if contrasts[0]["outliers"] else PAIRS
    compared = {c["against"] for c in _decisive(contrasts) if _is_compared(c)}
    return [pair.against for pair in asked if pair.decisive and pair.against not in compared]


def _claim(verdict: Verdict, contrasts: Sequence[Row]) -> str:
    if verdict in ("sampling helps", "mixed"):
        won = [c for c in _deciding(contrasts) if c["outcome"] == "better"]
        little = all(c["practical"] == "equivalent" for c in won)
        return f"{verdict}, with gains below {_margin(contrasts)} in AUROC" if little else verdict
    if verdict == "too few":
        return str(next(c["verdict"] for c in _deciding(contrasts) if c["outcome"] == "too few"))
    if verdict == "not significant":
        open_ = [c for c in _deciding(contrasts) if c["outcome"] == verdict]
        if len(open_) < len(_decisive(contrasts)):  # others are significant, or not compared
            return f"not significant against {and_list([in_words(c) for c in open_])}"
    return verdict


def _evidence(verdict: Verdict, contrasts: Sequence[Row]) -> str:
    n_collapsed, n_finished = contrasts[0]["n_collapsed"], contrasts[0]["n_finished"]
    which = f"All {n_finished}" if n_collapsed == n_finished > 1 else f"{n_collapsed} of {n_finished}"
    lost = [f"{which} runs collapsed and have no scores."] if n_collapsed else []
    if verdict == "not known":
        reasons = [f"{str(c['reason']).capitalize()}." for c in contrasts if c["reason"]]
        missing = [f"H[mean q] is not compared with {and_list(list(map(_worded, _missing(contrasts))), 'or')}."]
        return " ".join(lost if lost and n_collapsed == n_finished else (reasons[:1] or missing) + lost)
    decisive, parts = _decisive(contrasts), []
    if verdict == "equivalent":
        n = sum(map(_is_compared, decisive))
        what = f"All {n} decisive differences of AUROC are" if n > 1 else "The decisive difference of AUROC is"
        parts.append(f"{what} equivalent to 0 within ±{_margin(contrasts)}.")
    parts.append(f"H[mean q] {_relations(decisive, _missing(contrasts), verdict)}.")
    if described := _description([c for c in contrasts if not c["decisive"] and c["score"] == "entropy"]):
        parts.append(f"Descriptive: it is {described}.")
    return " ".join(parts + lost)


def _relations(decisive: Sequence[Row], missing: Sequence[str], verdict: Verdict) -> str:
    """Say what H[mean q] beats, loses to and does not differ significantly from; the first number bears its name."""
    named: dict[str, list[str]] = {"not compared": list(map(_worded, missing))}
    name = "ΔAUROC "
    order = ("better", "worse", "not significant", "too few")
    for c in sorted(filter(_is_compared, decisive), key=lambda c: order.index(c["outcome"])):
        p = f", {format_equation(c['p_adjusted'])}" if c["outcome"] != "too few" else ""
        within = f", equivalent within ±{_margin(decisive)}" * (
            c["practical"] == "equivalent" and verdict != "equivalent"
        )
        text = f"{in_words(c)} ({name}{format_difference(c['difference'])}{p}{within})"
        name = ""
        named.setdefault(c["outcome"], []).append(text)
    parts = []
    if better := named.get("better"):
        parts.append(f"beats {and_list(better)}")
    if worse := named.get("worse"):
        parts.append(f"loses to {and_list(worse)}")
    if alike := named.get("not significant"):
        if better and not worse:
            parts[-1] += f" but not {and_list(alike, 'or')}"
        else:
            parts.append(f"does not differ significantly from {and_list(alike, 'or')}")
    if few := named.get("too few"):
        verdict_text = next(c["verdict"] for c in decisive if c["outcome"] == "too few")
        parts.append(f"has {verdict_text} against {and_list(few)}")
    if absent := named["not compared"]:
        parts.append(f"is not compared with {and_list(absent, 'or')}")
    return "; ".join(parts)


def _description(described: Sequence[Row]) -> str:
    """Say on which side of the scores that describe H[mean q] is, with the interval of the difference."""
    words = {"above": "above", "below": "below", "undecided": "neither above nor below"}
    named: dict[str, list[str]] = {}
    for c in described:
        if math.isfinite(c["ci_low"]):
            size = f"{format_difference(c['difference'])} {format_interval(c['ci_low'], c['ci_high'])}"
            named.setdefault(side_of(c), []).append(f"{in_words(c)} ({size})")
    parts = [
        f"{word} {and_list(named[side], 'or' if side == 'undecided' else 'and')}"
        for side, word in words.items()
        if side in named
    ]
    return "; ".join(parts)


def in_words(c: Row) -> str:
    """Return what a row is held against, as sentences say it."""
    return _worded(c["against"])


def _worded(against: str) -> str:
    return _IN_WORDS.get(against, SCORE_OF[against].title)


def _margin(contrasts: Sequence[Row]) -> str:
    return format_margin(contrasts[0]["rope"])


def overall_sentence(answers: Sequence[Answer], rows: pd.DataFrame, task: str, unit: str) -> Sentence:
    """Answer over one data set.

    Parameters
    ----------
    answers : sequence of Answer
        Several.
    rows : DataFrame
        The contrasts that they are of: one family, with the column ``dataset``.
    task : str
        What the scores are for: "error detection".
    unit : str
        What an answer is of, in the plural: "stochastic methods".
    """
    by_verdict: dict[str, list[str]] = {}
    for answer in answers:
        by_verdict.setdefault(answer.verdict, []).append(answer.name)
    n, place = len(answers), f"On {rows['dataset'].iloc[0]}"
    unknown = [by_verdict.pop(verdict, []) for verdict in ("too few", "not known")]
    few = rows.loc[rows["outcome"] == "too few", "verdict"]
    if not by_verdict:
        why = str(few.iloc[0]) if len(few) else "no scores to compare"
        return Sentence(
            f"Unknown. {place} it cannot be tested for any of {n} {unit} whether sampling helps {task}: {why}."
        )
    if helped := by_verdict.pop("sampling helps", []):
        count = f"all {n}" if len(helped) == n else f"{len(helped)} of {n}"
        word = "Yes" if len(helped) == n else "For some"
        claim = f"{word}. {place} sampling helps {task} for {count} {unit}{_listed(helped)}."
    elif mixed := by_verdict.pop("mixed", []):
        count = f"all {n}" if len(mixed) == n else f"{len(mixed)} of {n}"
        claim = f"Mixed. {place} H[mean q] beats some scores without draws, and not all, for {count} {unit}"
        claim += f"{_listed(mixed)}."
    else:
        claim = f"No. {place} sampling is not shown to help {task} for any of {n} {unit}."
    by_verdict |= {
        verdict: names for verdict, names in zip(("too few seeds", "not known"), unknown, strict=True) if names
    }
    rest = [f"{verdict.capitalize()}: {_names(names)}." for verdict, names in by_verdict.items()]
    better, worse = ((rows["outcome"] == outcome).sum() for outcome in _SIGNIFICANT)
    count = (
        f"Of {rows['decisive'].sum()} decisive contrasts of AUROC (one family, Holm) H[mean q] wins {better} and loses "
        f"{worse} significantly."
    )
    return Sentence(claim, " ".join([*rest, count]))


def _names(names: Sequence[str]) -> str:
    return and_list(names) if len(names) <= _MOST_NAMED else str(len(names))


def _listed(names: Sequence[str]) -> str:
    return f": {and_list(names)}" if len(names) <= _MOST_NAMED else ""
