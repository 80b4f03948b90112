"""A pretrained network is trained once, shared, and never read from a damaged file."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from methods import pretraining
from methods.pack import carry_out
from methods.pretraining import Recipe
from methods.seeding import Streams

RECIPE = Recipe(
    hidden_dims=(16,),
    latent_dim=3,
    likelihood="bernoulli",
    initializer="torch",
    batch_size=64,
    pretrain_epochs=2,
    pretrain_optimizer="adam",
    pretrain_learning_rate=1e-3,
    pretrain_momentum=0.9,
    pretrain_weight_decay=0.0,
)


def pretrain(*arguments):
    """Return the network of `pretraining.pretrain`, carried out by itself."""
    networks = []

    def fit():
        networks.append((yield from pretraining.pretrain(*arguments)))

    (failure,) = carry_out([fit()])
    assert failure is None
    return networks[0]


@pytest.fixture
def x(digits):
    return torch.from_numpy(digits)


@pytest.fixture
def trained(monkeypatch):
    """The recipes trained so far."""
    calls = []
    train = pretraining._train

    def counting(*arguments):
        calls.append(arguments)
        return train(*arguments)

    monkeypatch.setattr(pretraining, "_train", counting)
    return calls


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.network.parameters(), b.network.parameters(), strict=True))


def test_a_second_call_reads_the_same_network(x, tmp_path, trained):
    first, second = (pretrain(x, RECIPE, Streams(1), tmp_path) for _ in range(2))
    assert len(trained) == 1
    assert same(first, second)
    assert first.history == second.history
    assert first.seconds == second.seconds


def test_with_and_without_a_store_the_network_is_the_same(x, tmp_path):
    assert same(pretrain(x, RECIPE, Streams(1), tmp_path), pretrain(x, RECIPE, Streams(1), None))


@pytest.mark.parametrize("change", ["seed", "recipe", "data"])
def test_each_input_that_changes_the_network_changes_its_entry(x, tmp_path, trained, change):
    pretrain(x, RECIPE, Streams(1), tmp_path)
    recipe = replace(RECIPE, pretrain_weight_decay=0.1) if change == "recipe" else RECIPE
    other = x.clone()
    other[0, 0] += 0.5 if change == "data" else 0
    pretrain(other, recipe, Streams(2 if change == "seed" else 1), tmp_path)
    assert len(trained) == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "another"])
def test_corrupt_entry_is_detected_and_rebuilt(x, tmp_path, trained, damage):
    good = pretrain(x, RECIPE, Streams(1), tmp_path)
    (path,) = tmp_path.glob("*.npz")
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        pretrain(x, RECIPE, Streams(2), tmp_path)
        (other,) = set(tmp_path.glob("*.npz")) - {path}
        path.write_bytes(other.read_bytes())
    trained.clear()
    assert same(pretrain(x, RECIPE, Streams(1), tmp_path), good)
    assert len(trained) == 1
    assert same(pretrain(x, RECIPE, Streams(1), tmp_path), good)
    assert len(trained) == 1


_WORKER = """
import sys, pathlib, numpy as np, torch
from methods import pretraining
from methods.pack import carry_out
from methods.seeding import Streams
from sklearn.datasets import load_digits
train = pretraining._train
def counting(*a):
    print("trained")
    return train(*a)
pretraining._train = counting
x = torch.from_numpy((load_digits().data / 16).astype(np.float32)[:600])
recipe = pretraining.Recipe(**{recipe!r})
failures = carry_out([pretraining.pretrain(x, recipe, Streams(seed), {folder!r}) for seed in {seeds!r}])
assert failures == [None] * len(failures), failures
"""


def test_several_processes_at_once_train_a_network_once(tmp_path):
    recipe = {**vars(RECIPE), "pretrain_epochs": 60}
    code = _WORKER.format(recipe=recipe, folder=str(tmp_path), seeds=[1])
    workers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [worker.communicate(timeout=120)[0] for worker in workers]
    assert all(worker.returncode == 0 for worker in workers)
    assert "".join(outputs).count("trained") == 1


def test_packs_with_networks_in_common_in_any_order_train_each_once(tmp_path):
    """Each waits for the other's networks: with a lock held meanwhile, both would wait without end."""
    recipe = {**vars(RECIPE), "pretrain_epochs": 10}
    orders = ([1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 5, 1])
    codes = [_WORKER.format(recipe=recipe, folder=str(tmp_path), seeds=seeds) for seeds in orders]
    workers = [subprocess.Popen([sys.executable, "-c", c], stdout=subprocess.PIPE, text=True) for c in codes]
    outputs = [worker.communicate(timeout=120)[0] for worker in workers]
    assert all(worker.returncode == 0 for worker in workers)
    assert "".join(outputs).count("trained") == 5


def test_a_process_killed_while_it_stores_a_network_blocks_no_other(x, tmp_path, trained):
    code = _WORKER.format(recipe=vars(RECIPE), folder=str(tmp_path), seeds=[1])
    die = "pretraining.os.fsync = lambda _: __import__('os').kill(__import__('os').getpid(), 9)\n"
    code = code.replace("x = torch", die + "x = torch", 1)
    killed = subprocess.run([sys.executable, "-c", code], timeout=120)
    assert killed.returncode == -9
    assert list(tmp_path.glob("*.partial"))
    pretrain(x, RECIPE, Streams(1), tmp_path)
    assert len(trained) == 1
    assert not list(tmp_path.glob("*.partial"))


def test_reading_an_entry_never_unpickles(x, tmp_path, trained):
    pretrain(x, RECIPE, Streams(1), tmp_path)
    (path,) = tmp_path.glob("*.npz")
    np.savez(path, meta=np.array([{"key": path.stem}], dtype=object))
    trained.clear()
    pretrain(x, RECIPE, Streams(1), tmp_path)
    assert len(trained) == 1
