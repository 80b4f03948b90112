"""Does sampling help? Answers in words, by the contrasts of scores with draws against scores without."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from bench.report.document import Sentence
from bench.report.numbers import format_difference, format_equation, format_margin
from bench.text import and_list

Row = Mapping[Any, Any]
Verdict = Literal[
    "sampling helps", "mixed", "sampling does not help", "not significant", "equivalent", "too few", "not known"
]

#: What q says of a point without draws.
_OF_Q = ("plain_entropy", "confidence")
_SIGNIFICANT = ("better", "worse")
#: More names than this are counted.
_MOST_NAMED = 5

RULE = (
    "Sampling helps where one score with draws beats both scores of q without draws, H[q] and 1 − max q, and "
    "loses to no other. Mixed is less: one that beats H[q] alone, that loses to another score, or MI or latent "
    "variance that beats 1 − max q, since these are not compared with H[q]. H[mean q] and H[q] differ in the "
    "draws alone: to beat 1 − max q and not H[q] is no effect of sampling. That sampling does not help is said "
    "only where H[mean q] loses to one of the two."
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
        Whether some contrast is.
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
        As `bench.report.sampling.contrast_rows` returns them; of each variant the decisive contrast, H[mean q] against
        H[q], is the first.
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

    To be better than the reconstruction error alone, or than 1 − max q where H[q] is as good, is no help. That no help
    is shown is no proof of none: "sampling does not help" needs a loss of what decides.
    """
    of_q = _of_q(contrasts)
    if not of_q:
        return "not known"
    if wins := _wins(of_q):
        losers = {c["score"] for c in contrasts if c["outcome"] == "worse"}
        for score in {c["score"] for c in wins} - losers:
            if {c["against"] for c in of_q if c["score"] == score and c["outcome"] == "better"} == set(_OF_Q):
                return "sampling helps"
        return "mixed"
    outcomes = {c["outcome"] for c in _deciding(contrasts)}
    if "worse" in outcomes:
        return "sampling does not help"
    if "too few" in outcomes and "not significant" not in outcomes:
        return "too few"
    if all(c["practical"] == "equivalent" for c in contrasts if _is_compared(c)):
        return "equivalent"
    return "not significant"


def _is_compared(c: Row) -> bool:
    return math.isfinite(c["p_adjusted"])


def _of_q(contrasts: Sequence[Row]) -> list[Row]:
    return [c for c in contrasts if _is_compared(c) and c["against"] in _OF_Q]


def _wins(of_q: Sequence[Row]) -> list[Row]:
    """Return what sampling wins against q: over 1 − max q only of scores that are not compared with H[q]."""
    with_entropy = {c["score"] for c in of_q if c["against"] == "plain_entropy"}
    better = [c for c in of_q if c["outcome"] == "better"]
    return [c for c in better if c["against"] == "plain_entropy" or c["score"] not in with_entropy]


def _deciding(contrasts: Sequence[Row]) -> list[Row]:
    of_q = _of_q(contrasts)
    return [c for c in of_q if c["score"] == contrasts[0]["score"]] or of_q


def _claim(verdict: Verdict, contrasts: Sequence[Row]) -> str:
    if verdict in ("sampling helps", "mixed"):
        little = all(c["practical"] == "equivalent" for c in _of_q(contrasts) if c["outcome"] == "better")
        return f"{verdict}, with gains below {_margin(contrasts)} in AUROC" if little else verdict
    if verdict == "too few":
        return str(next(c["verdict"] for c in _deciding(contrasts) if c["outcome"] == "too few"))
    if verdict == "not significant" and any(c["outcome"] in _SIGNIFICANT for c in contrasts):
        open_ = [c["against_title"] for c in _deciding(contrasts) if c["outcome"] == "not significant"]
        return f"not significant against {and_list(open_)}" if open_ else verdict
    return verdict


def _evidence(verdict: Verdict, contrasts: Sequence[Row]) -> str:
    n_collapsed, n_finished = contrasts[0]["n_collapsed"], contrasts[0]["n_finished"]
    which = f"All {n_finished}" if n_collapsed == n_finished > 1 else f"{n_collapsed} of {n_finished}"
    lost = [f"{which} runs collapsed and have no scores."] if n_collapsed else []
    if verdict == "not known":
        reasons = [f"{str(c['reason']).capitalize()}." for c in contrasts if c["reason"]]
        return " ".join(lost if lost and n_collapsed == n_finished else reasons[:1] + lost)
    parts = []
    if verdict == "equivalent":
        n = sum(map(_is_compared, contrasts))
        what = f"All {n} differences of AUROC are" if n > 1 else "The difference of AUROC is"
        parts.append(f"{what} equivalent to 0 within ±{_margin(contrasts)}.")
    if verdict == "too few":
        first = _deciding(contrasts)[0]
        difference = format_difference(first["difference"])
        parts.append(f"{first['score_title']} less {first['against_title']}: ΔAUROC {difference}.")
        contrasts = [c for c in contrasts if c["outcome"] != "too few"]
    for score in dict.fromkeys(c["score"] for c in contrasts):
        own = [c for c in contrasts if c["score"] == score]
        clause = f"{own[0]['score_title']} {_relations(own, verdict)}."
        parts.append(clause[0].upper() + clause[1:])
    return " ".join(parts + lost)


def _relations(own: Sequence[Row], verdict: Verdict) -> str:
    """Say what one score beats, loses to and does not differ significantly from; the first number bears its name."""
    named: dict[str, list[str]] = {}
    name = "ΔAUROC "
    order = ("better", "worse", "not significant", "too few", "not compared")
    for c in sorted(own, key=lambda c: order.index(c["outcome"])):
        text = _against(c)
        if c["outcome"] in _SIGNIFICANT or (c["outcome"] == "not significant" and c["against"] in _OF_Q):
            size = f"{name}{format_difference(c['difference'])}"
            within = f", equivalent within ±{_margin(own)}" * (
                c["practical"] == "equivalent" and verdict != "equivalent"
            )
            text += f" ({size}, {format_equation(c['p_adjusted'])}{within})"
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
        verdict_text = next(c["verdict"] for c in own if c["outcome"] == "too few")
        parts.append(f"has {verdict_text} against {and_list(few)}")
    if absent := named.get("not compared"):
        parts.append(f"is not compared with {and_list(absent, 'or')}")
    return "; ".join(parts)


def _against(c: Row) -> str:
    return "the disagreement of five deterministic runs" if c["against"] == "disagreement" else c["against_title"]


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
        claim = f"Mixed. {place} sampling helps {task} in part for {count} {unit}{_listed(mixed)}."
    else:
        claim = f"No. {place} sampling is not shown to help {task} for any of {n} {unit}."
    by_verdict |= {
        verdict: names for verdict, names in zip(("too few seeds", "not known"), unknown, strict=True) if names
    }
    rest = [f"{verdict.capitalize()}: {_names(names)}." for verdict, names in by_verdict.items()]
    better, worse = ((rows["outcome"] == outcome).sum() for outcome in _SIGNIFICANT)
    count = (
        f"Of {len(rows)} contrasts of AUROC (one family, Holm) scores with draws win {better} and lose {worse} "
        "significantly."
    )
    return Sentence(claim, " ".join([*rest, count]))


def _names(names: Sequence[str]) -> str:
    return and_list(names) if len(names) <= _MOST_NAMED else str(len(names))


def _listed(names: Sequence[str]) -> str:
    return f": {and_list(names)}" if len(names) <= _MOST_NAMED else ""
