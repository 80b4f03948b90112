"""What a report says of the agreement between runs."""

from types import SimpleNamespace

import numpy as np
import pytest

from bench.report.sections.stability import section as stability
from tests.report.made_runs import dataset_of, runs_of, table_of, texts_of


def agreement(ari, half=0.02, n=10, jaccard=(0.4, 0.8, 0.9)):
    return SimpleNamespace(
        n_runs=n,
        ari=ari,
        ari_interval=(ari - half, ari + half) if half else None,
        nmi=ari,
        nmi_interval=(ari - half, ari + half) if half else None,
        jaccard=jaccard,
        n_dissolved=sum(j <= 0.5 for j in jaccard),
        n_stable=sum(j >= 0.75 for j in jaccard),
        n_highly_stable=sum(j >= 0.85 for j in jaccard),
        point_agreement=np.full(4, 0.9),
    )


def pair(**agreements):
    """S-DEC and its counterpart DEC, whose runs agree so."""
    by_place = {("digits", variant): of for variant, of in agreements.items()}
    return dataset_of(runs_of("dec", title="DEC"), runs_of("sdec", twin="dec", title="S-DEC"), agreements=by_place)


@pytest.mark.parametrize(
    ("ari", "claim", "evidence"),
    [
        (0.80, "S-DEC is more stable over seeds than its counterpart DEC:", "mean ARI .800 [.780, .820]"),
        (0.60, "S-DEC is less stable over seeds than its counterpart DEC:", "mean ARI .600 [.580, .620]"),
        (
            0.72,
            "No clear difference in stability over seeds between S-DEC and its counterpart DEC:",
            "mean ARI .720 [.700, .740]",
        ),
    ],
)
def test_a_method_is_more_or_less_stable_only_where_intervals_do_not_overlap(ari, claim, evidence):
    overlap = "overlap" if claim.startswith("No") else "do not overlap"
    assert texts_of(stability, pair(sdec=agreement(ari), dec=agreement(0.7))) == [
        f"{claim} {evidence} vs .700 [.680, .720]; the intervals {overlap}."
    ]


def test_pairs_that_differ_come_first():
    runs = dataset_of(
        runs_of("dec"),
        runs_of("a", twin="dec"),
        runs_of("b", twin="dec"),
        agreements={("digits", v): agreement(ari) for v, ari in (("dec", 0.7), ("a", 0.7), ("b", 0.9))},
    )
    assert [text.split()[0] for text in texts_of(stability, runs)] == ["b", "No"]


@pytest.mark.parametrize(("n", "half"), [(9, 0.02), (2, 0)])
def test_too_few_runs_are_not_compared(n, half):
    """Where one run in four ends elsewhere, one in four sets of five shows none; two runs have no interval."""
    assert texts_of(stability, pair(sdec=agreement(0.9, half, n=n), dec=agreement(0.7))) == [
        f"S-DEC cannot be compared in stability with its counterpart: too few runs ({n}; 10 needed)."
    ]


def test_without_pairs_the_most_and_the_least_stable_are_named():
    runs = dataset_of(runs_of("ae"), runs_of("dec"), agreements={("digits", "ae"): agreement(0.7)})
    assert texts_of(stability, runs) == ["Mean ARI between runs: ae, .700 [.680, .720]."]
    agreements = {("digits", "ae"): agreement(0.7), ("digits", "dec"): agreement(0.9)}
    runs = dataset_of(runs_of("ae"), runs_of("dec"), agreements=agreements)
    assert texts_of(stability, runs) == [
        "Mean ARI between runs: highest dec, .900 [.880, .920]; lowest ae, .700 [.680, .720]."
    ]


def test_the_table_states_which_runs_it_is_of():
    flags = [["collapsed"], ["collapsed"], ["partly collapsed"], *[[]] * 7]
    rows = runs_of("sdec", twin="dec", flags=flags, label_change=[np.nan, np.nan, *[0.05] * 8])
    runs = dataset_of(rows, agreements={("digits", "sdec"): agreement(0.7, n=7)})
    (row,) = table_of(stability, runs)
    assert row["runs"] == "7 of 10"
    assert row["note"] == "without 3 runs that collapsed, wholly or in part"
    assert [row[name] for name in ("stable clusters", "highly stable", "dissolved")] == ["2 of 3", "1", "1"]
    assert (row["point agreement"], row["label change"]) == (".900", ".050")
    numbers = stability.rows(runs).iloc[0]
    assert (numbers["n_used"], numbers["n_drawn"]) == (7, 8), "labels change within a run"


def test_a_method_all_of_whose_runs_collapsed_has_no_stability():
    flat = runs_of("sdec", twin="dec", flags=[["collapsed"]] * 10)
    agreements = {("digits", "sdec"): agreement(1.0, 0.001), ("digits", "dec"): agreement(0.6)}
    runs = dataset_of(flat, runs_of("dec"), agreements=agreements)
    assert not any("sdec" in text for text in texts_of(stability, runs))
    (row,) = [row for row in table_of(stability, runs) if row["method"] == "sdec"]
    assert row["note"] == "all 10 runs collapsed"
    assert not any("." in text for text in row.values())


def test_a_method_that_takes_no_seed_has_no_stability_and_the_reason():
    runs = dataset_of(
        runs_of("agglomerative", 1, seeded=False), runs_of("dec"), agreements={("digits", "dec"): agreement(0.7)}
    )
    notes = {row["method"]: row["note"] for row in table_of(stability, runs)}
    assert notes == {"agglomerative": "takes no seed", "dec": ""}


def test_columns_without_a_number_are_not_shown():
    (row, _) = table_of(stability, pair(sdec=agreement(0.7), dec=agreement(0.7)))
    assert not {"label change", "note"} & row.keys()


def test_where_nothing_is_known_there_is_no_section():
    assert stability.rows(dataset_of(runs_of("dec"), runs_of("sdec", twin="dec"))).empty
    grid = [runs_of(f"sdec beta={i}", 2, twin="dec", label_change=0.1) for i in range(21)]
    assert stability.rows(dataset_of(*grid)).empty, "a grid is not reported one by one"


@pytest.mark.figures
def test_the_figures_are_of_the_clusters_and_points_of_those_compared():
    runs = pair(sdec=agreement(0.8), dec=agreement(0.7))
    clusters, points = stability.figures(stability.rows(runs), runs)
    assert "S-DEC: 3 clusters from .400 to .900, 1 dissolved, 2 stable" in clusters.alt
    assert "DEC: median .900" in points.alt
