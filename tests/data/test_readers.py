"""Readers: each reads its format, and damaged data are refused in one line that names the file."""

import bz2
import inspect
import struct

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.data.card import Card
from bench.data.cards import card_rows, find_card, load_dataset
from bench.data.readers import KIND_OF_SUFFIX, READERS, parameters_of, reader_module
from tests.data.loading import load_refusal

X = np.array([[0.0, 10.0], [1.0, 20.0], [2.0, 30.0], [3.0, 50.0]])
Y = np.array([0, 0, 1, 1])


@pytest.mark.parametrize("kind", READERS)
def test_every_kind_in_the_table_has_a_module_that_loads(kind):
    names = inspect.signature(reader_module(kind).load).parameters
    assert next(iter(names)) == "request"
    assert all(name in names for name in parameters_of(kind))


def test_no_suffix_belongs_to_two_kinds():
    assert len(KIND_OF_SUFFIX) == sum(len(reader.suffixes) for reader in READERS.values())


def idx(array: np.ndarray) -> bytes:
    """Encode bytes in the format of the MNIST files."""
    return struct.pack(f">{array.ndim + 1}I", 0x0800 + array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def small_mnist(tmp_path):
    """Six and four images of 4 x 3 in MNIST's layout, and a card without fingerprints for them."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10, 4, 3), dtype=np.uint8)
    labels = np.arange(10, dtype=np.uint8) % 2
    for prefix, part in (("train", slice(0, 6)), ("t10k", slice(6, 10))):
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(idx(images[part]))
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels[part]))
    card = Card(name="small", loader="torchvision:MNIST", splits=("train", "test"), scaling="uint8")
    return card, tmp_path, images, labels


def test_idx_files_are_read_train_before_test(small_mnist):
    card, root, images, labels = small_mnist
    data = load_dataset(card, data_root=root)
    np.testing.assert_array_equal(data.x, (images.reshape(10, 12) / 255).astype(np.float32))
    np.testing.assert_array_equal(data.y, labels)
    assert data.image_shape == (4, 3)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
@pytest.mark.parametrize("keep", [0, 3, 9, -1])
def test_a_truncated_idx_file_is_refused(small_mnist, name, keep):
    card, root, *_ = small_mnist
    path = root / "MNIST" / "raw" / name
    path.write_bytes(path.read_bytes()[:keep])
    message = load_refusal(card, data_root=root)
    assert name in message
    assert "the files are damaged: delete" in message


def test_idx_labels_of_another_length_are_refused(small_mnist):
    card, root, *_ = small_mnist
    (root / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(idx(np.zeros(5, dtype=np.uint8)))
    assert "6 points but 5 labels" in load_refusal(card, data_root=root)


def test_missing_files_are_named_with_where_and_how_to_fetch(small_mnist):
    card, root, *_ = small_mnist
    (root / "MNIST" / "raw" / "t10k-images-idx3-ubyte").unlink()
    message = load_refusal(card, data_root=root)
    for part in (
        "t10k-images-idx3-ubyte",
        str(root / "MNIST"),
        "datasets --download small",
        "DEEPCLUSTBENCH_DATA",
    ):
        assert part in message


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist", "usps", "cifar10", "stl10"])
def test_an_empty_data_root_is_a_clear_refusal(name, tmp_path):
    message = load_refusal(name, data_root=tmp_path / "none")
    assert str(tmp_path) in message
    assert f"--download {name}" in message


def test_a_foreign_file_under_mnists_name_is_refused_by_its_fingerprint(small_mnist):
    _, root, *_ = small_mnist
    message = load_refusal("mnist", data_root=root)
    assert "split 'train'" in message
    assert "expected fingerprint d8c65b284d5a" in message


@pytest.mark.parametrize("folder", ["USPS", "."])
def test_usps_is_found_in_its_folder_and_beside_the_others(folder, tmp_path):
    (tmp_path / folder).mkdir(exist_ok=True)
    for name, label in (("usps.bz2", 1), ("usps.t.bz2", 2)):
        lines = [f"{label} " + " ".join(f"{i}:{value}" for i in range(1, 257)) for value in (-1, 1)]
        (tmp_path / folder / name).write_bytes(bz2.compress("\n".join(lines).encode()))
    card = Card(name="u", loader="torchvision:USPS", splits=("train", "test"), classes=("0", "1"))
    data = load_dataset(card, data_root=tmp_path)
    assert data.x[:, 0].tolist() == [0, 1, 0, 1]
    assert data.y.tolist() == [0, 0, 1, 1]
    path = tmp_path / folder / "usps.t.bz2"
    path.write_bytes(path.read_bytes()[:-8])
    assert "usps.t.bz2" in load_refusal(card, data_root=tmp_path)


def test_damaged_cifar_and_stl_files_are_refused(tmp_path):
    for folder, names in (
        ("cifar-10-batches-py", [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"]),
        ("stl10_binary", ["train_X.bin", "train_y.bin", "unlabeled_X.bin", "test_X.bin", "test_y.bin"]),
    ):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_bytes(b"not this")
    for name in ("cifar10", "stl10"):
        assert "the files are damaged" in load_refusal(name, data_root=tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "usps"])
def test_whole_data_sets_match_their_cards(name, data_root):
    card = find_card(name)
    assert "unknown" not in card.fingerprint.values()
    data = load_dataset(name, data_root=data_root, limit=2000)  # verified whole, then limited
    assert data.x.shape == (2000, np.prod(card.shape))
    assert (data.x.min(), data.x.max()) == (0, 1)
    assert set(data.y) == set(range(10))
    assert {row["name"]: row["present"] for row in card_rows(data_root)}[name]


def test_arrays_keep_labels_and_image_shape(tmp_path):
    images = np.arange(0, 240, 5, dtype=np.uint8).reshape(4, 2, 2, 3)
    np.savez(tmp_path / "my data.npz", x=images, y=np.array(["dog", "cat", "dog", "cat"]))
    data = load_dataset(str(tmp_path / "my data.npz"))
    assert (data.name, data.image_shape, data.class_names) == ("my-data", (2, 2, 3), ("cat", "dog"))
    np.testing.assert_array_equal(data.x, (images.reshape(4, 12) / 255).astype(np.float32))
    assert data.y.tolist() == [1, 0, 1, 0]


def test_points_without_labels_need_the_number_of_clusters(tmp_path):
    np.save(tmp_path / "x.npy", X)
    assert "give --clusters" in load_refusal(tmp_path / "x.npy")
    data = load_dataset(str(tmp_path / "x.npy"), n_clusters=2)
    assert data.y is None
    assert data.class_names is None
    assert data.x[:, 1].tolist() == [0, 0.25, 0.5, 1]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X, "b": X, "y": Y}, "holds a (4, 2), b (4, 2), y (4,): a and b could each be the points"),
        ({"x": X.astype(object)}, "objects are not read"),
        ({"x": X, "y": np.array([0, None, 1, 1])}, "objects are not read"),
        ({"x": X, "y": Y[:3]}, "4 points but 3 labels"),
        ({"x": X, "y": Y + 0.5}, "4 labels are not whole numbers, the first in row 0"),
        ({"x": X[:, 0], "y": Y}, "points have shape (4,); give (n, features)"),
        ({"x": X[0, 0], "y": Y}, "points have shape ()"),
        ({"x": np.zeros((4, 3, 8, 8)), "y": Y}, "with 1, 3 or 4 channels"),
        ({"x": X[:0], "y": Y[:0]}, "holds no values"),
        ({"x": X[:1], "y": Y[:1]}, "has one point"),
        ({"x": X.astype(str), "y": Y}, "not numbers"),
        ({"x": X + 1j, "y": Y}, "not numbers"),
        ({"x": np.full((4, 2), 7), "y": Y}, "all values equal 7"),
        ({"x": X, "y": np.zeros(4, dtype=int)}, "1 cluster is not a clustering"),
        (
            {"x": np.where(X > 20, np.nan, X), "y": Y},
            "2 values are NaN or infinite, the first in row 2, column 1",
        ),
        (
            {"x": np.where(X == 3, -np.inf, X), "y": Y},
            "1 values are NaN or infinite, the first in row 3, column 0",
        ),
    ],
)
def test_unfit_arrays_are_refused_in_one_line(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    refused = load_refusal(tmp_path / "a.npz")
    assert message in refused
    assert "a.npz" in refused


@pytest.mark.parametrize("name", ["a.npz", "a.npy"])
@pytest.mark.parametrize("keep", [0, 5, 60, -30])
def test_a_truncated_array_file_is_refused(tmp_path, name, keep):
    path = tmp_path / name
    (np.savez(path, x=X, y=Y) if name.endswith("z") else np.save(path, X))
    path.write_bytes(path.read_bytes()[:keep])
    assert str(path) in load_refusal(path, n_clusters=2)


def test_a_table_takes_the_named_label_column_and_drops_ignored_ones(tmp_path):
    frame = pd.DataFrame({"id": list("wxyz"), "a": X[:, 0], "b": X[:, 1], "kind": ["u", "v", "v", "u"]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    parameters = {"label": "kind", "ignore": ["id"]}
    for name in ("t.csv", "t.parquet"):
        path = str(tmp_path / name)
        data = load_dataset(Card(name="t", loader="table", parameters={"path": path, **parameters}))
        assert data.x.T.tolist() == [[0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1], [0, 0.25, 0.5, 1]]
        assert data.y.tolist() == [0, 1, 1, 0]
        assert data.class_names == ("u", "v")


def test_a_column_called_label_is_the_label(tmp_path):
    pd.DataFrame({"a": [1, 2, 4, 8], "label": [1, 2, 2, 1]}).to_csv(tmp_path / "t.csv", index=False)
    data = load_dataset(str(tmp_path / "t.csv"))
    assert data.x.shape == (4, 1)
    assert data.class_names == ("1", "2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,word\n1,x\n2,y\n", "column 'word' is not numeric: 'x' in row 0"),
        ("a,b\n1,2\n3,\n", "1 values are NaN or infinite, the first in row 1, column 'b'"),
        ("a,label\n1,0\n2,\n3,1\n", "column 'label' lacks 1 labels, the first in row 1"),
        (",a\n0,1\n1,2\n", "as a saved row index has none"),
        ("a,b\n1,2\n1,2,3,4\n", "row 2 has 4 values where row 1 has 2"),
        ("", "holds no values"),
        ("a,b\n", "holds no values"),
        ("label\n1\n2\n", "no column of features beside that of labels"),
    ],
)
def test_unfit_tables_are_refused_by_row_and_column(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    refused = load_refusal(tmp_path / "t.csv", n_clusters=2)
    assert message in refused
    assert "t.csv" in refused


def test_missing_values_and_truncation_in_parquet_are_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [1.0, 2.0, 3.0]}).to_parquet(path)
    assert "row 1, column 'a'" in load_refusal(path, n_clusters=2)
    path.write_bytes(path.read_bytes()[:-20])
    assert "t.parquet: cannot be read" in load_refusal(path, n_clusters=2)


def test_a_missing_label_column_is_refused_with_the_columns(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
    card = Card(name="t", loader="table", parameters={"path": str(tmp_path / "t.csv"), "label": "kind"})
    assert "has no column 'kind'; its columns are a, b" in load_refusal(card)


@pytest.fixture
def pictures(tmp_path):
    """Return a function that saves a plain image of a grey or colour value under tmp_path/pictures."""

    def save(name: str, value, size=(3, 2), mode="L") -> None:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, value).save(path)

    save.root = tmp_path / "pictures"
    save.root.mkdir()
    return save


def test_a_folder_of_images_has_its_sub_folders_as_classes(pictures):
    for name, value in (("b/2.png", 255), ("b/1.png", 51), ("a/9.png", 0)):
        pictures(name, value)
    (pictures.root / "a" / "notes.txt").write_text("not an image")
    data = load_dataset(str(pictures.root))
    assert (data.name, data.image_shape, data.class_names) == ("pictures", (2, 3), ("a", "b"))
    assert data.x[:, 0].tolist() == pytest.approx([0, 0.2, 1])
    assert data.y.tolist() == [0, 1, 1]


def test_images_come_in_sorted_order_not_the_folders(pictures):
    for value in (5, 2, 8, 0, 7, 3, 1, 6, 4):
        pictures(f"{value}.png", value * 30)
    data = load_dataset(str(pictures.root), n_clusters=2)
    assert (data.x[:, 0] * 255).round().tolist() == list(range(0, 270, 30))
    assert data.items.tolist() == [f"{value}.png" for value in range(9)]


def test_loose_images_are_unlabelled_and_one_in_colour_makes_all_so(pictures):
    pictures("1.png", 0)
    pictures("2.png", (255, 0, 51), mode="RGB")
    data = load_dataset(str(pictures.root), n_clusters=2)
    assert data.y is None
    assert data.image_shape == (2, 3, 3)
    assert data.x[1, :3].tolist() == pytest.approx([1, 0, 0.2])


def test_images_of_another_size_are_refused_or_resized(pictures):
    pictures("1.png", 0)
    pictures("2.png", 255, size=(5, 5))
    assert "2.png: is 5 x 5 (height x width) where 1.png is 2 x 3" in load_refusal(pictures.root, n_clusters=2)
    parameters = {"path": str(pictures.root), "resize": [4, 6]}
    data = load_dataset(Card(name="p", loader="image_folder", n_clusters=2, parameters=parameters))
    assert data.image_shape == (4, 6)
    assert data.x.mean(axis=1).tolist() == [0, 1]


def test_unfit_image_folders_are_refused(pictures):
    assert "holds no images" in load_refusal(pictures.root)
    pictures("a/1.png", 0)
    (pictures.root / "b").mkdir()
    assert "b: holds no images; remove the folder or fill it" in load_refusal(pictures.root)
    pictures("b/1.png", 255)
    pictures("3.png", 255)
    assert "3.png: lies beside class folders" in load_refusal(pictures.root)


def test_damaged_and_deep_images_are_refused_by_name(pictures):
    pictures("1.png", 0)
    pictures("2.png", 255, size=(64, 64))
    path = pictures.root / "2.png"
    whole = path.read_bytes()
    for damaged in (b"", b"no image", whole[:-30], whole[:40] + b"\0\0\0\0" + whole[44:]):
        path.write_bytes(damaged)
        assert "2.png" in load_refusal(
            Card(
                name="p",
                loader="image_folder",
                n_clusters=2,
                parameters={"path": str(pictures.root), "resize": [4, 4]},
            )
        )
    path.unlink()
    pictures("2.png", 40000, mode="I;16")
    assert "2.png: has pixels of another depth than 1.png" in load_refusal(pictures.root, n_clusters=2)
