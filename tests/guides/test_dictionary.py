"""The guides name what there is: every metric, every method, every column and field of the files of a run."""

import csv
import re

import numpy as np
import pytest

from bench.method import MethodInfo
from bench.metrics.registry import BETWEEN_RUNS, BETWEEN_SCORES, BUILT_IN_METRICS, N_DRAWS, SCORES
from bench.plan.registry import methods
from bench.records.record import Record
from tests.guides.reading import ROOT, prose

RESULTS = prose(ROOT / "results/README.md")
RUNNING = prose(ROOT / "bench/README.md")
METHODS = prose(ROOT / "methods/README.md")
DATASETS = prose(ROOT / "datasets/README.md")
METRICS = [metric.name for metric in (*BUILT_IN_METRICS, *BETWEEN_RUNS)]


def section(text, title):
    level = re.search(rf"^(#+) {re.escape(title)}$", text, re.M)
    return re.split(rf"^#{{1,{len(level[1])}}} ", text[level.end() :], flags=re.M)[0]


def terms(text):
    """Return the words in backticks in the first column of the tables of a text."""
    first = re.findall(r"^\| ([^|]*) \|", text, re.M)
    return {term for cell in first for term in re.findall(r"`([^`]+)`", cell)}


def prefixes(names, ending):
    return {name.removesuffix(ending) for name in names if name.endswith(ending)}


def test_every_metric_has_its_definition():
    named = terms(section(RUNNING, "Metrics"))
    scores = {score.name for score in (*SCORES, *BETWEEN_SCORES)}
    rates = prefixes(named, "_SCORE")
    assert rates == {"auroc", "aupr", "aurc", "augrc"}
    internal, beside = prefixes(named, "_…"), {"embedding", "pixels", "reclustered", "draws"}
    for name in METRICS:
        rate, _, score = name.partition("_")
        start, _, end = name.rpartition("_")
        known = (
            name in named
            or (rate in rates and score in scores)
            or (start in internal and end in beside)
            or (end == "sampled" and start in named)
            or name.endswith("_draws_sd")
        )
        assert known, name


def test_every_score_of_uncertainty_is_described():
    assert terms(section(RUNNING, "Uncertainty, calibration and stability")) == {
        score.name for score in (*SCORES, *BETWEEN_SCORES)
    }


def test_there_are_as_many_draws_as_the_guides_say():
    assert f"takes {N_DRAWS} draws of each point" in RUNNING
    assert f"({N_DRAWS}, n)" in RESULTS


def test_every_built_in_method_is_in_the_table():
    assert terms(section(METHODS, "The built-in methods")) == set(methods())


def test_every_field_of_a_declaration_is_described():
    assert terms(section(METHODS, "The contract")) >= set(MethodInfo.__dataclass_fields__) - {"source"}


def test_every_card_is_listed():
    listed = section(DATASETS, "Built-in data sets")
    assert all(f"`{card.stem}`" in listed for card in (ROOT / "datasets").glob("*.toml"))


def test_every_published_study_has_a_row_and_a_paragraph():
    studies = {path.name for path in (ROOT / "results").iterdir() if path.is_dir()} - {"runs", "baselines"}
    assert terms(re.sub(r"\[(`[^`]+`)\]\([^)]*\)", r"\1", section(RESULTS, "Published studies"))) == studies


def test_every_field_of_a_record_is_described():
    assert terms(section(RESULTS, "records/KEY.json")) == set(Record.model_fields)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small run with scores of outliers, of a method with noise and one without."""
    from tests.guides.run import small_run

    return small_run(tmp_path_factory.mktemp("run") / "run")


def undescribed(columns, *sections):
    named = set().union(*(terms(section(RESULTS, title)) for title in sections))
    means = {f"{name}_{part}" for name in METRICS for part in ("mean", "sd")}
    known = named | set(METRICS) | means | {"stability"} | {f"{name}_sd" for name in named}
    starts = tuple(name.removesuffix("…") for name in named if name.endswith("…"))
    return {
        c
        for c in columns
        if c not in known
        and not (starts and c.startswith(starts))
        and not re.fullmatch(r"(auroc|aupr|fpr95)/[^/]+/\w+", c)
    }


def columns_of(path):
    with path.open() as file:
        return next(csv.reader(file))


@pytest.mark.nightly
def test_every_column_of_every_table_is_described(folder):
    import pandas as pd

    assert not undescribed(pd.read_parquet(folder / "scores.parquet").columns, "scores.csv")
    comparison = "Columns of a comparison"
    titles = {
        "scores.csv": ["scores.csv"],
        "index.csv": ["scores.csv"],
        "leaderboard.csv": ["leaderboard.csv", comparison],
        "contrasts.csv": ["contrasts.csv", comparison],
    }
    assert set(columns_of(folder / "assignments.csv")) <= set(
        re.findall(r"`(\w+)`", section(RESULTS, "assignments.csv"))
    )
    for path in set(folder.glob("*.csv")) - {folder / "assignments.csv"}:
        assert not undescribed(columns_of(path), *titles[path.name]), path.name


def test_every_column_of_the_table_of_every_section_is_described():
    tables = sorted((ROOT / "tests/golden/stored/run/tables").glob("*.csv"))
    assert len(tables) > 8
    for path in tables:
        known = ("tables/NAME.csv", "Columns of a comparison", "contrasts.csv", "leaderboard.csv")
        assert not undescribed(columns_of(path), *known), path.name


@pytest.mark.nightly
def test_every_array_of_the_raw_outputs_is_described(folder):
    named = terms(section(RESULTS, "outputs/KEY.npz"))
    for path in (folder / "outputs").glob("*.npz"):
        with np.load(path) as outputs:
            for name in outputs.files:
                place = name.split("/")
                assert place[0] in ("history", "outliers") or name in named, name
                assert place[0] != "outliers" or place[2] in named | {"margin"}, name


@pytest.mark.nightly
def test_every_file_of_a_run_is_described(folder):
    named = {name for line in section(RESULTS, "Files").splitlines() for name in re.findall(r"`([\w./]+)`", line)}
    sections = {path.name for path in folder.glob("*.csv")}  # one a section
    for path in folder.iterdir():
        if not path.name.startswith("."):
            assert path.name in named | sections or any(n.startswith(f"{path.name}/") for n in named), path.name
