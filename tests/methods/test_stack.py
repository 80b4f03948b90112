"""The layers of many seeds: their gradients are autograd's, and none is lost without a word."""

import pytest
import torch
from torch import nn

from methods.networks import Autoencoder, GaussianAutoencoder, initialize
from methods.stack import Stack, multiply

PARTS = ("body", "code", "log_variance", "decoder")


def networks(kind, n_seeds=3, hidden=(9, 7), latent=3):
    made = [kind(6, hidden, latent) for _ in range(n_seeds)]
    for seed, network in enumerate(made):
        initialize([network], "torch", torch.Generator().manual_seed(seed))
    return made


@pytest.mark.parametrize("hidden", [(9, 7), (40,), ()])
@pytest.mark.parametrize("n", [1, 5, 64])
def test_a_step_is_that_of_the_networks_themselves(hidden, n):
    x = torch.rand((3, n, 6), generator=torch.Generator().manual_seed(9))
    ours, theirs = networks(GaussianAutoencoder, hidden=hidden), networks(GaussianAutoencoder, hidden=hidden)
    centers = [torch.full((2, 3), float(seed)) for seed in range(3)]
    extra = [{"centers": c.clone()} for c in centers]
    stack = Stack(ours, dict.fromkeys(PARTS, 0.1), extra)

    def losses(mean, log_variance, output, x, centers):
        distances = (mean.unsqueeze(-2) - centers.unsqueeze(-3)).square().sum((-1, -2, -3))
        return (output - x).square().sum((-1, -2)) + log_variance.exp().sum((-1, -2)) + distances

    optimizer = torch.optim.SGD(stack.groups, lr=0.01)
    mean, log_variance = stack.posterior(x)
    stack.step(optimizer, losses(mean, log_variance, stack.decode(mean), x, stack.extra["centers"]))
    for seed, network in enumerate(theirs):
        center = nn.Parameter(centers[seed])
        groups = [{"params": network.parameters(), "weight_decay": 0.1}, {"params": [center]}]
        mean, log_variance = network.posterior(x[seed])
        losses(mean, log_variance, network.decode(mean), x[seed], center).backward()
        torch.optim.SGD(groups, lr=0.01).step()
        for a, b in zip(ours[seed].parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(a, b)
        torch.testing.assert_close(extra[seed]["centers"], center.data)


def test_a_part_that_is_used_twice_or_not_at_all_is_refused():
    stack = Stack(networks(Autoencoder), dict.fromkeys(("body", "code", "decoder"), 0.0), [{}, {}, {}])
    optimizer = torch.optim.SGD(stack.groups, lr=0.1)
    codes = stack.encode(torch.rand(3, 4, 6))
    with pytest.raises(RuntimeError, match="body, code takes part twice"):
        stack.encode(torch.rand(3, 4, 6))
    with pytest.raises(RuntimeError, match="does not depend on decoder"):
        stack.step(optimizer, codes.sum((1, 2)))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(5, 8, 3), (64, 33, 10), (128, 128, 10), (17, 2, 40), (1, 3, 1)])
def test_products_of_a_seed_do_not_depend_on_how_many_seeds_there_are(shape, threads):
    n, m, k = shape
    before, generator = torch.get_num_threads(), torch.Generator().manual_seed(0)
    a, b = torch.randn((7, n, 16 * m), generator=generator), torch.randn((7, 16 * m, k), generator=generator)
    torch.set_num_threads(threads)
    try:
        together = torch.empty(7, -(-n // 16) * 16, k)[:, :n]
        multiply(a, b, together)
        torch.testing.assert_close(together, a @ b, rtol=1e-3, atol=1e-3)
        for seed in range(7):
            alone = torch.empty(1, n, k)
            multiply(a[seed : seed + 1].clone(), b[seed : seed + 1].clone(), alone)
            assert torch.equal(alone[0], together[seed])
    finally:
        torch.set_num_threads(before)
