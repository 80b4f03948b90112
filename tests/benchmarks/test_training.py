"""Samples per second of one epoch over 10,000 images of 784 pixels through 784-500-500-2000-10.

The floor: pretraining takes 19 MFLOP a sample, forward and backward through 3.3 million weights.
"""

import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from bench.plan.registry import find_method
from methods.networks import Autoencoder, GaussianAutoencoder, initialize
from methods.pretraining import Recipe, autoencoder_training
from methods.seeding import Streams
from methods.training import train

THREADS = 2
RECIPE = Recipe(
    hidden_dims=(500, 500, 2000),
    latent_dim=10,
    likelihood="gaussian",
    initializer="glorot",
    pretrain_epochs=1,
    pretrain_optimizer="adam",
    pretrain_learning_rate=1e-3,
    pretrain_momentum=0.9,
    pretrain_weight_decay=0.0,
    batch_size=256,
)


def network(kind):
    made = kind(784, RECIPE.hidden_dims, RECIPE.latent_dim)
    initialize([made], "glorot", torch.Generator().manual_seed(0))
    return made


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("kind", [Autoencoder, GaussianAutoencoder])
def test_pretraining(benchmark, images, kind, likelihood):
    x, recipe = torch.from_numpy(images), replace(RECIPE, likelihood=likelihood)
    trained = network(kind)

    def epoch():
        train([autoencoder_training(trained, x, recipe, Streams(0), beta=1.0, noise_scale=1.0)])

    benchmark.pedantic(epoch, rounds=5, warmup_rounds=1)
    benchmark.extra_info["samples_per_s"] = round(len(images) / benchmark.stats["median"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dec", {}),
        ("dec", {"reconstruction_weight": 0.01}),
        ("sdec", {"reconstruction_weight": 0.0, "prior": "standard"}),
        ("sdec", {}),
        ("vade", {"batch_size": 256}),
    ],
    ids=["dec", "idec", "sdec-report", "sdec-stable", "vade"],
)
def test_clustering(benchmark, images, name, options, tmp_path):
    """The difference between one epoch of clustering and none: pretraining and KMeans drop out."""
    common = {"pretrain_epochs": 0, "n_init": 1, "random_state": 0, "device": "cpu", **options}
    kind = find_method(name).load()
    stay = {"tol": 0.0} if "tol" in kind().get_params() else {}

    def setup():
        return (kind(**common, **stay, epochs=1),), {}

    def fit(estimator):
        estimator.fit(images)
        return estimator

    fitted = benchmark.pedantic(fit, setup=setup, rounds=5, warmup_rounds=1)
    start = time.perf_counter()
    kind(**common, **stay, epochs=0).fit(images)
    overhead = time.perf_counter() - start
    benchmark.extra_info["overhead_s"] = overhead
    benchmark.extra_info["samples_per_s"] = round(len(images) / (benchmark.stats["median"] - overhead))
    assert fitted.n_iter_ == -(-len(images) // fitted.batch_size)


def products(n_seeds, heads):
    """Return the seconds of the matrix products of one step of 64-128-128-10 and back for all seeds, batch 128."""
    down = [64, 128, 128, 10]
    sizes = [*pairwise(down), *[(128, 10)] * (heads - 1), *pairwise(down[::-1])]
    made = [[_operands(128, a, b) for _ in range(n_seeds)] for a, b in sizes]

    def step():
        for layer in made:
            for x, weight, bias, _ in layer:
                torch.addmm(bias, x, weight.t())
        for i, layer in reversed(list(enumerate(made))):
            for x, weight, _, gradient in layer:
                torch.mm(gradient.t(), x)
                if i:
                    torch.mm(gradient, weight)

    seconds = []
    for _ in range(50):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[10:]))


def _operands(n, n_in, n_out):
    return torch.randn(n, n_in), torch.randn(n_out, n_in), torch.randn(n_out), torch.randn(n, n_out)


@pytest.mark.parametrize("n_seeds", [1, 10])
@pytest.mark.parametrize("name", ["ae_kmeans", "dec", "sdec", "vade"])
def test_a_step_on_digits(benchmark, name, n_seeds):
    """``extra_info`` has the milliseconds of a step and seed, and how often it takes its products' time."""
    x = (load_digits().data / 16).astype(np.float32)
    info, threads = find_method(name), torch.get_num_threads()
    estimator, n_epochs = info.load()(), 20
    varied = "epochs" if "epochs" in estimator.get_params() else "pretrain_epochs"
    options = {**info.presets["quick"], "pretrain_epochs": 1, "n_init": 1, "device": "cpu", "tol": 0.0}
    known = estimator.get_params()
    estimator.set_params(**{parameter: value for parameter, value in options.items() if parameter in known})

    def fit(epochs):
        start = time.perf_counter()
        estimator.set_params(**{varied: epochs}).fit_seeds(x, range(n_seeds))
        return time.perf_counter() - start

    torch.set_num_threads(1)
    try:
        fit(1)
        rest = fit(0)
        benchmark.pedantic(fit, (n_epochs,), rounds=3)
        floor = products(n_seeds, 2 if name in ("sdec", "vade") else 1) / n_seeds
    finally:
        torch.set_num_threads(threads)
    seconds = (benchmark.stats["median"] - rest) / (n_epochs * 15 * n_seeds)
    benchmark.extra_info |= {"ms of a step": round(1e3 * seconds, 2), "times its products": round(seconds / floor, 2)}


_EPOCHS = """
import sys, time, numpy as np, torch
torch.set_num_threads({threads})
generator = np.random.default_rng(0)
images = np.clip(generator.normal(0.1, 0.3, (10_000, 784)), 0, 1).astype(np.float32)
sizes = [784, 500, 500, 2000, 10]
if sys.argv[1] == "theirs":
    import clustpy.deep
    loader = clustpy.deep.get_dataloader(images, batch_size=256, shuffle=True)
    network = clustpy.deep.neural_networks.FeedforwardAutoencoder(sizes)
    epoch = lambda: network.fit(n_epochs=1, optimizer_params={{"lr": 1e-3}}, dataloader=loader)
else:
    from methods.networks import Autoencoder, initialize
    from methods.pretraining import Recipe, autoencoder_training
    from methods.seeding import Streams
    from methods.training import train
    network, x = Autoencoder(784, sizes[1:-1], 10), torch.from_numpy(images)
    initialize([network], "glorot", torch.Generator().manual_seed(0))
    epoch = lambda: train([autoencoder_training(network, x, Recipe(**{recipe!r}), Streams(0))])
for _ in range(6):
    start = time.perf_counter()
    epoch()
    print(time.perf_counter() - start)
"""


def test_pretraining_is_faster_than_clustpys(benchmark):
    """Same network, batch, optimizer, data and threads; processes in turn, A B A B; medians compared."""
    pytest.importorskip("clustpy", reason="the peer group holds ClustPy")
    seconds = {"theirs": [], "ours": []}

    def in_turn():
        for name, values in seconds.items():
            command = [sys.executable, "-c", _EPOCHS.format(threads=THREADS, recipe=vars(RECIPE)), name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            values += [float(line) for line in done.stdout.split()][1:]  # the first epoch warms up

    benchmark.pedantic(in_turn, rounds=3)
    per_second = {name: round(10_000 / float(np.median(v))) for name, v in seconds.items()}
    benchmark.extra_info |= per_second
    assert per_second["ours"] / per_second["theirs"] >= 1.15
