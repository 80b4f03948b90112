"""Bad files: each is refused in one line with the file, the fault and the mend; nothing in a file is executed."""

import pickle
import struct
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp
import torch

from bench.data.card import Card
from bench.data.cards import load_dataset
from tests.data.loading import load_refusal

X = np.arange(60.0).reshape(12, 5) % 17
Y = np.arange(12) % 3


def mat(path, **variables):
    scipy.io.savemat(path, variables)


def npz(path, **arrays):
    np.savez(path, **arrays)


def h5(path, **items):
    with h5py.File(path, "w") as file:
        for name, item in items.items():
            if callable(item):
                item(file, name)
            else:
                file[name] = item


def pt(path, content):
    torch.save(content, path)


def marked(mark, value):
    """Return what writes a value with MATLAB's class beside it."""

    def write(file, name):
        file[name] = value
        file[name].attrs["MATLAB_class"] = np.bytes_(mark)

    return write


def group(attributes, **members):
    def write(file, name):
        made = file.create_group(name)
        made.attrs.update(attributes)
        for member, value in members.items():
            made[member] = value

    return write


def linked(file, name):
    file[name] = h5py.ExternalLink("other.h5", "/x")


def outside(file, name):
    file.create_dataset(name, (12, 5), "f8", external=[("raw.bin", 0, 480)])


def ragged(file, name):
    file.create_dataset(name, (12,), h5py.vlen_dtype(np.float64))


def referring(file, name):
    file.create_dataset(name, (12,), h5py.ref_dtype)


CELL = np.empty((1, 2), dtype=object)
CELL[0, 0] = CELL[0, 1] = X
MIXED = np.array([["a"], [1]] * 6, dtype=object)
ODD = [
    # two could be meant
    ("mat", mat, {"fea": X, "X": X}, "holds fea (12, 5), X (12, 5): fea and X could each be the points; name"),
    ("mat", mat, {"a": X, "b": X[:, :3]}, "a and b could each be the points"),
    ("npz", npz, {"a": X, "b": X}, "holds a (12, 5), b (12, 5): a and b could each be the points"),
    ("npz", npz, {"x": X, "label": Y, "target": Y}, "label and target could be the labels; name them in a card"),
    ("npz", npz, {"x": X, "city": Y, "group": Y % 2}, "city and group could be the labels"),
    ("h5", h5, {"a/data": X, "b/data": X, "b/target": Y}, "a/data and b/data could each be the points"),
    ("pt", pt, [torch.tensor(X)] * 3, "holds 0 (12, 5), 1 (12, 5), 2 (12, 5): 0 and 1 and 2 could each"),
    ("pt", pt, torch.nn.GRUCell(5, 4).state_dict(), "weight_ih and weight_hh could each be the points"),
    ("mat", mat, {"TRAIN": X, "TEST": X}, "TRAIN and TEST could each be the points"),
    # the other way round
    ("mat", mat, {"X": X.T, "y": Y[:, None]}, "y has 12 labels, so its last axis counts the points"),
    ("npz", npz, {"x": X, "y": Y[:7]}, "12 points but 7 labels"),
    ("mat", mat, {"fea": X, "gnd": Y[:7, None]}, "12 points but 7 labels"),
    # of another kind
    ("mat", mat, {"X": CELL, "Y": Y}, "X is a cell array of other things than words or single numbers"),
    ("mat", mat, {"fea": X, "gnd": MIXED}, "gnd is a cell array of other things"),
    ("mat", mat, {"data": {"X": X, "Y": Y}}, "data is of MATLAB's class struct"),
    ("mat", mat, {"fea": X + 1j, "gnd": Y[:, None]}, "not numbers"),
    ("mat", mat, {"note": "hello"}, "points have shape (1,)"),
    ("mat", mat, {"X": sp.csc_matrix(X + 1j)}, "not numbers"),
    ("v73.mat", h5, {"X": np.zeros((5, 12), dtype="f8,f8")}, "X is of records"),
    ("mat", mat, {}, "holds no arrays"),
    ("v73.mat", h5, {"fea": X.T, "gnd": marked("string", np.zeros((1, 6), dtype="u4"))}, "gnd is of MATLAB's class"),
    ("v73.mat", h5, {"data": group({"MATLAB_class": np.bytes_("struct")}, X=X.T)}, "data is of MATLAB's class struct"),
    ("h5", h5, {"x": X + 1j, "y": Y}, "not numbers"),
    ("h5", h5, {"x": ragged, "y": Y}, "x is of objects"),
    ("h5", h5, {"x": X, "y": referring}, "y is of objects"),
    ("h5", h5, {"x": np.zeros(12, dtype="i4,f8")}, "x is of records"),
    ("h5", h5, {"x": h5py.Empty("f8")}, "x is empty"),
    ("h5", h5, {"x": outside}, "x is kept in another file"),
    ("h5", h5, {"x": linked}, "holds no arrays"),
    ("h5", h5, {}, "holds no arrays"),
    ("h5", h5, {"df": group({"pandas_type": "frame"}, block0_values=X)}, "df was written by pandas; save"),
    ("h5", h5, {"X": group({}, data=X[0], indices=Y, indptr=Y)}, "X is sparse without saying whether by rows"),
    ("npz", npz, {"x": X.astype(object)}, "objects are not read"),
    ("npz", npz, {"x": np.zeros(12, dtype="i4,f8"), "y": Y}, "x is of records"),
    ("npz", npz, {"x": X.astype("M8[s]"), "y": Y}, "not numbers"),
    ("npz", npz, {"s": np.array(["a", "b"])}, "points have shape (2,)"),
    ("mat", mat, {"gnd": Y[:, None]}, "holds gnd (12, 1): none of them is plainly the points"),
    ("npz", npz, {"x_train": X, "train_x": X, "x_test": X, "test_x": X}, "could each be the points"),
    ("npz", npz, {"s": Y, "t": Y}, "none of them is plainly the points"),
    ("pt", pt, 3, "holds no arrays"),
    ("pt", pt, {"epoch": 3, "lr": 0.1}, "holds no arrays"),
    ("pt", pt, [], "holds no arrays"),
    ("pt", pt, torch.nn.Linear(2, 2), "is no file of tensors alone, and pickled objects are not read; save a tensor"),
    ("pt", pt, torch.utils.data.TensorDataset(torch.tensor(X)), "pickled objects are not read"),
    ("pt", pt, {"x": X, "y": Y}, "pickled objects are not read"),
    ("pt", pt, torch.empty(12, 5, device="meta"), "without plain values"),
    ("pt", pt, torch.tensor(X + 1j), "not numbers"),
    ("pt", pt, torch.tensor(X[:, 0]), "points have shape (12,)"),
    ("pt", pt, (torch.tensor(X), torch.tensor(Y[:7])), "12 points but 7 labels"),
    ("pt", pt, torch.tensor(X)[:, :, None].to_sparse(), "a sparse tensor of shape (12, 5, 1) is not read"),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "write", "content", "message"), ODD, ids=range(len(ODD)))
@pytest.mark.filterwarnings("ignore")
def test_an_odd_file_is_refused_in_a_line_that_names_it(tmp_path, suffix, write, content, message):
    path = tmp_path / f"odd.{suffix}"
    write(path, **content) if isinstance(content, dict) and write is not pt else write(path, content)
    refused = load_refusal(path, n_clusters=3)
    assert message in refused
    assert str(path) in refused


STRANGE = [
    b"",
    b"\x00",
    b"<!DOCTYPE html>\n<html>404</html>\n",
    b"PK\x03\x04" + b"\x00" * 40,
    b"\x89HDF\r\n\x1a\n",
    b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM",
]


@pytest.mark.parametrize("suffix", ["mat", "h5", "hdf5", "pt", "pth", "npz", "npy", "arff", "parquet"])
@pytest.mark.parametrize("content", STRANGE, ids=range(len(STRANGE)))
def test_what_is_no_such_file_is_refused(tmp_path, suffix, content):
    (tmp_path / f"a.{suffix}").write_bytes(content)
    assert f"a.{suffix}" in load_refusal(tmp_path / f"a.{suffix}", n_clusters=3)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    scipy.io.savemat(tmp_path / "five.mat", {"fea": X, "gnd": Y[:, None]}, do_compression=True)
    h5(tmp_path / "a.h5", x=X, y=Y)
    torch.save((torch.tensor(X), torch.tensor(Y)), tmp_path / "new.pt")
    torch.save((torch.tensor(X), torch.tensor(Y)), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    sp.save_npz(tmp_path / "sparse.npz", sp.csr_matrix(X))
    for path in sorted(tmp_path.iterdir()):
        whole = path.read_bytes()
        for part in (0.01, 0.3, 0.6, 0.9):
            path.write_bytes(whole[: int(len(whole) * part)])
            assert path.name in load_refusal(path, n_clusters=3)


def test_the_refusal_of_an_absent_array_names_the_existing_ones(tmp_path):
    npz(tmp_path / "a.npz", fea=X, gnd=Y)
    for key, name in (("x", "data"), ("y", "label")):
        card = Card(name="c", loader="npz", parameters={"path": str(tmp_path / "a.npz"), key: name})
        assert f"has no array {name!r}; it holds fea (12, 5), gnd (12,)" in load_refusal(card)


def test_an_encrypted_archive_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    npz(path, x=X, y=Y)
    raw = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = raw.find(signature)
        while start >= 0:
            raw[start + flags] |= 1
            start = raw.find(signature, start + 4)
    path.write_bytes(raw)
    assert "encrypted" in load_refusal(path)


# sparse ---------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Sparse invariant")
def test_a_sparse_matrix_above_the_bound_is_refused_before_it_is_made_dense(tmp_path):
    matrix = sp.coo_matrix((np.ones(2), ([0, 10**6 - 1], [0, 1])), shape=(10**6, 10**6))
    sp.save_npz(tmp_path / "a.npz", matrix.tocsr())
    refused = load_refusal(tmp_path / "a.npz", n_clusters=2)
    assert "1000000 x 1000000 takes 7 TiB, above the bound of 4 GiB; keep fewer columns or points" in refused
    scipy.io.savemat(tmp_path / "a.mat", {"fea": matrix.tocsc()})
    assert "above the bound of 4 GiB" in load_refusal(tmp_path / "a.mat", n_clusters=2)
    torch.save(torch.sparse_coo_tensor(torch.zeros((2, 1), dtype=int), [1.0], (10**6, 10**6)), tmp_path / "a.pt")
    assert "above the bound of 4 GiB" in load_refusal(tmp_path / "a.pt", n_clusters=2)


def test_a_small_file_that_unpacks_to_more_than_the_bound_is_refused(tmp_path):
    torch.save(torch.zeros(1).expand(10**5, 10**5), tmp_path / "a.pt")
    assert "x is too large to be made dense: 100000 x 100000 takes 37.25 GiB" in load_refusal(
        tmp_path / "a.pt", n_clusters=2
    )
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (10**5, 10**5), "f4", chunks=(100, 100))
    assert "37.25 GiB" in load_refusal(tmp_path / "a.h5", n_clusters=2)


@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "bsr"])
def test_a_sparse_matrix_with_indices_out_of_range_is_refused(tmp_path, layout):
    parts = {
        "csr": ("indices", "indptr"),
        "csc": ("indices", "indptr"),
        "bsr": ("indices", "indptr"),
        "coo": ("row", "col"),
    }
    matrix = sp.csr_matrix(X).asformat(layout)
    members = {name: getattr(matrix, name).copy() for name in ("data", *parts[layout])}
    members[parts[layout][0]][3] = 10**8
    np.savez(tmp_path / "a.npz", format=layout.encode(), shape=X.shape, **members)
    assert "a.npz: cannot be read (ValueError" in load_refusal(tmp_path / "a.npz", n_clusters=2)


# ARFF and parquet -----------------------------------------------------------------------------------------------------

HEAD = "@relation r\n@attribute a numeric\n@attribute b numeric\n@attribute class {u,v}\n@data\n"
BAD_ARFF = [
    (HEAD + "{0 1, 2 v}\n", "line 6 is sparse, which is not read"),
    (HEAD + "1,2,u\n3,?,v\n", "attribute 'b' lacks a value (?) in row 1 (counted from 0)"),
    (HEAD + "1,2,u\n3,4,?\n", "attribute 'class' lacks a value (?) in row 1"),
    (HEAD + "1,2,u\n3,4,v,9\n", "line 7 has 4 values where the header has 3 attributes"),
    (HEAD + "1,2,u\n3,v\n", "line 7 has 2 values where the header has 3 attributes"),
    (HEAD + "1,2,u\n3,4,w\n", "attribute 'class' is 'w' in row 1, which is none of the values in its header"),
    (HEAD + "1,2,u\nx,4,v\n", "attribute 'a' is 'x' in row 1, not a number"),
    (HEAD + "1,nan,u\n3,4,v\n", "values are NaN or infinite, the first in row 0, column 'b'"),
    (HEAD, "holds no values"),
    (HEAD.replace("@data\n", ""), "has no line @data"),
    (HEAD.replace("a numeric", "a string") + "x,2,u\n", "String attributes not supported"),
    (HEAD.replace("a numeric", 'a date "yyyy-MM-dd"') + "2020-01-01,2,u\n", "column 'a' is not numeric: '2020"),
    (HEAD.replace("a numeric", "a {s,t}") + "s,2,u\n", "column 'a' is not numeric: 's' in row 0"),
    (HEAD.replace("@attribute a", "@attribute label") + "1,2,u\n", "attributes label and class could be the labels"),
    ("@relation r\n@attribute class {u,v}\n@data\nu\nv\n", "has no column of features beside that of labels"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD_ARFF, ids=range(len(BAD_ARFF)))
def test_a_bad_arff_is_refused_by_line_row_and_attribute(tmp_path, text, message):
    (tmp_path / "a.arff").write_text(text)
    refused = load_refusal(tmp_path / "a.arff", n_clusters=2)
    assert message in refused
    assert "a.arff" in refused


def test_an_absent_arff_label_is_refused(tmp_path):
    (tmp_path / "a.arff").write_text(HEAD + "1,2,u\n3,4,v\n")
    for label, message in (
        ("play", "has no column 'play'; its columns are a, b, class"),
        (3, "has no column 3; it has 3, 0 to 2"),
    ):
        card = Card(name="c", loader="arff", parameters={"path": str(tmp_path / "a.arff"), "label": label})
        assert message in load_refusal(card)


@pytest.mark.parametrize(
    "columns",
    [
        {"a": [1.0, 2.0], "e": [[1.0, 2.0], [3.0, 4.0]], "label": [0, 1]},
        {"a": [1.0, 2.0], "e": [{"bytes": b"x"}, {"bytes": b"y"}], "label": [0, 1]},
        {"a": [1.0, 2.0], "e": [1.0, 2.0], "label": [[0], [1]]},
        {"a": [1.0, 2.0], "e": [b"\x80", b"\x81"], "label": [0, 1]},
    ],
)
def test_a_column_of_lists_or_records_in_parquet_is_refused(tmp_path, columns):
    pd.DataFrame(columns).to_parquet(tmp_path / "a.parquet")
    refused = load_refusal(tmp_path / "a.parquet")
    assert "in each row, not a number or a word; spread it over one column a feature" in refused
    assert "a.parquet: column 'e'" in refused or "a.parquet: column 'label'" in refused


@pytest.mark.parametrize("ignored", ["e", 1, -2])
def test_a_column_of_lists_in_parquet_may_be_ignored(tmp_path, ignored):
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "e": [[1.0], [2.0], [3.0]], "label": [0, 1, 1]})
    frame.to_parquet(tmp_path / "a.parquet")
    parameters = {"path": str(tmp_path / "a.parquet"), "ignore": [ignored]}
    assert load_dataset(Card(name="c", loader="table", parameters=parameters)).x.shape == (3, 1)


def test_an_index_that_pandas_wrote_is_no_feature(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "label": [0, 1, 1]}, index=pd.Index([7, 8, 9], name="id"))
    frame.to_parquet(tmp_path / "a.parquet")
    assert load_dataset(str(tmp_path / "a.parquet")).x.shape == (3, 1)


# pickles --------------------------------------------------------------------------------------------------------------


class Boom:
    """Leaves a mark if it is ever unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def bombs(folder, bomb):
    """Write a pickle into every kind of file that could hold one; return the files."""
    raw, objects = pickle.dumps(bomb), np.array([[bomb, bomb]] * 3, dtype=object)
    np.save(folder / "a.npy", objects)
    np.savez(folder / "a.npz", x=objects, y=np.arange(3))
    np.savez(folder / "b.npz", x=X, y=np.array([bomb] * 12))
    np.savez(folder / "sparse.npz", format=np.array(bomb), shape=(3, 3), data=objects)
    with zipfile.ZipFile(folder / "raw.npz", "w") as archive:
        archive.writestr("x.npy", raw)
        archive.writestr("x.pkl", raw)
    (folder / "b.npy").write_bytes(raw)
    torch.save(bomb, folder / "a.pt")
    torch.save({"x": torch.tensor(X), "y": bomb}, folder / "b.pt")
    torch.save((torch.tensor(X), bomb), folder / "old.pt", _use_new_zipfile_serialization=False)
    (folder / "raw.pth").write_bytes(raw)
    with h5py.File(folder / "a.h5", "w") as file:
        file["x"], file["y"] = X, np.void(raw)
        file.attrs["CLASS"], file.attrs["pickled"] = np.bytes_(raw), np.void(raw)
    with h5py.File(folder / "frame.h5", "w") as file:  # as pandas writes a column of objects
        group = file.create_group("df")
        group.attrs["pandas_type"], group.attrs["info"] = b"frame", np.bytes_(raw)
        values = file.create_dataset("df/block0_values", (1,), h5py.vlen_dtype(np.uint8))
        values[0] = np.frombuffer(raw, dtype=np.uint8)
        values.attrs["PSEUDOATOM"] = b"object"
    for name in ("a.mat", "a.arff", "a.parquet"):
        (folder / name).write_bytes(raw)
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [raw, raw]})
    frame.attrs["note"] = raw.decode("latin-1")
    frame.to_parquet(folder / "frame.parquet")
    return sorted(path for path in folder.iterdir() if path.suffix != ".mark")


def test_a_pickle_in_any_file_is_refused_and_leaves_no_mark(tmp_path):
    mark = tmp_path / "it.mark"
    files = bombs(tmp_path, Boom(mark))
    assert pickle.loads(pickle.dumps(Boom(mark)))  # the bomb works
    mark.unlink()
    for path in files:
        assert path.name in load_refusal(path, n_clusters=2)
        assert not mark.exists(), path


def test_a_parquet_type_that_is_a_pickle_of_pyarrow_runs_nothing(tmp_path):
    """Pyarrow once unpickled a column's type from the file's metadata."""
    import pyarrow as pa
    import pyarrow.parquet

    mark = tmp_path / "mark"
    metadata = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Boom(mark)),
    }
    mark.unlink(missing_ok=True)
    schema = pa.schema([pa.field("a", pa.float64(), metadata=metadata), pa.field("b", pa.float64())])
    pa.parquet.write_table(
        pa.table({"a": [1.0, 2.0, 3.0], "b": [1.0, 0.0, 3.0]}, schema=schema), tmp_path / "a.parquet"
    )
    assert load_dataset(str(tmp_path / "a.parquet"), n_clusters=2).x.shape == (3, 2)
    assert not mark.exists()


def test_a_mat_file_whose_lengths_lie_is_refused(tmp_path):
    mat(tmp_path / "a.mat", fea=X, gnd=Y[:, None])
    raw = bytearray((tmp_path / "a.mat").read_bytes())
    for length in (0, 1, 2**31 - 1, 2**32 - 1):
        raw[132:136] = struct.pack("<I", length)
        (tmp_path / "a.mat").write_bytes(raw)
        assert "a.mat" in load_refusal(tmp_path / "a.mat")
