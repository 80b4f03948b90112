"""What a run says of its certainty is computed as defined, judged on points that named nothing, and never collapsed."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy, norm
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from bench.data.dataset import Dataset
from bench.metrics import all_metrics, score
from bench.metrics.calibration import calibration
from bench.metrics.detection import detection
from bench.metrics.point_scores import (
    _CHUNK,
    NO_KERNEL,
    centroid_margin,
    matched_temperature,
    scores_or_reasons,
    uncertainty_scores,
)
from bench.metrics.registry import SCORES, UNLABELLED
from bench.metrics.uncertainty import COLLAPSED, halves, mis_clustered, reliability_of, uncertainty_metrics

UNCERTAINTY = [row.name for row in all_metrics() if {"soft assignment", "scores", "draws"} & set(row.needs)]
N, K, N_FEATURES, N_LATENT, N_DRAWS = 600, 3, 20, 2, 32
ENCODER_NOISE = 0.05


def make_dataset(x, y=None, fingerprint="0" * 64):
    return Dataset("made-up", np.asarray(x, np.float32), y, K, None, None, fingerprint)


def blobs(spread=0.07):
    """Three blobs on a plane, seen in twenty dimensions with a little noise in each."""
    generator = np.random.default_rng(0)
    y = np.repeat(np.arange(K), N // K)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.9]])
    plane = np.linalg.qr(generator.normal(size=(N_FEATURES, N_LATENT)))[0].T
    x = (corners[y] + generator.normal(0, spread, (N, N_LATENT))) @ plane + generator.normal(0, 0.01, (N, N_FEATURES))
    return x, y, corners @ plane, generator


def fitted(x):
    """Return the raw outputs of a real model: principal components, a mixture on them, and noise on the codes."""
    pca = PCA(N_LATENT, svd_solver="full").fit(x)
    codes = pca.transform(x)
    mixture = GaussianMixture(K, covariance_type="spherical", n_init=3, random_state=0).fit(codes)
    residual = x - pca.inverse_transform(codes)
    off_plane = norm.logpdf(residual, scale=residual.std()).sum(axis=1)
    noise = np.random.default_rng(1).normal(0, ENCODER_NOISE, (N_DRAWS, *codes.shape))
    drawn = np.stack([mixture.predict_proba(codes + of_draw) for of_draw in noise])
    return {
        "labels": mixture.predict(codes),
        "soft_assignment": mixture.predict_proba(codes).astype(np.float32),
        "embedding": codes.astype(np.float32),
        "embedding_variance": np.full(codes.shape, ENCODER_NOISE**2, np.float32),
        "centers": mixture.means_.astype(np.float32),
        "mixture_weights": mixture.weights_.astype(np.float32),
        "mixture_variances": np.repeat(mixture.covariances_[:, None], N_LATENT, axis=1).astype(np.float32),
        "reconstruction_error": (residual**2).mean(axis=1).astype(np.float32),
        "log_density": (mixture.score_samples(codes) + off_plane).astype(np.float32),
        "sampled_assignment": drawn.mean(axis=0).astype(np.float32),
        "sampled_entropy": entropy(drawn, axis=2).mean(axis=0).astype(np.float32),
        "draw_labels": drawn.argmax(axis=2).astype(np.uint8),
    }


@pytest.fixture(scope="module")
def run():
    x, y, _, _ = blobs(spread=0.25)  # they overlap: some points are wrong
    return fitted(x), make_dataset(x, y)


def spoiled_tenth(generator):
    return np.isin(np.arange(N), generator.choice(N, N // 10, replace=False))


def found_by(outputs, x, noisy):
    return {name: detection(values, noisy)["auroc"] for name, values in uncertainty_scores(outputs, x).items()}


# Truth that is known


def test_noise_off_the_plane_of_the_data_is_found_by_what_models_the_points():
    x, _, _, generator = blobs()
    noisy = spoiled_tenth(generator)
    x[noisy] += generator.normal(0, 0.1, (noisy.sum(), N_FEATURES))
    auroc = found_by(fitted(x), x, noisy)
    assert min(auroc["reconstruction"], auroc["density"]) > 0.95
    assert auroc["latent_variance"] == 0.5, "the same noise for every point says nothing of any"
    assert auroc["confidence"] < 0.75, "which cluster is nearest is as plain as before"


def test_noise_that_moves_points_between_clusters_is_found_by_what_looks_at_the_assignment():
    x, y, corners, generator = blobs()
    noisy = spoiled_tenth(generator)
    halfway = (corners[y] + corners[(y + 1) % K]) / 2
    x[noisy] = halfway[noisy] + generator.normal(0, 0.01, (noisy.sum(), N_FEATURES))
    auroc = found_by(fitted(x), x, noisy)
    for name in ("confidence", "margin", "entropy", "mean_entropy", "mutual_information"):
        assert auroc[name] > 0.95, name
    assert 0.3 < auroc["reconstruction"] < 0.7, "they lie in the plane, which reconstructs them well"
    assert auroc["latent_variance"] == 0.5


def test_points_that_noise_put_into_the_wrong_cluster_are_found_by_the_whole_scoring():
    x, y, corners, generator = blobs()
    noisy = spoiled_tenth(generator)
    halfway = (corners[y] + corners[(y + 1) % K]) / 2
    x[noisy] = halfway[noisy] + generator.normal(0, 0.01, (noisy.sum(), N_FEATURES))
    metrics, _ = score(fitted(x), make_dataset(x, y), 0)
    assert 0.9 < metrics["acc"] < 0.99, "about half of the tenth is wrong"
    assert min(metrics[f"auroc_{name}"] for name in ("confidence", "margin", "entropy")) > 0.93
    assert metrics["augrc_confidence"] < metrics["augrc_latent_variance"]
    assert metrics["ece_sampled"] < 0.1


# The scores of a run


def test_every_score_of_a_run_is_the_formula_of_the_table(run):
    outputs, data = run
    found = uncertainty_scores(outputs, data.x)
    q, mean_q = (outputs[name].astype(float) for name in ("soft_assignment", "sampled_assignment"))
    widened = mixture_density(outputs, ENCODER_NOISE**2)
    distances = np.sort(np.linalg.norm(outputs["embedding"][:, None] - outputs["centers"], axis=2), axis=1)
    expected = {
        "confidence": 1 - q.max(axis=1),
        "plain_entropy": entropy(q, axis=1),
        "smoothed_kernel": entropy(widened, axis=1),
        "temperature": entropy(q ** (1 / matched_temperature(q, entropy(mean_q, axis=1).mean())), axis=1),
        "margin": distances[:, 0] - distances[:, 1],
        "reconstruction": outputs["reconstruction_error"],
        "density": -outputs["log_density"],
        "entropy": entropy(mean_q, axis=1),
        "mean_entropy": outputs["sampled_entropy"],
        "mutual_information": entropy(mean_q, axis=1) - outputs["sampled_entropy"],
        "latent_variance": outputs["embedding_variance"].mean(axis=1),
    }
    assert list(found) == [row.name for row in SCORES] == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(found["entropy"], found["mean_entropy"] + found["mutual_information"], atol=1e-6)
    assert found["mutual_information"].min() >= 0


def mixture_density(outputs, added):
    """Return the densities of the components at the codes, their variances widened."""
    return np.stack(
        [
            weight * norm.pdf(outputs["embedding"].astype(float), mean, np.sqrt(variance + added)).prod(axis=1)
            for weight, mean, variance in zip(
                *(outputs[name].astype(float) for name in ("mixture_weights", "centers", "mixture_variances")),
                strict=True,
            )
        ],
        axis=1,
    )


def test_rounding_does_not_make_mutual_information_negative():
    outputs = {"sampled_assignment": np.array([[1, 0], [0.5, 0.5]]), "sampled_entropy": np.array([1e-7, 0.2])}
    np.testing.assert_allclose(uncertainty_scores(outputs)["mutual_information"], [0, np.log(2) - 0.2])


def test_a_confidence_that_rounds_to_1_still_has_an_order():
    q = np.array([[1, 1e-9, 0], [1, 1e-20, 1e-20], [1, 0, 0]], np.float32)
    assert np.unique(1 - q.max(axis=1)).size == 1
    np.testing.assert_allclose(uncertainty_scores({"soft_assignment": q})["confidence"], [1e-9, 2e-20, 0], rtol=1e-6)


# Softer without a draw


def student(n=50, k=4, d=3, seed=0, noise=0.5):
    """Return the outputs of a Student-t assignment, with noise that differs between points and dimensions."""
    generator = np.random.default_rng(seed)
    codes, centers = generator.normal(size=(n, d)), 2 * generator.normal(size=(k, d))
    variance = noise * generator.gamma(2, size=(n, d))
    kernel = 1 / (1 + np.square(codes[:, None] - centers).sum(axis=2))
    q = kernel / kernel.sum(axis=1, keepdims=True)
    return {"soft_assignment": q, "embedding": codes, "embedding_variance": variance, "centers": centers}


def test_the_kernel_is_student_t_at_the_expected_squared_distance_of_a_draw():
    """The noise of the points, averaged, moves a code away from a centroid by its variance summed over dimensions."""
    outputs = student()
    scale = np.sqrt(outputs["embedding_variance"].mean(axis=0))
    draws = outputs["embedding"] + scale * np.random.default_rng(1).normal(size=(20_000, 1, 3))
    expected = np.stack([np.square(draws - c).sum(axis=2).mean(axis=0) for c in outputs["centers"]], axis=1)
    kernel = 1 / (1 + expected)
    by_draws = entropy(kernel / kernel.sum(axis=1, keepdims=True), axis=1)
    np.testing.assert_allclose(uncertainty_scores(outputs)["smoothed_kernel"], by_draws, atol=0.01)


def test_a_mixture_is_widened_to_what_its_density_is_on_average_over_draws(run):
    outputs, _ = run
    few = {name: values[:20] if len(values) == N else values for name, values in outputs.items()}
    noise = ENCODER_NOISE * np.random.default_rng(2).normal(size=(5_000, 1, N_LATENT))
    drawn = np.mean([mixture_density(few | {"embedding": few["embedding"] + of_draw}, 0) for of_draw in noise], axis=0)
    np.testing.assert_allclose(uncertainty_scores(few)["smoothed_kernel"], entropy(drawn, axis=1), atol=0.02)


def test_without_noise_the_smoothed_kernel_is_q():
    found = uncertainty_scores(student(noise=0))
    np.testing.assert_allclose(found["smoothed_kernel"], found["plain_entropy"])


def test_the_noise_of_one_point_moves_the_kernel_of_all_and_the_score_keeps_no_noise_of_its_own():
    outputs = student()
    order = np.random.default_rng(0).permutation(50)
    shuffled = outputs | {"embedding_variance": outputs["embedding_variance"][order]}
    one, other = (uncertainty_scores(o)["smoothed_kernel"] for o in (outputs, shuffled))
    np.testing.assert_allclose(one, other)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"embedding_variance": None}, "the method has no latent variance"),
        ({"centers": None}, "the method has no centroids"),
        ({"embedding": None}, "the method has no embedding"),
        ({"centers": np.zeros((3, 3))}, NO_KERNEL),
        ({"soft_assignment": np.full((50, 4), 0.25)}, NO_KERNEL),
        ({"mixture_weights": np.full(4, 0.25), "mixture_variances": np.ones((4, 3))}, NO_KERNEL),
        ({"mixture_weights": np.full(4, 0.25), "mixture_variances": -np.ones((4, 3))}, NO_KERNEL),
        ({"embedding": np.full((50, 3), np.nan)}, "the codes have values that are not finite"),
    ],
)
def test_a_kernel_that_is_not_known_to_be_that_of_q_is_not_smoothed(changes, reason):
    outputs = {name: value for name, value in (student() | changes).items() if value is not None}
    assert scores_or_reasons(outputs)["smoothed_kernel"] == reason


@given(seed=st.integers(0, 50), k=st.integers(2, 6), share=st.floats(0.02, 0.98))
def test_the_temperature_gives_q_the_mean_entropy_of_the_draws(seed, k, share):
    q = np.random.default_rng(seed).dirichlet(np.full(k, 0.5), size=30)
    target = share * np.log(k)
    temperature = matched_temperature(q, target)
    powered = q ** (1 / temperature)
    assert entropy(powered / powered.sum(axis=1, keepdims=True), axis=1).mean() == pytest.approx(target, abs=1e-6)
    assert (temperature < 1) == (target < entropy(q, axis=1).mean())


def test_a_mean_entropy_that_no_temperature_reaches_gives_the_nearest_end():
    """What is exactly 0 stays so, and two equal halves are equal at every temperature."""
    q = np.array([[0.7, 0.3, 0.0], [0.5, 0.5, 0.0]])
    assert matched_temperature(q, np.log(3)) == 2**10
    assert matched_temperature(q, 0.1) == 2**-10
    for mean_q in (np.full((2, 3), 1 / 3), np.eye(3)[:2]):
        assert np.isfinite(
            uncertainty_scores({"soft_assignment": q, "sampled_assignment": mean_q})["temperature"]
        ).all()


def test_draws_that_agree_with_q_leave_it_as_it_is():
    q = student()["soft_assignment"]
    found = uncertainty_scores({"soft_assignment": q, "sampled_assignment": q})
    np.testing.assert_allclose(found["temperature"], found["plain_entropy"], atol=1e-6)


@given(seed=st.integers(0, 100), n=st.integers(1, 12), k=st.integers(2, 5), d=st.integers(1, 4))
def test_the_margin_is_the_nearest_distance_less_the_second(seed, n, k, d):
    generator = np.random.default_rng(seed)
    points, centers = generator.normal(size=(n, d)), generator.normal(size=(k, d))
    expected = []
    for point in points:
        first, second = sorted(np.linalg.norm(point - center) for center in centers)[:2]
        expected.append(first - second)
    np.testing.assert_allclose(centroid_margin(points, centers), expected)


def test_the_margin_of_many_points_is_that_of_each():
    generator = np.random.default_rng(0)
    points, centers = generator.normal(size=(2 * _CHUNK + 3, 2)), generator.normal(size=(4, 2))
    whole = centroid_margin(points, centers)
    some = [0, _CHUNK - 1, _CHUNK, 2 * _CHUNK, 2 * _CHUNK + 2]
    np.testing.assert_array_equal(whole[some], [centroid_margin(points[[i]], centers)[0] for i in some])


def test_centroids_of_a_method_without_an_embedding_lie_among_the_points(run):
    _, data = run
    centers = data.x[[0, 250, 500]]
    found = uncertainty_scores({"labels": data.y, "centers": centers}, data.x)
    np.testing.assert_array_equal(found["margin"], centroid_margin(data.x, centers))


# The halves


@given(n=st.integers(0, 50), seed=st.integers(0, 5))
def test_the_halves_share_no_point_and_leave_none(n, seed):
    matching, scoring = halves("a", n, seed)
    assert len(matching) == n // 2
    np.testing.assert_array_equal(np.sort(np.concatenate([matching, scoring])), np.arange(n))


def test_the_halves_come_from_data_set_and_seed_alone_on_every_machine():
    assert [half.tolist() for half in halves("f" * 64, 10, 3)] == [[1, 2, 5, 6, 9], [0, 3, 4, 7, 8]]
    assert not np.array_equal(halves("f" * 64, 10, 3)[0], halves("f" * 64, 10, 4)[0])
    assert not np.array_equal(halves("f" * 64, 10, 3)[0], halves("e" * 64, 10, 3)[0])


def test_clusters_are_named_on_one_half_and_judged_on_the_other(run):
    _, data = run
    scoring = halves(data.fingerprint, N, 0)[1]
    labels = np.array([7, 0, 4])[data.y]
    judged, wrong = mis_clustered(labels, data, 0)
    np.testing.assert_array_equal(judged, scoring)
    assert not wrong.any()

    swapped = labels.copy()
    swapped[scoring] = np.array([0, 4, 7])[data.y[scoring]]
    assert mis_clustered(swapped, data, 0)[1].all(), (
        "matched on all points, or on those it is judged on, some are right"
    )

    labels[scoring[:5]] = 99
    assert mis_clustered(labels, data, 0)[1].tolist() == [True] * 5 + [False] * (len(scoring) - 5), "a cluster unnamed"


def test_every_score_of_a_run_is_judged_on_the_labels_it_gave(run):
    outputs, data = run
    labels = np.roll(outputs["labels"], 30)  # other labels than argmax q has
    found = uncertainty_metrics(outputs | {"labels": labels}, data, 0)
    _, wrong = mis_clustered(labels, data, 0)
    scoring = halves(data.fingerprint, N, 0)[1]
    for name, values in uncertainty_scores(outputs, data.x).items():
        for metric, value in detection(values[scoring], wrong).items():
            assert found[f"{metric}_{name}"] == value
    assert found["ece"] == uncertainty_metrics(outputs, data, 0)["ece"], "calibration is of q's own prediction"


def test_an_assignment_is_calibrated_on_the_half_that_did_not_name_its_columns(run):
    outputs, data = run
    found = uncertainty_metrics(outputs, data, 5)
    scoring = halves(data.fingerprint, N, 5)[1]
    for suffix, name in (("", "soft_assignment"), ("_sampled", "sampled_assignment")):
        q = outputs[name].astype(float)
        q /= q.sum(axis=1, keepdims=True)
        class_of = {column: int(np.bincount(data.y[q.argmax(axis=1) == column]).argmax()) for column in range(K)}
        for metric, value in calibration(q[scoring], class_of, data.y[scoring]).items():
            assert found[metric + suffix] == pytest.approx(value)
    assert reliability_of(outputs["soft_assignment"], outputs["labels"], data, 5).error == pytest.approx(found["ece"])


def test_columns_that_mean_something_else_on_the_other_half_are_wrong(run):
    outputs, data = run
    q = np.full((N, K), 0.05)
    q[np.arange(N), data.y] = 0.9
    scoring = halves(data.fingerprint, N, 0)[1]
    q[scoring] = np.roll(q[scoring], 1, axis=1)
    found = uncertainty_metrics(outputs | {"soft_assignment": q}, data, 0)
    assert (found["ece"], found["nll"]) == pytest.approx((0.9, -np.log(0.05)))


def test_another_seed_judges_other_points(run):
    outputs, data = run
    one, other = (uncertainty_metrics(outputs, data, seed) for seed in (0, 1))
    assert one["nll"] != other["nll"]
    assert one["label_change"] == other["label_change"], "which takes no halves"


# What a run has, and why not


def test_a_run_with_all_outputs_has_every_metric(run):
    metrics, reasons = score(*run, 0)
    assert reasons == {}
    assert list(metrics) == [row.name for row in all_metrics()]
    for row in all_metrics():
        value = metrics[row.name]
        low, high = sorted((row.worst, row.best))
        assert low <= value <= high, row.name


def test_a_deterministic_method_has_what_needs_no_sampling(run):
    outputs, data = run
    kept = ("labels", "soft_assignment", "embedding", "centers", "reconstruction_error")
    metrics, reasons = score({name: outputs[name] for name in kept}, data, 0)
    free = {row.name for row in SCORES if row.needs_sampling == "no"}
    assert {row.name for row in SCORES if metrics[f"aurc_{row.name}"] is not None} == free
    assert metrics["ece"] is not None
    sampled = ["ece_sampled", "label_change", "acc_draws", "ari_draws_sd", "auroc_entropy", "augrc_mutual_information"]
    assert {reasons[name] for name in sampled} == {"the method has no latent draws"}
    assert reasons["auroc_latent_variance"] == "the method has no latent variance"
    assert reasons["aurc_density"] == "the method has no density"


def test_labels_alone_have_no_uncertainty_and_a_reason_for_each_metric(run):
    _, data = run
    metrics, reasons = score({"labels": data.y}, data, 0)
    assert all(metrics[name] is None for name in UNCERTAINTY)
    assert reasons["nll"] == reasons["auroc_confidence"] == "the method has no soft assignment"
    assert reasons["auroc_margin"] == "the method has no centroids"
    assert reasons["auroc_reconstruction"] == "the method reconstructs nothing"


def test_unlabelled_data_show_how_labels_change_and_nothing_that_needs_classes(run):
    outputs, data = run
    metrics, reasons = score(outputs, make_dataset(data.x), 0)
    assert {name for name in UNCERTAINTY if metrics[name] is not None} == {"label_change"}
    assert {reasons[name] for name in UNCERTAINTY if name != "label_change"} == {UNLABELLED}


@pytest.mark.parametrize(
    "collapse",
    [
        {"labels": np.zeros(N, int)},
        {"labels": np.full(N, -1)},
        {"soft_assignment": np.full((N, K), 1 / K, np.float32)},
        {"soft_assignment": np.tile(np.array([0.98, 0.01, 0.01], np.float32), (N, 1))},
    ],
)
def test_a_collapsed_run_is_neither_certain_nor_calibrated_nor_steady(run, collapse):
    outputs, data = run
    for dataset in (data, make_dataset(data.x)):
        metrics, reasons = score(outputs | collapse, dataset, 0)
        assert {metrics[name] for name in UNCERTAINTY} == {None}
        assert {reasons[name] for name in UNCERTAINTY} == {COLLAPSED}


def test_nothing_wrong_and_everything_wrong_have_risks_but_no_ranking(run):
    outputs, data = run
    metrics, reasons = score(outputs | {"labels": data.y}, data, 0)
    assert (metrics["aurc_margin"], metrics["augrc_margin"]) == (0, 0)
    assert reasons["auroc_margin"] == reasons["aupr_margin"] == "no point is mis-clustered"
    labels = data.y.copy()
    scoring = halves(data.fingerprint, N, 0)[1]
    labels[scoring] = (labels[scoring] + 1) % K
    metrics, reasons = score(outputs | {"labels": labels}, data, 0)
    assert (metrics["aurc_margin"], metrics["augrc_margin"]) == pytest.approx((1, 0.5))
    assert reasons["auroc_margin"] == "every point is mis-clustered"


def broken(array, value):
    array = array.astype(float)
    array.flat[::7] = value
    return array


@pytest.mark.parametrize(
    ("name", "change", "metric", "reason"),
    [
        ("soft_assignment", lambda q: broken(q, np.nan), "auroc_confidence", "not finite"),
        ("soft_assignment", lambda q: q * 3, "brier", "no probabilities"),
        ("sampled_assignment", lambda q: q[:-1], "ece_mass_sampled", r"shape \(599, 3\)"),
        ("sampled_entropy", lambda h: h[:-1], "aurc_mutual_information", "599"),
        ("reconstruction_error", lambda e: broken(e, np.nan), "aurc_reconstruction", "not finite"),
        ("log_density", lambda p: broken(p, -np.inf), "auroc_density", "not finite"),
        ("embedding_variance", lambda v: v[:, 0], "auroc_latent_variance", "600,"),
        ("centers", lambda c: c[:1], "auroc_margin", "no second centroid"),
        ("centers", lambda c: c[:, :1], "auroc_margin", "2 dimensions"),
        ("centers", lambda c: broken(c, np.inf), "auroc_margin", "centroids have values that are not finite"),
        ("draw_labels", lambda d: d[:, :-1], "label_change", r"\(32, 599\)"),
        ("draw_labels", lambda d: d[:0], "acc_draws", r"\(0, 600\)"),
        ("draw_labels", lambda d: d[:1], "nmi_draws_sd", "one draw"),
    ],
)
def test_an_output_that_makes_no_sense_is_a_reason_and_spoils_no_other_metric(run, name, change, metric, reason):
    outputs, data = run
    metrics, reasons = score(outputs | {name: change(outputs[name])}, data, 0)
    assert metrics[metric] is None
    assert re.search(reason, reasons[metric])
    assert metrics["aurc_mean_entropy" if name != "sampled_entropy" else "aurc_confidence"] is not None
