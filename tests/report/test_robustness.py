"""Robustness: the same contrasts by ACC, NMI and ARI."""

import numpy as np
import pytest

from bench.report.sections.robustness import section
from bench.report.sections.verdict import section as verdict
from tests.report.made_runs import board_of, dataset_of, runs_of, spread, table_of, texts_of

UP, DOWN = np.linspace(0.02, 0.04, 10), np.linspace(-0.04, -0.02, 10)
NONE = 0.02 * np.array([1, -1] * 5) + np.linspace(0, 1e-3, 10)


def two(acc, nmi, ari=None, a="sdec", b="dec"):
    """A stochastic method and its counterpart, which differ by this much."""
    base = spread(0.7)
    own = {"acc": base + acc, "nmi": base + nmi} | ({} if ari is None else {"ari": base + ari})
    return runs_of(b, title=b.upper(), **dict.fromkeys(own, base)) + runs_of(a, twin=b, title=a.upper(), **own)


def test_metrics_that_say_the_same_agree():
    assert texts_of(section, dataset_of(two(UP, UP, UP))) == ["ACC, NMI and ARI agree on the contrast."]
    rows = two(UP, UP, UP) + two(NONE, NONE, NONE, "vade", "ae_gmm")
    assert texts_of(section, dataset_of(rows)) == ["ACC, NMI and ARI agree on all 2 contrasts."]


def test_a_contrast_on_which_they_differ_is_named_with_what_each_says():
    rows = two(NONE, UP, DOWN) + two(UP, UP, UP, "vade", "ae_gmm")
    assert texts_of(section, dataset_of(rows)) == [
        "ACC, NMI and ARI agree on 1 of 2 contrasts. They differ on SDEC vs DEC: not significant by ACC, better by "
        "NMI, worse by ARI."
    ]


def test_the_verdict_says_so_in_a_sentence_of_its_own():
    *_, last = texts_of(verdict, board_of(two(NONE, UP, UP)))
    assert last == (
        "ACC, NMI and ARI agree on 0 of 1 contrasts. They differ on SDEC vs DEC: not significant by ACC, better by NMI "
        "and ARI."
    )


def test_the_primary_metric_alone_decides():
    first, *_ = texts_of(verdict, board_of(two(NONE, UP, UP)))
    assert first.startswith("No. On digits SDEC does not differ significantly in ACC")


def test_a_metric_that_no_run_has_is_not_asked():
    assert texts_of(section, dataset_of(two(UP, DOWN))) == [
        "ACC and NMI agree on 0 of 1 contrasts. They differ on SDEC vs DEC: better by ACC, worse by NMI."
    ]
    only = [{k: v for k, v in row.items() if k != "nmi"} for row in two(UP, UP)]
    assert section.rows(dataset_of(only)).empty


def test_too_few_seeds_agree_on_nothing():
    rows = [row for row in two(UP, DOWN, UP) if row["seed"] < 4]
    assert texts_of(section, dataset_of(rows)) == []


def test_each_metric_has_its_own_family_and_one_row_of_the_table():
    rows = two(UP, NONE, UP) + two(UP, UP, UP, "vade", "ae_gmm")
    first, second = table_of(section, dataset_of(rows))
    assert (first["p (Holm), ACC"], first["p (Holm), NMI"], first["p (Holm), ARI"]) == (".004", ".232", ".004")
    assert second["p (Holm), NMI"] == ".004"


def test_on_several_data_sets_one_sentence_counts_all_contrasts_and_names_where():
    rows = [row | {"dataset": name} for name in ("d1", "d2") for row in two(NONE if name == "d2" else UP, UP, UP)]
    *_, last = texts_of(verdict, board_of(rows))
    assert last == (
        "ACC, NMI and ARI agree on 1 of 2 contrasts. They differ on SDEC vs DEC, d2: not significant by ACC, better by "
        "NMI and ARI."
    )


@pytest.mark.parametrize("primary", ["nmi", "ari"])
def test_whatever_metric_is_primary_it_comes_first(primary):
    (runs,) = next(b for b in board_of(two(UP, DOWN, UP)).in_other_metrics if b.metric.name == primary).datasets
    assert section.rows(runs)["metric"].iloc[0] == primary
    assert set(section.rows(runs)["metric"]) == {"acc", "nmi", "ari"}
