"""File formats: the same data in any of them have the same points, labels and splits."""

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.data.card import Card
from bench.data.cards import find_card, load_dataset
from bench.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore:.*networks hardly learn")

X = np.arange(60.0).reshape(12, 5) % 17
Y = np.arange(12) % 3
ARRAY_FILES = ["npz", "mat", "v73.mat", "h5", "pt"]


def write_v73(path, **variables):
    """Write variables as MATLAB does from version 7.3 on: axes turned round, and the class beside the values."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            value = np.atleast_2d(np.asarray(value))
            file[name] = np.transpose(value)
            file[name].attrs["MATLAB_class"] = np.bytes_("double" if value.dtype.kind == "f" else value.dtype.name)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def write(path, arrays):
    """Write named arrays into a file of the kind that the name says."""
    if path.name.endswith("v73.mat"):
        write_v73(path, **{name: a[:, None] if a.ndim == 1 else a for name, a in arrays.items()})
    elif path.suffix == ".mat":
        scipy.io.savemat(path, arrays, oned_as="column")
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array
    elif path.suffix == ".pt":
        torch.save({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}, path)
    else:
        np.savez(path, **arrays)
    return path


def write_table(path, points, labels):
    """Write points and labels as a table of the kind that the name says."""
    frame = pd.DataFrame(points.astype(float), columns=[f"f{i}" for i in range(points.shape[1])])
    if path.suffix == ".arff":
        classes = ",".join(map(str, sorted(set(labels.tolist()))))
        header = [f"@attribute {name} numeric" for name in frame] + [f"@attribute class {{{classes}}}"]
        rows = [",".join(map(str, [*row, label])) for row, label in zip(frame.to_numpy().tolist(), labels, strict=True)]
        path.write_text("\n".join(["@relation r", *header, "@data", *rows]) + "\n")
    else:
        frame.assign(label=labels).to_parquet(path)
    return path


@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(
    dtype=st.sampled_from(["uint8", "int16", "int64", "float32", "float64"]),
    values=arrays(np.int64, st.tuples(st.integers(6, 9), st.integers(2, 4)), elements=st.integers(0, 40)),
)
def test_the_same_data_by_any_kind_of_file_are_the_same_points(tmp_path_factory, dtype, values):
    folder = tmp_path_factory.mktemp("same")
    values[0, 0], values[1, 0] = 0, 40
    points, labels = values.astype(dtype), np.arange(len(values)) % 3
    paths = [write(folder / f"a.{kind}", {"fea": points, "gnd": labels}) for kind in ARRAY_FILES]
    paths += [write_table(folder / f"a.{kind}", points, labels) for kind in ("arff", "parquet")]
    prints = set()
    for path in paths:
        data = load_dataset(find_card(str(path)).model_copy(update={"scaling": 64.0}))
        np.testing.assert_array_equal(data.x, (values / 64).astype(np.float32), err_msg=str(path))
        assert data.y.tolist() == labels.tolist(), path
        assert data.class_names == ("0", "1", "2")
        prints |= {data.fingerprint, load_dataset(str(path)).fingerprint}
    assert len(prints) == 2  # one for each scaling


@pytest.mark.parametrize("dtype", [">f8", ">i4", "<f2", "?"])
@pytest.mark.parametrize("kind", ["npz", "h5"])
def test_byte_order_half_precision_and_booleans_are_no_other_data(tmp_path, kind, dtype):
    points = (X % 2).astype(dtype)
    data = load_dataset(str(write(tmp_path / f"a.{kind}", {"X": points, "y": Y})))
    np.testing.assert_array_equal(data.x, (X % 2).astype(np.float32))


@pytest.mark.parametrize("kind", ARRAY_FILES)
@pytest.mark.parametrize(
    ("x", "y"), [("x", "y"), ("X", "Y"), ("fea", "gnd"), ("data", "target"), ("features", "labels")]
)
def test_points_and_labels_are_known_by_the_names_that_the_field_uses(tmp_path, kind, x, y):
    path = write(tmp_path / f"a.{kind}", {y: Y, "other": X[:5, :2], x: X})
    data = load_dataset(str(path))
    assert data.x.shape == (12, 5)
    assert data.y.tolist() == Y.tolist()


@pytest.mark.parametrize("kind", ARRAY_FILES)
def test_one_matrix_and_one_vector_need_no_names_and_a_warning_names_the_labels(tmp_path, kind):
    with pytest.warns(RuntimeWarning, match="labels are taken from 'b'"):
        data = load_dataset(str(write(tmp_path / f"a.{kind}", {"b": Y, "a": X})))
    assert (data.x.shape, data.y.tolist()) == ((12, 5), Y.tolist())


@pytest.mark.parametrize("vector", [X[:, 0] / 7, np.arange(12), np.array(list("abcdefghijkl"))])
def test_a_vector_of_measures_or_of_names_beside_the_points_is_no_label(tmp_path, vector):
    path = write(tmp_path / "a.npz", {"x": X, "of_each": vector})
    assert load_dataset(str(path), n_clusters=2).y is None


@pytest.mark.parametrize("kind", ARRAY_FILES)
def test_a_card_names_the_arrays_and_may_leave_the_labels_out(tmp_path, kind):
    path = str(write(tmp_path / f"a.{kind}", {"a": X, "b": X[:, :3], "u": Y, "v": Y % 2}))
    loader = find_card(str(write(tmp_path / f"b.{kind}", {"x": X}))).loader
    card = Card(name="c", loader=loader, parameters={"path": path, "x": "b", "y": "v"})
    assert (load_dataset(card).x.shape, load_dataset(card).n_clusters) == ((12, 3), 2)
    card = Card(name="c", loader=loader, parameters={"path": path, "x": "b", "y": "none"})
    assert load_dataset(card, n_clusters=4).y is None


@pytest.mark.parametrize("kind", ARRAY_FILES)
def test_a_command_names_the_labels_or_leaves_them_out(tmp_path, kind):
    path = str(write(tmp_path / f"a.{kind}", {"x": X, "u": Y, "v": Y % 2}))
    assert load_dataset(path, label="v").n_clusters == 2
    assert load_dataset(path, label="none", n_clusters=4).y is None
    with pytest.raises(InputError, match=r"has no array '0'; it holds .*the labels by --label"):
        load_dataset(path, label=0)


def test_images_keep_their_shape(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 3, 3), dtype=np.uint8)
    for kind in ARRAY_FILES:
        data = load_dataset(str(write(tmp_path / f"a.{kind}", {"X": images, "y": Y})))
        assert data.image_shape == (4, 3, 3)
        np.testing.assert_array_equal(data.x, (images.reshape(12, -1) / 255).astype(np.float32))


@pytest.mark.parametrize("kind", ARRAY_FILES)
def test_points_in_columns_are_refused_and_read_where_a_card_says_so(tmp_path, kind):
    path = str(write(tmp_path / f"a.{kind}", {"X": X.T, "y": Y}))
    with pytest.raises(InputError, match=r"X has shape \(5, 12\) and y has 12 labels.*samples = \"last\""):
        load_dataset(path)
    loader = find_card(path).loader
    data = load_dataset(Card(name="c", loader=loader, parameters={"path": path, "samples": "last"}))
    expected = load_dataset(str(write(tmp_path / f"b.{kind}", {"X": X, "y": Y})))
    np.testing.assert_array_equal(data.x, expected.x)


def test_images_that_matlab_stacks_last_are_turned_round_where_a_card_says_so(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 3, 3), dtype=np.uint8)
    path = tmp_path / "svhn.mat"
    scipy.io.savemat(path, {"X": np.moveaxis(images, 0, -1), "y": Y[:, None] + 1})
    with pytest.raises(InputError, match="last axis counts the points"):
        load_dataset(str(path))
    data = load_dataset(Card(name="c", loader="mat", parameters={"path": str(path), "samples": "last"}))
    np.testing.assert_array_equal(data.x, (images.reshape(12, -1) / 255).astype(np.float32))


# splits ---------------------------------------------------------------------------------------------------------------


def test_groups_that_hold_the_same_members_are_splits(tmp_path):
    path = tmp_path / "usps.h5"
    with h5py.File(path, "w") as file:
        file["version"] = 1
        for split, part in (("test", slice(8, 12)), ("train", slice(0, 8))):
            file[f"{split}/data"], file[f"{split}/target"] = X[part], Y[part]
    assert find_card(str(path)).splits == ("train", "test")
    whole, test = load_dataset(str(path)), load_dataset(f"{path}@test")
    np.testing.assert_array_equal(whole.y, Y)
    assert (whole.x.shape, test.x.shape, test.name) == ((12, 5), (4, 5), "usps@test")
    np.testing.assert_array_equal(whole.x, load_dataset(str(write(tmp_path / "a.npz", {"x": X, "y": Y}))).x)


@pytest.mark.parametrize("kind", ARRAY_FILES)
@pytest.mark.parametrize("names", ["x_{} y_{}", "X{} Y{}", "{}_data {}_labels"])
def test_a_split_in_every_name_is_a_split(tmp_path, kind, names):
    arrays = {}
    for split, part in (("test", slice(8, 12)), ("train", slice(0, 8))):
        x, y = names.format(split, split).split()
        arrays |= {x: X[part], y: Y[part]}
    path = write(tmp_path / f"mnist.{kind}", arrays)
    assert find_card(str(path)).splits == ("train", "test")
    assert load_dataset(str(path)).y.tolist() == Y.tolist()
    assert load_dataset(f"{path}@test").x.shape == (4, 5)


def test_indices_of_splits_beside_the_points_are_no_splits(tmp_path):
    path = tmp_path / "reuters.mat"
    scipy.io.savemat(
        path, {"fea": X, "gnd": Y[:, None], "trainIdx": np.arange(6)[:, None], "testIdx": np.arange(6) + 6}
    )
    assert find_card(str(path)).splits == ("all",)
    assert load_dataset(str(path)).x.shape == (12, 5)


def test_a_dictionary_of_dictionaries_of_tensors_holds_splits(tmp_path):
    parts = {"train": slice(0, 8), "val": slice(8, 10), "test": slice(10, 12)}
    torch.save({s: {"x": torch.tensor(X[p]), "y": torch.tensor(Y[p])} for s, p in parts.items()}, tmp_path / "a.pt")
    assert find_card(str(tmp_path / "a.pt")).splits == ("train", "val", "test")
    assert load_dataset(str(tmp_path / "a.pt")).y.tolist() == Y.tolist()


def test_splits_of_a_card_that_one_file_does_not_hold_never_read_it_twice(tmp_path):
    path = write(tmp_path / "a.h5", {"x": X, "y": Y})
    with pytest.raises(InputError, match=r"a table with one for each split \(a, b\)"):
        load_dataset(Card(name="c", loader="h5", splits=("a", "b"), parameters={"path": str(path)}))


def test_the_refusal_of_a_card_without_splits_names_those_of_its_file(tmp_path):
    path = write(tmp_path / "a.npz", {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y})
    with pytest.raises(
        InputError, match=r"holds the splits train, test and no 'all'; write splits = \['train', 'test'\]"
    ):
        load_dataset(Card(name="c", loader="npz", parameters={"path": str(path)}))
    whole_names = {"path": str(path), "x": "x_train", "y": "y_train"}
    assert load_dataset(Card(name="c", loader="npz", parameters=whole_names)).x.shape == (12, 5)


# sparse ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_sparse_matrix_is_its_dense_one_after_saying_how_large_that_is(tmp_path, layout, compressed):
    matrix = sp.csr_array(X).asformat(layout)
    sp.save_npz(tmp_path / "tfidf.npz", matrix, compressed=compressed)
    with pytest.warns(RuntimeWarning, match="is sparse and is made dense: 12 x 5 takes 480 bytes"):
        data = load_dataset(str(tmp_path / "tfidf.npz"), n_clusters=3)
    np.testing.assert_array_equal(data.x, load_dataset(str(write(tmp_path / "a.npz", {"x": X, "y": Y}))).x)


@pytest.mark.filterwarnings("ignore:.*is made dense", "ignore:.*[Ss]parse")
def test_sparse_matrices_of_matlab_torch_and_anndata_are_their_dense_ones(tmp_path):
    matrix, expected = sp.csr_matrix(X), load_dataset(str(write(tmp_path / "a.npz", {"x": X, "y": Y}))).x
    scipy.io.savemat(tmp_path / "five.mat", {"fea": sp.csc_matrix(X), "gnd": Y[:, None]})
    with h5py.File(tmp_path / "seven.mat", "w") as file:
        columns = sp.csc_matrix(X)
        group = file.create_group("fea")
        group["data"], group["ir"], group["jc"] = columns.data, columns.indices, columns.indptr
        group.attrs["MATLAB_sparse"] = 12
        file["gnd"] = Y[None, :]
    with h5py.File(tmp_path / "anndata.h5", "w") as file:
        group = file.create_group("X")
        group["data"], group["indices"], group["indptr"] = matrix.data, matrix.indices, matrix.indptr
        group.attrs["encoding-type"], group.attrs["shape"] = "csr_matrix", X.shape
        file["Y"] = Y
    for layout in (torch.tensor(X).to_sparse(), torch.tensor(X).to_sparse_csr()):
        torch.save((layout, torch.tensor(Y)), tmp_path / f"{str(layout.layout)[6:]}.pt")
    for path in (p for p in tmp_path.iterdir() if p.name != "a.npz"):
        data = load_dataset(str(path))
        np.testing.assert_array_equal(data.x, expected, err_msg=path.name)
        assert data.y.tolist() == Y.tolist(), path


def test_labels_beside_a_sparse_matrix_are_its_labels(tmp_path):
    matrix = sp.csr_matrix(X)
    parts = {name: getattr(matrix, name) for name in ("data", "indices", "indptr", "shape")}
    np.savez(tmp_path / "a.npz", format=b"csr", y=Y, **parts)
    with pytest.warns(RuntimeWarning, match="made dense"):
        assert load_dataset(str(tmp_path / "a.npz")).y.tolist() == Y.tolist()


# MATLAB ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_words", [lambda words: np.array(words, dtype=object)[:, None], np.array])
def test_words_of_matlab_are_labels(tmp_path, as_words):
    words = ["cat", "ox", "bird"] * 4
    scipy.io.savemat(tmp_path / "a.mat", {"fea": X, "gnd": as_words(words)})
    data = load_dataset(str(tmp_path / "a.mat"))
    assert [data.class_names[code] for code in data.y] == words


def test_words_of_matlabs_hdf5_are_labels(tmp_path):
    words = ["cat", "ox", "bird"] * 4
    for kind in ("char", "cell"):
        with h5py.File(tmp_path / f"{kind}.mat", "w") as file:
            file["fea"] = X.T
            if kind == "char":
                file["gnd"] = np.array([[ord(c) for c in word.ljust(4)] for word in words], dtype=np.uint16).T
            else:
                references = []
                for number, word in enumerate(words):
                    item = file.create_dataset(f"#refs#/{number}", data=[[ord(c)] for c in word], dtype=np.uint16)
                    item.attrs["MATLAB_class"] = np.bytes_("char")
                    references.append(item.ref)
                file.create_dataset("gnd", data=np.array([references], dtype=h5py.ref_dtype))
            file["gnd"].attrs["MATLAB_class"] = np.bytes_(kind)
        data = load_dataset(str(tmp_path / f"{kind}.mat"))
        assert [data.class_names[code] for code in data.y] == words, kind


def test_whole_numbers_that_matlab_packs_into_bytes_are_numbers(tmp_path):
    """MATLAB stores a double matrix of small whole numbers as bytes, and its class beside them."""
    scipy.io.savemat(tmp_path / "a.mat", {"fea": X, "gnd": Y[:, None]})
    raw = bytearray((tmp_path / "a.mat").read_bytes())
    start, packed = raw.index(X.T.tobytes()) - 8, X.T.astype(np.uint8).tobytes()
    body = np.array([2, len(packed)], dtype="<u4").tobytes() + packed + b"\0" * (-len(packed) % 8)
    end = start + 8 + X.nbytes
    raw[132:136] = np.array([int.from_bytes(raw[132:136], "little") - (end - start) + len(body)], dtype="<u4").tobytes()
    (tmp_path / "packed.mat").write_bytes(raw[:start] + body + raw[end:])
    assert scipy.io.loadmat(tmp_path / "packed.mat")["fea"].dtype == np.uint8
    data, expected = (load_dataset(str(tmp_path / name)) for name in ("packed.mat", "a.mat"))
    np.testing.assert_array_equal(data.x, expected.x)
    assert data.fingerprint == expected.fingerprint


# tensors and ARFF -----------------------------------------------------------------------------------------------------


def test_a_tensor_is_points_and_a_pair_is_points_and_labels(tmp_path):
    x, y = torch.tensor(X), torch.tensor(Y)
    torch.save(x, tmp_path / "train_codes.pt")
    assert load_dataset(str(tmp_path / "train_codes.pt"), n_clusters=3).y is None
    for pair in ((x, y), [x, y], (x.bfloat16(), y), (x.requires_grad_(), y), {"data": x, "labels": Y.tolist()}):
        torch.save(pair, tmp_path / "pair.pth")
        data = load_dataset(str(tmp_path / "pair.pth"))
        assert (data.x.shape, data.y.tolist()) == ((12, 5), Y.tolist())
    torch.save({"data": x, "labels": ["b", "a", "c"] * 4}, tmp_path / "words.pt")
    assert load_dataset(str(tmp_path / "words.pt")).class_names == ("a", "b", "c")


ARFF = """% comment
@RELATION iris
@attribute 'petal length' NUMERIC
@attribute width real
@attribute Class {Iris-setosa, 'Iris virginica'}
@DATA

5.1, 3.5, Iris-setosa
% another
4.9,3,'Iris virginica'
6,2,Iris-setosa
"""


def test_arff_has_its_class_as_labels_and_names_its_columns(tmp_path):
    (tmp_path / "iris.arff").write_text(ARFF)
    data = load_dataset(str(tmp_path / "iris.arff"))
    assert data.class_names == ("Iris virginica", "Iris-setosa")
    assert data.y.tolist() == [1, 0, 1]
    np.testing.assert_allclose(data.x[:, 1], [1, 2 / 3, 0], rtol=1e-6)


def test_arff_labels_are_chosen_by_name_or_position(tmp_path):
    path = tmp_path / "play.arff"
    path.write_text(
        "@relation w\n@attribute id {a,b}\n@attribute t real\n@attribute play {yes,no}\n@data\na,1,yes\nb,2,no\n"
    )
    for label in ("play", 2, -1):
        parameters = {"path": str(path), "label": label, "ignore": ["id"]}
        data = load_dataset(Card(name="w", loader="arff", parameters=parameters))
        assert (data.x.ravel().tolist(), data.class_names) == ([0, 1], ("no", "yes"))
