"""What sentences on sampling claim is what the p-values and intervals of their rows say, whatever the outcome."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.numbers import format_equation
from bench.report.sampling import OUTLIER_PAIRS, PAIRS
from bench.report.sampling_answers import in_words
from bench.report.sections.error_detection import section as errors
from bench.report.sections.outliers import section as outliers
from tests.report.made_runs import dataset_of, runs_of

PHRASES = {in_words({"against": pair.against}): pair.against for pair in PAIRS}
NAME = "|".join(re.escape(phrase) for phrase in sorted(PHRASES, key=len, reverse=True))
#: Verbs of the evidence, longest first, and what each says of a contrast.
VERBS = {
    "is not compared with": "absent",
    "does not differ significantly from": "open",
    "but not": "open",
    "loses to": "lost",
    "beats": "won",
    "against": "few",
}
FREE = ("plain_entropy", "smoothed_kernel")
DESCRIBED = ("confidence", "temperature")


# -- any outcome ----------------------------------------------------------------------------------


def made(seed, prefix="auroc_{}"):
    """Runs of one to three variants whose scores differ by anything between nothing and much, some of them missing."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([2, 6, 8, 10, 10, 12, 14]))
    size = rng.choice([0.0005, 0.003, 0.01, 0.05])
    noise = size * rng.choice([0.1, 0.5, 1.0])
    names = sorted({pair.score for pair in PAIRS} | {pair.against for pair in PAIRS})
    some = []
    for variant in ("sdec", "vade", "vae")[: rng.integers(1, 4)]:
        rows = runs_of(variant, n, twin="dec")
        lead = size * rng.normal(0, 1.5)
        has = {name for name in names if name in ("entropy", "plain_entropy") or rng.random() > 0.1}
        if rng.random() < 0.15:  # no counterpart was run, so nobody votes
            has -= {"unaligned_disagreement"}
            for row in rows:
                row["twin"] = None
        means = {name: 0.8 + size * rng.normal() * (rng.random() > 0.3) for name in sorted(has)}
        means["entropy"] += lead
        gone = rng.random(n) < rng.choice([0, 0, 0.3, 1], p=[0.5, 0.2, 0.2, 0.1])
        for i, row in enumerate(rows):
            values = {name: means[name] + noise * rng.normal() for name in sorted(has)}
            row |= {prefix.format(name): np.nan if gone[i] else value for name, value in values.items()}
            row["flags"] = ["collapsed"] * bool(gone[i])
        some.append(rows)
    return dataset_of(*some)


def rows_and_texts(section, runs):
    rows = section.rows(runs)
    if rows.empty:
        return rows, []
    rows.insert(0, "dataset", runs.dataset)
    contrasts = rows.loc[rows["kind"] == "contrast"]
    return contrasts, [str(sentence.text) for sentence in section.sentences(rows)] if len(contrasts) else []


# -- the reader -----------------------------------------------------------------------------------


def read(text):
    """Return what a sentence on one variant says: its title, its claim, what it says of each score, and how large."""
    head = re.match(r"(?P<title>\w+)(, outliers from (?P<set>\w+))?(, \w+ detection)?: (?P<claim>.*?)\.( |$)", text)
    rest = text[head.end() :]
    described = re.search(r"Descriptive: it is (.*?\)|)\.(?= |$)", rest)
    evidence = rest[: described.start()] if described else rest
    relations, verb = {}, None
    for part in re.finditer(
        rf"{'|'.join(VERBS)}|({NAME})( \((?:ΔAUROC )?([+−]?\S*?)(?:, (p [=<] [.\d]+))?[,)])?", evidence
    ):
        if part[1] is None:
            verb = VERBS[part[0]]
        elif verb is not None:
            relations[PHRASES[part[1]]] = verb, part[4]
    sides, side = {}, None
    for part in re.finditer(rf"neither above nor below|above|below|({NAME}) \(", described[1] if described else ""):
        if part[1] is None:
            side = part[0]
        else:
            sides[PHRASES[part[1]]] = side
    return head["title"], head["set"] or "", head["claim"], relations, sides, described[0] if described else ""


def truth_of(row):
    if row is None or not math.isfinite(row["difference"]):
        return "absent"
    if row["p_adjusted"] <= 0.05:
        return "won" if row["difference"] > 0 else "lost"
    return "few" if row["outcome"] == "too few" else "open"


def check(text, contrasts, asked):
    """Hold every claim of a sentence against the numbers of its rows."""
    title, which, claim, relations, sides, described = read(text)
    own = contrasts.loc[(contrasts["title"] == title) & (contrasts["outliers"] == which)]
    rows = {row["against"]: row for row in own.to_dict("records") if row["score"] == "entropy"}
    decisive = [pair.against for pair in asked if pair.decisive]
    truth = {against: truth_of(rows.get(against)) for against in decisive}
    said_nothing = claim == "not known"
    if not said_nothing:
        assert {against: verb for against, (verb, _) in relations.items()} == truth
    for against, (verb, p) in relations.items():
        if verb in ("won", "lost", "open"):
            assert p == format_equation(rows[against]["p_adjusted"])

    above = {a for a, row in rows.items() if not row["decisive"] and row["ci_low"] > 0}
    below = {a for a, row in rows.items() if not row["decisive"] and row["ci_high"] < 0}
    for against, side in sides.items():
        assert (side == "above") == (against in above)
        assert (side == "below") == (against in below)
    if not said_nothing:
        assert above | below <= sides.keys()
    assert "significant" not in described
    assert "p =" not in described
    assert "p <" not in described

    helps = (
        all(truth[against] == "won" for against in FREE)
        and "absent" not in truth.values()
        and "lost" not in truth.values()
        and above >= set(DESCRIBED)
        and not below
    )
    of_q = [truth[against] for against in FREE]
    claim = claim.split(", with gains")[0]
    assert (claim == "sampling helps") == helps
    assert (claim == "mixed") == ("won" in of_q and not helps)
    assert (claim == "sampling does not help") == ("lost" in of_q and "won" not in of_q)
    if claim in ("not significant", "equivalent"):
        assert not {"won", "lost"} & set(truth.values())
    if claim.startswith("not significant against"):
        named = [PHRASES[part] for part in re.findall(NAME, claim)]
        assert named
        assert {truth[against] for against in named} == {"open"}
    if claim.startswith("too few seeds"):
        assert not {"won", "lost", "open"} & set(of_q)
    if said_nothing:
        assert set(of_q) == {"absent"}
    return claim


def check_overall(text, claims, contrasts):
    """Hold the first sentence of several against those of the variants, and its counts against the rows."""
    answer, n_helped, n_mixed = text.split(".")[0], claims.count("sampling helps"), claims.count("mixed")
    if answer == "Unknown":
        assert all(claim == "not known" or claim.startswith("too few") for claim in claims)
        return
    assert (answer == "Yes") == (n_helped == len(claims))
    assert (answer == "For some") == (0 < n_helped < len(claims))
    assert (answer == "Mixed") == (n_mixed > 0 and not n_helped)
    assert (answer == "No") == (not n_helped and not n_mixed)
    family = contrasts.loc[contrasts["decisive"].astype(bool)]
    significant = family.loc[family["p_adjusted"] <= 0.05, "difference"]
    counts = re.search(r"Of (\d+) decisive contrasts .* wins (\d+) and loses (\d+) significantly", text)
    assert [int(count) for count in counts.groups()] == [
        len(family),
        (significant > 0).sum(),
        (significant < 0).sum(),
    ]


def check_family(contrasts):
    """Every adjusted p is of the decisive contrasts, and those that describe have none."""
    if contrasts.empty:
        return
    decisive = contrasts["decisive"].astype(bool)
    assert contrasts.loc[~decisive, "p_adjusted"].isna().all()
    assert set(contrasts.loc[~decisive, "outcome"]) <= {"descriptive", "not compared"}
    family = contrasts.loc[decisive]
    assert set(family["family_size"]) == {len(family)}
    p, adjusted = (family[name].to_numpy(float) for name in ("p_value", "p_adjusted"))
    known = np.isfinite(p)
    assert (adjusted[known] >= p[known]).all()
    assert (adjusted[known] <= np.minimum(1, len(family) * p[known]) + 1e-12).all()


# -- what must hold -------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_sentence_on_error_detection_denies_what_its_own_p_asserts(seed):
    contrasts, texts = rows_and_texts(errors, made(seed))
    n = contrasts["variant"].nunique() if len(texts) else 0
    assert len(texts) == n + (n > 1)
    claims = [check(text, contrasts, PAIRS) for text in texts[n > 1 :]]
    if n > 1:
        check_overall(texts[0], claims, contrasts)
    check_family(contrasts)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_sentence_on_outlier_detection_denies_what_its_own_p_asserts(seed):
    contrasts, texts = rows_and_texts(outliers, made(seed, "auroc/noise/{}"))
    for text in texts:
        if ", outliers from noise: " in text:
            check(text, contrasts, OUTLIER_PAIRS)


# -- the reader reads -----------------------------------------------------------------------------


def test_the_reader_takes_a_sentence_apart():
    text = (
        "sdec, error detection: mixed. H[mean q] beats H[q] (ΔAUROC +.007, p < .001, equivalent within ±.01) but not "
        "the smoothed kernel (−.012, p = .300); is not compared with the disagreement of five deterministic runs. "
        "Descriptive: it is above 1 − max q (+.005 [.002, .009]); neither above nor below centroid margin (.000 "
        "[−.001, .001]). 1 of 10 runs collapsed and have no scores."
    )
    title, which, claim, relations, sides, _ = read(text)
    assert (title, which, claim) == ("sdec", "", "mixed")
    assert relations == {
        "plain_entropy": ("won", "p < .001"),
        "smoothed_kernel": ("open", "p = .300"),
        "unaligned_disagreement": ("absent", None),
    }
    assert sides == {"confidence": "above", "margin": "neither above nor below"}


@pytest.mark.parametrize("planted", ["beats", "does not differ significantly from"])
def test_a_claim_against_its_p_is_caught(planted):
    runs = made(3)
    contrasts, texts = rows_and_texts(errors, runs)
    text = next(t for t in texts if re.search(r"loses to|but not|does not differ", t) and ", error detection: " in t)
    false = re.sub(r"loses to|but not|does not differ significantly from", planted, text, count=1)
    if false == text:
        false = text.replace(planted, "beats", 1)
    with pytest.raises(AssertionError):
        check(false, contrasts, PAIRS)
