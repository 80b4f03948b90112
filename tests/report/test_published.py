"""Published values stand beside ours, with where they come from."""

import numpy as np
import pytest

from bench.errors import InputError
from bench.report.published import Published, published_values, values_against
from bench.report.sections.leaderboard import section
from tests.report.made_runs import dataset_of, runs_of

THEIRS = Published(
    dataset="usps", method="dec", acc=[0.75, 0.01], runs=10, source="A paper", protocol="long training", url="x"
)


def shown(**more):
    runs = dataset_of(runs_of("dec", dataset="usps"), runs_of("kmeans", dataset="usps"), **more)
    rows = section.rows(runs)
    table = section.table(rows)
    headings = [column.heading for column in table.columns]
    texts = {row[0].text: dict(zip(headings, (value.text for value in row), strict=True)) for row in table.rows}
    return texts, list(section.notes(rows, runs))


def test_a_published_value_is_a_column_of_the_leaderboard_with_its_source_below():
    texts, notes = shown(published=[THEIRS])
    assert texts["dec"]["published"] == ".750 ± .010"
    assert texts["kmeans"]["published"] == "–"
    assert "Published: dec, A paper, 10 runs (long training)." in notes


def test_without_published_values_there_is_no_such_column():
    texts, notes = shown()
    assert "published" not in texts["dec"]
    assert not any(note.startswith("Published") for note in notes)


def test_a_value_of_another_data_set_is_not_shown():
    texts, _ = shown(published=[THEIRS.model_copy(update={"dataset": "mnist"})])
    assert texts["dec"]["published"] == "–"


def test_every_value_of_the_file_says_where_it_comes_from_and_how_it_was_made():
    values = published_values()
    assert values
    assert all(value.source and value.protocol for value in values)
    assert all(0 < value.of("acc")[0] < 1 for value in values)
    assert all(np.isnan(value.of("silhouette_pixels")[0]) for value in values)
    assert len({(v.dataset, v.method, v.source) for v in values}) == len(values)


def test_an_unknown_name_is_refused_with_the_one_that_is_known():
    assert values_against(None) == ()
    with pytest.raises(InputError, match="write --against published"):
        values_against("papers")
