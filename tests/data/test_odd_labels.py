"""Unusual labels, and the steps of a card before scaling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from bench.data.card import Card
from bench.data.cards import load_dataset
from bench.data.readers.labels import encode_labels, plain_labels
from bench.errors import InputError
from tests.data.loading import load_with_warnings

X = np.random.default_rng(0).random((12, 5)) * 3
CODES = np.array([0, 1, 2] * 4)


def codes_of(labels, classes=None, noise_label=None):
    codes, names = encode_labels(plain_labels(labels, "t"), classes, "t", noise_label)
    return codes.tolist(), names


@pytest.mark.parametrize(
    "labels",
    [
        CODES,
        CODES[:, None],
        CODES[None, :],
        CODES + 1,
        CODES.astype(np.uint8),
        CODES.astype(">i2"),
        CODES.astype(float),
        CODES.astype(np.float16)[:, None],
        CODES.astype(str),
        CODES.astype("S"),
        CODES.astype(object),
        CODES.astype(str).astype(object),
        np.array(["a", "b", "c"])[CODES],
        np.array([" a", "b ", "c"])[CODES],
        np.array([b"a", b"b", b"c"], dtype=object)[CODES],
        np.eye(3)[CODES],
        np.eye(3, dtype=bool)[CODES],
        np.array(["1", "2", "10"])[CODES],  # in the order of the numbers
        np.array(["1.0", "2.0", "3.0"])[CODES],
    ],
)
def test_labels_are_the_same_classes_in_every_plain_way_to_write_them(labels):
    assert codes_of(labels)[0] == CODES.tolist()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0.5, 1, 2]), "not whole numbers, the first in row 0"),
        (np.array([0, np.nan, 2]), "1 labels are missing, the first in row 1"),
        (np.array([0, np.inf, 2]), "not whole numbers"),
        (np.array(["a", "", "b"]), "missing, the first in row 1"),
        (np.array(["a", "nan", "b"]), "missing"),
        (np.array(["a", None, "b"], dtype=object), "missing, the first in row 1"),
        (np.array(["a", np.nan, "b"], dtype=object), "missing"),
        (np.array(["a", 1, "b"], dtype=object), "labels are numbers and text"),
        (np.array([{}, {}, {}], dtype=object), "labels are objects"),
        (np.array([0j, 1, 2]), "complex128"),
        (np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]"), "datetime64[D]"),
        (np.array([2**64 - 1, 0, 1], dtype=np.uint64), "is too large"),
        (np.array([[1, 1], [0, 1], [1, 0]]), "labels have shape (3, 2)"),
        (np.zeros((3, 1, 1)), "labels have shape (3, 1, 1)"),
        (np.arange(20), "20 different labels"),
    ],
)
def test_labels_that_are_not_plain_are_refused_in_a_line(labels, message):
    with pytest.raises(InputError, match="t: ") as error:
        codes_of(labels)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("labels", "noise_label", "codes"),
    [
        ([-1, 0, 1, 0], None, [-1, 0, 1, 0]),
        ([-1, 3, 5, 3], None, [-1, 0, 1, 0]),
        (["-1", "a", "b", "a"], None, [-1, 0, 1, 0]),
        ([9, 0, 1, 0], 9, [-1, 0, 1, 0]),
        (["noise", "a", "b", "-1"], "noise", [-1, 0, 1, -1]),
        ([9, 0, 1, -1], 9, [-1, 0, 1, -1]),
        ([-1, 1, 1, -1], None, [0, 1, 1, 0]),  # the two classes of libsvm's files
        ([-2, 1, 1, 0], None, [0, 2, 2, 1]),
    ],
)
def test_noise_is_no_class(labels, noise_label, codes):
    assert codes_of(np.array(labels), noise_label=noise_label)[0] == codes


def test_a_class_that_a_card_names_minus_one_is_a_class():
    assert codes_of(np.array([-1, 0, 1]), ("-1", "0", "1")) == ([0, 1, 2], ("-1", "0", "1"))


def test_numbers_are_names_of_numbered_classes_and_else_places_from_0_or_1():
    assert codes_of(np.array([1, 7, 2]), ("1", "2", "7"))[0] == [0, 2, 1]
    assert codes_of(np.array([0, 2, 1]), ("a", "b", "c"))[0] == [0, 2, 1]
    assert codes_of(np.array([1, 3, 2]), ("a", "b", "c"))[0] == [0, 2, 1]
    with pytest.raises(InputError, match="label '4' in row 1"):
        codes_of(np.array([1, 4, 2]), ("a", "b", "c"))


def test_noise_counts_for_no_cluster_and_is_warned_of(tmp_path):
    np.savez(tmp_path / "n.npz", x=X, y=np.where(np.arange(12) < 2, -1, CODES))
    data, warned = load_with_warnings(tmp_path / "n.npz")
    assert data.n_clusters == 3
    assert data.y.tolist()[:4] == [-1, -1, 2, 0]
    assert "2 of 12 points have a label of noise" in warned
    np.savez(tmp_path / "n.npz", x=X, y=np.full(12, -1))
    data, warned = load_with_warnings(tmp_path / "n.npz", n_clusters=2)
    assert data.y is None
    assert "taken as data without labels" in warned


def test_a_split_without_a_class_of_the_other_keeps_its_codes(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=np.array(["a", "b", "c"])[CODES])
    np.savez(tmp_path / "b.npz", x=X, y=np.array(["b", "c", "c"])[CODES])
    paths = {"a": str(tmp_path / "a.npz"), "b": str(tmp_path / "b.npz")}
    data, _ = load_with_warnings(Card(name="s", loader="npz", splits=("a", "b"), parameters={"path": paths}))
    assert data.y.tolist() == [*CODES, *np.array([1, 2, 2])[CODES]]
    assert (data.items[0], data.items[-1]) == ("a:0", "b:11")


@given(labels=arrays(np.int64, 9, elements=st.integers(-1, 3)))
def test_taking_noise_away_leaves_the_codes_of_the_others(labels):
    if set(labels.tolist()) <= {-1, 1}:
        return
    codes = np.array(codes_of(labels)[0])
    assert ((codes == -1) == (labels == -1)).all()
    assert codes[labels != -1].tolist() == codes_of(labels[labels != -1])[0]


def prepared(tmp_path, steps, x=X):
    np.savez(tmp_path / "p.npz", x=x, y=np.arange(len(x)) % 3)
    return load_with_warnings(
        Card(name="p", loader="npz", preprocessing=steps, parameters={"path": str(tmp_path / "p.npz")})
    )


def scaled(points, axis=None):
    low, high = points.min(axis=axis), points.max(axis=axis)
    return ((points - low) / (high - low)).astype(np.float32)


def test_steps_are_scikit_learns_and_numpys(tmp_path):
    expected = [
        (("log1p",), scaled(np.log1p(X), axis=0)),
        (("l2",), normalize(X).astype(np.float32)),  # in [0, 1] as it is
        (("log1p", "l2"), normalize(np.log1p(X)).astype(np.float32)),
        (({"variable": 2},), scaled(X[:, np.sort(np.argsort(-X.var(axis=0))[:2])], axis=0)),
        (({"pca": 3},), scaled(PCA(3, svd_solver="full").fit_transform(X))),
    ]
    for steps, points in expected:
        np.testing.assert_allclose(prepared(tmp_path, steps)[0].x, points, atol=1e-6)


def test_components_and_directions_keep_their_geometry(tmp_path):
    # A range for each column would stretch them: one range keeps every ratio of distances.
    for steps, x in ((({"pca": 3},), X), (("l2",), X - 1)):
        data, _ = prepared(tmp_path, steps, x)
        assert "one range for all values" in data.scaling


def test_every_step_is_part_of_the_fingerprint_and_of_the_scaling_text(tmp_path):
    steps = [
        (),
        ("log1p",),
        ("l2",),
        ("l2", "log1p"),
        ("log1p", "l2"),
        ({"variable": 2},),
        ({"variable": 3},),
        ({"pca": 2},),
    ]
    assert len({prepared(tmp_path, each)[0].fingerprint for each in steps}) == len(steps)
    assert (
        prepared(tmp_path, ("log1p", {"variable": 2}))[0].scaling
        == "log1p, variable = 2, the range of each column to [0, 1]"
    )


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (("log1p",), "log1p takes values above -1, and there is -1."),
        (({"variable": 5},), "variable = 5: there are 5 columns; keep fewer"),
        (({"pca": 6},), "pca = 6: 12 points of 5 columns have 5 components"),
    ],
)
def test_steps_that_do_not_fit_are_refused(tmp_path, steps, message):
    with pytest.raises(InputError) as error:
        prepared(tmp_path, steps, X - 2)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "steps", ['["log"]', "[{variable = 0}]", "[{pca = 1.5}]", '"log1p"', "[{pca = 2, variable = 3}]"]
)
def test_a_card_with_a_step_that_is_none_is_refused(tmp_path, steps):
    path = tmp_path / "c.toml"
    path.write_text(f'name = "c"\nloader = "npz"\npreprocessing = {steps}\nparameters.path = "p.npz"\n')
    with pytest.raises(InputError, match=r"key 'preprocessing': write a list of"):
        load_dataset(str(path))


def test_more_features_than_points_are_hinted_at(tmp_path):
    np.save(tmp_path / "w.npy", np.random.default_rng(0).random((10, 30)))
    assert "30 features for 10 points" in load_with_warnings(tmp_path / "w.npy", n_clusters=2)[1]


@pytest.mark.parametrize("word", ["NA", "N/A", "null", "#N/A"])
def test_a_missing_label_is_missing_unless_it_names_a_class(word):
    labels = np.array(["a", word, "b"])
    with pytest.raises(InputError, match="missing, the first in row 1"):
        codes_of(labels)
    assert plain_labels(labels, "t", known=("a", "b", word)).tolist() == ["a", word, "b"]


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [(["-1.0", "0.0", "1.0"], [-1, 0, 1]), (["+1", "-1", "+1"], [1, -1, 1]), (["1.0", "10.0", "2.0"], [1, 10, 2])],
)
def test_numbers_are_numbers_however_they_are_spelled(texts, numbers):
    assert codes_of(np.array(texts)) == codes_of(np.array(numbers))


@pytest.mark.parametrize(
    ("labels", "noise_label", "count"),
    [
        (["Noise ", "x", "y"], "Noise", 4),
        ([9, 1, 2], "9.0", 4),
        (["Noise", "x", "y"], "noise", None),
        ([9, 1, 2], 8, None),
    ],
)
def test_a_cards_noise_label_is_among_the_labels(tmp_path, labels, noise_label, count):
    np.savez(tmp_path / "n.npz", x=X, y=np.array(labels)[CODES])
    card = Card(name="n", loader="npz", noise_label=noise_label, parameters={"path": str(tmp_path / "n.npz")})
    if count is None:
        with pytest.raises(InputError, match="is none of the labels"):
            load_with_warnings(card)
    else:
        assert (load_with_warnings(card)[0].y == -1).sum() == count


def test_splits_in_other_units_and_a_second_array_of_labels_are_warned_of(tmp_path):
    np.savez(tmp_path / "u.npz", x_train=X * 80, y_train=CODES, x_test=X / 3, y_test=CODES)
    assert "are both in one unit?" in load_with_warnings(tmp_path / "u.npz")[1]
    np.savez(tmp_path / "two.npz", x=X, y=CODES, labels=CODES[::-1])
    assert "labels are taken from y, though 'labels'" in load_with_warnings(tmp_path / "two.npz")[1]


def test_a_text_under_an_arrays_name_is_no_array(tmp_path):
    (tmp_path / "t.npy").write_text("1,2\n3,4\n")
    with pytest.raises(InputError, match="is no file of NumPy's") as error:
        load_with_warnings(tmp_path / "t.npy", n_clusters=2)
    assert "allow_pickle" not in str(error.value)
