"""What a report says of how hyper-parameters were chosen."""

import numpy as np

from bench.report.sections.choices import section as choices
from bench.selection.choices import JudgedCandidate, LabelFreeChoice, OracleChoice, ScoredCandidate
from tests.report.made_runs import board_of, runs_of, texts_of

PLACE = {"dataset": "digits", "fingerprint": "f", "entry": "dec", "title": "DEC", "seeds": [10, 11]}


def candidates(kind, *values):
    return [
        kind(config=f"c{i}", variant=f"dec tol={i}", parameters={"tol": i, "n_init": 20}, **value)
        for i, value in enumerate(values)
    ]


def label_free(chosen="c1", reason=None):
    judged = candidates(
        JudgedCandidate,
        {"out": ["seed 10: failed: [red]no", "seed 11: no"]},
        {"prediction_strength": 0.954, "stability": 0.9, "rank": 1},
        {"prediction_strength": 0.8, "stability": 0.7, "rank": 2},
    )
    return LabelFreeChoice(**PLACE, candidates=judged, chosen=chosen, reason=reason, fixed="c0")


def oracle():
    scored = candidates(ScoredCandidate, {"score": 0.9}, {"score": 0.7})
    return OracleChoice(**PLACE, candidates=scored, chosen="c0", metric="acc")


def written(*chosen):
    return board_of(runs_of("dec"), choices=chosen)


def test_a_choice_without_labels_is_stated_with_what_decided():
    assert texts_of(choices, written(label_free())) == [
        "DEC on digits: tol=1 n_init=20 (prediction strength .954, ARI .900; 3 candidates, 1 excluded)."
    ]


def test_a_choice_by_the_labels_is_stated_with_its_score():
    assert texts_of(choices, written(oracle())) == ["DEC on digits: tol=0 n_init=20 (mean ACC .900; 2 candidates)."]


def test_where_nothing_was_chosen_the_reason_is_given():
    runs = written(label_free(None, "since all 3 candidates are out: no predict"))
    (text,) = texts_of(choices, runs)
    assert text.startswith("DEC on digits: nothing was chosen")
    assert text.endswith("since all 3 candidates are out: no predict.")
    assert not choices.rows(runs)["chosen"].any()


def test_each_choice_has_a_table_of_its_candidates():
    other = label_free().model_copy(update={"dataset": "usps"})
    rows = choices.rows(written(label_free(), other))
    first, second = choices.tables(rows)
    assert [table.title for table in (first, second)] == [f"Candidates for DEC on {d}" for d in ("digits", "usps")]
    assert [str(value) for value in first.rows[0]] == [
        *("tol=0 n_init=20", "–", "–", "–", "", "seed 10: failed: [red]no; seed 11: no"),
    ]
    assert [str(value) for value in first.rows[1]] == ["tol=1 n_init=20", ".954", ".900", "1", "chosen", ""]
    (of_oracle,) = choices.tables(choices.rows(written(oracle())))
    assert [column.heading for column in of_oracle.columns][1] == "ACC"


def test_rows_hold_numbers_and_lists():
    rows = choices.rows(written(label_free()))
    assert rows["rank"].tolist()[1:] == [1, 2]
    assert np.isnan(rows["prediction_strength"][0])
    assert rows["excluded"].map(len).tolist() == [2, 0, 0]


def test_the_seeds_of_the_choice_are_noted():
    runs = written(label_free())
    assert "Chosen on the seeds 10, 11, of which no leaderboard" in choices.notes(choices.rows(runs), runs)[0]


def test_without_choices_there_is_no_section():
    assert choices.rows(written()).empty
