"""The protocols against published figures; each takes tens of minutes on two cores."""

import numpy as np
import pytest
from scipy.stats import norm
from torchvision.datasets import MNIST

from bench.execution.execute import OnThisMachine, execute
from bench.execution.networks import default_memory
from bench.execution.resources import Settings
from bench.plan.plan import load_datasets, make_plan
from bench.plan.registry import find_method
from bench.plan.suite import load_suite
from bench.records.results import frame_of

pytestmark = pytest.mark.slow


@pytest.fixture
def run_suite(data_root, monkeypatch, tmp_path):
    """Run a suite and return one row a cell."""
    monkeypatch.setenv("DEEPCLUSTBENCH_CACHE", str(tmp_path / "pretrained"))

    def run(name, **changes):
        suite = load_suite(name, **changes)
        data = load_datasets(suite, data_root)
        cells = make_plan(suite, data).cells()
        records = []
        execute(
            cells,
            OnThisMachine(jobs=2),
            Settings(memory=str(default_memory())),
            data,
            finished=lambda _cell, record, _outputs: records.append(record),
        )
        assert {record.status for record in records} == {"ok"}
        return frame_of(records)

    return run


def mean(frame, variant, metric="acc"):
    return frame.loc[frame["variant"] == variant, metric].mean()


def test_usps_paper_gives_the_means_of_dec_keras(run_suite):
    """DEC-keras, ten runs: AE+KMeans ACC .709; DEC ACC .764, NMI .787."""
    frame = run_suite("usps-paper", methods=["ae_kmeans", "dec"])
    assert mean(frame, "ae_kmeans") == pytest.approx(0.709, abs=0.02)
    assert mean(frame, "dec") == pytest.approx(0.764, abs=0.015)
    assert mean(frame, "dec", "nmi") == pytest.approx(0.787, abs=0.015)


def test_mnist_short_is_not_below_clustpy(run_suite):
    """ClustPy 0.0.3, 10 + 10 epochs on MNIST's test images, seeds 0 to 2."""
    frame = run_suite("mnist-short", methods=["ae_kmeans", "dec", "sdec", "vade"])
    for variant, theirs in {"ae_kmeans": 0.558, "dec": 0.578, "dec (twin of sdec)": 0.592, "vade": 0.609}.items():
        assert mean(frame, variant) >= theirs - 0.02, variant


def test_vade_starts_with_responsibilities_that_mean_something(data_root):
    """ClustPy's exp() underflows: its median top responsibility is .10."""
    x = np.asarray(MNIST(data_root, train=False).data, np.float32).reshape(10_000, -1) / 255
    info = find_method("vade")
    vade = info.load()(**info.preset("short", "mnist"), random_state=0).set_params(epochs=0).fit(x)
    q = vade.predict_proba(x)
    z, (weights, means, variances) = vade.embedding_.astype(float), (vade.weights_, vade.means_, vade.variances_)
    joint = np.log(weights) + norm.logpdf(z[:, None], means, np.sqrt(variances)).sum(-1)
    independent = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
    np.testing.assert_allclose(q, independent, atol=1e-3)
    assert np.median(q.max(1)) > 0.9


def test_beta_decides_whether_the_reported_sdec_collapses(run_suite):
    suite = {"datasets": ["mnist@test"], "seeds": 3, "grid": {"sdec": {"beta": [1.0, 0.01]}}}
    frame = run_suite("sdec-beta", methods=["sdec"], **suite)
    collapsed = {v: [f == ["collapsed"] for f in rows["flags"]] for v, rows in frame.groupby("variant")}
    assert all(collapsed["sdec beta=1.0"])
    assert not any(collapsed["sdec beta=0.01"])


def test_stable_sdec_keeps_up_with_its_twin(run_suite):
    frame = run_suite("quick", methods=["sdec@stable"], datasets=["mnist@test"], seeds=3)
    assert mean(frame, "sdec@stable") >= mean(frame, "dec (twin of sdec)") - 0.02
