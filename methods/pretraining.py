"""Train an autoencoder, and store it so that paired methods start from the same network.

AE+KMeans, DEC and S-DEC with one seed have the same pretraining. The network is trained once and stored under a hash of
its data, recipe and seed. A file lock lets one process train while the others wait for the result.

`pretrain` and `autoencoder_training` are parts of a fit, see `methods.pack`.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from methods.losses import reconstruction_loss, standard_normal_kl
from methods.networks import (
    Autoencoder,
    GaussianAutoencoder,
    Initializer,
    Likelihood,
    initialize,
    reparameterize,
)
from methods.pack import FitSteps
from methods.seeding import Streams
from methods.stack import Stack
from methods.step import Batch, Losses
from methods.training import OptimizerName, Training

#: Version of the recipe, part of the hash; increased when a recipe gives another network than before.
FORMAT = 3


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Architecture and training of an autoencoder; equal recipes with equal data and seed give the same network.

    The fields are the parameters of the same names of :class:`methods.base.DeepClusterer`.
    """

    hidden_dims: tuple[int, ...]
    latent_dim: int
    likelihood: Likelihood
    initializer: Initializer
    batch_size: int
    pretrain_epochs: int
    pretrain_optimizer: OptimizerName
    pretrain_learning_rate: float
    pretrain_momentum: float
    pretrain_weight_decay: float


#: The parameters of a method that determine its pretrained network.
PRETRAINING = tuple(field.name for field in fields(Recipe))


@dataclass(frozen=True)
class Pretrained:
    """A trained autoencoder.

    Attributes
    ----------
    network : Autoencoder
    history : list of dict
        Losses and health by epoch.
    seconds : float
        Time of the training, also where the network was loaded.
    """

    network: Autoencoder
    history: list[dict[str, float]]
    seconds: float


def autoencoder_training(
    network: Autoencoder,
    x: Tensor,
    recipe: Recipe,
    streams: Streams,
    *,
    beta: float = 0.0,
    noise_scale: float = 0.0,
) -> Training:
    """Return the training of an autoencoder or a variational autoencoder.

    The loss is (E[−log p(x|z)] + beta · KL(q(z|x) ‖ N(0, I))) / n_features in nats per feature, the negative evidence
    lower bound for beta = 1 (Kingma & Welling 2014). For a plain autoencoder with the Gaussian likelihood it is the
    mean squared error. With ``noise_scale=0`` the KL is −log N(mu; 0, I), see :func:`methods.losses.gaussian_kl`.

    Parameters
    ----------
    network : Autoencoder
        A GaussianAutoencoder is trained as a variational autoencoder.
    x : Tensor of shape (n, n_features)
        The data, on the device.
    beta, noise_scale : float
        Weight of the KL term, and factor of sigma in z = mu + noise_scale · sigma · eps.
    """
    n, n_features = x.shape
    variational = isinstance(network, GaussianAutoencoder)
    noise = streams.generator("noise/pretrain")

    def reconstruct(stack: Stack, batch: Batch) -> Losses:
        mean = stack.encode(batch.x)
        loss = reconstruction_loss(stack.decode(mean), batch.x, recipe.likelihood) / n_features
        return Losses(loss=loss, terms={}, mean=mean)

    def bound(stack: Stack, batch: Batch) -> Losses:
        mean, log_variance = stack.posterior(batch.x)
        z = reparameterize(mean, log_variance, batch.noise, noise_scale)
        loss = reconstruction_loss(stack.decode(z), batch.x, recipe.likelihood)
        if beta:
            loss = loss + beta * standard_normal_kl(mean, log_variance if noise_scale else None).mean(-1)
        return Losses(loss=loss / n_features, terms={}, mean=mean, log_variance=log_variance)

    parts = ("body", "code", "log_variance", "decoder") if variational else ("body", "code", "decoder")
    return Training(
        phase="pretraining",
        x=x,
        network=network,
        weight_decay=dict.fromkeys(parts, recipe.pretrain_weight_decay),
        objective=bound if variational else reconstruct,
        optimizer=recipe.pretrain_optimizer,
        rate=lambda _: recipe.pretrain_learning_rate,
        momentum=recipe.pretrain_momentum,
        batch_size=recipe.batch_size,
        n_steps=recipe.pretrain_epochs * -(-n // recipe.batch_size),
        order=streams.generator("order/pretrain"),
        noise=lambda: torch.randn((n, recipe.latent_dim if variational else 0), generator=noise),
        noise_scale=noise_scale,
    )


def pretrain(x: Tensor, recipe: Recipe, streams: Streams, memory: str | Path | None) -> FitSteps[Pretrained]:
    """Return the autoencoder of the data, recipe and seed, read from ``memory`` or trained.

    Parameters
    ----------
    x : Tensor of shape (n, n_features)
        The data, on the device.
    memory : path or None
        Folder of stored networks; None trains without storing.
    """
    if memory is None:
        return (yield from _train(x, recipe, streams))
    folder = Path(memory)
    folder.mkdir(parents=True, exist_ok=True)
    key = _key(x, recipe, streams)
    path = folder / f"{key}.npz"
    # The operating system releases the lock of a killed process.
    lock = FileLock(folder / f"{key}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield None  # another process trains it: wait when no lock is held that it may wait for
        lock.acquire()
    try:
        stored = _read(path, x, recipe, key)
        if stored is None:
            stored = yield from _train(x, recipe, streams)
            _write(path, stored, key)
    finally:
        lock.release()
    return stored


def _build(n_features: int, recipe: Recipe) -> Autoencoder:
    return Autoencoder(n_features, recipe.hidden_dims, recipe.latent_dim)


def _train(x: Tensor, recipe: Recipe, streams: Streams) -> FitSteps[Pretrained]:
    network = _build(x.shape[1], recipe)
    initialize([network], recipe.initializer, streams.generator("init"))
    network.to(x.device)
    trained = yield autoencoder_training(network, x, recipe, streams)
    return Pretrained(network, trained.history, trained.seconds)


def _key(x: Tensor, recipe: Recipe, streams: Streams) -> str:
    """Return the hash of all that determines the network, including the number of threads and the device type."""
    content = {
        "format": FORMAT,
        "data": hashlib.sha256(x.cpu().numpy().data).hexdigest(),
        "shape": list(x.shape),
        "recipe": asdict(recipe),
        "seed": str(streams.root),
        "torch": torch.__version__,
        "device": x.device.type,
        "threads": torch.get_num_threads() if x.device.type == "cpu" else None,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _write(path: Path, pretrained: Pretrained, key: str) -> None:
    """Store a network atomically: a reader sees the whole file or none."""
    meta = {"key": key, "history": pretrained.history, "seconds": pretrained.seconds}
    arrays: dict[str, Any] = {n: t.cpu().numpy() for n, t in pretrained.network.state_dict().items()}
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, meta=np.array(json.dumps(meta)), **arrays)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _read(path: Path, x: Tensor, recipe: Recipe, key: str) -> Pretrained | None:
    """Return the stored network; None if the file does not exist, is damaged or has another key."""
    try:
        with np.load(path, allow_pickle=False) as file:  # reading checks the CRC of each member
            meta = json.loads(str(file["meta"]))
            state = {name: torch.from_numpy(file[name]) for name in file.files if name != "meta"}
        if meta["key"] != key:
            return None
        network = _build(x.shape[1], recipe)
        network.load_state_dict(state)
        return Pretrained(network.to(x.device), meta["history"], meta["seconds"])
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None
