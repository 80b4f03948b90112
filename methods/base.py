"""The scikit-learn face that all methods with a network share."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits
from torch import Tensor

from methods.bounds import Count, CountOrZero, NotNegative, Positive, Share, Width, Widths
from methods.losses import log_soft_assignment
from methods.networks import Autoencoder, GaussianAutoencoder, Initializer, Likelihood, reparameterize
from methods.pretraining import PRETRAINING, Recipe, pretrain
from methods.seeding import Streams
from methods.training import OptimizerName, as_tensor, deterministic, in_chunks, resolve_device, to_numpy

#: Latent draws of an evidence lower bound; its Monte-Carlo error is small beside differences between points.
BOUND_DRAWS = 8


@dataclass(kw_only=True, eq=False, repr=False)
class DeepClusterer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """A clusterer that starts from an autoencoder.

    Being a dataclass writes ``__init__`` as scikit-learn asks: it stores its keyword parameters and does
    nothing else, and a subclass adds its own fields.

    Parameters
    ----------
    n_clusters : int
        Number of clusters, k.
    hidden_dims : tuple of int
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int
        Width of the code.
    likelihood : {"gaussian", "bernoulli"}
        How the decoder's output is compared with the data: squared error, or cross-entropy of values in [0, 1].
    initializer : {"glorot", "fan_in", "torch"}
        Distribution of the initial weights (see ``methods.networks.initialize``).
    batch_size : int
        Points per step, in pretraining and after it.
    pretrain_epochs, pretrain_optimizer, pretrain_learning_rate, pretrain_momentum, pretrain_weight_decay
        How the autoencoder is trained; the momentum is SGD's.
    n_init : int
        Restarts of the KMeans or the mixture that starts the clustering.
    random_state : int, RandomState or None
        Seed of every random number.
    device : str
        "auto", "cpu", "cuda" or what else ``torch.device`` takes.
    memory : path or None
        Folder in which pretrained networks are kept and found.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training point.
    embedding_ : ndarray of shape (n_samples, latent_dim)
        Code of each training point, for stochastic encoders its mean.
    embedding_variance_ : ndarray of shape (n_samples, latent_dim)
        Variance sigma² of each code; stochastic encoders only.
    network_ : Autoencoder
        The trained network.
    history_ : list of dict
        Losses and health by epoch; ``phase`` is "pretrain" or "cluster".
    n_iter_ : int
        Steps (mini-batches) after pretraining.
    stop_reason_ : str
        Why training ended.
    timings_ : dict
        Seconds of each phase; pretraining counts as trained even where it was found in ``memory``.
    """

    n_clusters: int = 10
    hidden_dims: Widths = (500, 500, 2000)
    latent_dim: Width = 10
    likelihood: Likelihood = "gaussian"
    initializer: Initializer = "glorot"
    batch_size: Count = 256
    pretrain_epochs: CountOrZero = 50
    pretrain_optimizer: OptimizerName = "adam"
    pretrain_learning_rate: Positive = 1e-3
    pretrain_momentum: Share = 0.9
    pretrain_weight_decay: NotNegative = 0.0
    n_init: Count = 20
    random_state: int | np.random.RandomState | None = None
    device: str = "auto"
    memory: str | None = None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # codes are float32, whatever came in
        return tags

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, X: np.ndarray, y: Any = None) -> DeepClusterer:  # noqa: ARG002 - scikit-learn's signature
        """Cluster the points.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points; float32 in [0, 1] in the suite, any finite numbers for the Gaussian likelihood.
        y : ignored

        Raises
        ------
        ValueError
            If X is not finite, has fewer points than clusters, or is not in [0, 1] for "bernoulli".
        Diverged
            If a loss is not finite.
        """
        X = validate_data(self, X, dtype=np.float32, order="C")
        if len(X) < self.n_clusters:
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}")
        if self.likelihood not in ("gaussian", "bernoulli"):
            raise ValueError(f"likelihood={self.likelihood!r} is none of 'gaussian', 'bernoulli'")
        if self.likelihood == "bernoulli" and (X.min() < 0 or X.max() > 1):
            raise ValueError("likelihood='bernoulli' needs values in [0, 1]; scale X or take 'gaussian'")
        device = resolve_device(self.device)
        self._streams = Streams(self.random_state)
        self.n_iter_, self.stop_reason_ = 0, "no training after the start"
        self.history_: list[dict[str, Any]] = []
        self.timings_: dict[str, float] = {}
        x = as_tensor(X, device)
        with deterministic(device):
            self._fit(x)
        return self

    @abstractmethod
    def _fit(self, x: Tensor) -> None:
        """Train, and set ``network_``, ``embedding_``, ``labels_`` and what else the method has."""

    def _recipe(self) -> Recipe:
        chosen = {name: getattr(self, name) for name in PRETRAINING}
        return Recipe(**{**chosen, "hidden_dims": tuple(self.hidden_dims)})

    def _pretrain(self, x: Tensor) -> Autoencoder:
        """Return the shared pretrained autoencoder and note its history and time."""
        pretrained = pretrain(x, self._recipe(), self._streams, self.memory)
        self._note("pretrain", pretrained.history, pretrained.seconds)
        return pretrained.network

    def _note(self, phase: str, history: list[dict[str, float]], seconds: float) -> None:
        self.history_ += [{"phase": phase, **row} for row in history]
        self.timings_[phase] = seconds

    def _kmeans(self, codes: np.ndarray) -> KMeans:
        """Return KMeans fitted to codes (n, latent_dim); AE+KMeans and the start of DEC are this one call."""
        return fit_kmeans(codes, self.n_clusters, self.n_init, self._streams.seed("kmeans"))

    # -- using the fitted network ----------------------------------------------------------------

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the codes (n_samples, latent_dim) of points (n_samples, n_features)."""
        return self._apply(self._encode, X)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the cluster (n_samples,) of each point, the argmax of ``predict_proba``."""
        return self.predict_proba(X).argmax(1)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the soft assignment (n_samples, n_clusters); rows sum to one."""
        return to_numpy(self._soft_assignment(self._on_device(X)))

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the decoder's mean (n_samples, n_features) for each point's code."""
        return self._apply(lambda x: self._decode(self._encode(x)), X)

    def _decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z), shape (..., n_features), of codes (..., latent_dim)."""
        output = self.network_.decode(z)
        return output.sigmoid() if self.likelihood == "bernoulli" else output

    def _encode(self, x: Tensor) -> Tensor:
        return self.network_.encode(x)

    def _soft_assignment(self, x: Tensor) -> Tensor:
        """Return the soft assignment (n, k) that the labels are the argmax of, without gradients."""
        return in_chunks(lambda batch: self._log_assignment(self._encode(batch)).exp(), x)

    def _log_assignment(self, z: Tensor) -> Tensor:
        """Return the log soft assignment (..., n, k) of codes: Student-t around ``cluster_centers_``."""
        return log_soft_assignment(z, torch.as_tensor(self.cluster_centers_, device=z.device, dtype=z.dtype))

    def _on_device(self, X: np.ndarray) -> Tensor:
        check_is_fitted(self, "network_")
        X = validate_data(self, X, dtype=np.float32, order="C", reset=False)
        return as_tensor(X, next(self.network_.parameters()).device)

    def _apply(self, function: Callable[..., Tensor], X: np.ndarray, dim: int = 0) -> np.ndarray:
        """Apply a function of the network to points in chunks."""
        return to_numpy(in_chunks(function, self._on_device(X), dim=dim))

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim


@dataclass(kw_only=True, eq=False, repr=False)
class StochasticClusterer(DeepClusterer):
    """A deep clusterer whose encoder gives a Gaussian q(z|x) = N(mu, sigma²).

    Parameters
    ----------
    noise_scale : float
        What sigma is multiplied with in z = mu + sigma·eps; 0 switches the noise off.
    """

    noise_scale: NotNegative = 1.0
    network_: GaussianAutoencoder = field(init=False)

    def sample_proba(self, X: np.ndarray, n_samples: int = 32, random_state: int | None = 0) -> np.ndarray:
        """Return the soft assignment of each of ``n_samples`` latent draws, (n_samples, n, n_clusters).

        ``random_state`` seeds the draws; the mean over the first axis is the predictive assignment.
        """
        generator = Streams(random_state).generator("noise/sample_proba")
        return self._apply(lambda x: self._log_assignment(self._draw(x, n_samples, generator)).exp(), X, dim=1)

    @available_if(lambda self: hasattr(self, "reconstruct"))
    def sample_reconstruct(self, X: np.ndarray, n_samples: int = 32, random_state: int | None = 0) -> np.ndarray:
        """Return the decoder's mean for each of ``n_samples`` latent draws, (n_samples, n, n_features).

        ``random_state`` seeds the draws; what varies over the first axis is what the noise leaves open.
        """
        generator = Streams(random_state).generator("noise/sample_reconstruct")
        return self._apply(lambda x: self._decode(self._draw(x, n_samples, generator)), X, dim=1)

    def transform_variance(self, X: np.ndarray) -> np.ndarray:
        """Return the variance sigma² (n_samples, latent_dim) of the codes of points (n_samples, n_features)."""
        return self._apply(self._variance, X)

    def _draw(self, x: Tensor, n_samples: int, generator: torch.Generator) -> Tensor:
        """Return latent draws (n_samples, n, latent_dim)."""
        noise = torch.randn((n_samples, len(x), self.latent_dim), generator=generator).to(x.device)
        return reparameterize(*self.network_.posterior(x), noise, self.noise_scale)

    def _bound(self, X: np.ndarray, bound: Callable[[Tensor, Tensor], Tensor]) -> np.ndarray:
        """Return the mean of ``bound(x, z)`` over draws, shape (n_samples,).

        All points share the draws of eps, so that a point's bound does not depend on its neighbours.
        """
        shape = (BOUND_DRAWS, 1, self.latent_dim)
        noise = torch.randn(shape, generator=Streams(0).generator("noise/score_samples"))

        def mean_bound(x: Tensor) -> Tensor:
            z = reparameterize(*self.network_.posterior(x), noise.to(x.device), self.noise_scale)
            return bound(x, z).mean(0)

        return self._apply(mean_bound, X)

    def _variance(self, x: Tensor) -> Tensor:
        return self.network_.posterior(x)[1].exp() * self.noise_scale**2


def fit_kmeans(points: np.ndarray, n_clusters: int, n_init: int, seed: int) -> KMeans:
    """Return scikit-learn's KMeans fitted to ``points`` (n, d).

    One thread: the sums of several are added in the order in which they finish, so that centers, and now
    and then labels, would differ from run to run.
    """
    with threadpool_limits(1):
        return KMeans(n_clusters, n_init=n_init, random_state=seed).fit(points)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds so far."""
        return time.perf_counter() - self._start
