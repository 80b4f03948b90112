"""Unusual tables: each is read correctly or refused in one line."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_iris

from tests.data.loading import load_refusal, load_with_warnings

IRIS = load_iris()
NAMES = ["setosa", "versicolor", "virginica"]


@pytest.fixture
def written(tmp_path):
    """Write a text under a name and return its path."""

    def write(text, name="t.csv"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / name

    return write


@pytest.fixture(scope="module")
def iris_rows():
    return "".join(f"{','.join(map(str, x))},Iris-{NAMES[y]}\n" for x, y in zip(IRIS.data, IRIS.target, strict=True))


def assert_is_iris(data):
    span = np.ptp(IRIS.data, axis=0)
    np.testing.assert_array_equal(data.x, ((IRIS.data - IRIS.data.min(axis=0)) / span).astype(np.float32))
    np.testing.assert_array_equal(data.y, IRIS.target)


@pytest.mark.parametrize("label", [-1, 4])
def test_iris_as_uci_has_it_keeps_its_first_flower(written, iris_rows, label):
    data, warned = load_with_warnings(written(iris_rows, "iris.data"), label=label)
    assert_is_iris(data)
    assert data.class_names == ("Iris-setosa", "Iris-versicolor", "Iris-virginica")
    assert "first row is taken for a point" in warned
    assert "first row" not in load_with_warnings(written(iris_rows, "iris.data"), label=label, header="none")[1]


def test_words_without_a_header_are_pointed_to_as_labels(written, iris_rows):
    assert "column 4 is not numeric: 'Iris-setosa' in row 0" in load_refusal(written(iris_rows, "iris.data"))


@pytest.mark.parametrize(
    ("name", "separator", "option"),
    [
        ("t.csv", ",", None),
        ("t.tsv", "\t", None),
        ("t.txt", "  ", None),
        ("t.dat", ",", None),
        ("t.csv", ";", ";"),
        ("t.csv", "\t", "tab"),
        ("t.csv", " ", "space"),
        ("t.txt", "|", "|"),
    ],
)
def test_every_separator_gives_the_same_points(written, name, separator, option):
    header = separator.join([*"abcd", "label"])
    rows = [separator.join([*map(str, x), NAMES[y]]) for x, y in zip(IRIS.data, IRIS.target, strict=True)]
    data, _ = load_with_warnings(written("\n".join([header, *rows]), name), separator=option)
    assert_is_iris(data)


@pytest.mark.parametrize("compressed", [".gz", ".bz2", ".xz"])
def test_a_compressed_table_is_the_table(tmp_path, compressed):
    frame = pd.DataFrame(IRIS.data, columns=list("abcd")).assign(label=IRIS.target)
    frame.to_csv(tmp_path / f"t.csv{compressed}", index=False)
    data, _ = load_with_warnings(tmp_path / f"t.csv{compressed}")
    assert_is_iris(data)
    assert data.name == "t"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_spreadsheets_write_before_a_text_is_no_part_of_a_name(written, encoding):
    data, _ = load_with_warnings(written("label,größe\nx,1\ny,2\nx,3\n".encode(encoding)))
    assert data.n_clusters == 2


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("1.5,2\n3,4\n5,7\n", 3),  # no header: the first row is a point
        ("a,b\n1.5,2\n3,4\n", 2),
        ("# a,b\n1.5,2\n3,4\n", 2),  # numpy.savetxt comments its header out
        ("\n\na,b\n1.5,2\n\n3,4\n", 2),
        ("a,b,\n1.5,2,\n3,4,\n", 2),  # a separator at the end of each line
        ('"a","b"\n"1","1.5","2"\n"2","3","4"\n', 2),  # R's names of rows
        ("a,b\nr1,1.5,2\nr2,3,4\n", 2),
        ("a , b\n 1.5 , 2\n 3 , 4\n", 2),
    ],
)
def test_no_row_is_lost_and_none_made_up(written, text, points):
    data, _ = load_with_warnings(written(text), n_clusters=2)
    assert data.x.shape == (points, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1,2\n.1,.2,.3\n.4,.1,.6\n", "are these the names of the columns or a point: 0, 1, 2"),
        ("2019,2020,2021\n1,5,2\n7,3,9\n", "or a point: 2019, 2020, 2021"),
        ("2019,2020,total\n1,5,6\n7,3,10\n", "2019, 2020, total (some of them numbers)"),
        ("a,b,c\n1,2,3,4\n5,6,7,8\n", "its header names 3 columns and its rows have 4 values"),
        ("a,b,c,d\n1,2,3\n5,6,7\n", "its header names 4 columns and its rows have 3 values"),
        ("a,a\n1,2\n3,4\n", "two columns are named 'a'"),
        (",a\n0,1\n1,2\n2,5\n", "has no name, as a saved row index has none"),
        ("id,a\n" + "".join(f"{i},{i % 3}\n" for i in range(12)), "column 'id' numbers the rows"),
        ("a,class\n1,0\n2,1\n3,0\n", "column 'class' looks like labels; say label = 'class'"),
        ("a,Target\n1,0\n2,1\n3,0\n", "--label Target"),
        ("label,y\n1,0\n2,1\n1,0\n", "columns label, y look like labels"),
        ("a;b\n1;2\n3;4\n", "separated by semicolons? say --separator ';'"),
        ("a\tb\n1\t2\n3\t4\n", "separated by tabs? say --separator tab"),
        ("1 2\n3 4\n", "separated by spaces? say --separator space"),
        ("a,b\n1,2\n3,?\n5,6\n", "'?' in row 1 (counted from 0); if that is a missing value, missing = '?'"),
        ("a,b\n1,2\n3,\n5,6\n", "NaN or infinite, the first in row 1, column 'b'"),
        ("a,b\n1,2\n3,inf\n5,6\n", "NaN or infinite, the first in row 1, column 'b'"),
        ("a,b\n1,2\n3\n5,6\n", "row 2 has 1 values where row 1 has 2"),
        ('a,b\n1,"2,5"\n3,"4,5"\n', "column 'b' is not numeric: '2,5' has a decimal comma"),
        ("a,b\n1,2020-01-01\n3,2020-01-02\n", "column 'b' is not numeric"),
        ("# only\n# comments\n", "holds no values"),
        ("\n\n", "holds no values"),
        (b"a,b\n1,2\n\xe4,4\n", "UnicodeDecodeError"),
        (b"a,b\n\x00\x01,2\n3,4\n", "is no text"),
        ("label,a\n" + "".join(f"{i * 7},{i % 5}\n" for i in range(30)), "30 different labels"),
        ("label,a\n0.5,1\n1.5,2\n", "labels are not whole numbers"),
        ("label,a\nx,1\n,2\n", "lacks 1 labels, the first in row 1"),
        ("label,a\nx,1\n?,2\n", "labels are missing, the first in row 1"),
    ],
)
def test_ambiguous_tables_are_refused_in_one_line(written, text, message):
    assert message in load_refusal(written(text), n_clusters=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "colour"}, "has no column 'colour'; its columns are a, b"),
        ({"label": 2}, "has no column 2; it has 2, 0 to 1"),
        ({"label": -3}, "has no column -3"),
        ({"separator": ";;"}, "separator ';;' is not one character"),
    ],
)
def test_options_that_do_not_fit_a_table_are_refused(written, options, message):
    assert message in load_refusal(written("a,b\n1,2\n3,4\n"), n_clusters=2, **options)


def test_labels_are_taken_by_name_by_position_or_not_at_all(written):
    path = written("class,a,b\n1,.5,.25\n2,.25,1\n1,0,.5\n")
    for label in ("class", 0, -3):
        assert load_with_warnings(path, label=label)[0].x.shape == (3, 2)
        assert load_with_warnings(path, label=label)[0].class_names == ("1", "2")
    assert load_with_warnings(path, label="none", n_clusters=2)[0].x.shape == (3, 3)


def test_coordinates_named_x_and_y_are_no_labels(written):
    assert load_with_warnings(written("x,y\n1.5,2\n3,4\n5,7\n"), n_clusters=2)[0].x.shape == (3, 2)


def test_a_column_of_few_whole_numbers_among_fractions_is_pointed_to(tmp_path):
    table = np.column_stack([IRIS.target, IRIS.data])
    np.savetxt(tmp_path / "Plane_TRAIN.tsv", table, delimiter="\t")
    _, warned = load_with_warnings(tmp_path / "Plane_TRAIN.tsv", n_clusters=3)
    assert "column 0 alone holds whole numbers, 3 of them: labels? --label 0" in warned
    assert_is_iris(load_with_warnings(tmp_path / "Plane_TRAIN.tsv", label=0)[0])


def test_rows_with_a_value_missing_are_left_out_where_a_card_says_what_missing_is(written, tmp_path):
    written("a,b,label\n1,3.5,x\n2,?,y\n3,1.5,x\n4,2.5,y\n")
    card = tmp_path / "c.toml"
    card.write_text('name = "c"\nloader = "table"\nparameters.path = "t.csv"\nparameters.missing = "?"\n')
    data, warned = load_with_warnings(card)
    assert "1 of 4 rows are left out, for a value is missing in each" in warned
    assert data.items.tolist() == ["0", "2", "3"]
    assert data.y.tolist() == [0, 0, 1]


def test_clustering_benchmarks_keep_labels_beside_the_data_and_noise_as_zero(tmp_path):
    for name, values in (
        ("hepta.data.gz", IRIS.data),
        ("hepta.labels0.gz", np.where(IRIS.target == 2, 0, IRIS.target + 1)),
    ):
        with gzip.open(tmp_path / name, "wt") as file:
            np.savetxt(file, values, fmt="%g")
    data, warned = load_with_warnings(tmp_path / "hepta.data.gz")
    assert data.n_clusters == 2
    np.testing.assert_array_equal(data.y, np.where(IRIS.target == 2, -1, IRIS.target))
    assert "50 of 150 points have a label of noise" in warned


def test_a_header_that_names_few_of_many_columns_costs_none_of_them(tmp_path):
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        np.savetxt(file, np.random.default_rng(0).random((60, 16)), delimiter=",", header="a,b", comments="")
    data, warned = load_with_warnings(tmp_path / "t.csv.gz", n_clusters=3)
    assert data.x.shape == (60, 16)
    assert "its header names 2 columns and its rows have 16 values" in warned


def test_options_for_paths_are_refused_for_data_with_a_card():
    assert "--label class says how a file is read" in load_refusal("digits", label="class")


WHOLE = arrays(np.int64, st.tuples(st.integers(4, 12), st.integers(1, 4)), elements=st.integers(0, 100))


@given(table=WHOLE)
def test_the_type_that_numbers_are_stored_in_changes_nothing(table, tmp_path_factory):
    if table.min() == table.max():
        return
    folder = tmp_path_factory.mktemp("types")
    fingerprints = set()
    for kind in ("u1", "i1", "i8", ">i4", "f2", "f4", ">f4", "f8", ">f8", "u2"):
        path = folder / f"{kind.replace('>', 'big')}.npy"
        np.save(path, table.astype(kind))
        data, _ = load_with_warnings(path, n_clusters=2)
        fingerprints.add((data.fingerprint, data.x.tobytes()))
    assert len(fingerprints) == 1


@given(table=WHOLE.map(lambda table: table / 8))
def test_the_format_of_a_table_changes_nothing(table, tmp_path_factory):
    if table.min() == table.max():
        return
    folder = tmp_path_factory.mktemp("formats")
    frame = pd.DataFrame(table, columns=[f"c{i}" for i in range(table.shape[1])])
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_csv(folder / "t.tsv", index=False, sep="\t")
    frame.to_csv(folder / "t.txt", index=False, sep=" ")
    frame.to_parquet(folder / "t.parquet")
    np.save(folder / "t.npy", table)
    datasets = [
        load_with_warnings(folder / f"t.{kind}", n_clusters=2)[0] for kind in ("csv", "tsv", "txt", "parquet", "npy")
    ]
    assert len({data.fingerprint for data in datasets}) == 1


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_splits_are_not_joined_where_their_columns_differ(tmp_path, kind):
    frame = pd.DataFrame(IRIS.data[:, :2], columns=["a", "b"]).assign(label=IRIS.target)
    write = {"csv": lambda f, p: f.to_csv(p, index=False), "parquet": lambda f, p: f.to_parquet(p)}[kind]
    write(frame[:75], tmp_path / f"train.{kind}")
    write(frame[75:][["b", "a", "label"]], tmp_path / f"test.{kind}")
    card = tmp_path / "c.toml"
    paths = f'path = {{train = "train.{kind}", test = "test.{kind}"}}'
    card.write_text(f'name = "c"\nloader = "table"\nsplits = ["train", "test"]\n[parameters]\n{paths}\n')
    assert "split 'test' has the column 'b' where 'train' has 'a'" in load_refusal(card)


def test_values_in_quotes_are_values_whatever_separates_them(written):
    frame = pd.DataFrame(IRIS.data, columns=list("abcd")).assign(label=[NAMES[y] for y in IRIS.target])
    for separator in (",", " ", "\t"):
        text = frame.to_csv(None, sep=separator, index=False, quoting=1)
        assert_is_iris(load_with_warnings(written(text, "t.txt"))[0])
    rows = "\n".join(f'"{a}" "{b}"' for a, b in IRIS.data[:, :2])
    assert len(load_with_warnings(written(rows, "t.txt"), n_clusters=3)[0].x) == 150


def test_a_tab_in_a_text_separates_so_that_empty_values_are_seen(written):
    assert "NaN or infinite" in load_refusal(written("1\t2\t5\n4\t\t6\n7\t8\t9\n", "t.txt"), n_clusters=2)
    data, _ = load_with_warnings(written("len cm\tlabel\n1\tnew york\n2\tparis\n3\tnew york\n", "t.txt"))
    assert data.class_names == ("new york", "paris")


def test_excels_line_of_the_separator_is_heeded_and_decimal_commas_are_named(written):
    assert len(load_with_warnings(written("sep=;\na;b\n1;2\n3;4\n5;7\n"), n_clusters=2)[0].x) == 3
    assert "has a decimal comma; write decimal points" in load_refusal(
        written("a;b\n1,5;2,5\n3,5;4,5\n"), separator=";", n_clusters=2
    )


def test_names_of_rows_are_unique_in_the_whole_column(written):
    rows = [f"r{i % 60},{i * 0.1},{i % 7}" for i in range(120)]
    assert "values that occur twice" in load_refusal(written("a,b\n" + "\n".join(rows)), n_clusters=2)


@pytest.mark.parametrize("ids", [range(1, 31), range(40, 10, -1), [i * i for i in range(30)]])
def test_a_column_that_numbers_the_rows_is_no_feature(written, ids):
    text = "id,a,label\n" + "\n".join(f"{i},{n % 4},{n % 2}" for n, i in enumerate(ids))
    assert "column 'id' numbers the rows" in load_refusal(written(text))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_stands_for_missing_does_so_in_every_format_but_not_in_ignored_columns(tmp_path, kind):
    frame = pd.DataFrame({"a": [1.0, -999, 3, 4], "note": ["", "", "x", ""], "label": ["u", "v", "u", "v"]})
    write = {"csv": lambda f, p: f.to_csv(p, index=False), "parquet": lambda f, p: f.to_parquet(p)}[kind]
    write(frame, tmp_path / f"t.{kind}")
    card = tmp_path / "c.toml"
    card.write_text(
        f'name = "c"\nloader = "table"\n[parameters]\npath = "t.{kind}"\nmissing = ["-999", ""]\nignore = ["note"]\n'
    )
    data, _ = load_with_warnings(card)
    assert data.items.tolist() == ["0", "2", "3"]


def test_an_index_with_a_name_is_a_column_of_parquet(tmp_path):
    frame = pd.DataFrame(IRIS.data, columns=list("abcd"), index=pd.Index(IRIS.target, name="label"))
    frame.to_parquet(tmp_path / "t.parquet")
    assert_is_iris(load_with_warnings(tmp_path / "t.parquet")[0])
    assert "is no text" in load_refusal(tmp_path / "t.parquet", header="none")


def test_one_class_beside_noise_is_one_class(tmp_path):
    for name, values in (("k.data", IRIS.data), ("k.labels0", IRIS.target.clip(0, 1))):
        np.savetxt(tmp_path / name, values, fmt="%g")
    data, _ = load_with_warnings(tmp_path / "k.data", n_clusters=2)
    assert data.class_names == ("1",)
    assert (data.y == -1).sum() == 50


@pytest.mark.parametrize("mark", ["\x0c", "\u2028", "\x1c"])
def test_only_line_ends_end_lines(written, mark):
    rows = "\n".join(f"{i * 0.3},{i * 1.5}" for i in range(20))
    assert len(load_with_warnings(written(f"# a{mark}b\n{rows}"), n_clusters=2)[0].x) == 20
