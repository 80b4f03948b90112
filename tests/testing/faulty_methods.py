"""Methods with one fault each, with the check that fails and its messages."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from sklearn.base import clone

from tests.testing.good_method import Good, declare

FAULTS: list = []


def fault(check, seen, change, **declared):
    """Register a class, with its declaration, as failing only this check with these messages."""

    def register(cls):
        FAULTS.append(pytest.param(check, declare(cls, **declared), seen, change, id=f"{check}-{cls.__name__}"))
        return cls

    return register


@fault("parameters_are_stored", "width=4 is stored as 5", "self.width = width", twin=None)
class Counts(Good):
    def __init__(self, n_clusters=4, width=3, noise=0.1, random_state=None, device="cpu", memory=None, prior=1.0):
        super().__init__(n_clusters, width + 1, noise, random_state, device, memory, prior)


@fault("parameters_are_stored", "modifies parameter noise", "store each parameter as it is given")
class Converts(Good):
    def __init__(self, n_clusters=4, width=3, noise=0.1, random_state=None, device="cpu", memory=None, prior=1.0):
        super().__init__(n_clusters, width, np.float64(noise), random_state, device, memory, prior)


@fault("parameters_are_stored", "the constructor also sets rng", "set that in fit")
class Prepares(Good):
    def __init__(self, n_clusters=4, width=3, noise=0.1, random_state=None, device="cpu", memory=None, prior=1.0):
        super().__init__(n_clusters, width, noise, random_state, device, memory, prior)
        self.rng = 0


@fault("parameters_are_stored", "set_params(n_clusters=5) leaves 4", "from sklearn.base.BaseEstimator")
class Stubborn(Good):
    def set_params(self, **parameters):
        return super().set_params(**{p: v for p, v in parameters.items() if v != 5})


@fault("fit_keeps_parameters", "fit changed random_state=1811306837 to 1811306838", "under another name")
class Overwrites(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.random_state += 1
        return self


@fault("presets_make_estimators", "preset 'paper': method good has no parameter 'widht'; did you mean width?",
       "correct the preset", presets={"quick": {}, "paper": {"widht": 3}})  # fmt: skip
class Misspells(Good):
    pass


@fault("presets_make_estimators", "preset 'paper@usps' changes 'paper', which does not exist", "add 'paper'",
       presets={"quick": {}, "paper@usps": {"width": 3}})  # fmt: skip
class Orphans(Good):
    pass


@fault("search_space_makes_estimators", "no parameter 'widht'", "name parameters", search_space={"widht": (1, 2)})
class Seeks(Good):
    pass


@fault(
    "pretraining_is_shared",
    "pretraining names depth",
    "n_clusters, noise, prior, random_state, width",
    pretraining=("depth",),
)
class SharesTheUnknown(Good):
    pass


@fault("pretraining_is_shared", "has no parameter memory", "add memory=None")
class SharesNowhere(Good):
    def __init__(self, n_clusters=4, width=3, noise=0.1, random_state=None, device="cpu"):
        self.n_clusters = n_clusters
        self.width = width
        self.noise = noise
        self.random_state = random_state
        self.device = device

    memory = None


@fault("pretraining_is_shared", "finding its network in memory changes", "store the whole trained network")
class FindsAnother(Good):
    def _loaded(self, basis):
        return -basis[::-1]


@fault("twin_has_no_noise", "unknown method 'gone'", "the name of a deterministic method", twin=lambda p: ("gone", p))
class Widowed(Good):
    pass


@fault("twin_has_no_noise", "its counterpart, good, is stochastic", "the name of a deterministic method",
       twin=lambda p: ("good", {**p, "noise": p["noise"] / 2}))  # fmt: skip
class Halves(Good):
    pass


@fault(
    "twin_has_no_noise", "its counterpart is itself", "the name of a deterministic method", twin=lambda p: ("good", p)
)
class Narcissus(Good):
    pass


@fault("twin_has_no_noise", "good without noise, has draws that vary", "the name of a deterministic method",
       twin=lambda p: ("good", {**p, "width": 2}))  # fmt: skip
class KeepsItsNoise(Good):
    pass


@fault("ablations_are_fair", "labels are not its counterpart's", "give both the same start",
       twin=lambda p: ("good", {**p, "noise": 0.0, "prior": 0.0, "width": 2}))  # fmt: skip
class Unfair(Good):
    pass


@fault("fit_gives_labels", "RuntimeError: nothing works (faulty_methods.py, line", "correct what raises it")
class Raises(Good):
    def fit(self, X, y=None):
        raise RuntimeError("nothing works")


@fault("fit_gives_labels", "SystemExit: 1", "correct what raises it")
class Quits(Good):
    def fit(self, X, y=None):
        raise SystemExit(1)


@fault("fit_gives_labels", "after fit, Unlabelled has no labels_", "set labels_ in fit")
class Unlabelled(Good):
    def fit(self, X, y=None):
        super().fit(X)
        del self.labels_
        return self


@fault("fit_gives_labels", "labels_ has shape (120,) and type float32", "one integer per point")
class Floats(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.labels_ = self.labels_.astype(np.float32)
        return self


@fault("fit_gives_labels", "-2", "-1 for noise")
class Negative(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.labels_ = self.labels_ - 2
        return self


@fault("fit_gives_labels", "fit returns NoneType", "return self")
class Forgets(Good):
    def fit(self, X, y=None):
        super().fit(X)

    def fit_predict(self, X, y=None):
        self.fit(X)
        return self.labels_


@fault("fit_predict_gives_labels", "fit_predict does not return labels_", "ClusterMixin")
class CountsFromOne(Good):
    def fit_predict(self, X, y=None):
        return super().fit_predict(X) + 1


@fault("same_seed_same_labels", "two fits with the same random_state differ in", "made of self.random_state")
class Unseeded(Good):
    def _seed(self):
        return int(np.random.default_rng().integers(2**31))


@fault("same_seed_same_labels", "two fits without a random_state differ in", "add a parameter random_state=None")
class Seedless(Good):
    def __init__(self, n_clusters=4, width=3, noise=0.1, device="cpu", memory=None):
        self.n_clusters = n_clusters
        self.width = width
        self.noise = noise
        self.device = device
        self.memory = memory

    random_state = "any"

    def _seed(self):
        return int(np.random.default_rng().integers(2**31))


@fault("seeds_matter", "4 seeds gave the same labels_, embedding_, predict_proba", "remove random_state")
class Deaf(Good):
    def _seed(self):
        return 0


@fault("seeds_matter", "it is declared seed-free, and seeds differ", "remove seed_free", seed_free=True)
class Modest(Good):
    pass


class TogetherAsAlone(Good):
    def fit_seeds(self, X, random_states, memories=None):
        return [clone(self).set_params(random_state=seed).fit(X) for seed in random_states]


@fault("seeds_together_are_seeds_alone", "of a seed differ from those of fit with that seed", "depend on the others")
class MixesSeeds(TogetherAsAlone):
    def fit_seeds(self, X, random_states, memories=None):
        return super().fit_seeds(X, [random_states[0]] * len(random_states))


@fault("seeds_together_are_seeds_alone", "fit_seeds returns 1 results for 2 seeds", "return one a seed")
class LosesSeeds(TogetherAsAlone):
    def fit_seeds(self, X, random_states, memories=None):
        return super().fit_seeds(X, random_states)[:1]


@fault("generators_are_left_alone", "fit changes the global generator of numpy", "made of self.random_state")
class SeedsNumpy(Good):
    def fit(self, X, y=None):
        np.random.seed(0)  # noqa: NPY002
        return super().fit(X)


@fault("generators_are_left_alone", "fit changes the global generator of torch", "made of self.random_state")
class SeedsTorch(Good):
    def fit(self, X, y=None):
        torch.manual_seed(42)
        return super().fit(X)


@fault("generators_are_left_alone", "predict changes the global generator of random", "one of its own")
class Shuffles(Good):
    def predict(self, X):
        random.random()
        return super().predict(X)


@fault("pickle_keeps_it", "local object", "no generators, open files, lambdas")
class HoldsALambda(Good):
    def fit(self, X, y=None):
        self.hook_ = lambda: None
        return super().fit(X)


@fault("pickle_keeps_it", "after pickling, predict gives other clusters", "no generators")
class LosesItsCenters(Good):
    def __getstate__(self):
        return {**super().__getstate__(), "cluster_centers_": np.zeros((4, 3))}


@fault("pickle_keeps_it", "after pickling, labels_ differ", "no generators")
class LosesItsLabels(Good):
    def __getstate__(self):
        return {**super().__getstate__(), "labels_": np.zeros(120, dtype=int)}


@fault("runs_on_the_cpu", 'with device="cpu", network_ is on meta', "torch.device(self.device)")
class ElsewhereAnyway(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.network_ = torch.nn.Linear(1, 1, device="meta")
        return self


@fault("points_are_left_alone", "changes X", "copy X")
class Writes(Good):
    def fit(self, X, y=None):
        X[0, 0] += 1e-4
        return super().fit(X)


@fault("points_are_left_alone", "with read-only X, fit raises ValueError", "copy X")
class WritesWhatWasThere(Good):
    def fit(self, X, y=None):
        X += 0
        return super().fit(X)


@fault("nan_is_refused", "with NaN in X, fit raises no error", "validate_data")
class Patches(Good):
    def fit(self, X, y=None):
        return super().fit(np.nan_to_num(X))


@fault("nan_is_refused", "with NaN in X, fit raises TypeError", "validate_data")
class Stumbles(Good):
    def fit(self, X, y=None):
        if not np.isfinite(X).all():
            raise TypeError("what is this")
        return super().fit(X)


@fault("one_cluster_is_one", "with n_clusters=1 it gives 2 clusters", "read self.n_clusters")
class AlwaysSplits(Good):
    def fit(self, X, y=None):
        super().fit(X)
        if self.n_clusters == 1:
            self.labels_ = np.arange(len(X)) % 2
        return self


@fault("fewer_points_than_clusters", "3 distinct ones, fit raises IndexError", "allow empty clusters")
class Trips(Good):
    def fit(self, X, y=None):
        np.unique(X, axis=0)[self.n_clusters - 1]
        return super().fit(X)


@fault("layout_does_not_matter", "with X in column order", 'order="C"')
class ReadsMemory(Good):
    def fit(self, X, y=None):
        return super().fit(np.ravel(X, order="K").reshape(X.shape))


@fault("layout_does_not_matter", "with X in steps of two", 'order="C"')
class IgnoresStrides(Good):
    def fit(self, X, y=None):
        whole = X if X.base is None or X.flags.contiguous else X.base.ravel()[: X.size].reshape(X.shape)
        return super().fit(whole)


@fault("float64_is_taken", "with float64 X, fit raises TypeError", "validate_data")
class Picky(Good):
    def fit(self, X, y=None):
        if X.dtype != np.float32:
            raise TypeError("float32 only")
        return super().fit(X)


@fault("predict_agrees_with_labels", "predict agrees with labels_ in 0% of the points", "or remove predict")
class PredictsTheNext(Good):
    def predict(self, X):
        return (super().predict(X) + 1) % self.n_clusters


@fault("predict_agrees_with_labels", "type float64", "one integer per point")
class PredictsFloats(Good):
    def predict(self, X):
        return super().predict(X).astype(float)


@fault("probabilities_sum_to_one", "off the sum of one by up to 0.5", "softmax")
class Halved(Good):
    def predict_proba(self, X):
        return super().predict_proba(X) / 2


@fault("probabilities_sum_to_one", "outside [0, 1]", "softmax")
class LogProbabilities(Good):
    def predict_proba(self, X):
        return np.log(super().predict_proba(X))


@fault("probabilities_sum_to_one", "predict_proba gives shape (120,)", "return shape (120, n_clusters)")
class OnlyTheBest(Good):
    def predict_proba(self, X):
        return super().predict_proba(X).max(axis=1)


@fault("probabilities_agree_with_labels", "is the label of 0% of the points", "order its columns by label")
class OtherOrder(Good):
    def predict_proba(self, X):
        return np.roll(super().predict_proba(X), 1, axis=1)


@fault("embedding_is_a_code_a_point", "embedding_ has shape (7, 3)", "shape (120, latent_dim)")
class CodesOfSome(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.embedding_ = self.embedding_[:7]
        return self


@fault("embedding_is_a_code_a_point", "not all finite numbers", "finite numbers of shape")
class CodesThatAreNone(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.embedding_ = self.embedding_ * np.nan
        return self


@fault("transform_agrees_with_embedding", "transform is off embedding_ by up to", "after the last step")
class MovesOn(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.embedding_ = 2 * self.embedding_
        return self


@fault("transform_agrees_with_embedding", "embedding_ has (120, 3)", "the same codes")
class GivesDistances(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.embedding_ = self._encode(X)
        return self

    def transform(self, X):
        return self.predict_proba(X)


@fault("variance_is_of_the_embedding", "embedding_variance_ has shape (120, 1)", "one variance per dimension")
class OneVariance(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.embedding_variance_ = self.embedding_variance_[:, :1]
        return self


@fault("variance_is_of_the_embedding", "negative or non-finite values", "not its logarithm")
class LogVariance(Good):
    def transform_variance(self, X):
        return np.log(super().transform_variance(X))


@fault("variance_is_of_the_embedding", "transform_variance is off embedding_variance_", "after the last step")
class Deviations(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.embedding_variance_ = np.sqrt(self.embedding_variance_)
        return self


@fault("densities_are_finite", "not all finite numbers", "from logarithms")
class Underflows(Good):
    def score_samples(self, X):
        with np.errstate(divide="ignore"):
            return np.log(np.zeros(len(X)))


@fault("reconstructions_are_points", "reconstruct gives shape (120, 4, 4)", "(120, 16)")
class DrawsPictures(Good):
    def reconstruct(self, X):
        return super().reconstruct(X).reshape(-1, 4, 4)


@fault("points_are_judged_alone", "transform of 7 points differs", "network.eval()")
class NormalisesBatches(Good):
    def transform(self, X):
        z = self._encode(X)
        return z - z.mean(axis=0)


@fault("points_are_judged_alone", "transform of 7 points has length 120", "the points that it is given")
class Remembers(Good):
    def fit(self, X, y=None):
        super().fit(X)
        self.embedding_ = self._encode(X)
        return self

    def transform(self, X):
        return getattr(self, "embedding_", None)


@fault("draws_are_soft_assignments", "sample_proba gives shape (120, 5, 4)", "return shape (5, 120, n_clusters)")
class PointsFirst(Good):
    def sample_proba(self, X, n_samples=32, random_state=0):
        return super().sample_proba(X, n_samples, random_state).transpose(1, 0, 2)


@fault("draws_are_reconstructions", "sample_reconstruct gives shape (120, 16)", "(5, 120, 16)")
class RebuildsTheMean(Good):
    def sample_reconstruct(self, X, n_samples=32, random_state=0):
        return super().sample_reconstruct(X, n_samples, random_state).mean(axis=0)


@fault("draws_follow_their_seed", "sample_proba gives other draws for the same random_state", "of random_state")
class DrawsAfresh(Good):
    def _draw(self, X, n_samples, random_state):
        return super()._draw(X, n_samples, None)


@fault("draws_follow_their_seed", "sample_proba gives the same draws for every random_state", "of random_state")
class DrawsTheSame(Good):
    def _draw(self, X, n_samples, random_state):
        return super()._draw(X, n_samples, 0)


@fault("draws_are_what_the_kind_says", "declares itself deterministic, and draws", 'kind="stochastic"',
       kind="deterministic")  # fmt: skip
class Understates(Good):
    pass


@fault("draws_are_what_the_kind_says", "all draws of sample_proba are one", "a code of its own")
class DrawsOnce(Good):
    def sample_proba(self, X, n_samples=32, random_state=0):
        return np.repeat(super().sample_proba(X, 1, random_state), n_samples, axis=0)


@fault("runs_in_the_suite", "timings_ is 'soon'", "correct what raises this error")
class SaysSoon(Good):
    def fit(self, X, y=None):
        self.timings_ = "soon"
        return super().fit(X)


@fault("runs_in_the_suite", "the run failed: IndexError", "correct what raises this error")
class FearsOutliers(Good):
    """Uniform noise, which the suite scores as outliers, is farther from the blobs than any of their points."""

    def predict_proba(self, X):
        if np.square(X - self.mean_).sum(axis=1).max() > 1.2:
            raise IndexError("too far away")
        return super().predict_proba(X)
