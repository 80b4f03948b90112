"""Training recipes that several methods share, named after their source.

A stochastic method and its deterministic counterpart use the same recipe, as do methods that share a pretrained
network.
"""

from __future__ import annotations

from typing import Any

#: For small data such as the 1,797 digits of 8×8 pixels; a run takes seconds on one core.
QUICK: dict[str, Any] = {
    "hidden_dims": (128, 128),
    "latent_dim": 10,
    "likelihood": "bernoulli",
    "batch_size": 128,
    "pretrain_epochs": 150,
}

#: DEC-keras of Guo on MNIST and Fashion-MNIST: weights uniform in ±1/√fan_in, 300 epochs of SGD on the mean squared
#: error.
DEC_KERAS_IMAGES: dict[str, Any] = {
    "hidden_dims": (500, 500, 2000),
    "latent_dim": 10,
    "likelihood": "gaussian",
    "initializer": "fan_in",
    "batch_size": 256,
    "pretrain_epochs": 300,
    "pretrain_optimizer": "sgd",
    "pretrain_learning_rate": 1.0,
    "pretrain_momentum": 0.9,
}
#: Changes of DEC-keras on USPS: Glorot uniform weights, 50 epochs of Adam.
DEC_KERAS_USPS: dict[str, Any] = {
    "initializer": "glorot",
    "pretrain_epochs": 50,
    "pretrain_optimizer": "adam",
    "pretrain_learning_rate": 1e-3,
}

#: The S-DEC report: five epochs of Adam with weight decay. The report does not give the hidden widths; these are the
#: DEC paper's.
SEED_SDEC: dict[str, Any] = {
    "hidden_dims": (500, 500, 2000),
    "latent_dim": 10,
    "likelihood": "gaussian",
    "initializer": "torch",
    "batch_size": 256,
    "pretrain_epochs": 5,
    "pretrain_optimizer": "adam",
    "pretrain_learning_rate": 1e-3,
    "pretrain_weight_decay": 1e-5,
}
#: The VAE report: widths 784-400-32, Bernoulli likelihood, twenty epochs. Pixels stay in [0, 1], where this likelihood
#: is valid.
SEED_VAE: dict[str, Any] = {
    "hidden_dims": (400,),
    "latent_dim": 32,
    "likelihood": "bernoulli",
    "initializer": "torch",
    "batch_size": 128,
    "pretrain_epochs": 20,
    "pretrain_optimizer": "adam",
    "pretrain_learning_rate": 1e-3,
}
#: VaDE: the architecture and batch size of the paper, with 50 epochs of pretraining as a plain autoencoder.
VADE_PRETRAINING: dict[str, Any] = {
    "hidden_dims": (500, 500, 2000),
    "latent_dim": 10,
    "likelihood": "bernoulli",
    "initializer": "glorot",
    "batch_size": 100,
    "pretrain_epochs": 50,
    "pretrain_optimizer": "adam",
    "pretrain_learning_rate": 1e-3,
}

#: Ten epochs of pretraining; with ten epochs of clustering, a run on MNIST's test images takes a minute.
SHORT: dict[str, Any] = {
    "hidden_dims": (500, 500, 2000),
    "latent_dim": 10,
    "likelihood": "gaussian",
    "initializer": "glorot",
    "batch_size": 256,
    "pretrain_epochs": 10,
}

#: "Benchmarking Deep Clustering Algorithms With ClustPy" (Leiber et al. 2023) with half its epochs: 50 of Adam at 1e-3,
#: then 75 at 1e-4. A method without a clustering phase is trained for all 125. Points are standardized: in [0, 1] the
#: codes of tables are so close together that DEC is far worse than the autoencoder that it starts from.
BENCHMARK: dict[str, Any] = {
    "hidden_dims": (512, 256, 128),
    "latent_dim": 10,
    "likelihood": "standardized",
    "initializer": "torch",
    "batch_size": 256,
    "pretrain_epochs": 50,
}
BENCHMARK_CLUSTERING: dict[str, Any] = {**BENCHMARK, "epochs": 75, "learning_rate": 1e-4}
BENCHMARK_AUTOENCODER: dict[str, Any] = {**BENCHMARK, "pretrain_epochs": 125}
#: Of fewer than 2,000 points smaller batches, for about as many steps as an epoch of the larger data sets has.
SMALL_BATCHES: dict[str, dict[str, Any]] = {
    f"benchmark@{dataset}": {"batch_size": batch_size}
    for dataset, batch_size in (("digits", 128), ("coil20_clip", 128), ("vehicle", 64), ("weather", 64))
}
#: Autoencoders with a probabilistic decoder: Bernoulli for the pixels of images, as in the papers.
BENCHMARK_PIXELS: dict[str, dict[str, Any]] = {
    f"benchmark@{dataset}": {**SMALL_BATCHES.get(f"benchmark@{dataset}", {}), "likelihood": "bernoulli"}
    for dataset in ("digits", "optdigits", "usps", "mnist", "fashion_mnist")
}
