"""Each loss equals an independent computation of its formula."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import rel_entr
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from methods.losses import (
    clustering_loss,
    gaussian_kl,
    log_likelihood,
    log_mean_over_draws,
    log_mixture_joint,
    log_soft_assignment,
    mixture_kl,
    mixture_prior_kl,
    reconstruction_loss,
    squared_distances,
    standard_normal_kl,
    target_distribution,
)

_N, _K, _D = 6, 3, 2
finite = st.floats(-20, 20, width=32)
codes = arrays(np.float32, (_N, _D), elements=finite)
centers = arrays(np.float32, (_K, _D), elements=finite)
log_variances = arrays(np.float32, (_N, _D), elements=st.floats(-8, 2, width=32))


def student_t(z, c, alpha):
    """DEC's equation 1, literally, in float64."""
    z, c = z.astype(np.float64), c.astype(np.float64)
    q = np.array([[(1 + ((zi - cj) ** 2).sum() / alpha) ** (-(alpha + 1) / 2) for cj in c] for zi in z])
    return q / q.sum(1, keepdims=True)


@given(codes, centers, st.sampled_from([1.0, 2.0, 0.5]))
def test_soft_assignment_equals_equation_1_in_float64(z, c, alpha):
    ours = log_soft_assignment(torch.tensor(z), torch.tensor(c), alpha).exp()
    np.testing.assert_allclose(ours, student_t(z, c, alpha), rtol=2e-5, atol=1e-9)
    np.testing.assert_allclose(ours.sum(1), 1, rtol=1e-5)


@given(codes, centers)
def test_target_distribution_equals_equation_3_in_float64(z, c):
    q = student_t(z, c, 1.0)
    frequency = q.sum(0)
    expected = np.array([[q[i, j] ** 2 / frequency[j] for j in range(_K)] for i in range(_N)])
    expected /= expected.sum(1, keepdims=True)
    ours = target_distribution(torch.tensor(q, dtype=torch.float32))
    np.testing.assert_allclose(ours, expected, rtol=2e-4, atol=1e-7)


def test_an_empty_cluster_gives_no_nan():
    q = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert torch.equal(target_distribution(q), q)


@given(codes, centers)
def test_clustering_loss_is_kl_summed_over_clusters_and_averaged_over_points(z, c):
    q = student_t(z, c, 1.0)
    p = q**2 / q.sum(0)
    p /= p.sum(1, keepdims=True)
    ours = clustering_loss(torch.tensor(p), torch.tensor(q).log())
    assert float(ours) == pytest.approx(rel_entr(p, q).sum() / _N, rel=1e-6, abs=1e-9)


def test_clustering_loss_takes_a_target_of_exact_zero():
    target, log_q = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.25, 0.75]]).log()
    assert float(clustering_loss(target, log_q)) == pytest.approx(math.log(4))


@given(codes, log_variances)
def test_standard_kl_equals_torch_distributions(mean, log_variance):
    mean, log_variance = torch.tensor(mean).double(), torch.tensor(log_variance).double()
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(mean), 1.0), 1)
    torch.testing.assert_close(standard_normal_kl(mean, log_variance), kl_divergence(posterior, prior))


@given(codes, log_variances, centers)
def test_gaussian_kl_to_each_component_equals_torch_distributions(mean, log_variance, center):
    mean, log_variance, center = (torch.tensor(a).double() for a in (mean, log_variance, center))
    center_log_variance = torch.linspace(-2, 1, _K * _D, dtype=torch.float64).reshape(_K, _D)
    ours = gaussian_kl(mean, log_variance, center, center_log_variance)
    for c in range(_K):
        component = Independent(Normal(center[c], (0.5 * center_log_variance[c]).exp()), 1)
        posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
        torch.testing.assert_close(ours[:, c], kl_divergence(posterior, component))


def test_mixture_kl_bounds_the_true_kl_and_is_exact_for_one_component():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(1, 2, generator=generator), torch.tensor([[-1.0, 0.3]])
    centroids = torch.tensor([[0.0, 0.0], [3.0, 1.0]])
    z = mean + (0.5 * log_variance).exp() * torch.randn(200_000, 2, generator=generator)
    posterior = multivariate_normal(mean[0].numpy(), np.diag(log_variance[0].exp().numpy()))
    mixture = np.mean([multivariate_normal(c.numpy(), np.eye(2)).pdf(z) for c in centroids], axis=0)
    monte_carlo = np.mean(posterior.logpdf(z) - np.log(mixture))
    bound = float(mixture_kl(mean, log_variance, centroids)[0])
    assert monte_carlo - 0.01 < bound < monte_carlo + math.log(2)
    alone = mixture_kl(mean, log_variance, centroids[:1])
    torch.testing.assert_close(alone, standard_normal_kl(mean, log_variance))


@given(codes, centers)
def test_without_noise_a_kl_is_minus_the_log_density_of_the_prior_up_to_a_constant(mean, center):
    mean, center = (torch.tensor(a).double() for a in (mean, center))
    log_variances = torch.linspace(-2, 1, _K * _D, dtype=torch.float64).reshape(_K, _D)
    half = 0.5 * _D * math.log(2 * math.pi)
    for c in range(_K):
        density = Independent(Normal(center[c], (0.5 * log_variances[c]).exp()), 1)
        ours = gaussian_kl(mean, None, center, log_variances)[:, c]
        torch.testing.assert_close(ours, -density.log_prob(mean) - half)
    unit = Independent(Normal(torch.zeros(_D).double(), 1.0), 1)
    torch.testing.assert_close(standard_normal_kl(mean, None), -unit.log_prob(mean) - half)
    equal = MixtureSameFamily(Categorical(torch.ones(_K).double()), Independent(Normal(center, 1.0), 1))
    torch.testing.assert_close(mixture_kl(mean, None, center), -equal.log_prob(mean) - half)


def test_without_noise_the_gradient_of_each_kl_is_that_of_minus_the_log_density():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    weights, means = torch.tensor([0.2, 0.3, 0.5]).double(), torch.randn(3, 3, generator=generator).double()
    variances = torch.full((3, 3), 0.7).double()
    density = MixtureSameFamily(Categorical(weights), Independent(Normal(means, variances.sqrt()), 1))
    pairs = [
        (lambda z: mixture_prior_kl(z, None, z, weights.log(), means, variances.log())[0], density.log_prob),
        (lambda z: standard_normal_kl(z, None), lambda z: -0.5 * z.square().sum(-1)),
    ]
    for kl, log_density in pairs:
        gradients = []
        for function in (kl, lambda z, log_density=log_density: -log_density(z)):
            z = codes.clone().requires_grad_()
            function(z).sum().backward()
            gradients.append(z.grad)
        torch.testing.assert_close(*gradients)


def test_mean_over_draws_is_taken_of_probabilities():
    q = torch.tensor([[[0.9, 0.1]], [[0.2, 0.8]]])
    torch.testing.assert_close(log_mean_over_draws(q.log()).exp(), torch.tensor([[0.55, 0.45]]))


def test_responsibilities_equal_scikit_learns_mixture():
    z = np.random.default_rng(0).normal(size=(200, 3)) * [1, 5, 0.2]
    mixture = GaussianMixture(4, covariance_type="diag", random_state=0).fit(z)
    parameters = (np.log(mixture.weights_), mixture.means_, np.log(mixture.covariances_))
    joint = log_mixture_joint(torch.tensor(z), *map(torch.tensor, parameters))
    np.testing.assert_allclose(torch.softmax(joint, 1), mixture.predict_proba(z), atol=1e-10)
    np.testing.assert_allclose(torch.logsumexp(joint, 1), mixture.score_samples(z), atol=1e-10)


def test_responsibilities_survive_densities_that_underflow_float32():
    means = torch.tensor([[0.0] * 10, [1.0] * 10])
    joint = log_mixture_joint(torch.full((1, 10), 50.0), torch.zeros(2), means, torch.zeros(2, 10))
    assert float(joint.exp().sum()) == 0  # a density ratio would be 0/0
    torch.testing.assert_close(torch.softmax(joint, 1), torch.tensor([[0.0, 1.0]]))


@given(codes, log_variances)
def test_vades_kl_equals_its_two_parts_by_torch_distributions(mean, log_variance):
    weights = np.array([0.2, 0.5, 0.3])
    means, variances = np.arange(6.0).reshape(3, 2), np.linspace(0.5, 2, 6).reshape(3, 2)
    prior = (torch.tensor(weights).log(), torch.tensor(means), torch.tensor(variances).log())
    mean, log_variance = torch.tensor(mean).double(), torch.tensor(log_variance).double()
    ours, log_gamma = mixture_prior_kl(mean, log_variance, mean + 0.1, *prior)
    gamma = log_gamma.exp()
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    components = [
        Independent(Normal(torch.tensor(m), torch.tensor(v).sqrt()), 1) for m, v in zip(means, variances, strict=True)
    ]
    expected = sum(gamma[:, c] * kl_divergence(posterior, components[c]) for c in range(3))
    expected = expected + kl_divergence(Categorical(gamma), Categorical(torch.tensor(weights)))
    torch.testing.assert_close(ours, expected)


def test_likelihoods_are_densities_and_the_losses_their_negatives():
    output = torch.tensor([[0.3, -1.0], [2.0, 0.5]]).double()
    x = torch.tensor([[0.0, 1.0], [1.0, 0.25]]).double()
    gaussian = Independent(Normal(output, math.sqrt(0.5)), 1).log_prob(x)
    torch.testing.assert_close(log_likelihood(output, x, "gaussian"), gaussian)
    p = output.sigmoid()
    bernoulli = (x * p.log() + (1 - x) * (1 - p).log()).sum(1)
    torch.testing.assert_close(log_likelihood(output, x, "bernoulli"), bernoulli)
    torch.testing.assert_close(reconstruction_loss(output, x, "bernoulli"), -bernoulli.mean())
    squared = ((x - output) ** 2).sum(1).mean()
    torch.testing.assert_close(reconstruction_loss(output, x, "gaussian"), squared)


def test_the_gradient_of_the_bernoulli_loss_is_pytorchs():
    generator = torch.Generator().manual_seed(0)
    output, x = (
        torch.randn(2, 5, 7, generator=generator).double() * 20,
        torch.rand(2, 5, 7, generator=generator).double(),
    )
    ours, theirs = output.clone().requires_grad_(), output.clone().requires_grad_()
    weights = torch.tensor([0.5, 3.0]).double()
    (reconstruction_loss(ours, x, "bernoulli") * weights).sum().backward()
    native = torch.nn.functional.binary_cross_entropy_with_logits(theirs, x, reduction="none").sum(-1).mean(-1)
    (native * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("n", [1, 5, 64, 100])
@pytest.mark.parametrize("threads", [1, 2])
def test_losses_of_a_seed_do_not_depend_on_how_many_seeds_there_are(n, threads):
    generator, before = torch.Generator().manual_seed(0), torch.get_num_threads()
    shapes = {"x": (n, 33), "output": (n, 33), "z": (n, 7), "mean": (n, 7), "log_variance": (n, 7), "c": (5, 7)}
    shapes |= {"draws": (3, n, 7), "logits": (5,), "s": (5, 7)}
    t = {name: torch.randn((6, *shape), generator=generator) for name, shape in shapes.items()}
    t["x"] = t["x"].sigmoid()

    def losses(t):
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in t.items()}
        log_q = log_soft_assignment(leaves["draws"].flatten(1, 2), leaves["c"])
        log_q = log_mean_over_draws(log_q.unflatten(1, (3, n)))
        prior, log_gamma = mixture_prior_kl(*(leaves[n] for n in ("mean", "log_variance", "z", "logits", "c", "s")))
        every = [
            reconstruction_loss(leaves["output"], t["x"], "bernoulli"),
            reconstruction_loss(leaves["output"], t["x"], "gaussian"),
            clustering_loss(target_distribution(log_gamma.detach().exp()), log_q),
            mixture_kl(leaves["mean"], leaves["log_variance"], leaves["c"]).mean(-1),
            standard_normal_kl(leaves["mean"], leaves["log_variance"]).mean(-1),
            prior.mean(-1),
        ]
        total = torch.stack(every).sum(0)
        total.backward(torch.ones_like(total))
        return [*every, *(leaf.grad for name, leaf in leaves.items() if name != "x")]

    torch.set_num_threads(threads)
    try:
        together = losses(t)
        for seed in range(6):
            alone = losses({name: tensor[seed : seed + 1] for name, tensor in t.items()})
            assert all(torch.equal(a[0], b[seed]) for a, b in zip(alone, together, strict=True))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("variance", [False, True])
@pytest.mark.parametrize("weights", [False, True])
def test_squared_distances_and_their_gradients_equal_the_formula(variance, weights):
    generator = torch.Generator().manual_seed(0)
    z, v, c, w = (torch.randn((2, m, 4), generator=generator).double() for m in (6, 6, 3, 3))
    arguments = [z, c, v if variance else None, w if weights else None]
    given_ones = [a.requires_grad_() for a in arguments if a is not None]

    def formula(z, c, v, w):
        terms = (z.unsqueeze(-2) - c.unsqueeze(-3)) ** 2 + (0 if v is None else v.unsqueeze(-2))
        return (terms * (1 if w is None else w.unsqueeze(-3))).sum(-1)

    slopes = torch.randn((2, 6, 3), generator=generator).double()
    ours, theirs = (f(*arguments) for f in (squared_distances, formula))
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(*(torch.autograd.grad(d, given_ones, slopes) for d in (ours, theirs)))
