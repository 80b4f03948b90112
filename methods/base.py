"""Base classes of the methods with a network: scikit-learn clusterers with deterministic or Gaussian codes."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits
from torch import Tensor

from methods.bounds import Fraction, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Width, Widths
from methods.losses import log_soft_assignment
from methods.memory import fit_memory
from methods.networks import Autoencoder, GaussianAutoencoder, Initializer, Likelihood, reparameterize
from methods.pack import FitSteps, carry_out
from methods.pretraining import PRETRAINING, Recipe, pretrain
from methods.seeding import Streams
from methods.training import OptimizerName, as_tensor, deterministic, in_chunks, resolve_device, to_numpy

#: Latent draws per evidence lower bound; its Monte Carlo error is small relative to differences between points.
BOUND_DRAWS = 8


@dataclass(kw_only=True, eq=False, repr=False)
class DeepClusterer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """A clusterer that starts from an autoencoder.

    The dataclass decorator generates the ``__init__`` that scikit-learn requires: it stores its keyword parameters and
    does nothing else. Subclasses add fields.

    Parameters
    ----------
    n_clusters : int
        Number of clusters k.
    hidden_dims : tuple of int
        Widths of the encoder's hidden layers; the decoder mirrors them.
    latent_dim : int
        Dimension of the code.
    likelihood : {"gaussian", "bernoulli", "standardized"}
        Likelihood p(x|z): squared error, cross-entropy of values in [0, 1], or the squared error of standardized points
        (x − mean) / s, which the network then sees instead of x. s² is the mean variance of the features, so distances
        keep their proportions. DEC's assignment has a kernel of width one, and was published for points of mean square
        one per feature (Xie et al. 2016): where codes differ by much less, all clusters look alike.
    initializer : {"glorot", "fan_in", "torch"}
        Distribution of the initial weights (see ``methods.networks.initialize``).
    batch_size : int
        Points per optimizer step, in all phases.
    pretrain_epochs, pretrain_optimizer, pretrain_learning_rate, pretrain_momentum, pretrain_weight_decay
        Training of the autoencoder; the momentum applies to SGD only.
    n_init : int
        Restarts of the KMeans or mixture that initializes the clusters.
    random_state : int, RandomState or None
        Seed of all random numbers.
    device : str
        "auto", "cpu", "cuda" or another name for ``torch.device``.
    memory : path or None
        Folder of stored pretrained networks.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training point.
    embedding_ : ndarray of shape (n_samples, latent_dim)
        Code of each training point; for stochastic encoders the mean mu.
    embedding_variance_ : ndarray of shape (n_samples, latent_dim)
        Variance sigma² of each code; stochastic encoders only.
    network_ : Autoencoder
        The trained network.
    center_, scale_ : ndarray of shape (n_features,), float
        What standardizes points: their mean and s; 0 and 1 for other likelihoods.
    history_ : list of dict
        Losses and health of each epoch; ``phase`` is "pretrain" or "cluster".
    n_iter_ : int
        Optimizer steps after pretraining.
    stop_reason_ : str
        Reason why training ended.
    timings_ : dict
        Seconds of each phase. A network from ``memory`` counts with the time of its training.
    """

    n_clusters: int = 10
    hidden_dims: Widths = (500, 500, 2000)
    latent_dim: Width = 10
    likelihood: Likelihood = "gaussian"
    initializer: Initializer = "glorot"
    batch_size: PositiveInt = 256
    pretrain_epochs: NonNegativeInt = 50
    pretrain_optimizer: OptimizerName = "adam"
    pretrain_learning_rate: PositiveFloat = 1e-3
    pretrain_momentum: Fraction = 0.9
    pretrain_weight_decay: NonNegativeFloat = 0.0
    n_init: PositiveInt = 20
    random_state: int | np.random.RandomState | None = None
    device: str = "auto"
    memory: str | None = None

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # codes are float32 for any input
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
        (failure,) = _fit_together([self], X)
        if failure is not None:
            raise failure
        return self

    def fit_seeds(
        self, X: np.ndarray, random_states: Sequence[int], memories: Sequence[str | None] | None = None
    ) -> list[DeepClusterer | Exception]:
        """Fit one estimator a seed, all of them together.

        On the CPU each equals, bit for bit, the estimator that `fit` returns for its seed. On CUDA results are the same
        for the same seeds together.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            As for `fit`.
        random_states : sequence of int
        memories : sequence of path or None, optional
            A folder of pretrained networks for each seed. Default: ``memory``.

        Returns
        -------
        list of DeepClusterer or Exception
            In the order of ``random_states``; for a seed that fails, what `fit` would raise.
        """
        folders = memories or [self.memory] * len(random_states)
        estimators = [
            clone(self).set_params(random_state=seed, memory=folder)
            for seed, folder in zip(random_states, folders, strict=True)
        ]
        failures = _fit_together(estimators, X)
        return [failure or estimator for estimator, failure in zip(estimators, failures, strict=True)]

    def pack_memory(self, n_samples: int, n_features: int, n_seeds: int) -> int:
        """Return about how many bytes `fit_seeds` takes for so many points and seeds, the points not included."""
        parameters = self.get_params()
        adam = "adam" in (self.pretrain_optimizer, parameters.get("optimizer", "adam"))
        return fit_memory(
            n_samples=n_samples,
            n_features=n_features,
            n_seeds=n_seeds,
            hidden_dims=self.hidden_dims,
            latent_dim=self.latent_dim,
            n_clusters=self.n_clusters,
            batch_size=self.batch_size,
            n_draws=parameters.get("n_draws", 1) if "noise_scale" in parameters else 0,
            n_moments=2 if adam else 1,
        ) + (4 * n_samples * n_features if self.likelihood == "standardized" else 0)

    def _check(self, X: np.ndarray) -> np.ndarray:
        """Return the points to fit as float32."""
        X = validate_data(self, X, dtype=np.float32, order="C")
        if len(X) < self.n_clusters:
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}")
        if self.likelihood not in get_args(Likelihood):
            raise ValueError(f"likelihood={self.likelihood!r} is none of {', '.join(map(repr, get_args(Likelihood)))}")
        if self.likelihood == "bernoulli" and (X.min() < 0 or X.max() > 1):
            raise ValueError("likelihood='bernoulli' needs values in [0, 1]; scale X or take 'gaussian'")
        return X

    def _moments(self, X: np.ndarray) -> tuple[np.ndarray, float]:
        """Return ``center_`` and ``scale_`` of the points to fit."""
        if self.likelihood != "standardized":
            return np.zeros(X.shape[1], np.float32), 1.0
        spread = float(np.sqrt(X.var(0, dtype=np.float64).mean()))
        return X.mean(0, dtype=np.float64).astype(np.float32), spread or 1.0

    def _standardized(self, X: np.ndarray) -> np.ndarray:
        """Return points (n, n_features) as the network sees them."""
        if self.likelihood != "standardized":
            return X
        return (X - self.center_) / np.float32(self.scale_)

    def _start(self) -> None:
        """Set the attributes that a fit adds to."""
        self._streams = Streams(self.random_state)
        self.n_iter_, self.stop_reason_ = 0, "no training after the start"
        self.history_: list[dict[str, Any]] = []
        self.timings_: dict[str, float] = {}

    @abstractmethod
    def _fit(self, x: Tensor) -> FitSteps[None]:
        """Train, and set ``network_``, ``embedding_``, ``labels_`` and the other attributes of the method."""

    def _recipe(self) -> Recipe:
        chosen = {name: getattr(self, name) for name in PRETRAINING}
        return Recipe(**{**chosen, "hidden_dims": tuple(self.hidden_dims)})

    def _pretrain(self, x: Tensor) -> FitSteps[Autoencoder]:
        """Return the shared pretrained autoencoder, and record its history and time."""
        pretrained = yield from pretrain(x, self._recipe(), self._streams, self.memory)
        self._record("pretrain", pretrained.history, pretrained.seconds)
        return pretrained.network

    def _record(self, phase: str, history: list[dict[str, float]], seconds: float) -> None:
        self.history_ += [{"phase": phase, **row} for row in history]
        self.timings_[phase] = self.timings_.get(phase, 0.0) + seconds

    def _kmeans(self, codes: np.ndarray) -> KMeans:
        """Return KMeans fitted to codes (n, latent_dim), which AE+KMeans and the initialization of DEC share."""
        return fit_kmeans(codes, self.n_clusters, self.n_init, self._streams.seed("kmeans"))

    # -- using the fitted network ----------------------------------------------------------------

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the codes (n_samples, latent_dim) of points (n_samples, n_features)."""
        return self._apply(self._encode, X)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the cluster (n_samples,) of each point, the argmax of ``predict_proba``."""
        return self.predict_proba(X).argmax(1)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Return the soft assignment q (n_samples, n_clusters); its rows sum to one."""
        return to_numpy(self._soft_assignment(self._on_device(X)))

    def reconstruct(self, X: np.ndarray) -> np.ndarray:
        """Return the mean of p(x|z) at the code of each point, (n_samples, n_features)."""
        return self._apply(lambda x: self._decode(self._encode(x)), X)

    def _decode(self, z: Tensor) -> Tensor:
        """Return the mean of p(x|z), shape (..., n_features), for codes (..., latent_dim)."""
        output = self.network_.decode(z)
        if self.likelihood == "standardized":
            return output * self.scale_ + torch.as_tensor(self.center_, device=output.device)
        return output.sigmoid() if self.likelihood == "bernoulli" else output

    def _encode(self, x: Tensor) -> Tensor:
        return self.network_.encode(x)

    def _soft_assignment(self, x: Tensor) -> Tensor:
        """Return the soft assignment q (n, k), whose argmax gives the labels, without gradients."""
        return in_chunks(lambda batch: self._log_assignment(self._encode(batch)).exp(), x)

    def _log_assignment(self, z: Tensor) -> Tensor:
        """Return log q (..., n, k) of codes: the Student-t assignment to ``cluster_centers_``."""
        return log_soft_assignment(z, torch.as_tensor(self.cluster_centers_, device=z.device, dtype=z.dtype))

    def _on_device(self, X: np.ndarray) -> Tensor:
        check_is_fitted(self, "network_")
        X = validate_data(self, X, dtype=np.float32, order="C", reset=False)
        return as_tensor(self._standardized(X), next(self.network_.parameters()).device)

    def _apply(self, function: Callable[..., Tensor], X: np.ndarray, dim: int = 0) -> np.ndarray:
        """Apply a function to points in chunks, and join the results along ``dim``."""
        return to_numpy(in_chunks(function, self._on_device(X), dim=dim))

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim


@dataclass(kw_only=True, eq=False, repr=False)
class StochasticClusterer(DeepClusterer):
    """A deep clusterer whose encoder returns a Gaussian q(z|x) = N(mu, sigma²).

    Parameters
    ----------
    noise_scale : float
        Factor of sigma in z = mu + noise_scale · sigma · eps, eps ~ N(0, I); 0 disables the noise.
    """

    noise_scale: NonNegativeFloat = 1.0
    network_: GaussianAutoencoder = field(init=False)

    def sample_proba(self, X: np.ndarray, n_samples: int = 32, random_state: int | None = 0) -> np.ndarray:
        """Return the soft assignment q for ``n_samples`` latent draws per point, (n_samples, n, n_clusters).

        ``random_state`` seeds the draws. The mean over the first axis is the predictive assignment.
        """
        generator = Streams(random_state).generator("noise/sample_proba")
        return self._apply(lambda x: self._log_assignment(self._draw(x, n_samples, generator)).exp(), X, dim=1)

    @available_if(lambda self: hasattr(self, "reconstruct"))
    def sample_reconstruct(self, X: np.ndarray, n_samples: int = 32, random_state: int | None = 0) -> np.ndarray:
        """Return the mean of p(x|z) for ``n_samples`` latent draws per point, (n_samples, n, n_features).

        ``random_state`` seeds the draws. The variance over the first axis is due to the latent noise.
        """
        generator = Streams(random_state).generator("noise/sample_reconstruct")
        return self._apply(lambda x: self._decode(self._draw(x, n_samples, generator)), X, dim=1)

    def transform_variance(self, X: np.ndarray) -> np.ndarray:
        """Return the variance noise_scale² · sigma² (n_samples, latent_dim) of the codes of points."""
        return self._apply(self._variance, X)

    def _draw(self, x: Tensor, n_samples: int, generator: torch.Generator) -> Tensor:
        """Return latent draws (n_samples, n, latent_dim)."""
        noise = torch.randn((n_samples, len(x), self.latent_dim), generator=generator).to(x.device)
        return reparameterize(*self.network_.posterior(x), noise, self.noise_scale)

    def _bound(self, X: np.ndarray, bound: Callable[[Tensor, Tensor], Tensor]) -> np.ndarray:
        """Return the mean of ``bound(x, z)`` over latent draws, shape (n_samples,), as a bound of log p of X.

        All points share the draws of eps, so that the bound of a point does not depend on the other points. The density
        of X is that of the standardized points x divided by s to the power of n_features.
        """
        shape = (BOUND_DRAWS, 1, self.latent_dim)
        noise = torch.randn(shape, generator=Streams(0).generator("noise/score_samples"))

        def mean_bound(x: Tensor) -> Tensor:
            z = reparameterize(*self.network_.posterior(x), noise.to(x.device), self.noise_scale)
            return bound(x, z).mean(0)

        return self._apply(mean_bound, X) - len(self.center_) * np.float32(np.log(self.scale_))

    def _variance(self, x: Tensor) -> Tensor:
        return self.network_.posterior(x)[1].exp() * self.noise_scale**2


def _fit_together(estimators: Sequence[DeepClusterer], X: np.ndarray) -> list[Exception | None]:
    """Fit estimators that differ in seed and memory alone to the same points; return what failed.

    Raises
    ------
    ValueError
        If the points or the parameters are invalid, for all of them.
    """
    if not estimators:
        return []
    for estimator in estimators:
        X = estimator._check(X)
        estimator._start()
    center, scale = estimators[0]._moments(X)
    for estimator in estimators:
        estimator.center_, estimator.scale_ = center, scale
    device = resolve_device(estimators[0].device)
    x = as_tensor(estimators[0]._standardized(X), device)
    with deterministic(device):
        return carry_out([estimator._fit(x) for estimator in estimators])


def fit_kmeans(points: np.ndarray, n_clusters: int, n_init: int, seed: int) -> KMeans:
    """Return scikit-learn's KMeans fitted to ``points`` (n, d).

    It uses one thread: with several, the order of summation varies, and with it the centers and sometimes labels.
    """
    with threadpool_limits(1):
        return KMeans(n_clusters, n_init=n_init, random_state=seed).fit(points)


class Stopwatch:
    """Measures the seconds since its creation."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def seconds(self) -> float:
        """Return the elapsed seconds."""
        return time.perf_counter() - self._start
