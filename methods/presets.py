"""Training recipes that several methods share, by where they come from.

Methods that are compared as twins, or that start from one pretrained network, must name the same recipe.
"""

from __future__ import annotations

from typing import Any

#: Small data such as the 1,797 digits of 8×8 pixels: seconds a run on one core.
QUICK: dict[str, Any] = {
    "hidden_dims": (128, 128),
    "latent_dim": 10,
    "likelihood": "bernoulli",
    "batch_size": 128,
    "pretrain_epochs": 150,
}

#: Guo's DEC-keras on MNIST and Fashion-MNIST: uniform ±1/√fan_in, 300 epochs of SGD on the mean squared error.
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
#: The same on USPS: Glorot uniform, 50 epochs of Adam.
DEC_KERAS_USPS: dict[str, Any] = {
    "initializer": "glorot",
    "pretrain_epochs": 50,
    "pretrain_optimizer": "adam",
    "pretrain_learning_rate": 1e-3,
}

#: The S-DEC report: five epochs of Adam with weight decay. It does not give the hidden sizes: the DEC paper's.
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
#: The VAE report: 784-400-32, Bernoulli, twenty epochs; pixels stay in [0, 1], where that likelihood is valid.
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
#: VaDE: its architecture and batch, and pretraining as a plain autoencoder long enough to start well.
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

#: Ten epochs of pretraining and ten of clustering, for a look at MNIST's test images in a minute a run.
SHORT: dict[str, Any] = {
    "hidden_dims": (500, 500, 2000),
    "latent_dim": 10,
    "likelihood": "gaussian",
    "initializer": "glorot",
    "batch_size": 256,
    "pretrain_epochs": 10,
}
