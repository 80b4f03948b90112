"""Fully connected autoencoders with deterministic and Gaussian codes, and their initialization."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

Initializer = Literal["torch", "fan_in", "glorot"]
Likelihood = Literal["gaussian", "bernoulli", "standardized"]

#: Range of log sigma². A smaller variance makes the density of a code explode; with a larger one, codes are noise only.
LOG_VARIANCE_RANGE = (-8.0, 2.0)


def _layers(sizes: Sequence[int]) -> list[nn.Module]:
    """Return linear layers with ReLU between them, with uninitialized weights."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [skip_init(nn.Linear, n_in, n_out), nn.ReLU(inplace=True)]
    return layers[:-1]


class Autoencoder(nn.Module):
    """Fully connected autoencoder with a linear code and a linear output.

    The output is the mean of a Gaussian likelihood, or the logits of a Bernoulli one.

    Parameters
    ----------
    n_features : int
        Number of features of the data.
    hidden_dims : sequence of int
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int
        Width of the code.
    """

    def __init__(self, n_features: int, hidden_dims: Sequence[int], latent_dim: int) -> None:
        super().__init__()
        down = [n_features, *hidden_dims]
        self.body = nn.Sequential(*_layers(down), nn.ReLU(inplace=True)) if hidden_dims else nn.Sequential()
        self.code = skip_init(nn.Linear, down[-1], latent_dim)
        self.decoder = nn.Sequential(*_layers([latent_dim, *reversed(down)]))

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes (n, latent_dim) of points (n, n_features)."""
        return self.code(self.body(x))

    def decode(self, z: Tensor) -> Tensor:
        """Return the output (n, n_features) for codes (n, latent_dim): means, or Bernoulli logits."""
        return self.decoder(z)


class GaussianAutoencoder(Autoencoder):
    """Autoencoder whose encoder returns a diagonal Gaussian q(z|x) = N(mu, sigma²)."""

    def __init__(self, n_features: int, hidden_dims: Sequence[int], latent_dim: int) -> None:
        super().__init__(n_features, hidden_dims, latent_dim)
        self.log_variance = skip_init(nn.Linear, self.code.in_features, latent_dim)

    @classmethod
    def from_autoencoder(cls, autoencoder: Autoencoder, log_variance: float) -> GaussianAutoencoder:
        """Return a network with the weights of a trained autoencoder: its code is mu, and log sigma² is a constant."""
        first, code = next(autoencoder.parameters()), autoencoder.code
        hidden = [m.out_features for m in autoencoder.body if isinstance(m, nn.Linear)]
        network = cls(first.shape[1], hidden, code.out_features).to(first.device)
        network.load_state_dict(autoencoder.state_dict(), strict=False)
        nn.init.zeros_(network.log_variance.weight)
        nn.init.constant_(network.log_variance.bias, log_variance)
        return network

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mu and log sigma² of q(z|x), each (n, latent_dim), for points (n, n_features)."""
        hidden = self.body(x)
        return self.code(hidden), self.log_variance(hidden).clamp(*LOG_VARIANCE_RANGE)


def reparameterize(mean: Tensor, log_variance: Tensor, noise: Tensor, noise_scale: float) -> Tensor:
    """Return z = mu + noise_scale · sigma · eps (Kingma & Welling 2014).

    ``mean`` and ``log_variance`` have shape (n, d). ``noise`` is eps ~ N(0, 1), of shape (n, d) or (draws, n, d), the
    shape of the result.
    """
    return mean + noise_scale * (0.5 * log_variance).exp() * noise


def initialize(modules: Sequence[nn.Module], scheme: Initializer, generator: torch.Generator) -> None:
    """Draw the weights of all linear layers from ``generator``, in the order of the modules.

    ``"torch"`` is PyTorch's default, uniform in ±1/√fan_in for weights and biases. ``"fan_in"`` is the same with zero
    biases (DEC-keras on MNIST). ``"glorot"`` is uniform in ±√(6/(fan_in + fan_out)) with zero biases.
    """
    for module in modules:
        for layer in module.modules():
            if not isinstance(layer, nn.Linear):
                continue
            bound = layer.in_features**-0.5
            if scheme == "glorot":
                nn.init.xavier_uniform_(layer.weight, generator=generator)
            else:
                nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            if scheme == "torch":
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
            else:
                nn.init.zeros_(layer.bias)
