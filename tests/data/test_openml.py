"""Data sets of OpenML, from the answers that scikit-learn keeps below the data root."""

import gzip
import hashlib
import json
import urllib.error

import numpy as np
import pytest

from bench.data.assemble import read_split
from bench.data.card import Card
from bench.data.cards import download_dataset, find_card, load_dataset
from tests.data.loading import refusal

IRIS = [(5.1, 3, "setosa"), (4.9, 3, "setosa"), (7.0, 1, "virginica"), (6.4, 2, "virginica")]
LENGTH, WIDTH = ("length", "numeric"), ("width", "numeric")
SPECIES = ("species", "{setosa,virginica}")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse every connection, as where there is no network; and do not wait between tries."""

    def refuse(*_args, **_kwargs):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)


def keep(root, data_id, columns, rows, targets=("species",), *, sparse=False, ignored=(), missing=()):
    """Keep a data set as scikit-learn does what it fetched: each answer of OpenML's, compressed, below its path."""
    lines = ["@RELATION own", *(f"@ATTRIBUTE {name} {kind}" for name, kind in columns), "@DATA"]
    if sparse:
        lines += ["{" + ",".join(f"{i} {v}" for i, v in enumerate(row) if v != 0) + "}" for row in rows]
    else:
        lines += [",".join(map(str, row)) for row in rows]
    arff = "\n".join(lines).encode() + b"\n"
    features = [
        {
            "index": str(index),
            "name": name,
            "data_type": "nominal" if kind.startswith("{") else kind,
            "is_target": str(name in targets).lower(),
            "is_ignore": str(name in ignored).lower(),
            "is_row_identifier": "false",
            "number_of_missing_values": str(int(name in missing)),
        }
        for index, (name, kind) in enumerate(columns)
    ]
    about = {
        "id": str(data_id),
        "name": "own",
        "version": "3",
        "description": "made by a test",
        "format": "Sparse_ARFF" if sparse else "ARFF",
        "status": "active",
        "url": f"https://www.openml.org/data/v1/download/{data_id}/own.arff",
        "md5_checksum": hashlib.md5(arff).hexdigest(),
    }
    answers = {
        f"api/v1/json/data/{data_id}": json.dumps({"data_set_description": about}).encode(),
        f"api/v1/json/data/features/{data_id}": json.dumps({"data_features": {"feature": features}}).encode(),
        f"api/v1/json/data/qualities/{data_id}": json.dumps(
            {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(float(len(rows)))}]}}
        ).encode(),
        f"data/v1/download/{data_id}/own.arff": arff,
    }
    for path, content in answers.items():
        file = root / "openml" / "openml.org" / f"{path}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(content))


def card_of(**parameters):
    return Card(name="own", loader="openml", parameters={"data_id": 61, **parameters})


def test_a_data_set_that_was_fetched_is_read_without_network(tmp_path):
    keep(tmp_path, 61, [LENGTH, WIDTH, SPECIES], IRIS)
    data = load_dataset("openml:61", data_root=tmp_path)
    assert data.name == "openml-61"
    np.testing.assert_allclose(data.x[:, 0], [0.2 / 2.1, 0, 1, 1.5 / 2.1], rtol=1e-5)
    assert data.y.tolist() == [0, 0, 1, 1]
    assert data.class_names == ("setosa", "virginica")


def test_the_same_table_from_a_file_has_the_same_points(tmp_path):
    import pandas as pd

    keep(tmp_path, 61, [LENGTH, WIDTH, SPECIES], IRIS)
    pd.DataFrame(IRIS, columns=["length", "width", "label"]).to_csv(tmp_path / "own.csv", index=False)
    data, same = load_dataset("openml:61", data_root=tmp_path), load_dataset(str(tmp_path / "own.csv"))
    np.testing.assert_array_equal(data.x, same.x)
    np.testing.assert_array_equal(data.y, same.y)


@pytest.mark.parametrize("names", [["10", "2", "9"], ["-1", "1", "+1"], ["'a b'", "c", "'1'"], ["01", "1", "1.0"]])
def test_classes_are_the_words_of_the_file_numbers_or_not(tmp_path, names):
    rows = [(i, i % 3, names[i % 3]) for i in range(6)]
    keep(tmp_path, 61, [LENGTH, WIDTH, ("kind", "{" + ",".join(names) + "}")], rows, targets=("kind",))
    raw = read_split(find_card("openml:61"), "all", tmp_path)
    assert raw.labels.tolist() == [name.strip("'") for name in names] * 2


def test_a_word_in_quotation_marks_is_the_word(tmp_path):
    keep(tmp_path, 61, [LENGTH, WIDTH, SPECIES], [*IRIS, (1, 2, "'setosa'")])
    assert load_dataset("openml:61", data_root=tmp_path).class_names == ("setosa", "virginica")


def test_mnist_of_openml_has_the_original_images(tmp_path, data_root):
    raw = data_root / "MNIST/raw"
    images = np.fromfile(raw / "train-images-idx3-ubyte", np.uint8, 50 * 784, offset=16).reshape(50, 28, 28)
    labels = np.fromfile(raw / "train-labels-idx1-ubyte", np.uint8, 50, offset=8)
    pixels = [(f"pixel{i + 1}", "numeric") for i in range(784)]
    rows = np.column_stack([images.reshape(50, -1), labels]).tolist()
    keep(tmp_path, 554, [*pixels, ("class", "{0,1,2,3,4,5,6,7,8,9}")], rows, targets=("class",))
    card = Card(name="own", loader="openml", scaling=255, shape=(28, 28), parameters={"data_id": 554})
    data = load_dataset(card, data_root=tmp_path)
    np.testing.assert_array_equal(data.x, (images / 255).astype(np.float32).reshape(50, -1))
    np.testing.assert_array_equal(data.y, labels)
    assert data.image_shape == (28, 28)


def test_a_card_names_the_labels_and_what_to_leave_out(tmp_path):
    columns = [LENGTH, WIDTH, ("colour", "{red,blue}"), SPECIES]
    rows = [(*row[:2], "red" if i % 2 else "blue", row[2]) for i, row in enumerate(IRIS)]
    keep(tmp_path, 61, columns, rows)
    message = refusal(load_dataset, "openml:61", data_root=tmp_path)
    assert "1 of 3 features are nominal or text (colour)" in message
    assert load_dataset(card_of(ignore=["colour"]), data_root=tmp_path).x.shape == (4, 2)
    by_colour = load_dataset(card_of(label="colour", ignore=["species"]), data_root=tmp_path)
    assert by_colour.class_names == ("blue", "red")
    assert "has no column 'size'" in refusal(load_dataset, card_of(label="size"), data_root=tmp_path)
    assert "has no column 'size'" in refusal(load_dataset, card_of(ignore=["size"]), data_root=tmp_path)


def test_columns_that_openml_ignores_are_left_out(tmp_path):
    keep(tmp_path, 61, [LENGTH, WIDTH, SPECIES], IRIS, ignored=("width",))
    assert load_dataset("openml:61", data_root=tmp_path).x.shape == (4, 1)


def test_a_quantity_is_no_class_unless_a_card_says_so(tmp_path):
    keep(tmp_path, 61, [LENGTH, WIDTH, ("price", "numeric")], [(1, 2, 3), (2, 1, 4), (5, 1, 4)], targets=("price",))
    assert "its default target 'price' is a quantity" in refusal(load_dataset, "openml:61", data_root=tmp_path)
    assert load_dataset(card_of(label="price"), data_root=tmp_path).n_clusters == 2


def test_several_targets_are_refused_and_none_is_data_without_labels(tmp_path):
    keep(tmp_path, 61, [LENGTH, ("a", "{0,1}"), ("b", "{0,1}")], [(1, 0, 1), (2, 1, 1)], targets=("a", "b"))
    assert "has 2 targets, a, b; name one" in refusal(load_dataset, "openml:61", data_root=tmp_path)
    keep(tmp_path, 62, [LENGTH, WIDTH], [(1, 0), (2, 1)], targets=())
    assert load_dataset("openml:62", data_root=tmp_path, n_clusters=2).y is None


def test_labels_may_be_refused(tmp_path):
    keep(tmp_path, 61, [LENGTH, WIDTH, SPECIES], IRIS)
    data = load_dataset(card_of(label="none", ignore=["species"]), data_root=tmp_path, n_clusters=2)
    assert data.y is None
    assert data.x.shape == (4, 2)
    assert "nominal or text (species)" in refusal(load_dataset, "openml:61", data_root=tmp_path, label="none")


def test_missing_values_are_refused_with_their_column(tmp_path):
    keep(tmp_path, 61, [LENGTH, WIDTH, SPECIES], [(1, "?", "setosa"), (2, 3, "virginica")])
    assert "the first in row 0, column 'width'" in refusal(load_dataset, "openml:61", data_root=tmp_path)
    keep(tmp_path, 62, [LENGTH, SPECIES], [(1, "?"), (2, "virginica")], missing=("species",))
    assert "'species' has 1 missing values" in refusal(load_dataset, "openml:62", data_root=tmp_path)


def test_a_sparse_table_is_made_dense_with_a_warning(tmp_path, monkeypatch):
    rows = [(0, 2, "yes"), (4, 0, "no"), (0, 1, "yes")]
    keep(tmp_path, 61, [LENGTH, WIDTH, ("good", "{no,yes}")], rows, targets=("good",), sparse=True)
    with pytest.warns(RuntimeWarning, match="is sparse; made dense it takes 0.0 MB"):
        data = load_dataset("openml:61", data_root=tmp_path)
    np.testing.assert_array_equal(data.x, [[0, 1], [1, 0], [0, 0.5]])
    assert data.class_names == ("no", "yes")
    monkeypatch.setattr("bench.data.readers.openml._MOST", 40)
    assert "made dense would take" in refusal(load_dataset, "openml:61", data_root=tmp_path)


def test_a_nominal_feature_of_a_sparse_table_is_not_taken_for_a_number(tmp_path):
    rows = [(0, "a", "yes"), (4, "b", "no")]
    keep(tmp_path, 61, [LENGTH, ("kind", "{a,b}"), ("good", "{no,yes}")], rows, targets=("good",), sparse=True)
    assert "nominal or text (kind)" in refusal(load_dataset, "openml:61", data_root=tmp_path)


@pytest.mark.parametrize(
    "spec", ["openml:", "openml:mnist_784", "openml:0", "openml:-3", "openml:1.5", "openml:5 ", "openml:007"]
)
def test_what_is_no_number_is_refused(spec):
    message = refusal(load_dataset, spec)
    assert spec in message
    assert "such as openml:554" in message


def test_a_split_is_refused(tmp_path):
    keep(tmp_path, 61, [LENGTH, WIDTH, SPECIES], IRIS)
    assert "has no split 'train'" in refusal(load_dataset, "openml:61@train", data_root=tmp_path)


@pytest.mark.filterwarnings("ignore:A network error")
def test_without_network_the_line_says_how_to_get_the_data(tmp_path):
    for call in (load_dataset, download_dataset):
        message = refusal(call, "openml:554", data_root=tmp_path)
        assert f"not, or not wholly, in {tmp_path / 'openml'}, and OpenML cannot be reached (no network" in message
        assert "`deepclustbench datasets --download openml:554`" in message


def test_an_unknown_number_is_refused(tmp_path, monkeypatch):
    def unknown(request, **_):
        raise urllib.error.HTTPError(request.full_url, 412, "PRECONDITION FAILED", {}, None)

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", unknown)
    message = refusal(load_dataset, "openml:99999999", data_root=tmp_path)
    assert "Dataset with data_id 99999999 not found" in message
    assert "see that the number is right" in message


@pytest.mark.filterwarnings("ignore:A network error", "ignore:Invalid cache")
def test_a_damaged_file_is_not_read(tmp_path):
    keep(tmp_path, 61, [LENGTH, WIDTH, SPECIES], IRIS)
    file = tmp_path / "openml/openml.org/data/v1/download/61/own.arff.gz"
    file.write_bytes(gzip.compress(b"@RELATION other\n"))
    assert "not, or not wholly, in" in refusal(load_dataset, "openml:61", data_root=tmp_path)


def test_kept_data_need_no_download(tmp_path):
    keep(tmp_path, 61, [LENGTH, WIDTH, SPECIES], IRIS)
    assert download_dataset("openml:61", tmp_path) == tmp_path / "openml"
    assert find_card("openml:61").name == "openml-61"
