"""Which item is in which cluster: the runs that are told of, the table, sorted images, and what is refused."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.dataset import NO_CLASS, Dataset
from bench.metrics import METRICS_VERSION, find_metric
from bench.metrics.registry import UNLABELLED
from bench.records.record import Record
from bench.records.results import CollectedRuns, frame_of
from bench.records.store import Run
from bench.report.assignments import as_csv, choose_runs, within_row_limit
from bench.report.board import BoardRuns
from bench.report.sections.assignments import section as assignments
from bench.report.sorted_images import _names
from bench.report.values import Code

ITEMS = [f"{cls}/{i}.png" for cls in ("cat", "dog") for i in range(4)]
LABELS = np.array([0, 0, 1, -1, 1, 1, 1, 0])
Q = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.5, 0.5], [0.25, 0.75], [0.1, 0.9], [0.4, 0.6], [0.6, 0.4]])
FINGERPRINT = "f" * 64
ACC = find_metric("acc")


def record(variant, seed, score=None, **changes):
    made = {
        "key": f"{variant.replace(' ', '_').replace('/', '_')}-{seed}-{changes.get('fingerprint', FINGERPRINT)[:4]}",
        "dataset": "photos",
        "fingerprint": FINGERPRINT,
        "method": variant.split()[0],
        "version": 1,
        "preset": "quick",
        "variant": variant,
        "title": f"The {variant.upper()}",
        "kind": "deterministic",
        "config": f"c-{variant}",
        "seeded": True,
        "twin": None,
        "params": {},
        "seed": seed,
        "status": "ok",
        "metrics": {"acc": score},
        "metrics_version": METRICS_VERSION,
        "versions": {},
        "hardware": {},
        "commit": None,
    }
    return Record(**made | changes)


def dataset(items=ITEMS, source="", y=(0, 0, 0, 0, 1, 1, 1, NO_CLASS), name="photos", **changes):
    x = np.zeros((len(LABELS), 4), np.float32)
    made = {"scaling": "bytes, divided by 255", "items": None if items is None else np.array(items), "source": source}
    y, names = (None, None) if y is None else (np.array(y), ("cat", "dog"))
    return Dataset(name, x, y, 2, (2, 2), names, FINGERPRINT, **made | changes)


@pytest.fixture
def photos(tmp_path):
    """A folder of images, each with its own bytes."""
    for item in ITEMS:
        path = tmp_path / "photos" / item
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.encode())
    return tmp_path / "photos"


def run_of(folder, records, *data, labels=LABELS, **outputs):
    run = Run(folder)
    for made in records:
        run.write(made, {"labels": labels, **outputs} if made.status == "ok" else {})
    for one in data:
        run.write_dataset(one)
    run.write_file("suite.toml", 'name = "s"\npreset = "quick"\nmethods = ["dec"]\ndatasets = ["digits"]\nseeds = 3\n')
    return run


@pytest.fixture
def run(tmp_path, photos):
    records = [record("dec", seed, score) for seed, score in enumerate((0.5, 0.9, 0.7))]
    records += [record("kmeans", 0, 0.8, seeded=False), record("dec lr=2", 0, status="failed", error="x\nBoom: no")]
    return run_of(tmp_path / "run", records, dataset(source=str(photos)), soft_assignment=Q)


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


# The table


def test_the_table_tells_of_the_median_run_of_each_variant_file_cluster_confidence_and_class(run, cli):
    code, out, err = cli_ok(cli, "assignments", run.folder)
    rows = rows_of(out)
    assert [(r["method"], r["seed"]) for r in rows[::8]] == [("kmeans", "0"), ("dec", "2")], "the best score first"
    assert list(rows[8].values()) == ["photos", "dec", "2", "cat/0.png", "0", "0.9", "cat"]
    assert list(rows[11].values()) == ["photos", "dec", "2", "cat/3.png", "-1", "", "cat"], "noise has no confidence"
    assert (rows[15]["item"], rows[15]["class"]) == ("dog/3.png", ""), "it has no class"
    assert "dec on photos: seed 2, the median of 3 runs by ACC (.700)" in err
    assert "kmeans on photos: seed 0, the only run, since the method takes no seed" in err
    assert "left out: dec lr=2 on photos: no run gave labels: failed Boom: no" in err
    assert code == 0


def cli_ok(cli, *arguments):
    code, out, err = cli(*arguments)
    assert code == 0, err
    return code, out, err


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("dec", {"dec"}),
        ("DEC", {"dec"}),
        ("The DEC", {"dec"}),
        ("the kM", {"kmeans"}),
        ("k", {"kmeans"}),
        ("d", {"dec"}),
    ],
)
def test_a_method_is_found_by_name_title_or_how_they_begin(run, asked, found):
    chosen, _ = choose_runs(frame_of(run.records()), [run], ACC, method=asked)
    assert {one.variant for one in chosen} == found


def test_a_seed_is_taken_as_asked_for_and_a_method_without_seeds_has_one_run_for_all(run):
    chosen, _ = choose_runs(frame_of(run.records()), [run], ACC, seed=1)
    assert {(one.variant, one.seed, one.why) for one in chosen} == {
        ("dec", 1, "as asked for"),
        ("kmeans", 0, "the only run, since the method takes no seed"),
    }


def test_without_labels_the_silhouette_decides_and_without_that_the_lowest_seed(tmp_path):
    reasons = {"acc": UNLABELLED}
    scores = [{"acc": None, "silhouette_pixels": s} for s in (0.1, 0.3, 0.2)]
    records = [record("dec", i, metrics=metrics, reasons=reasons) for i, metrics in enumerate(scores)]
    records += [record("kmeans", i, metrics={}, reasons=reasons) for i in range(2)]
    run = run_of(tmp_path / "run", records, dataset(y=None))
    chosen, _ = choose_runs(frame_of(run.records()), [run], ACC)
    assert {(one.variant, one.seed) for one in chosen} == {("dec", 2), ("kmeans", 0)}
    assert "the first of 2 runs, since none has a Silhouette" in str(chosen[1])
    assert chosen[0].table()["class"].isna().all()


def test_without_names_items_are_positions_and_nothing_is_needed_of_the_data(tmp_path, cli):
    folder = run_of(tmp_path / "run", [record("dec", 0, 0.5)]).folder
    rows = rows_of(cli_ok(cli, "assignments", folder)[1])
    assert [row["item"] for row in rows] == [str(i) for i in range(8)]


def test_equal_points_under_two_names_keep_the_file_names_of_each(tmp_path):
    other = [item.replace("cat", "felis") for item in ITEMS]
    run = run_of(tmp_path / "run", [record("dec", 0, 0.5)], dataset(), dataset(other, name="animals"))
    frame = frame_of(run.records())
    assert choose_runs(frame, [run], ACC)[0][0].table()["item"].tolist() == ITEMS
    chosen = choose_runs(frame, [run], ACC, dataset="animals")[0][0]
    assert (chosen.dataset, chosen.table()["item"].tolist()) == ("animals", other)


def test_a_parquet_table_holds_names_and_types(run, tmp_path, cli):
    cli_ok(cli, "assignments", run.folder, "--method", "dec", "--out", tmp_path / "new" / "t.parquet")
    table = pd.read_parquet(tmp_path / "new" / "t.parquet")
    assert table["item"].tolist() == ITEMS
    assert table["cluster"].tolist() == LABELS.tolist()
    assert table["confidence"].isna().tolist() == (LABELS == -1).tolist()


ODD = [
    "=1+1.png",
    "+a.png",
    "-b.png",
    "@c.png",
    "a,b.png",
    'a"b.png',
    "a\nb.png",
    "a\rb.png",
    "caf\udce9.png",
    "naïve.png",
]


def test_odd_names_are_quoted_and_none_is_a_formula(tmp_path):
    labels = np.zeros(len(ODD), int)
    data = dataset(ODD, y=None)
    run = run_of(tmp_path / "run", [record("=dec", 0, 0.5)], data, labels=labels)
    text = "".join(as_csv([choose_runs(frame_of(run.records()), [run], ACC)[0][0].table()]))
    items = [row["item"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert items == ["'=1+1.png", "'+a.png", "'-b.png", "'@c.png", *ODD[4:8], "caf\\udce9.png", "naïve.png"]
    assert rows_of(text.replace("\r", ""))[0]["method"] == "'=dec"
    assert text.encode("utf-8")


@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=8), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_whatever_names_there_are_the_table_has_one_row_each_and_no_cell_is_a_formula(names):
    table = pd.DataFrame(
        {
            "dataset": "d",
            "method": "m",
            "seed": 0,
            "item": pd.Series(names, dtype=object),
            "cluster": 0,
            "confidence": np.nan,
            "class": pd.Series(names, dtype=object),
        }
    )
    read = list(csv.reader(io.StringIO("".join(as_csv([table])), newline="")))
    assert len(read) == len(names) + 1
    for name, row in zip(names, read[1:], strict=True):
        text = name.encode("utf-8", "backslashreplace").decode()
        assert row[3].startswith((text, f"'{text}"))
        assert row[3][:1] not in tuple("=+-@") or float(row[3]) is not None


def test_numbers_are_no_formulas():
    frame = pd.DataFrame({c: ["-1"] for c in ("dataset", "method", "item", "class")})
    assert "'" not in "".join(as_csv([frame]))


# What the report writes


def test_a_report_keeps_the_table_of_named_points_and_removes_an_outdated_one(run, cli, tmp_path):
    _, out, _ = cli_ok(cli, "report", run.folder)
    assert "assignments.csv" in cli_ok(cli, "report", run.folder, "--verbose")[1]
    rows = rows_of((run.folder / "assignments.csv").read_text())
    assert {row["method"] for row in rows} == {"dec", "kmeans"}
    page = (run.folder / "report.html").read_text()
    assert '<a href="assignments.csv">' in page
    assert f"deepclustbench assignments {run.folder}" in page
    for path in run.folder.glob("data/*.items.json"):
        path.unlink()
    _, out, _ = cli_ok(cli, "report", run.folder)
    assert "assignments.csv" not in out
    assert not (run.folder / "assignments.csv").exists()
    board = (run.folder / "leaderboard.md").read_text()
    assert "1 of 8 points has no class" in board
    assert "Scaling: bytes, divided by 255" in board
    assert "divided by 255" in page
    assert "| recall | lost |" in board, "records without the new metrics are scored from what was kept"


def rows(run):
    results = CollectedRuns(frame_of(run.records()), [run], [], {}, {})
    return assignments.rows(BoardRuns("fixed", results.frame, ACC, results))


def sentences(run):
    return [sentence.text for sentence in assignments.sentences(rows(run))]


def test_the_section_names_the_file_and_the_command(run):
    listed, command = sentences(run)
    assert listed.startswith(
        "assignments.csv lists the cluster of every item, for the median run of each method by ACC"
    )
    assert command.startswith("The command below lists them for a method and seed of your choice")
    (table,) = assignments.tables(rows(run))
    assert table.rows == ((Code(f"deepclustbench assignments {run.folder}"),),)


def test_where_no_point_has_a_name_the_section_names_the_command_alone(tmp_path):
    (command,) = sentences(run_of(tmp_path / "digits", [record("a", 0, 0.5)], dataset(items=None)))
    assert command.startswith("The command below lists the cluster of every item, for the median run of each method or")


def test_a_run_whose_outputs_cannot_be_read_is_not_counted_as_listed(run):
    for path in (run.folder / "outputs").glob("*.npz"):
        path.write_bytes(b"PK no archive")
    assert len(sentences(run)) == 1


def test_of_many_large_runs_the_best_of_each_data_set_are_written(tmp_path):
    records = [record(f"m{i}", 0, i / 10) for i in range(5)]
    run = run_of(tmp_path / "run", records, dataset())
    chosen, _ = choose_runs(frame_of(run.records()), [run], ACC)
    assert [one.variant for one in within_row_limit(chosen, most=20)] == ["m4", "m3"]
    assert [one.variant for one in within_row_limit(chosen, most=1)] == ["m4"], "one at least"


def test_a_run_names_its_items_in_plain_text(run):
    kept = [path.read_text() for path in (run.folder / "data").glob("*.json")]
    assert any("cat/3.png" in text for text in kept)


def test_a_source_is_kept_so_that_it_is_found_from_another_folder(tmp_path, photos, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = run_of("run", [record("dec", 0, 0.5)], dataset(source="photos"))
    assert run.items(FINGERPRINT)[0].source == str(photos)


# Sorting images


def test_images_are_copied_into_a_folder_a_cluster_under_names_that_do_not_collide(run, tmp_path, cli):
    target = tmp_path / "sorted"
    _, out, _ = cli_ok(cli, "assignments", run.folder, "--method", "dec", "--copy-to", target)
    copies = {path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("*") if path.is_file()}
    assert copies == {
        f"dec/{'noise' if label < 0 else f'cluster_{label}'}/{item.replace('/', '_')}": item
        for item, label in zip(ITEMS, LABELS.tolist(), strict=True)
    }
    assert out == f"copied: 8 images into {target}\n"
    code, _, err = cli("assignments", run.folder, "--copy-to", target)
    assert code == 2
    assert "is not empty" in err.splitlines()[-1]


@given(st.lists(st.text("abAB/_-.2", min_size=1, max_size=6).map(lambda t: t.strip("/.") or "a"), unique=True))
def test_copies_of_different_items_never_share_a_name(items):
    names = _names([f"{item}.png" for item in items])
    assert len({name.casefold() for name in names}) == len(items)
    assert all("/" not in name for name in names)


def test_names_that_no_other_image_has_stay_as_they_are():
    assert _names(["cat/1.png", "dog/2.png"]) == ["1.png", "2.png"]
    assert _names(["cat/1.png", "dog/1.png", "cat_1.png"]) == ["cat_1.png", "dog_1.png", "cat_1-2.png"]


def spoil(run, **changes):
    (path,) = run.folder.glob("data/*.items.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("../secret.png", "is no image below the folder"),
        ("cat/../../secret.png", "is no image below the folder"),
        ("/etc/secret.png", "is no image below the folder"),
        ("cat/key.pem", "is no image below the folder"),
        ("", "is no image below the folder"),
        ("cat/\0.png", "is no image below the folder"),
        ("cat/link.png", "leads out of"),
        ("cat/gone.png", "1 of 8 images are gone"),
        ("cat", "is no image below the folder"),
    ],
)
def test_nothing_outside_the_folder_is_copied_and_nothing_at_all_where_one_image_cannot_be(
    run, photos, tmp_path, cli, item, message
):
    (tmp_path / "secret.png").write_bytes(b"secret")
    (photos / "cat" / "link.png").symlink_to(tmp_path / "secret.png")
    spoil(run, items=[item, *ITEMS[1:]])
    code, _, err = cli("assignments", run.folder, "--copy-to", tmp_path / "sorted")
    assert code == 2
    assert message in err.splitlines()[-1]
    assert not (tmp_path / "sorted").exists()


def test_a_link_within_the_folder_is_followed(run, photos, tmp_path, cli):
    (photos / "cat" / "link.png").symlink_to(photos / "dog" / "0.png")
    spoil(run, items=["cat/link.png", *ITEMS[1:]])
    cli_ok(cli, "assignments", run.folder, "--method", "dec", "--copy-to", tmp_path / "sorted")
    assert (tmp_path / "sorted/dec/cluster_0/cat_link.png").read_text() == "dog/0.png"


def test_where_images_cannot_be_copied_from_or_to_is_said_in_a_line(run, photos, tmp_path, cli):
    def refused(*arguments):
        code, out, err = cli("assignments", *arguments)
        assert (code, out) == (2, "")
        return err.splitlines()[-1]

    assert "lies in" in refused(run.folder, "--copy-to", photos / "new")
    (tmp_path / "file").write_text("")
    assert "is no folder" in refused(run.folder, "--copy-to", tmp_path / "file")
    assert "cannot be written" in refused(run.folder, "--copy-to", tmp_path / "file" / "below")
    spoil(run, source=str(tmp_path / "elsewhere"))
    assert "is not there any more" in refused(run.folder, "--copy-to", tmp_path / "sorted")
    spoil(run, source=str(tmp_path / "file"))
    assert "is a file" in refused(run.folder, "--copy-to", tmp_path / "sorted")
    spoil(run, source=str(photos), items=ITEMS[:3])
    assert "do not fit its labels" in refused(run.folder, "--copy-to", tmp_path / "sorted")
    plain = run_of(tmp_path / "plain", [record("dec", 0, 0.5)], dataset(None))
    assert "has no files that the run knows of" in refused(plain.folder, "--copy-to", tmp_path / "sorted")
    assert not (tmp_path / "sorted").exists()


# What is refused


def test_what_there_is_not_is_refused_in_a_line_that_lists_what_there_is(run, tmp_path, cli):
    def refused(*arguments):
        code, out, err = cli("assignments", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)
        return err

    assert "--method foo: no such method in this run; it has dec, dec lr=2, kmeans" in refused(
        run.folder, "--method", "foo"
    )
    assert "--method : no such method" in refused(run.folder, "--method", "")
    assert "--dataset foo: no such data set in this run; it has photos" in refused(run.folder, "--dataset", "foo")
    assert "--seed 9: no such seed in this run; it has 0, 1, 2" in refused(run.folder, "--seed", "9", "--method", "d")
    assert "gave no labels: failed Boom: no" in refused(run.folder, "--method", "dec lr=2", "--seed", "0")
    assert "no run gave labels" in refused(run.folder, "--method", "dec lr=2")
    assert "not the folder of a run" in refused(tmp_path / "none")
    assert "must end with .csv or .parquet" in refused(run.folder, "--out", tmp_path / "t.xlsx")
    empty = run_of(tmp_path / "empty", [])
    assert "there are no runs; run the suite first" in refused(empty.folder)


def test_a_file_that_cannot_be_written_is_a_line_and_leaves_nothing(run, tmp_path, cli):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file" / "t.csv", tmp_path / "folder.csv"):
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        code, _, err = cli("assignments", run.folder, "--out", out)
        assert code == 2
        assert "cannot be written" in err.splitlines()[-1]
    assert not list(tmp_path.glob("*.partial"))


def test_runs_without_outputs_are_left_out_and_refused_where_there_are_no_others(run, cli):
    for path in (run.folder / "outputs").glob("dec*"):
        path.unlink()
    _, out, err = cli_ok(cli, "assignments", run.folder)
    assert {row["method"] for row in rows_of(out)} == {"kmeans"}
    assert "left out: dec on photos" in err
    code, _, err = cli("assignments", run.folder, "--method", "dec")
    assert (code, err.count("\n")) == (2, 1)
    assert "raw outputs cannot be read" in err


def test_damaged_names_count_as_none(run, cli):
    for damage in ("{", '{"dataset": 1}', "[]"):
        (path,) = run.folder.glob("data/*.items.json")
        path.write_text(damage)
        assert rows_of(cli_ok(cli, "assignments", run.folder)[1])[0]["item"] == "0"


@pytest.mark.parametrize(("source", "kept"), [("hf:ylecun/mnist:mnist#77f3279", True), ("photos", False), ("", False)])
def test_a_run_keeps_the_address_and_the_commit_that_its_points_came_from(tmp_path, source, kept):
    run, data = Run(tmp_path / "run"), replace(dataset(), source=source)
    run.write_dataset(data)
    assert str(run.dataset(data.fingerprint).get("source", "")) == (source if kept else "")
