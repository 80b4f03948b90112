"""What a report claims, and refuses to claim, of uncertainty, stability, variance, health and outliers."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from bench.report.boards import boards_of
from bench.report.formats.text import render_markdown, render_terminal
from bench.report.formats.tidy_csv import FINDINGS_COLUMNS, render_findings_csv
from bench.report.sections.uncertainty import TITLE, findings_of
from rich.console import Console

from bench.metrics.registry import DRAWN, SCORES
from bench.report.formats.latex import render_latex
from bench.report.numbers import escape_markdown
from bench.report.sections.contrasts import PAIRS

FREE = ("confidence", "plain_entropy", "margin", "reconstruction", "disagreement")
SAMPLED = ("entropy", "mean_entropy", "mutual_information", "latent_variance")


def steps(n):
    """Small differences around 0, all distinct, so that a p is that of the exact table."""
    return np.linspace(-0.002, 0.002, n)


def cells(variant, n=10, *, twin=None, auroc=None, collapsed=(), status="ok", dataset="digits", title=None, **columns):
    """One row a seed; ``auroc`` maps scores to their mean AUROC, a column holds a number or one for each seed."""
    rows = []
    for seed in range(n):
        row = {
            "dataset": dataset,
            "method": variant.split()[0],
            "variant": variant,
            "title": title or variant,
            "config": f"config of {variant}",
            "twin": None if twin is None else f"config of {twin}",
            "role": "asked",
            "kind": "deterministic" if twin is None else "stochastic",
            "planned": n,
            "hardware": "a processor",
            "unlabelled": False,
            "revised": False,
            "seed": seed,
            "status": status,
            "flags": ["collapsed"] if seed in collapsed else [],
            "acc": 0.7 + steps(n)[seed],
            "wall_time": 10.0,
            "peak_memory": 500.0,
            "seeded": True,
        }
        for i, (score, mean) in enumerate((auroc or {}).items()):
            row[f"auroc_{score}"] = mean + steps(n)[seed] * (i + 1)
            row |= {f"{rate}_{score}": 0.1 for rate in ("aupr", "aurc", "augrc")}
        for name, value in columns.items():
            row[name] = value[seed] if isinstance(value, list | np.ndarray) else value
        if seed in collapsed or status != "ok":
            row = {name: np.nan if name.startswith(("auroc", "ece")) else value for name, value in row.items()}
        rows.append(row)
    return rows


def aurocs(free=0.8, sampled=0.8, **others):
    return dict.fromkeys(FREE, free) | dict.fromkeys(SAMPLED, sampled) | others


def board(*rows, agreements=None):
    frame = pd.DataFrame([row for some in rows for row in some])
    return boards_of({"fixed": frame}, "acc", None, agreements)[0]


def findings(*rows, dataset="digits", agreements=None):
    return next(f for f in board(*rows, agreements=agreements).findings if f.dataset == dataset)


def sentences(*rows, agreements=None):
    return [text for section in findings_of(board(*rows, agreements=agreements)) for text in section.headline]


def table_of(start, *rows, agreements=None):
    """The table whose title begins so, as a list of dicts by heading."""
    for section in findings_of(board(*rows, agreements=agreements)):
        for table in section.tables:
            if table.title.startswith(start):
                return [dict(zip(table.header, row, strict=True)) for row in table.rows]
    return None


def agreement(ari, half=0.02, n=10, jaccard=(0.4, 0.8, 0.9)):
    return SimpleNamespace(
        n_runs=n,
        ari=ari,
        ari_interval=(ari - half, ari + half),
        nmi=ari,
        nmi_interval=(ari - half, ari + half),
        jaccard=jaccard,
        n_dissolved=sum(j <= 0.5 for j in jaccard),
        n_stable=sum(j >= 0.75 for j in jaccard),
        n_highly_stable=sum(j >= 0.85 for j in jaccard),
        point_agreement=np.full(4, 0.9),
    )


# -- does sampling help? --------------------------------------------------------------------------


def test_sampling_that_finds_errors_better_is_said_to_help():
    told = sentences(cells("sdec", twin="dec", auroc=aurocs(sampled=0.85)))
    assert told[0].startswith(
        "On digits, scores from draws find mis-clustered points better than scores without in 7 of"
    )
    assert (
        "sdec: sampling helps to find mis-clustered points: H[mean q] has an AUROC larger than H[q] by .050" in told[1]
    )
    assert "p = .014 (Holm), n = 10" in told[1], "seven contrasts of a smallest p of 2 / 2^10"


def test_sampling_that_finds_errors_worse_is_said_not_to_help():
    (overall, told) = sentences(cells("sdec", twin="dec", auroc=aurocs(sampled=0.75)))
    assert "better than scores without in 0 of 7 contrasts and worse in 7" in overall
    assert (
        "sampling does not help to find mis-clustered points: H[mean q] has an AUROC smaller than H[q] by .050" in told
    )


def test_scores_that_are_the_same_in_practice_are_said_to_be():
    noise = np.tile([0.0004, -0.0005, 0.0001, -0.0002, 0.0003], 2)
    rows = cells("sdec", twin="dec", auroc=aurocs())
    for row, jitter in zip(rows, noise, strict=True):
        row |= {f"auroc_{name}": 0.8 + jitter * (i - 3) for i, name in enumerate((*FREE, *SAMPLED))}
    overall, told = sentences(rows)
    assert "7 are equivalent in practice" in overall
    assert "sampling does not help to find mis-clustered points, all scores are equivalent in practice" in told


def test_a_help_that_is_too_small_to_matter_is_said_to_be():
    rows = cells("sdec", twin="dec", auroc=aurocs())
    for i, row in enumerate(rows):
        row |= {f"auroc_{name}": 0.8 for name in FREE} | {f"auroc_{name}": 0.803 + i / 10_000 for name in SAMPLED}
    told = sentences(rows)[1]
    assert "sampling helps to find mis-clustered points, by less than matters in practice: H[mean q]" in told


def test_a_score_that_beats_one_free_score_and_loses_to_another_helps_in_part():
    told = sentences(cells("sdec", twin="dec", auroc=aurocs(sampled=0.85, reconstruction=0.9)))[1]
    assert "sampling helps in part to find" in told, "MI and latent variance are not compared with H[q]"
    alone = aurocs(sampled=0.85, reconstruction=0.9, mutual_information=0.8, latent_variance=0.8)
    told = sentences(cells("sdec", twin="dec", auroc=alone))[1]
    assert "sampling helps in part to find" in told
    assert "H[mean q] smaller than reconstruction error" in told


def test_what_is_better_than_the_reconstruction_error_alone_does_not_help():
    """A score that finds nothing is beaten by any; what q says without draws is what draws must beat."""
    means = aurocs(sampled=0.75, reconstruction=0.6)
    told = sentences(cells("sdec", twin="dec", auroc=means))[1]
    assert "sampling does not help to find mis-clustered points" in told
    assert "H[mean q] larger than reconstruction error" in told


def test_another_formula_for_the_same_q_is_no_help_of_sampling():
    """H[mean q] beats 1 − max q, and so does H[q]: entropy helps, draws do not."""
    means = aurocs(sampled=0.85, plain_entropy=0.85, mutual_information=0.7, latent_variance=0.7)
    told = sentences(cells("sdec", twin="dec", auroc=means))[1]
    assert "sampling is not shown to help to find" in told
    assert "AUROC of H[mean q] less that of H[q]" in told


def test_that_mi_is_worse_does_not_show_that_sampling_does_not_help():
    means = aurocs(mutual_information=0.7, latent_variance=0.7)
    rows = cells("sdec", twin="dec", auroc=means)
    for row in rows:  # undecided: now a little better, now a little worse
        row["auroc_entropy"] = row["auroc_plain_entropy"] + 0.03 * (-1) ** row["seed"] + steps(10)[row["seed"]]
    told = sentences(rows)[1]
    assert "sampling is not shown to help to find" in told
    assert "MI smaller than 1 − max q" in told


def test_help_that_is_equivalent_in_practice_is_said_to_be_little():
    means = aurocs(sampled=0.804, mutual_information=0.8, latent_variance=0.8)
    rows = cells("sdec", twin="dec", auroc=means)
    for row in rows:
        row["auroc_entropy"] = max(row["auroc_plain_entropy"], row["auroc_confidence"]) + 0.003 + 1e-4 * row["seed"]
    told = sentences(rows)[1]
    assert "to find mis-clustered points, by less than matters in practice" in told


def test_scores_that_are_equal_on_every_seed_stay_in_the_family():
    """AUROC saturates at 1: ten differences of 0 are a result, and no reason to correct others for less."""
    rows = with_outliers("noise", 0.9, 0.8)
    for row in rows:
        row |= {f"auroc/blobs/{score}": 1.0 for score in ("entropy", "confidence")}
    by_set = {c.outliers: c.comparison for c in findings(rows).outlier_contrasts}
    assert {c.family_size for c in by_set.values()} == {3}
    assert (by_set["blobs"].outcome, by_set["blobs"].result.practical) == ("no difference shown", "equivalent")


def test_with_too_few_seeds_it_says_how_many_the_family_needs():
    overall, told = sentences(cells("sdec", 7, twin="dec", auroc=aurocs(sampled=0.9)))
    assert "7 contrasts as one family need 9 seeds with scores to show a difference" in overall
    assert "the seeds are too few to show whether sampling helps" in told
    assert "helps to find mis-clustered points:" not in told.split("whether sampling")[0]


def test_a_score_that_a_method_does_not_have_is_not_in_the_family():
    without = {name: mean for name, mean in aurocs().items() if name != "reconstruction"}
    rows = cells("sdec", twin="dec", auroc=without)
    contrasts = findings(rows).contrasts
    assert {c.comparison.family_size for c in contrasts} == {6}
    assert "reconstruction" not in {c.against.name for c in contrasts}


def test_all_variants_of_a_data_set_are_one_family_and_data_sets_are_not():
    rows = [cells(v, twin="t", auroc=aurocs(), dataset=d) for v in ("sdec", "vade") for d in ("digits", "blobs")]
    assert {c.comparison.family_size for f in board(*rows).findings for c in f.contrasts} == {2 * len(PAIRS)}


@pytest.mark.parametrize("what", ["collapsed", "not run"])
def test_a_variant_without_scores_makes_the_claims_of_others_no_easier(what):
    gone = {"collapsed": {"collapsed": range(10)}, "not run": {"status": "not run"}}[what]
    contrasts = findings(
        cells("sdec", twin="dec", auroc=aurocs(sampled=0.85)), cells("vade", twin="ae_gmm", auroc=aurocs(), **gone)
    ).contrasts
    assert {c.comparison.family_size for c in contrasts} == {14}
    assert contrasts[0].comparison.p_adjusted == pytest.approx(14 * 2 / 2**10)


def test_of_a_collapsed_variant_it_knows_what_its_method_has():
    without = {name: mean for name, mean in aurocs().items() if name != "reconstruction"}
    rows = cells("sdec beta=0.01", twin="dec", auroc=without)
    contrasts = findings(rows, cells("sdec beta=1", twin="dec", auroc=without, collapsed=range(10))).contrasts
    assert {c.comparison.family_size for c in contrasts} == {12}


def test_scores_are_paired_within_the_same_runs():
    """Means over different runs would differ by .1; seed by seed nothing does."""
    rows = cells("sdec", twin="dec", auroc=aurocs())
    for row in rows:
        row["auroc_entropy"] = row["auroc_plain_entropy"] = 0.6 + 0.02 * row["seed"]
    rows[9]["auroc_entropy"] = np.nan
    decisive = findings(rows).contrasts[0]
    assert decisive.comparison.matched == tuple(range(9))
    assert decisive.means[0] == decisive.means[1]


def test_deterministic_methods_are_asked_nothing():
    assert findings(cells("kmeans", auroc={"margin": 0.8})).contrasts == []


# -- what each score finds ------------------------------------------------------------------------


def test_a_deterministic_method_has_the_rows_it_can_offer_and_says_what_they_need():
    rows = cells("kmeans", auroc={"margin": 0.8, "disagreement": 0.82}), cells("sdec", twin="dec", auroc=aurocs())
    table = table_of("Finding mis-clustered", *rows)
    own = {row["score"]: row for row in table if row["variant"] == "kmeans"}
    assert {score: row["needs sampling"] for score, row in own.items()} == {
        "centroid margin": "no",
        "disagreement": "five runs",
    }
    assert own["centroid margin"]["AUROC ± sd"] == ".800 ± .001"
    needs = {row["score"]: row["needs sampling"] for row in table}
    assert all(needs[score.title] == score.needs_sampling for score in SCORES if score.title in needs)


# -- collapse -------------------------------------------------------------------------------------


def flattered(collapsed):
    """A variant whose collapsed runs hold the finest numbers, as records of others might, beside an ordinary one."""
    perfect = {f"{name}{suffix}": 0.0 for name in ("ece", "ece_mass", "brier", "nll") for suffix in ("", "_sampled")}
    perfect |= {f"{name}_draws": 0.1 for name in DRAWN} | {f"{name}_draws_sd": 0.0 for name in DRAWN}
    perfect |= {"auroc/noise/entropy": 1.0, "auroc/noise/confidence": 1.0, "label_change": 0.0}
    rows = cells("sdec", twin="dec", **perfect)
    for row in rows:
        row |= {f"auroc_{name}": 1.0 for name in (*FREE, *SAMPLED)}
        row |= {"flags": ["collapsed"] * collapsed, "health": "collapsed" if collapsed else "healthy"}
    ordinary = {"ece": 0.2, "ece_mass": 0.2, "brier": 0.4, "nll": 1.0, "health": "healthy"}
    ordinary |= {"auroc/noise/confidence": 0.6}
    return rows, cells("dec", auroc={"confidence": 0.6}, **ordinary)


def test_a_collapsed_variant_never_reads_as_sure_calibrated_or_stable():
    agreements = {("digits", "sdec"): agreement(1.0, 0.0), ("digits", "dec"): agreement(0.6)}
    alive = " ".join(sentences(*flattered(collapsed=False), agreements=agreements))
    for claim in (
        "sdec is more stable",
        "Best calibrated on average: sdec",
        "Outliers from noise are found best, on average, by",
    ):
        assert claim in alive, "the numbers would say so"

    told = sentences(*flattered(collapsed=True), agreements=agreements)
    assert [text for text in told if "sdec" in text and "collapsed" not in text] == []
    assert "sdec: 10 of 10 runs collapsed." in told
    for start in ("Finding mis-clustered", "Finding outliers", "Where the variance"):
        table = table_of(start, *flattered(collapsed=True), agreements=agreements) or []
        assert "sdec" not in [row.get("variant", row.get("method")) for row in table]
    for start in ("Calibration", "Stability"):
        table = table_of(start, *flattered(collapsed=True), agreements=agreements)
        (row,) = [row for row in table if row["variant"] == "sdec"]
        assert row["note"] == "all 10 runs collapsed"
        assert not any("." in text for text in row.values())
    made = pd.read_csv(io.StringIO(render_findings_csv(board(*flattered(collapsed=True), agreements=agreements))))
    assert made.loc[(made["variant"] == "sdec") & (made["finding"] != "health"), "value"].isna().all()


def test_runs_that_collapsed_are_counted_and_not_compared():
    rows = cells("sdec", twin="dec", auroc=aurocs(sampled=0.85), collapsed=(0, 1))
    told = sentences(rows)[1]
    assert "n = 8" in told
    assert told.endswith("2 of 10 runs collapsed and have no scores.")
    notes = findings_of(board(rows))[0].notes
    assert any("left out here: sdec 2 of 10." in note for note in notes)


# -- calibration ----------------------------------------------------------------------------------


def calibrated(variant, ece, sampled=None, **others):
    losses = dict.fromkeys(("ece", "ece_mass", "brier", "nll"), ece)
    if sampled is not None:
        losses |= {f"{name}_sampled": sampled for name in ("ece", "ece_mass", "brier", "nll")}
    return cells(variant, twin=None if sampled is None else "dec", **losses, **others)


def test_the_best_calibrated_is_named_and_what_averaging_over_draws_does():
    told = sentences(calibrated("dec", 0.2), calibrated("sdec", 0.15, 0.10), calibrated("vade", 0.12, 0.14))
    assert told[0] == "Best calibrated on average: sdec, q over draws, with an ECE of .100."
    assert told[1] == (
        "Averaging q over draws lowers the mean ECE of sdec from .150 to .100; "
        "it raises the mean ECE of vade from .120 to .140."
    )


def test_a_variant_of_which_runs_are_missing_is_not_called_best_calibrated():
    survivor = calibrated("dec", 0.01)
    for row in survivor[:9]:
        row |= {"ece": np.nan}
    told = sentences(survivor, calibrated("sdec", 0.15, 0.10), calibrated("vade", 0.12))
    assert told[0].startswith("Best calibrated on average: sdec")


def test_a_variant_of_which_runs_collapsed_in_part_is_not_called_best_calibrated():
    """In two clusters a q of one half is right half the time: calibrated, and of no use."""
    half_gone = calibrated("vade", 0.01, health="healthy")
    half_gone[3] |= {"health": "partly collapsed", "flags": ["partly collapsed"]}
    told = sentences(half_gone, calibrated("sdec", 0.15, 0.10), calibrated("dec", 0.12))
    assert told[0].startswith("Best calibrated on average: sdec")


def test_a_method_without_a_soft_assignment_has_a_row_that_says_so():
    rows = table_of("Calibration", cells("kmeans"), calibrated("sdec", 0.15, 0.10))
    assert [row["note"] for row in rows] == ["no soft assignment", "", ""]
    assert [row["q"] for row in rows] == ["-", "at the mean", "over draws"]
    assert set(rows[0].values()) <= {"kmeans", "-", "0", "no soft assignment"}


# -- outliers -------------------------------------------------------------------------------------


def with_outliers(name, entropy, confidence, variant="sdec"):
    rows = cells(variant, twin="dec")
    for row in rows:
        for score, mean in (("entropy", entropy), ("confidence", confidence), ("plain_entropy", confidence - 0.01)):
            row |= {f"auroc/{name}/{score}": mean + steps(10)[row["seed"]] * (1 + (score == "entropy"))}
            row |= {f"aupr/{name}/{score}": 0.5, f"fpr95/{name}/{score}": 0.3}
    return rows


def test_the_best_score_of_each_set_is_named_and_whether_sampling_helps():
    told = sentences(with_outliers("noise", 0.9, 0.8))
    assert told[0].startswith(
        "Outliers from noise are found best, on average, by H[mean q] of sdec (needs sampling): AUROC .900"
    )
    assert "sampling helps to find outliers from noise: H[mean q] has an AUROC larger than H[q] by .110" in told[2]
    worse = sentences(with_outliers("noise", 0.7, 0.8))
    assert "by 1 − max q of sdec (needs no sampling)" in worse[0]
    assert "sampling does not help to find outliers from noise" in worse[2]


def test_scores_that_are_as_good_as_the_best_are_counted_beside_it():
    rows = with_outliers("noise", 1.0, 1.0), with_outliers("noise", 0.7, 0.6, variant="vade")
    for row in rows[0]:
        row |= {f"auroc/noise/{score}": 1.0 for score in ("entropy", "confidence")}
    assert ": AUROC 1.000 ± .000, and as well by 1 other of this table." in " ".join(sentences(*rows))


def test_outliers_are_a_family_of_their_own_and_names_may_hold_a_slash():
    rows = with_outliers("a/b", 0.9, 0.8)
    for row in rows:
        row |= {f"auroc_{name}": 0.8 + steps(10)[row["seed"]] for name in (*FREE, *SAMPLED)}
    found = findings(rows)
    assert [c.outliers for c in found.outlier_contrasts] == ["a/b", "a/b"]
    assert {c.comparison.family_size for c in found.outlier_contrasts} == {2}
    assert {c.comparison.family_size for c in found.contrasts} == {7}


# -- the whole ------------------------------------------------------------------------------------


def test_runs_of_an_earlier_version_have_no_findings():
    old = board(cells("dec"), cells("sdec", twin="dec"))
    assert findings_of(old) == ()
    assert TITLE not in render_markdown([old])
    assert render_findings_csv(old) == ",".join(FINDINGS_COLUMNS) + "\n"


def test_columns_that_hold_nothing_are_as_if_they_were_absent():
    nothing = dict.fromkeys(
        ("auroc_confidence", "auroc_entropy", "ece", "label_change", "health", "auroc/noise/margin")
    )
    assert findings_of(board(cells("dec", **nothing), cells("sdec", twin="dec", **nothing))) == ()


def test_too_many_variants_are_counted_and_not_told_one_by_one():
    rows = [cells(f"sdec beta={i}", 2, twin="dec", auroc=aurocs(), health="healthy") for i in range(21)]
    (section,) = findings_of(board(*rows))
    assert "Health of 42 runs of 21 variants: 42 healthy." in section.headline
    assert "21 variants are too many to be told one by one: at most 20." in section.notes[0]
    assert not any("sampling" in text for text in section.headline)


def told_everywhere():
    rows = cells("sdec", twin="dec", auroc=aurocs(sampled=0.85), title="S_DEC [red]*"), cells("dec", ece=0.1)
    return board(*rows)


def test_every_file_says_whether_sampling_helps():
    one = told_everywhere()
    markdown = render_markdown([one])
    assert f"## {TITLE}" in markdown
    assert "S\\_DEC \\[red\\]\\*: sampling helps to find mis-clustered points" in markdown
    assert "#### Does sampling help to find mis-clustered points?" in markdown
    latex = render_latex([one])
    assert "Does sampling help to find mis-clustered points?" in latex
    assert "Finding mis-clustered points" not in latex, "papers print the contrasts"
    assert "S\\_DEC {[}red{]}*" in latex
    made = pd.read_csv(io.StringIO(render_findings_csv(one)))
    assert set(made["finding"]) == {"contrast", "detection", "calibration"}
    decisive = made.loc[(made["metric"] == "auroc_entropy") & (made["against"] == "auroc_confidence")].iloc[0]
    assert (decisive["verdict"], decisive["family_size"], decisive["n"]) == ("better", 7, 10)
    assert decisive["value"] == pytest.approx(0.05, abs=0.01)


def test_a_terminal_has_the_sentences_and_says_where_the_tables_are():
    out = io.StringIO()
    render_terminal([told_everywhere()], console=Console(file=out, width=100, color_system=None))
    text = out.getvalue()
    assert "S_DEC [red]*: sampling helps to find mis-clustered points" in text
    assert "Does sampling help" not in text
    assert "report.html" in text


def test_no_name_obeys_or_rules_what_is_around_it():
    hostile = "[red]|<b>*"
    rows = with_outliers(hostile, 0.9, 0.8)
    for name, text in {"markdown": render_markdown([board(rows)]), "latex": render_latex([board(rows)])}.items():
        assert hostile not in text, name
    assert escape_markdown(hostile) in render_markdown([board(rows)])
    out = io.StringIO()
    render_terminal([board(rows)], console=Console(file=out, width=100, color_system=None))
    assert hostile in out.getvalue()
