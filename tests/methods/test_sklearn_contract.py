"""Every method is a scikit-learn clusterer."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from methods.ae_gmm import AEGMM
from methods.ae_kmeans import AEKMeans
from methods.dec import DEC
from methods.kmeans import PixelKMeans
from methods.sdec import SDEC
from methods.vade import VaDE
from methods.vae_kmeans import VAEKMeans

# scikit-learn's checks feed numbers of any size, so the likelihood is Gaussian; the networks are small to be quick.
_SMALL: dict[str, Any] = {
    "n_clusters": 3,
    "hidden_dims": (16,),
    "latent_dim": 2,
    "likelihood": "gaussian",
    "pretrain_epochs": 20,
    "batch_size": 16,
    "n_init": 2,
    "device": "cpu",
}

_SCORE = "its parameter `score`, named by the method's literature, hides no method: S-DEC has no score(X, y)"


def _expected_failures(estimator):
    if isinstance(estimator, SDEC):
        names = ("check_fit_score_takes_y", "check_n_features_in_after_fitting", "check_pipeline_consistency")
        return dict.fromkeys(names, _SCORE)
    return {}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        PixelKMeans(n_clusters=3, n_init=2),
        AEKMeans(**_SMALL),
        AEGMM(**_SMALL),
        VAEKMeans(**_SMALL),
        DEC(**_SMALL, epochs=2, reconstruction_weight=0.1),
        SDEC(**_SMALL, epochs=2),
        VaDE(**_SMALL, epochs=2),
    ],
    expected_failed_checks=_expected_failures,
)
def test_estimator_passes_scikit_learns_check(estimator, check):
    check(estimator)
