"""What a report claims, and refuses to claim, of error detection, outlier detection and calibration."""

import numpy as np
import pytest

from bench.metrics.registry import DRAWN, SCORES
from bench.report.sampling import OUTLIER_PAIRS, PAIRS, sampling_contrasts
from bench.report.sampling_answers import in_words
from bench.report.sections.calibration import section as calibration
from bench.report.sections.error_detection import section as errors
from bench.report.sections.outliers import section as outliers
from tests.report.made_runs import board_of, dataset_of, runs_of, steps, texts_of

DECISIVE = ("plain_entropy", "smoothed_kernel", "unaligned_disagreement")
FREE = (*DECISIVE, "confidence", "temperature", "margin", "reconstruction", "disagreement")
SAMPLED = ("entropy", "mean_entropy", "mutual_information", "latent_variance")


def scored(variant, n=10, *, auroc=None, collapsed=(), status="ok", **columns):
    """Runs of a variant; ``auroc`` maps scores to their mean AUROC."""
    rows = runs_of(variant, n, status=status, **columns)
    for row in rows:
        seed = row["seed"]
        for i, (score, mean) in enumerate((auroc or {}).items()):
            row[f"auroc_{score}"] = mean + steps(n)[seed] * (i + 1)
            row |= {f"{rate}_{score}": 0.1 for rate in ("aupr", "aurc", "augrc")}
        if seed in collapsed or status != "ok":
            row |= {name: np.nan for name in row if name.startswith(("auroc", "ece"))}
            row["flags"] = ["collapsed"] * (seed in collapsed)
    return rows


def aurocs(free=0.8, sampled=0.8, **others):
    return dict.fromkeys(FREE, free) | dict.fromkeys(SAMPLED, sampled) | others


def only(rows):
    """The one sentence of a single stochastic variant."""
    (text,) = texts_of(errors, dataset_of(rows))
    return text


def contrasts_of(*rows, pairs=PAIRS, which=("",)):
    return sampling_contrasts(dataset_of(*rows).masked, pairs, which)


# -- does sampling help? --------------------------------------------------------------------------


def test_sampling_that_beats_all_that_is_free_helps():
    text = only(scored("sdec", twin="dec", auroc=aurocs(sampled=0.85)))
    assert text == (
        "sdec, error detection: sampling helps. H[mean q] beats H[q] (ΔAUROC +.050, p = .006), the smoothed kernel "
        "(+.050, p = .006) and the disagreement of five deterministic runs (+.050, p = .006). Descriptive: it is above "
        "1 − max q (+.050 [.044, .056]), q at the matched temperature (+.050 [.046, .054]), centroid margin (+.050 "
        "[.047, .053]) and reconstruction error (+.050 [.048, .052])."
    )


def test_sampling_that_detects_errors_worse_does_not_help():
    text = only(scored("sdec", twin="dec", auroc=aurocs(sampled=0.75)))
    assert text.startswith("sdec, error detection: sampling does not help. H[mean q] loses to H[q] (ΔAUROC −.050")


def test_scores_that_are_the_same_in_practice_are_equivalent():
    noise = np.tile([0.0004, -0.0005, 0.0001, -0.0002, 0.0003], 2)
    rows = scored("sdec", twin="dec", auroc=aurocs())
    for row, jitter in zip(rows, noise, strict=True):
        row |= {f"auroc_{name}": 0.8 + jitter * (i - 3) for i, name in enumerate((*FREE, *SAMPLED))}
    assert only(rows).startswith(
        "sdec, error detection: equivalent. All 3 decisive differences of AUROC are equivalent to 0 within ±.01."
    )


def test_a_help_that_is_too_small_to_matter_says_so():
    rows = scored("sdec", twin="dec", auroc=aurocs())
    for i, row in enumerate(rows):
        row |= {f"auroc_{name}": 0.8 for name in FREE} | {f"auroc_{name}": 0.803 + i / 10_000 for name in SAMPLED}
    assert "sampling helps, with gains below .01 in AUROC." in only(rows)


@pytest.mark.parametrize(
    ("better", "words"),
    [
        ("smoothed_kernel", "loses to the smoothed kernel (−.050, p = .006)"),
        ("unaligned_disagreement", "loses to the disagreement of five deterministic runs (−.050, p = .006)"),
        ("temperature", "below q at the matched temperature (−.050 "),
        ("confidence", "below 1 − max q (−.050 "),
        ("margin", "below centroid margin (−.050 "),
        ("reconstruction", "below reconstruction error (−.050 "),
    ],
)
def test_what_beats_the_plain_entropy_and_loses_to_any_free_score_is_mixed(better, words):
    text = only(scored("sdec", twin="dec", auroc=aurocs(sampled=0.85, **{better: 0.9})))
    assert text.startswith("sdec, error detection: mixed. H[mean q] beats H[q]")
    assert words in text


@pytest.mark.parametrize("level", ["smoothed_kernel", "temperature", "confidence"])
def test_sampling_that_is_not_shown_to_beat_a_softer_q_is_not_said_to_help(level):
    """What draws do there may be smoothing, which needs none."""
    rows = scored("sdec", twin="dec", auroc=aurocs(sampled=0.85))
    for row in rows:  # undecided: now a little better, now a little worse
        row[f"auroc_{level}"] = row["auroc_entropy"] + 0.03 * (-1) ** row["seed"] + steps(10)[row["seed"]]
    text = only(rows)
    assert "error detection: mixed." in text
    assert ("but not the smoothed kernel" if level == "smoothed_kernel" else "neither above nor below") in text


@pytest.mark.parametrize("score", DECISIVE)
def test_without_a_decisive_contrast_sampling_is_not_said_to_help(score):
    rows = scored("sdec", twin="dec", auroc={s: m for s, m in aurocs(sampled=0.85).items() if s != score})
    if score == "unaligned_disagreement":
        for row in rows:
            row["twin"] = None  # nobody can vote
    text = only(rows)
    assert "error detection: mixed." in text
    assert f"is not compared with {in_words({'against': score})}" in text


def test_a_win_over_disagreement_alone_is_no_help():
    text = only(scored("sdec", twin="dec", auroc=aurocs(sampled=0.75, unaligned_disagreement=0.6)))
    assert "sampling does not help. H[mean q] beats the disagreement of five deterministic runs" in text


def test_what_beats_the_reconstruction_error_alone_does_not_help():
    """A score that detects nothing is beaten by any; what q says without draws is what draws must beat."""
    text = only(scored("sdec", twin="dec", auroc=aurocs(sampled=0.75, reconstruction=0.6)))
    assert "sampling does not help." in text
    assert "it is above reconstruction error" in text


def test_another_formula_for_the_same_q_is_no_effect_of_sampling():
    """H[mean q] beats 1 − max q, and so does H[q]: entropy helps, draws do not."""
    means = aurocs(sampled=0.85, plain_entropy=0.85, smoothed_kernel=0.85)
    text = only(scored("sdec", twin="dec", auroc=means))
    assert "error detection: not significant against H[q] and the smoothed kernel." in text


def test_what_mi_does_decides_nothing():
    lost, equal = (
        only(scored("sdec", twin="dec", auroc=aurocs(mutual_information=mi, latent_variance=mi))) for mi in (0.7, 0.8)
    )
    assert lost == equal


def test_contrasts_that_describe_have_no_adjusted_p_and_no_verdict():
    rows = errors.rows(dataset_of(scored("sdec", twin="dec", auroc=aurocs(sampled=0.85))))
    contrasts = rows.loc[rows["kind"] == "contrast"].set_index(["score", "against"])
    decisive = contrasts["decisive"].astype(bool)
    assert contrasts.index[decisive].tolist() == [("entropy", against) for against in DECISIVE]
    assert contrasts.loc[decisive, "p_adjusted"].to_numpy() == pytest.approx(3 * 2 / 2**10)
    assert set(contrasts.loc[decisive, "family_size"]) == {3}
    described = contrasts.loc[~decisive]
    assert described[["p_adjusted", "family_size", "n_needed"]].isna().all(axis=None)
    assert set(described["verdict"]) == set(described["outcome"]) == {"descriptive"}
    assert described["difference"].notna().all()


def test_too_few_seeds_say_how_many_the_family_needs():
    text = only(scored("sdec", 6, twin="dec", auroc=aurocs(sampled=0.9)))
    assert text.startswith("sdec, error detection: too few seeds (6; 7 needed). H[mean q] has too few seeds")
    assert "sampling helps" not in text


def test_over_the_methods_of_a_data_set_the_first_sentence_counts():
    rows = [scored("sdec", twin="dec", auroc=aurocs(sampled=0.85)), scored("vade", twin="gmm", auroc=aurocs(0.8, 0.75))]
    overall, *_ = texts_of(errors, dataset_of(*rows))
    assert overall.startswith("For some. On digits sampling helps error detection for 1 of 2 stochastic methods: sdec.")
    assert "H[mean q] wins 3 and loses 3 significantly" in overall


def test_runs_that_collapsed_are_counted_and_not_compared():
    text = only(scored("sdec", twin="dec", auroc=aurocs(sampled=0.85), collapsed=(0, 1)))
    assert text.endswith("2 of 10 runs collapsed and have no scores.")


def test_significant_contrasts_are_news_and_others_are_not():
    for sampled, news in ((0.85, True), (0.8, False)):
        runs = dataset_of(scored("sdec", twin="dec", auroc=aurocs(sampled=sampled)))
        rows = errors.rows(runs)
        rows.loc[:, "outcome"] = rows["outcome"] if news else "not significant"
        assert errors.is_news(rows) is news


# -- the family -----------------------------------------------------------------------------------


def test_a_score_that_a_method_does_not_have_is_not_in_the_family():
    without = {name: mean for name, mean in aurocs().items() if name != "reconstruction"}
    contrasts = contrasts_of(scored("sdec", twin="dec", auroc=without))
    assert "reconstruction" not in {c.against.name for c in contrasts}
    without = {name: mean for name, mean in aurocs().items() if name != "smoothed_kernel"}
    contrasts = contrasts_of(scored("sdec", twin="dec", auroc=without))
    assert {c.comparison.family_size for c in contrasts if c.decisive} == {2}


def test_all_variants_of_a_data_set_are_one_family_and_data_sets_are_not():
    rows = [scored(v, twin="t", auroc=aurocs(), dataset=d) for v in ("sdec", "vade") for d in ("digits", "blobs")]
    contrasts = [c for runs in board_of(*rows).datasets for c in sampling_contrasts(runs.masked) if c.decisive]
    assert {c.comparison.family_size for c in contrasts} == {2 * len(DECISIVE)}


@pytest.mark.parametrize("gone", [{"collapsed": range(10)}, {"status": "not run"}], ids=["collapsed", "not run"])
def test_a_variant_without_scores_makes_the_claims_of_others_no_easier(gone):
    contrasts = contrasts_of(
        scored("sdec", twin="dec", auroc=aurocs(sampled=0.85)), scored("vade", twin="gmm", auroc=aurocs(), **gone)
    )
    assert {c.comparison.family_size for c in contrasts if c.decisive} == {6}
    assert contrasts[0].comparison.p_adjusted == pytest.approx(6 * 2 / 2**10)


def test_of_a_collapsed_variant_it_is_known_what_its_method_has():
    without = {name: mean for name, mean in aurocs().items() if name != "smoothed_kernel"}
    rows = scored("sdec beta=0.01", twin="dec", auroc=without)
    contrasts = contrasts_of(rows, scored("sdec beta=1", twin="dec", auroc=without, collapsed=range(10)))
    assert {c.comparison.family_size for c in contrasts if c.decisive} == {4}


def test_scores_are_paired_within_the_same_runs():
    """Means over different runs would differ by .1; seed by seed nothing does."""
    rows = scored("sdec", twin="dec", auroc=aurocs())
    for row in rows:
        row["auroc_entropy"] = row["auroc_plain_entropy"] = 0.6 + 0.02 * row["seed"]
    rows[9]["auroc_entropy"] = np.nan
    decisive = contrasts_of(rows)[0]
    assert decisive.comparison.matched == tuple(range(9))
    assert decisive.means[0] == decisive.means[1]


def test_deterministic_methods_have_no_contrast():
    assert contrasts_of(scored("kmeans", auroc={"margin": 0.8})) == []


# -- every score ----------------------------------------------------------------------------------


def test_a_deterministic_method_has_the_rows_it_can_offer_and_what_they_need():
    runs = dataset_of(
        scored("kmeans", auroc={"margin": 0.8, "disagreement": 0.82}), scored("sdec", twin="dec", auroc=aurocs())
    )
    rows = errors.rows(runs)
    own = rows.loc[(rows["variant"] == "kmeans") & (rows["kind"] == "score")].set_index("score_title")
    assert own["needs_sampling"].to_dict() == {"centroid margin": "no", "disagreement (aligned)": "five runs"}
    assert own.loc["centroid margin", "auroc"] == pytest.approx(0.8)
    needs = rows.loc[rows["kind"] == "score"].set_index("score_title")["needs_sampling"].to_dict()
    assert all(needs[score.title] == score.needs_sampling for score in SCORES if score.title in needs)


def test_the_table_of_scores_is_in_order_of_the_first_rate():
    runs = dataset_of(scored("kmeans", auroc={"margin": 0.7}), scored("dec", auroc={"margin": 0.9, "confidence": 0.8}))
    *_, table = errors.tables(errors.rows(runs))
    rate = [column.heading for column in table.columns].index("AUROC ± sd")
    values = [row[rate].key for row in table.rows]
    assert values == sorted(values, reverse=True)


# -- collapse -------------------------------------------------------------------------------------


def flattered(collapsed):
    """A variant whose collapsed runs hold the finest numbers, as records of others might, beside an ordinary one."""
    perfect = {f"{name}{suffix}": 0.0 for name in ("ece", "ece_mass", "brier", "nll") for suffix in ("", "_sampled")}
    perfect |= {f"{name}_draws": 0.1 for name in DRAWN} | {f"{name}_draws_sd": 0.0 for name in DRAWN}
    perfect |= {"auroc/noise/entropy": 1.0, "auroc/noise/confidence": 1.0, "label_change": 0.0}
    rows = runs_of("sdec", twin="dec", **perfect)
    for row in rows:
        row |= {f"auroc_{name}": 1.0 for name in (*FREE, *SAMPLED)}
        row |= {"flags": ["collapsed"] * collapsed, "health": "collapsed" if collapsed else "healthy"}
    ordinary = {"ece": 0.2, "ece_mass": 0.2, "brier": 0.4, "nll": 1.0, "health": "healthy"}
    ordinary |= {"auroc/noise/confidence": 0.6, "auroc_confidence": 0.6}
    return rows, runs_of("dec", **ordinary)


def test_a_collapsed_variant_never_reads_as_sure_or_calibrated():
    alive, gone = (dataset_of(*flattered(collapsed)) for collapsed in (False, True))
    assert "Best calibrated on average: sdec" in " ".join(texts_of(calibration, alive)), "the numbers would say so"
    assert any("sdec" in text for text in texts_of(outliers, alive))
    for section in (errors, outliers, calibration):
        for text in texts_of(section, gone):
            assert "sdec" not in text or "collapsed" in text
        rows = section.rows(gone)
        own = rows.loc[rows["variant"] == "sdec"]
        rates = [name for name in own if name in ("auroc", "ece", "brier")]
        assert own[rates].isna().all(axis=None)


# -- calibration ----------------------------------------------------------------------------------


def calibrated(variant, ece, sampled=None, **others):
    losses = dict.fromkeys(("ece", "ece_mass", "brier", "nll"), ece)
    if sampled is not None:
        losses |= {f"{name}_sampled": sampled for name in ("ece", "ece_mass", "brier", "nll")}
    return runs_of(variant, twin=None if sampled is None else "dec", **losses, **others)


def test_the_best_calibrated_is_named_and_what_averaging_over_draws_does():
    best, averaging = texts_of(
        calibration, dataset_of(calibrated("dec", 0.2), calibrated("sdec", 0.15, 0.10), calibrated("vade", 0.12, 0.14))
    )
    assert best.startswith("Best calibrated on average: sdec with q over draws")
    assert ".100" in best
    for numbers in (".150 to .100", ".120 to .140"):
        assert numbers in averaging


def test_a_variant_of_which_runs_are_missing_is_not_called_best_calibrated():
    survivor = calibrated("dec", 0.01)
    for row in survivor[:9]:
        row |= {"ece": np.nan}
    runs = dataset_of(survivor, calibrated("sdec", 0.15, 0.10), calibrated("vade", 0.12))
    assert texts_of(calibration, runs)[0].startswith("Best calibrated on average: sdec")


def test_a_variant_of_which_runs_collapsed_in_part_is_not_called_best_calibrated():
    """In two clusters a q of one half is right half the time: calibrated, and of no use."""
    half_gone = calibrated("vade", 0.01, health="healthy")
    half_gone[3] |= {"health": "partly collapsed", "flags": ["partly collapsed"]}
    runs = dataset_of(half_gone, calibrated("sdec", 0.15, 0.10), calibrated("dec", 0.12))
    assert texts_of(calibration, runs)[0].startswith("Best calibrated on average: sdec")


def test_a_method_without_a_soft_assignment_has_a_row_that_says_so():
    rows = calibration.rows(dataset_of(runs_of("kmeans"), calibrated("sdec", 0.15, 0.10)))
    assert rows.set_index("variant").loc["kmeans", "note"] == "no soft assignment"
    assert sorted(rows.loc[rows["variant"] == "sdec", "q"]) == ["at the mean", "over draws"]


# -- outliers -------------------------------------------------------------------------------------


def with_outliers(name, entropy, confidence, variant="sdec"):
    rows = runs_of(variant, twin="dec")
    for row in rows:
        free = {"plain_entropy": confidence - 0.01, "smoothed_kernel": confidence, "temperature": confidence}
        for score, mean in {"entropy": entropy, "confidence": confidence, **free}.items():
            row |= {f"auroc/{name}/{score}": mean + steps(10)[row["seed"]] * (1 + (score == "entropy"))}
            row |= {f"aupr/{name}/{score}": 0.5, f"fpr95/{name}/{score}": 0.3}
    return rows


def test_the_best_score_of_each_set_is_named_and_whether_sampling_helps():
    texts = " ".join(texts_of(outliers, dataset_of(with_outliers("noise", 0.9, 0.8))))
    assert "sampling helps. H[mean q] beats H[q] (ΔAUROC +.110" in texts
    assert "Outliers from noise: best on average is H[mean q] of sdec, AUROC .900" in texts
    worse = " ".join(texts_of(outliers, dataset_of(with_outliers("noise", 0.7, 0.8))))
    assert "best on average is 1 − max q of sdec" in worse
    assert "sampling does not help" in worse


def test_scores_that_are_as_good_as_the_best_are_counted_beside_it():
    rows = with_outliers("noise", 1.0, 0.9), with_outliers("noise", 0.7, 0.6, variant="vade")
    for row in rows[0]:
        row |= {f"auroc/noise/{score}": 1.0 for score in ("entropy", "confidence")}
    assert "1 other of the table has the same mean." in " ".join(texts_of(outliers, dataset_of(*rows)))


def test_scores_that_are_equal_on_every_seed_stay_in_the_family():
    """AUROC saturates at 1: ten differences of 0 are a result, and no reason to correct others for less."""
    rows = with_outliers("noise", 0.9, 0.8)
    for row in rows:
        row |= {f"auroc/blobs/{score}": 1.0 for score in ("entropy", "plain_entropy", "smoothed_kernel")}
    contrasts = contrasts_of(rows, pairs=OUTLIER_PAIRS, which=("noise", "blobs"))
    by_set = {c.outliers: c.comparison for c in contrasts if c.decisive}
    assert {c.family_size for c in by_set.values()} == {4}
    assert (by_set["blobs"].outcome, by_set["blobs"].result.practical) == ("not significant", "equivalent")


def test_outliers_are_a_family_of_their_own_and_names_may_hold_a_slash():
    rows = with_outliers("a/b", 0.9, 0.8)
    for row in rows:
        row |= {f"auroc_{name}": 0.8 + steps(10)[row["seed"]] for name in (*FREE, *SAMPLED)}
    runs = dataset_of(rows)
    of_errors, of_outliers = errors.rows(runs), outliers.rows(runs)
    assert set(of_outliers["outliers"].dropna()) == {"a/b"}
    assert set(of_outliers["family_size"].dropna()) == {2}
    assert set(of_errors["family_size"].dropna()) == {3}


# -- the whole ------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", [errors, outliers, calibration], ids=lambda section: section.name)
def test_runs_without_uncertainty_have_no_such_section(section):
    nothing = dict.fromkeys(("auroc_confidence", "auroc_entropy", "ece", "label_change", "auroc/noise/margin"))
    assert section.rows(dataset_of(runs_of("dec"), runs_of("sdec", twin="dec"))).empty
    assert section.rows(dataset_of(runs_of("dec", **nothing), runs_of("sdec", twin="dec", **nothing))).empty


def test_too_many_variants_are_not_reported_one_by_one():
    runs = dataset_of(*(scored(f"sdec beta={i}", 2, twin="dec", auroc=aurocs()) for i in range(21)))
    assert errors.rows(runs).empty
