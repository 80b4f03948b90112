"""Fingerprints, scaling and labels: rules that hold for any data."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from bench.data.assemble import limited_indices
from bench.data.dataset import dataset_fingerprint, split_fingerprint
from bench.data.readers.labels import encode_labels, plain_labels
from bench.data.values import resolve_scaling, scale
from bench.errors import InputError


def codes_of(labels, classes, where):
    return encode_labels(plain_labels(labels, where), classes, where)


SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
FLOATS = arrays(np.float64, SHAPES, elements=FINITE)


@given(points=arrays(np.uint8, array_shapes(min_dims=2, max_dims=3, max_side=5)), data=st.data())
def test_changing_any_one_value_changes_the_fingerprint(points, data):
    place = tuple(data.draw(st.integers(0, side - 1)) for side in points.shape)
    other = points.copy()
    other[place] ^= 1
    assert split_fingerprint(points, None) != split_fingerprint(other, None)


@given(labels=arrays(np.int64, st.integers(1, 8), elements=st.integers(0, 9)), data=st.data())
def test_changing_or_dropping_any_label_changes_the_fingerprint(labels, data):
    points = np.zeros((len(labels), 2), dtype=np.uint8)
    other = labels.copy()
    other[data.draw(st.integers(0, len(labels) - 1))] += 1
    assert len({split_fingerprint(points, each) for each in (labels, other, None)}) == 3


@given(values=arrays(np.uint8, 12))
def test_the_shape_is_part_of_the_fingerprint_and_for_one_type_readers_the_type(values):
    flat, images = values.reshape(2, 6), values.reshape(2, 2, 3)
    variants = (flat, images, values.reshape(6, 2))
    for by_value in (True, False):
        assert len({split_fingerprint(each, None, by_value=by_value) for each in variants}) == len(variants)
    assert split_fingerprint(flat, None, by_value=False) != split_fingerprint(flat.astype(float), None, by_value=False)


@given(points=FLOATS)
def test_byte_order_and_memory_order_do_not_change_the_fingerprint(points):
    expected = split_fingerprint(points, None)
    assert split_fingerprint(points.astype(">f8"), None) == expected
    assert split_fingerprint(np.asfortranarray(points), None) == expected


def test_a_data_set_fingerprint_tells_order_scaling_and_limit_apart():
    variants = [
        (["a", "b"], "unit", None),
        (["b", "a"], "unit", None),
        (["a", "b"], "minmax", None),
        (["a", "b"], 16, None),
        (["a", "b"], "unit", (5, "x")),
        (["a", "b"], "unit", (6, "x")),
        (["a", "b"], "unit", (5, "y")),  # the name decides which five
    ]
    assert len({dataset_fingerprint(*each) for each in variants}) == len(variants)
    assert dataset_fingerprint(["a"], 16, None) == dataset_fingerprint(["a"], 16.0, None)


@pytest.mark.parametrize("rule", ["auto", "minmax", "minmax-feature"])
@given(points=FLOATS, is_image=st.booleans())
@example(points=np.array([[0.0], [5e-324]]), is_image=True)
@example(points=np.array([[-1e-300, 1.0], [1e-300, 1.0]]), is_image=False)
def test_scaled_values_lie_in_the_unit_interval_and_keep_their_order(rule, points, is_image):
    with np.errstate(over="ignore"):
        assume(points.min() < points.max() and np.isfinite(points.max() - points.min()))
    x = scale(points, resolve_scaling(points, rule, is_image), "test")
    assert x.dtype == np.float32
    assert x.shape == points.shape
    assert x.flags.c_contiguous
    assert x.min() >= 0
    assert x.max() <= 1
    for column in range(points.shape[1]):
        assert (np.diff(x[points[:, column].argsort(), column]) >= 0).all()


@given(points=arrays(np.int64, SHAPES, elements=st.integers(0, 2**62)), divisor=st.floats(1e-3, 1e30))
def test_a_divisor_gives_unit_values_or_an_error(points, divisor):
    assume(float(points.min()) < float(points.max()))
    if points.max() > divisor:
        with pytest.raises(InputError, match=r"outside of \[0"):
            scale(points, divisor, "test")
    else:
        x = scale(points, divisor, "test")
        assert x.min() >= 0
        assert x.max() <= 1


@pytest.mark.parametrize("rule", ["minmax", "minmax-feature"])
def test_a_span_beyond_a_double_is_refused_not_turned_into_nan(rule):
    with pytest.raises(InputError, match="span more than a double can hold"):
        scale(np.array([[-1e308], [1e308]]), rule, "test")


def test_one_range_keeps_the_proportions_that_a_range_a_column_does_not():
    points = np.array([[0.0, 0.0], [10.0, 1.0]])
    assert scale(points, "minmax", "t").tolist() == [[0, 0], [1, pytest.approx(0.1)]]
    assert scale(points, "minmax-feature", "t").tolist() == [[0, 0], [1, 1]]
    assert resolve_scaling(points, "auto", is_image=True) == "minmax"
    assert resolve_scaling(points, "auto", is_image=False) == "minmax-feature"


def test_every_byte_is_its_255th():
    points = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    expected = (np.arange(256) / 255).astype(np.float32)
    assert resolve_scaling(points, "auto", is_image=True) == "uint8"
    np.testing.assert_array_equal(scale(points, "uint8", "t")[:, 0], expected)
    # The same bytes kept as floats scale alike: the type they are stored in must not matter.
    np.testing.assert_array_equal(scale(points.astype(float), "uint8", "t")[:, 0], expected)


@given(n=st.integers(3, 200), name=st.text(max_size=8), data=st.data())
def test_a_smaller_limit_keeps_some_of_what_a_larger_one_keeps(n, name, data):
    large = data.draw(st.integers(2, n))
    small = data.draw(st.integers(2, large))
    chosen = limited_indices(n, large, name)
    assert len(set(chosen)) == large
    assert (np.diff(chosen) > 0).all()
    assert set(limited_indices(n, small, name)) <= set(chosen)


def test_the_choice_of_a_limit_is_frozen():
    # Stored results depend on it: a change here makes every limited run incomparable with earlier ones.
    assert limited_indices(1000, 5, "mnist").tolist() == [137, 403, 417, 469, 595]


@pytest.mark.parametrize(
    ("labels", "codes", "names"),
    [
        (np.array(["b", "a", "b"]), [1, 0, 1], ("a", "b")),
        (np.array([b"b", b"a", b"b"]), [1, 0, 1], ("a", "b")),
        (np.array([10, 2, 10]), [1, 0, 1], ("2", "10")),  # numbers sort as numbers
        (np.array([3.0, 1.0, 3.0]), [1, 0, 1], ("1", "3")),
        (np.array([True, False, True]), [1, 0, 1], ("0", "1")),
    ],
)
def test_distinct_labels_become_codes_in_sorted_order(labels, codes, names):
    actual, actual_names = codes_of(labels, None, "t")
    assert actual.dtype == np.int64
    assert (actual.tolist(), actual_names) == (codes, names)


def test_the_cards_classes_fix_the_codes():
    classes = ("zebra", "ant", "mole")
    assert codes_of(np.array(["mole", "zebra"]), classes, "t")[0].tolist() == [2, 0]
    # A class that no point has keeps its number.
    assert codes_of(np.array([2, 0]), classes, "t")[0].tolist() == [2, 0]


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        (np.array([0.0, 1.5]), None, "1 labels are not whole numbers, the first in row 1 (1.5)"),
        (np.array([0.0, np.nan]), None, "1 labels are missing, the first in row 1"),
        (np.array([0.0, 1e300]), None, "row 1"),
        (np.array([[0, 2], [1, 0]]), None, "shape (2, 2); give one label a point"),
        (np.array([0j, 1j]), None, "complex128; give integers or strings"),
        (np.array([0, 2]), ("a", "b"), "label '2' in row 1 is not one of the card's 2 classes"),
        (np.array([0, -2]), ("a", "b"), "label '-2' in row 1"),
        (np.array(["a", "c"]), ("a", "b"), "label 'c' in row 1"),
    ],
)
def test_labels_that_are_no_classes_are_refused_by_their_place(labels, classes, message):
    with pytest.raises(InputError) as error:
        codes_of(labels, classes, "file.npz")
    assert message in str(error.value)
    assert str(error.value).startswith("file.npz: ")
