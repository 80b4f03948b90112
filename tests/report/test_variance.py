"""What a report says of the sources of variance."""

import numpy as np

from bench.report.sections.variance import section as variance
from tests.report.made_runs import dataset_of, runs_of, table_of, texts_of


def grid(means, seeds, draw_sd=None):
    """Configurations of one method with these mean scores, all with the same spread over seeds."""
    rows = []
    for i, mean in enumerate(means):
        scores = mean + np.asarray(seeds)
        drawn = {} if draw_sd is None else {"acc_draws": scores, "acc_draws_sd": draw_sd}
        rows += runs_of(f"sdec beta={i}", len(seeds), twin="dec", title=f"S-DEC beta={i}", **(drawn or {"acc": scores}))
    return rows


def test_the_largest_source_of_variance_is_named():
    seeds = [-0.01, 0.01, -0.01, 0.01]
    largest = "Largest source of the variance of ACC:"
    assert texts_of(variance, dataset_of(grid([0.2, 0.5, 0.8], seeds))) == [
        f"{largest} hyper-parameters for S-DEC (3 configurations) (100 %)."
    ]
    (draws,) = texts_of(variance, dataset_of(grid([0.5], seeds, draw_sd=0.2)))
    assert draws.startswith(f"{largest} draws for S-DEC beta=0 (")
    (of_seeds,) = texts_of(variance, dataset_of(grid([0.5], [-0.2, 0.2, -0.2, 0.2], draw_sd=0.001)))
    assert of_seeds.startswith(f"{largest} seeds for")


def test_methods_that_vary_by_seeds_alone_are_not_in_the_table():
    assert variance.rows(dataset_of(runs_of("dec"))).empty
    rows = table_of(variance, dataset_of(runs_of("dec"), grid([0.5], [-0.01, 0.01], draw_sd=0.1)))
    assert [row["method"] for row in rows] == ["S-DEC beta=0"]


def test_a_source_that_no_method_has_is_no_column():
    (row,) = table_of(variance, dataset_of(grid([0.5], [-0.01, 0.01], draw_sd=0.1)))
    assert {"share, draws", "share, seeds"} <= row.keys()
    assert not any("hyper-parameters" in heading for heading in row)


def test_the_standard_deviations_are_those_of_the_components():
    rows = variance.rows(dataset_of(grid([0.5], [-0.01, 0.01], draw_sd=0.1)))
    assert rows["sd_draws"].tolist() == [0.1]
    assert rows["share_draws"][0] + rows["share_seeds"][0] == 1


def test_collapsed_runs_have_no_part_in_the_variance():
    rows = grid([0.5, 0.5], [-0.01, 0.01, -0.01, 0.01])
    for row in rows[:3]:
        row |= {"flags": ["collapsed"], "acc": 0.1}
    (found,) = variance.rows(dataset_of(rows)).to_dict("records")
    assert found["n_runs"] == 5
    assert found["sd_seeds"] < 0.02


def test_a_grid_of_many_configurations_has_its_variance():
    rows = variance.rows(dataset_of(grid(np.linspace(0.2, 0.8, 21), [-0.01, 0.01])))
    assert rows["n_configurations"].tolist() == [21]
