"""Training of DEC, S-DEC and the variational methods: targets, stopping, losses and history."""

import numpy as np
import pytest
import torch

from bench.method import Diverged
from methods.dec import DEC
from methods.history import Epoch
from methods.sdec import SDEC
from methods.step import Losses
from methods.vade import VaDE
from methods.vae_kmeans import VAEKMeans


@pytest.fixture
def updates(monkeypatch):
    """The steps at which P was computed from the whole data."""
    steps = []
    make = DEC._training

    def recording(self, *arguments):
        training = make(self, *arguments)
        update = training.before_step

        def before_step(step):
            target, reason = training.target, update(step)
            steps.extend([step] if training.target is not target else [])
            return reason

        training.before_step = before_step
        return training

    monkeypatch.setattr(DEC, "_training", recording)
    return steps


def test_target_is_computed_on_the_whole_data_and_held_for_the_interval(digits, small, updates):
    DEC(**small, epochs=2, target_update=7, tol=0, random_state=0).fit(digits)  # 10 batches an epoch
    assert updates == [0, 7, 14]


def test_target_update_by_epoch_is_once_an_epoch(digits, small, updates):
    DEC(**small, epochs=3, target_update="epoch", tol=0, random_state=0).fit(digits)
    assert updates == [0, 10, 20]


def test_a_target_from_each_batch_gives_other_codes(digits, small):
    held, batch = (
        DEC(**small, epochs=3, target_update=t, random_state=0).fit(digits).embedding_ for t in ("epoch", "batch")
    )
    assert not np.array_equal(held, batch)


def test_training_stops_when_few_labels_change(digits, small):
    estimator = DEC(**small, epochs=50, tol=0.5, random_state=0).fit(digits)
    assert estimator.n_iter_ == 10
    assert "labels changed" in estimator.stop_reason_


def test_max_iter_ends_training_within_an_epoch(digits, small):
    estimator = DEC(**small, epochs=None, max_iter=13, tol=0, random_state=0).fit(digits)
    assert estimator.n_iter_ == 13


def test_labels_are_the_argmax_of_the_soft_assignment(digits, small):
    estimator = SDEC(**small, epochs=2, random_state=0).fit(digits)
    q = estimator.predict_proba(digits)
    np.testing.assert_array_equal(estimator.labels_, q.argmax(1))
    np.testing.assert_allclose(q.sum(1), 1, rtol=1e-5)


def test_without_a_reconstruction_weight_the_decoder_keeps_its_pretrained_weights(digits, small):
    start, end, kept = (
        DEC(**small, epochs=e, reconstruction_weight=w, random_state=0).fit(digits).network_.decoder[0].weight
        for e, w in ((0, 0), (2, 0), (2, 0.1))
    )
    assert torch.equal(start, end)
    assert not torch.equal(start, kept)


def test_weight_decay_spares_the_centroids(digits, small):
    """With a weight decay that shrinks the network to zero, centroids follow their gradient only."""
    options = {"epochs": 1, "optimizer": "sgd", "learning_rate": 1e-3, "random_state": 0}
    plain = DEC(**small, **options).fit(digits)
    decayed = DEC(**small, **options, weight_decay=100.0).fit(digits)
    network = [float(e.network_.body[0].weight.detach().norm()) for e in (plain, decayed)]
    centroids = [np.linalg.norm(e.cluster_centers_) for e in (plain, decayed)]
    assert network[1] < 0.6 * network[0]
    assert centroids[1] > 0.9 * centroids[0]


@pytest.mark.parametrize(
    ("estimator", "phase"),
    [
        (DEC(epochs=3, optimizer="sgd", learning_rate=1e30), "clustering"),
        (VaDE(epochs=3, learning_rate=1e12), "clustering"),
        (VAEKMeans(pretrain_optimizer="sgd", pretrain_learning_rate=1e12), "pretraining"),
    ],
)
def test_a_loss_that_is_not_finite_ends_the_run_with_its_epoch(digits, small, estimator, phase):
    with pytest.raises(Diverged, match=rf"{phase} was not finite in epoch [123]"):
        estimator.set_params(**small, random_state=0).fit(digits)


def test_invalid_options_are_refused_with_the_valid_ones(digits, small):
    for parameters, message in (
        ({"prior": "flat"}, "standard"),
        ({"score": "median"}, "sample"),
        ({"target_update": "never"}, "epoch"),
        ({"optimizer": "lion"}, "adam"),
    ):
        with pytest.raises(ValueError, match=message):
            SDEC(**small, **parameters).fit(digits)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        DEC(**small).fit(digits * 2)


def test_history_holds_the_health_of_every_epoch(digits, small):
    history = SDEC(**small, epochs=3, tol=0, random_state=0).fit(digits).history_
    row = history[-1]
    assert not [name for name in row if name.startswith("_")]
    assert [r["phase"] for r in history] == ["pretrain"] * 3 + ["cluster"] * 3
    assert row["epoch"] == 3
    assert 1 <= row["clusters_in_use"] <= 10
    assert 0 <= row["mutual_information"] <= np.log(10)
    assert 0 <= row["active_units"] <= 4
    assert 0 < row["mean_variance"] < np.exp(2)
    assert 0 < row["noise_share"] < 1


def test_an_epochs_noise_share_is_that_of_its_codes_whatever_the_batches():
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(60, 3, generator=generator) * 2 + 5, torch.randn(60, 3, generator=generator)
    for noise_scale in (0.0, 0.5, 1.0):
        epoch = Epoch(noise_scale)
        for batch in torch.arange(60).split(25):
            codes = {"mean": mean[batch][None], "log_variance": log_variance[batch][None]}
            epoch.add(Losses(loss=torch.zeros(1), terms={}, **codes))
        (row,) = epoch.rows()
        noise = log_variance.exp().mean(0).sum() * noise_scale**2
        share = float(noise / (mean.var(0, correction=0).sum() + noise))
        assert row["noise_share"] == pytest.approx(share, abs=1e-5)
        assert row["mean_variance"] == pytest.approx(float(noise / 3), abs=1e-5)


def test_without_noise_its_share_is_zero_and_deterministic_methods_have_none(digits, small):
    off = SDEC(**small, epochs=2, noise_scale=0.0, random_state=0).fit(digits)
    assert off.history_[-1]["noise_share"] == 0
    assert "noise_share" not in DEC(**small, epochs=2, random_state=0).fit(digits).history_[-1]


def test_labels_from_one_draw_differ_from_those_of_the_mean_and_repeat(digits, small):
    options = {"epochs": 2, "log_variance_start": 1.0, "random_state": 0}
    mean, sample, again = (SDEC(**small, **options, score=score).fit(digits) for score in ("mean", "sample", "sample"))
    assert (mean.labels_ != sample.labels_).any()
    np.testing.assert_array_equal(sample.labels_, again.labels_)
    np.testing.assert_array_equal(sample.predict(digits), sample.labels_)


@pytest.mark.parametrize("kind", [VAEKMeans, SDEC, VaDE])
def test_draws_average_to_a_soft_assignment_and_are_seeded(digits, small, kind):
    estimator = kind(**small, random_state=0)
    if "epochs" in estimator.get_params():
        estimator.set_params(epochs=2)
    estimator.fit(digits)
    draws = estimator.sample_proba(digits[:50], n_samples=5, random_state=1)
    assert draws.shape == (5, 50, 10)
    np.testing.assert_allclose(draws.sum(2), 1, rtol=1e-5)
    np.testing.assert_array_equal(draws, estimator.sample_proba(digits[:50], n_samples=5, random_state=1))
    assert not np.array_equal(draws, estimator.sample_proba(digits[:50], n_samples=5, random_state=2))
    assert (draws[0] != draws[1]).any()
    assert estimator.embedding_variance_.shape == estimator.embedding_.shape
    silent = estimator.set_params(noise_scale=0.0).sample_proba(digits[:50], n_samples=2)
    np.testing.assert_allclose(silent[0], estimator.predict_proba(digits[:50]), rtol=1e-4, atol=1e-6)


def test_reconstruction_improves_on_the_mean_image(digits, small):
    estimator = VAEKMeans(**{**small, "pretrain_epochs": 40}, beta=0.1, random_state=0).fit(digits)
    error = ((estimator.reconstruct(digits) - digits) ** 2).mean()
    assert error < 0.8 * ((digits.mean(0) - digits) ** 2).mean()


def test_bound_ranks_data_above_noise(digits, small):
    noise = np.random.default_rng(0).random((200, 64), dtype=np.float32)
    for kind in (VAEKMeans, VaDE):
        estimator = kind(**{**small, "pretrain_epochs": 20}, random_state=0).fit(digits)
        assert np.median(estimator.score_samples(digits)) > np.median(estimator.score_samples(noise))
