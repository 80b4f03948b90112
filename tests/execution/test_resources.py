"""The share of a machine that a run gets, and how many fit a node."""

import pytest

from bench.errors import InputError
from bench.execution.resources import Share, Shares, with_gpus
from bench.method import MethodInfo
from bench.plan.cells import Cell, Configuration


@pytest.mark.parametrize(
    ("shares", "device", "available", "expected"),
    [
        (Shares(), "auto", 0, 0),
        (Shares(), "auto", 4, 1),
        (Shares(), "cpu", 4, 0),
        (Shares(gpus=0.25), "auto", 4, 0.25),
        (Shares(gpus=0.25), "cuda", 4, 0.25),
        (Shares(), "cuda", 0, "--device cuda: the machines that Ray sees have no GPU"),
        (Shares(gpus=1), "cpu", 4, "--gpus-per-trial needs GPUs, and --device cpu uses none"),
    ],
)
def test_gpus_of_a_run_by_options_and_machine(shares, device, available, expected):
    if isinstance(expected, str):
        with pytest.raises(InputError, match=expected):
            with_gpus(shares, device, available)
    else:
        assert with_gpus(shares, device, available).gpus == expected


@pytest.mark.parametrize(("device", "available", "gpus"), [("auto", 0, 0), ("auto", 4, 2), ("cpu", 4, 0)])
def test_gpus_that_a_method_declares_are_given_if_there_are_any(monkeypatch, device, available, gpus):
    info = MethodInfo(name="m", title="M", kind="stochastic", estimator="m:M", resources={"gpus": 2})
    monkeypatch.setattr("bench.execution.resources.find_method", lambda name: info)
    configuration = Configuration(
        method="m", title="M", kind="stochastic", version=1, preset=None, variant="m", params={}, seeded=True, twin=None
    )
    assert with_gpus(Shares(), device, available).of(Cell("digits", "digits", "0", configuration, 0)) == Share(1, gpus)


@pytest.mark.parametrize(
    ("share", "node", "fits"),
    [
        (Share(1, 0), {"CPU": 2}, 2),
        (Share(1, 0.25), {"CPU": 16, "GPU": 2}, 8),
        (Share(1, 0.25), {"CPU": 4, "GPU": 2}, 4),
        (Share(1, 0.4), {"CPU": 16, "GPU": 2}, 4),
        (Share(1, 2), {"CPU": 16, "GPU": 3}, 1),
        (Share(0.1, 0), {"CPU": 1}, 10),
        (Share(1, 1), {"CPU": 4}, 0),
    ],
)
def test_how_many_workers_a_node_holds(share, node, fits):
    assert share.fits(node) == fits
