"""Outliers: which they are, what they change, and what a whole run says of them."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench.data.cards import load_dataset
from bench.errors import InputError
from bench.plan.outliers import MOST_POINTS, inlier_indices, outlier_points
from bench.plan.plan import make_plan
from bench.plan.suite import load_suite, make_suite
from bench.records.store import Run

BASE = {"name": "s", "preset": "quick", "datasets": ["digits"], "methods": ["kmeans"], "seeds": 1}
OUTLIERS = {"outliers": {"digits": ["blobs64", "noise"]}}


@pytest.fixture(scope="module")
def data():
    return {name: load_dataset(name) for name in ("digits", "blobs", "blobs64")} | {
        "digits@all": load_dataset("digits")
    }


def cells(data, **changes):
    return make_plan(make_suite({**BASE, **changes}, "test"), data).cells()


def test_outliers_are_part_of_what_a_cell_is(data):
    """A record without them is not one with them; what is fitted is the same."""
    (plain,), (beside,), (less,) = cells(data), cells(data, **OUTLIERS), cells(data, outliers={"digits": ["noise"]})
    assert len({plain.key, beside.key, less.key}) == 3
    assert plain.random_state == beside.random_state
    assert plain.network == beside.network
    assert [o.name for o in beside.outliers] == ["blobs64", "noise"]
    assert cells(data, outliers={})[0].key == plain.key


def test_a_key_without_a_split_is_of_any_split(data):
    (cell,) = cells(data, datasets=["digits@all"], **OUTLIERS)
    assert len(cell.outliers) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outliers": {"mnist": ["noise"]}}, r"outliers.mnist: the suite has no such data set"),
        ({"outliers": {"digits": ["blobs"]}}, "blobs has 16 features and digits has 64"),
        ({"outliers": {"digits": ["digits"]}}, "the data set that methods are fitted to"),
        ({"outliers": {"digits": ["noise", "noise"]}}, "named twice"),
    ],
)
def test_outliers_that_make_no_sense_are_refused_before_anything_runs(data, changes, message):
    with pytest.raises(InputError, match=message):
        cells(data, **changes)


def test_other_data_sets_leave_out_what_the_suite_says_of_its_own():
    assert set(load_suite("uncertainty").outliers) == {"digits", "mnist", "fashion_mnist"}
    assert set(load_suite("uncertainty", datasets=["digits"]).outliers) == {"digits"}
    assert set(load_suite("uncertainty", datasets=["mnist"]).outliers) == {"mnist"}


def test_noise_is_uniform_and_the_same_for_every_method_and_seed(data):
    (cell,) = cells(data, **OUTLIERS)
    first, again = (outlier_points(cell.outliers[1], data["digits"], None) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == data["digits"].x.shape
    assert np.quantile(first, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.01)
    assert first.std(axis=1).min() > 0.15  # each feature by itself


def test_data_that_are_called_noise_are_not_replaced_by_it(cli, tmp_path, data):
    """A file's name is its data set's name; uniform numbers in its place would be scored under its fingerprint."""
    path = tmp_path / "noise.npy"
    np.save(path, np.tile(data["digits"].x[:2], (20, 1)))
    suite = tmp_path / "strange.toml"
    suite.write_text(
        'name = "strange"\npreset = "quick"\ndatasets = ["digits"]\nmethods = ["kmeans"]\nseeds = 1\n'
        f'outliers.digits = ["{path}"]\n'
    )
    code, _, err = cli("run", suite, "--out", tmp_path / "out", "--jobs", "1")
    assert code == 0, err
    run = Run(tmp_path / "out")
    (record,) = run.records()
    margins = run.outputs(record.key)["outliers/noise/margin"]
    assert len(margins) == 40
    assert len(np.unique(margins)) == 2


def test_either_side_has_at_most_ten_thousand_points(data):
    assert len(inlier_indices(data["digits"])) == 1797
    many = load_dataset("digits")
    object.__setattr__(many, "x", np.broadcast_to(many.x[:1], (70_000, 64)))
    chosen = inlier_indices(many)
    assert len(chosen) == len(np.unique(chosen)) == MOST_POINTS
    assert chosen.min() < 100
    assert chosen.max() > 69_900  # of all of them, not of the first


def test_a_run_tells_outliers_from_what_it_knows(cli, tmp_path, data):
    suite = tmp_path / "strange.toml"
    suite.write_text(
        'name = "strange"\npreset = "quick"\ndatasets = ["digits"]\nmethods = ["kmeans", "vae_kmeans"]\nseeds = 1\n'
        "ablations = []\n"
        'set.vae_kmeans.pretrain_epochs = 5\noutliers.digits = ["blobs64", "noise"]\n'
    )
    code, _, err = cli("run", suite, "--out", tmp_path / "out", "--jobs", "2")
    assert code == 0, err
    run = Run(tmp_path / "out")
    records = {r.method: r for r in run.records()}
    assert set(records["kmeans"].outliers) == {"blobs64", "noise"}
    # Against an independent computation: margins among the pixels, in double precision.
    outputs = run.outputs(records["kmeans"].key)
    centers = outputs["centers"].astype(float)

    def margins(points):
        distances = np.sort(np.linalg.norm(points[:, None].astype(float) - centers, axis=2), axis=1)
        return distances[:, 0] - distances[:, 1]

    scores = margins(data["digits"].x), margins(data["blobs64"].x)
    expected = roc_auc_score(np.repeat([0, 1], [1797, 1000]), np.concatenate(scores))
    found = records["kmeans"].outliers["blobs64"]
    assert set(found) == {"margin"}
    assert found["margin"]["auroc"] == pytest.approx(expected, abs=1e-4)
    assert set(records["vae_kmeans"].outliers["noise"]) >= {"confidence", "entropy", "density", "latent_variance"}
    outputs = run.outputs(records["vae_kmeans"].key)
    errors = outputs["reconstruction_error"][outputs["inliers"]], outputs["outliers/noise/reconstruction_error"]
    expected = roc_auc_score(np.repeat([0, 1], [1797, 1797]), np.concatenate(errors))
    assert records["vae_kmeans"].outliers["noise"]["reconstruction"]["auroc"] == pytest.approx(expected)
    _, told, _ = cli("run", suite, "--out", tmp_path / "out")
    assert "3 runs, 3 done, 0 to run" in told
