"""What the figures of uncertainty, stability and health show."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.metrics.calibration import Reliability
from bench.metrics.detection import risk_coverage
from bench.metrics.registry import SCORES
from bench.report import plots
from bench.report.plots import Look, ReliabilityCurve, RiskCurve
from bench.report.plots.images import MOST_CLUSTER_ROWS
from bench.report.plots.style import INK

pytestmark = pytest.mark.figures

HOSTILE = "<script>alert('1')</script> $x$ & \"q\" {0} ]]> \x1b[31m\x00 \U0001f4a5 url(#a) " + INK
BLUE, TWIN = Look("#0072B2", "o"), Look("#0072B2", "s", False)
SVG = "{http://www.w3.org/2000/svg}"
TO = {"name": "n", "title": "t"}
KINDS = ("reliability", "risk", "detection", "latent", "draws", "certain", "clusters", "points", "health")


def bins(count, confidence, accuracy):
    return Reliability(np.array(count), np.array(confidence), np.array(accuracy))


def risk(label, score, wrong, sampled=False):
    return RiskCurve(label, sampled, *risk_coverage(np.asarray(score, float), np.asarray(wrong, bool)))


def rows(*scores):
    return pd.DataFrame(scores, columns=["group", "label", "kind", "values"])


def images(n_clusters, shown=4, shape=(8, 8)):
    rng = np.random.default_rng(0)
    points = np.arange(n_clusters * 2 * shown).reshape(n_clusters, 2, shown)
    return rng.integers(0, 255, (*points.shape, *shape)).astype(np.uint8), points


def runs(*cells):
    return pd.DataFrame(cells, columns=["label", "verdict", "epoch"])


def draw(kind, named=str):
    """Return one figure of a kind, every text in it passed through ``named``."""
    rng, to = np.random.default_rng(0), {"name": kind, "title": named("title")}
    if kind == "reliability":
        found = bins([0, 5, 15], [np.nan, 0.5, 0.9], [np.nan, 0.4, 0.8])
        return plots.reliability_diagram(
            [ReliabilityCurve(named("S-DEC"), BLUE, drawn, found) for drawn in (False, True)], **to
        )
    if kind == "risk":
        return plots.risk_coverage_curves([risk(named("MI"), rng.random(300), rng.random(300) < 0.2, True)], **to)
    if kind == "detection":
        table = rows((named("S-DEC"), named("MI"), "yes", [0.7, 0.8]), (named("DEC"), named("margin"), "no", [0.6]))
        return plots.detection_by_score(table, {}, "mis-clustered points", **to)
    if kind == "latent":
        return plots.latent_structure(rng.normal(size=(60, 4)), rng.random((60, 4)), BLUE, **to)
    if kind == "draws":
        return plots.drawn_samples(rng.random((12, 8, 8)), rng.random((12, 64)), rng.random((12, 64)), **to)
    if kind == "certain":
        return plots.certain_points(*images(3), [named(c) for c in "abc"], np.ones((3, 2, 4), bool), **to)
    if kind == "clusters":
        return plots.cluster_stability({"a": [0.3, 0.8, 0.9]}, {"a": BLUE}, {"a": named("S-DEC")}, **to)
    if kind == "points":
        return plots.point_agreement({"a": rng.random(50)}, {"a": BLUE}, {"a": named("S-DEC")}, **to)
    return plots.health_timeline(runs((named("S-DEC"), "healthy", np.nan), (named("S-DEC"), "collapsed", 7.0)), **to)


def parse(figure):
    return ElementTree.fromstring(figure.svg)


def texts(figure):
    return ["".join(text.itertext()).strip() for text in parse(figure).iter(f"{SVG}text")]


def uses(figure, style):
    """Return the marks whose style holds some words, in the order drawn."""
    groups = [group for group in parse(figure).iter(f"{SVG}g") if style in group.get("style", "").split("; ")]
    return [use for group in groups for use in group.iter(f"{SVG}use")]


def place(use):
    return float(use.get("x")), float(use.get("y"))


def marks(figure, color):
    """Return the places of a colour's marks, (n, 2), by x."""
    return np.array(sorted(map(place, uses(figure, f"stroke: {color.lower()}")))).reshape(-1, 2)


def assert_linear(places, values):
    """Say that places grow with values as on one linear axis, within the rounding of the file."""
    slope, start = np.polyfit(values, places, 1)
    assert abs(slope) > 1
    np.testing.assert_allclose(start + slope * np.asarray(values), places, atol=0.05)


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png)).convert("RGB")).reshape(-1, 3)


# -- every figure ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_name_is_written_and_not_obeyed(kind):
    figure = draw(kind, lambda name: name + HOSTILE)
    root = parse(figure)  # well-formed, or this raises
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "g", "defs", "path", "use", "text", "tspan", "clipPath", "rect", "image", "pattern", "title")
    }
    assert "\x1b" not in figure.svg + figure.alt + figure.title
    if kind not in ("latent", "draws"):
        assert any("<s" in text or "…" in text for text in texts(figure)), "the name is in the picture, as a name"


@pytest.mark.parametrize("kind", KINDS)
def test_svg_stands_in_a_page_without_reaching_out_of_itself_and_is_the_same_again(kind):
    figure = draw(kind)
    assert "currentColor" in figure.svg, "ink is the page's"
    assert INK not in figure.svg
    ids = set(re.findall(r'\bid="([^"]*)"', figure.svg))
    assert all(name.startswith(f"{kind}-") for name in ids)
    assert set(re.findall(r'(?:url\(|href=")#([^")]*)', figure.svg)) == ids
    assert len(figure.svg) < 60_000
    assert (figure.svg, figure.png) == (draw(kind).svg, draw(kind).png)


@pytest.mark.parametrize(
    "nothing",
    [
        lambda: plots.reliability_diagram([], **TO),
        lambda: plots.reliability_diagram([ReliabilityCurve("a", BLUE, True, bins([0], [np.nan], [np.nan]))], **TO),
        lambda: plots.risk_coverage_curves([], **TO),
        lambda: plots.risk_coverage_curves([RiskCurve("a", True, np.ones(1), np.full(1, np.nan))], **TO),
        lambda: plots.detection_by_score(rows(), {}, "noise", **TO),
        lambda: plots.detection_by_score(rows(("a", "b", "no", [np.nan])), {}, "noise", **TO),
        lambda: plots.latent_structure(np.ones((5, 2)), None, BLUE, **TO),
        lambda: plots.latent_structure(np.full((5, 2), np.nan), None, BLUE, **TO),
        lambda: plots.drawn_samples(np.zeros((2, 4, 4)), np.zeros((2, 16)), np.zeros((2, 9)), **TO),
        lambda: plots.certain_points(np.zeros((1, 2, 4, 8, 8), np.uint8), np.full((1, 2, 4), -1), ["0"], None, **TO),
        lambda: plots.certain_points(np.zeros((2, 2, 4, 64), np.uint8), images(2)[1], ["0", "1"], None, **TO),
        lambda: plots.cluster_stability({"a": [np.nan], "b": []}, {}, {"a": "A", "b": "B"}, **TO),
        lambda: plots.point_agreement({"a": np.full(3, np.nan)}, {}, {"a": "A"}, **TO),
        lambda: plots.health_timeline(runs(), **TO),
        lambda: plots.health_timeline(runs(("a", None, np.nan)), **TO),
    ],
)
def test_nothing_to_show_is_no_figure(nothing):
    assert nothing() is None


# -- confidence ------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=15))
def test_the_gap_in_words_is_the_calibration_error_and_empty_bins_have_no_mark(found):
    count, confidence, accuracy = map(np.array, zip(*found, strict=True))
    curve = ReliabilityCurve("DEC", BLUE, True, Reliability(count, confidence, accuracy))
    figure = plots.reliability_diagram([curve], **TO)
    if count.sum() == 0:
        assert figure is None
        return
    gap = (count * abs(confidence - accuracy)).sum() / count.sum()
    written = re.search(r"mean gap (\S+) over (\d+) bins", figure.alt)
    assert float(written[1]) == pytest.approx(gap, abs=0.000501)
    assert int(written[2]) == (count > 0).sum()


def test_marks_of_reliability_are_at_accuracy_and_confidence():
    confidence, accuracy = [0.2, 0.5, 0.9], [0.3, 0.4, 1.0]
    curve = ReliabilityCurve("DEC", BLUE, True, bins([1, 200, 300], confidence, accuracy))
    figure = plots.reliability_diagram([curve], **TO)
    found = marks(figure, BLUE.color)[-3:]  # the first is that of the legend
    assert_linear(found[:, 0], confidence)
    assert_linear(found[:, 1], accuracy)
    symbols = [use.get("href") for use in uses(figure, "stroke: #0072b2")]
    assert len(set(symbols)) == 2, "the bin of one point in five hundred has a small mark"


@pytest.mark.parametrize(("accuracy", "side"), [(0.9, "above"), (0.1, "below")])
def test_words_say_on_which_side_confidence_errs(accuracy, side):
    curve = ReliabilityCurve("DEC", BLUE, True, bins([4], [0.5], [accuracy]))
    assert f"accuracy on average .400 {side} confidence" in plots.reliability_diagram([curve], **TO).alt


def test_scores_are_listed_from_the_least_mean_error_and_those_that_sample_are_named():
    wrong = np.array([0, 0, 1, 1])
    good, bad = risk("MI", [1, 2, 3, 4], wrong, sampled=True), risk("margin", [4, 3, 2, 1], wrong)
    figure = plots.risk_coverage_curves([bad, good], **TO)
    # (0 + 0 + 1/3 + 1/2) / 4 and (1 + 1 + 2/3 + 1/2) / 4
    assert figure.alt.endswith("Mean error over all shares kept: MI (sampling) .208; margin .792.")
    assert figure.alt.startswith("Error .500 where all points are kept.")
    legend = [text for text in texts(figure) if re.fullmatch(r"(MI|margin) \.\d+", text)]
    assert legend == ["MI .208", "margin .792"]


def test_a_score_has_one_colour_whichever_others_are_drawn():
    wrong = np.arange(50) % 5 == 0
    every = [risk(score.title, np.arange(50.0), wrong) for score in SCORES]
    alone, among = plots.risk_coverage_curves(every[2:3], **TO), plots.risk_coverage_curves(every, **TO)
    (color,) = set(re.findall(r"stroke-dasharray[^\"]*stroke: (#\w+)", alone.svg))
    assert color in among.svg
    assert len(set(re.findall(r"stroke-dasharray[^\"]*stroke: (#\w+)", among.svg))) == len(SCORES)


@pytest.mark.parametrize("share", [0, 1])
def test_a_run_without_errors_and_one_with_nothing_else_can_be_drawn(share):
    figure = plots.risk_coverage_curves([risk("MI", np.arange(9), np.full(9, share))], **TO)
    assert f"Error {share:.3f}".replace("0.", ".") in figure.alt


# -- detection -------------------------------------------------------------------------------------


def test_every_row_has_its_mean_interval_and_what_it_takes():
    values = [0.7, 0.8, 0.9]
    table = rows(("DEC", "margin", "no", [*values, np.nan]), ("DEC", "disagreement", "runs", [0.75]))
    figure = plots.detection_by_score(table, {"DEC": TWIN}, "mis-clustered points", **TO)
    # 0.8 ± 4.303 * 0.1 / sqrt(3) = [.552, 1.048], cut at 1
    assert "DEC, margin (free): .800 [.552, 1.000]; DEC, disagreement (uses several runs): .750." in figure.alt
    assert_linear(marks(figure, TWIN.color)[:, 0], [0.75, 0.8])
    assert {"margin", "disagreement", ".800 [.552, 1.000]", ".750"} <= set(texts(figure))


def test_each_kind_of_score_has_a_symbol_of_its_own_and_only_those_used_are_explained():
    table = rows(*(("DEC", kind, kind, [0.6, 0.7]) for kind in ("no", "yes", "runs")))
    figure = plots.detection_by_score(table, {"DEC": BLUE}, "noise", **TO)
    symbols = {use.get("href") for use in uses(figure, "stroke: #0072b2")}
    assert len(symbols) == 3
    assert {"free", "uses sampling", "uses several runs"} <= set(texts(figure))
    assert not any("noise where" in text for text in texts(figure))


def test_each_seed_and_each_cluster_shows_its_number_on_hover():
    table = rows(("DEC", "margin", "no", [0.7, np.nan, 0.9])).assign(seeds=[[3, 5, 7]])
    figures = [
        plots.detection_by_score(table, {"DEC": TWIN}, "noise", **TO),
        plots.cluster_stability({"a": [0.9, 0.3]}, {"a": BLUE}, {"a": "S-DEC"}, **TO),
    ]
    titles = [[title.text for title in parse(figure).iter(f"{SVG}title")] for figure in figures]
    assert titles[0][:2] == ["DEC, seed 3: AUROC of margin .700", "DEC, seed 7: AUROC of margin .900"]
    assert titles[1] == ["S-DEC, a cluster: Jaccard .300", "S-DEC, a cluster: Jaccard .900"]


def test_of_too_many_groups_the_first_are_drawn_and_the_title_says_so():
    table = rows(*((f"v{i}", f"s{j}", "no", [0.6]) for i in range(20) for j in range(8)))
    figure = plots.detection_by_score(table, {}, "noise", **TO)
    assert figure.title == "t (the first 8 of 20)"
    assert "v7" in texts(figure)
    assert "v8" not in texts(figure)


# -- latent space ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_dims", "seed"), [(1, 0), (6, 1)])
def test_kl_in_words_is_that_of_quadrature(n_dims, seed):
    rng = np.random.default_rng(seed)
    mu, variance = rng.normal(size=(5, n_dims)), rng.uniform(0.05, 3, (5, n_dims))
    figure = plots.latent_structure(mu, variance, BLUE, **TO)
    grid = np.linspace(-25, 25, 20_001)
    sd = np.sqrt(variance)[..., None]
    log_p = -0.5 * ((grid - mu[..., None]) / sd) ** 2 - np.log(sd)  # the constants of both cancel
    p = np.exp(log_p) / np.sqrt(2 * np.pi)
    by_dimension = np.trapezoid(p * (log_p + grid**2 / 2), grid, axis=-1).mean(axis=0)
    written = re.search(
        r"KL from N\(0, 1\), the yardstick for all methods, from (\S+) to (\S+) nats, in sum (\S+)\.$", figure.alt
    )
    expected = [by_dimension.min(), by_dimension.max(), by_dimension.sum()]
    assert [float(number) for number in written.groups()] == pytest.approx(expected, rel=0.006, abs=1e-3)


@pytest.mark.parametrize(("variances", "needed"), [((60, 31, 5, 4), 2), ((60, 29, 7, 4), 3), ((1, 0, 0, 0), 1)])
def test_the_dimensions_are_counted_that_hold_nine_tenths_of_the_variance(variances, needed):
    signs = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [-1, 1, 1, -1], [-1, -1, 1, 1]] * 2, dtype=float)
    signs[4:, 2] = -1  # every column has mean 0 and variance 1
    figure = plots.latent_structure((signs * np.sqrt(variances))[:, ::-1], None, TWIN, **TO)
    assert (
        f"the first {needed} hold 90 % of the variance, the largest {variances[0] / sum(variances):.0%}" in figure.alt
    )
    assert "KL" not in figure.alt + "".join(texts(figure)), "a deterministic code has none"


def test_points_that_are_not_finite_cost_themselves_only():
    rng = np.random.default_rng(0)
    embedding, variance = rng.normal(size=(50, 3)), rng.random((50, 3))
    whole = plots.latent_structure(embedding, variance, BLUE, **TO)
    hurt = plots.latent_structure(
        np.vstack([embedding, [[np.nan, 1e9, 0]]]), np.vstack([variance, np.ones((1, 3))]), BLUE, **TO
    )
    assert hurt.alt == whole.alt


@pytest.mark.parametrize("n_dims", [1, 64, 512])
def test_any_number_of_dimensions_is_a_small_file(n_dims):
    rng = np.random.default_rng(0)
    figure = plots.latent_structure(rng.normal(size=(20, n_dims)), np.zeros((20, n_dims)), BLUE, **TO)
    assert f"{n_dims} dimensions" in figure.alt
    assert len(figure.svg) < 60_000


# -- images ----------------------------------------------------------------------------------------


def test_deviations_share_one_scale_and_the_largest_is_told():
    originals = np.zeros((2, 4, 4))
    deviation = np.zeros((2, 16))
    deviation[0, 0], deviation[1, 0] = 0.25, 0.125
    figure = plots.drawn_samples(originals, np.full((2, 16), 0.5), deviation, **TO)
    assert "sd: black 0, white 0.25" in texts(figure)
    assert "mean squared error of the mean 0.25" in figure.alt
    assert "the largest standard deviation of a pixel is 0.25, the mean 0.0117." in figure.alt
    (image,) = re.findall(r"base64,([^\"]*)", figure.svg)[2:]
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(image))).convert("L"))
    assert sorted(set(found.ravel()) - {0}) == [136, 255], "half the deviation is half the brightness, in steps of 17"


def test_without_any_deviation_the_images_are_black_and_the_words_say_zero():
    figure = plots.drawn_samples(np.zeros((2, 4, 4)), np.zeros((2, 16)), np.zeros((2, 16)), **TO)
    assert "sd: 0 everywhere" in texts(figure)


def test_wrong_points_are_framed_and_counted_and_those_that_do_not_exist_are_not():
    shown, points = images(2)
    points[1, 1, 2:] = -1
    wrong = np.zeros(points.shape, bool)
    wrong[0, 0, 1] = wrong[1, 1, 0] = wrong[1, 1, 3] = True
    figure = plots.certain_points(shown, points, ["0", "noise"], wrong, **TO)
    assert figure.alt.endswith("in a frame: 1 of the 8 most certain, 1 of the 6 least.")
    orange = [path for path in parse(figure).iter(f"{SVG}path") if "#d55e00" in path.get("style", "")]
    assert len(orange) == 2
    assert {"0", "noise", "most certain", "least certain"} <= set(texts(figure))


def test_a_frame_is_around_its_image():
    shown, points = images(2)  # of 8 pixels, with gaps of one and 8 between the halves
    wrong = np.zeros(points.shape, bool)
    wrong[1, 1, 2] = True
    root = parse(plots.certain_points(shown, points, ["0", "1"], wrong, **TO))
    box = [float(root.find(f".//{SVG}clipPath/{SVG}rect").get(key)) for key in ("x", "y", "width", "height")]
    (frame,) = [path.get("d") for path in root.iter(f"{SVG}path") if "#d55e00" in path.get("style", "")]
    corners = np.array(re.findall(r"[ML] (\S+) (\S+)", frame), dtype=float)
    at = (corners - box[:2]) / box[2:] * [78, 17]
    np.testing.assert_allclose([at.min(axis=0), at.max(axis=0)], [[61, 9], [69, 17]], atol=0.05)


def test_without_classes_nothing_is_framed():
    figure = plots.certain_points(*images(2), ["0", "1"], None, **TO)
    assert "#d55e00" not in figure.svg.lower()
    assert "frame" not in figure.alt + "".join(texts(figure))


def test_of_a_hundred_clusters_twelve_are_drawn_and_the_title_says_so():
    names = [str(i) for i in range(100)]
    figure = plots.certain_points(*images(20, shape=(28, 28)), names, None, **TO)
    assert figure.title == f"t (the first {MOST_CLUSTER_ROWS} of 100 clusters)"
    assert "11" in texts(figure)
    assert "12" not in texts(figure)


@pytest.mark.parametrize("shape", [(28, 28), (32, 32, 3), (96, 96, 3), (2, 9), (1, 1)])
def test_images_of_any_shape_are_a_small_file(shape):
    shown, points = images(12, shape=shape)
    figure = plots.certain_points(shown, points, list("abcdefghijkl"), None, **TO)
    assert "12 clusters, 4 each" in figure.alt
    assert len(figure.svg) < 140_000, "and this is noise: images of something take a third"


# -- stability and health --------------------------------------------------------------------------


def test_clusters_are_counted_at_the_landmarks_which_belong_to_them():
    jaccard = [0.5, 0.51, 0.75, 0.85, 0.2, np.nan]
    figure = plots.cluster_stability({"a": jaccard}, {"a": BLUE}, {"a": "S-DEC"}, **TO)
    assert "S-DEC: 5 clusters from .200 to .850, 2 dissolved, 2 stable, 1 of them highly" in figure.alt
    assert_linear(marks(figure, BLUE.color)[:, 0], [0.2, 0.5, 0.51, 0.75, 0.85])
    assert {"≤ .5 dissolved", "≥ .75 stable", "≥ .85 highly"} <= set(texts(figure))


def test_of_very_many_variants_the_first_are_shown_and_the_file_stays_small():
    names = {f"v{i}": f"V{i}" for i in range(50)}
    jaccard = dict.fromkeys(names, np.linspace(0, 1, 100))
    figure = plots.cluster_stability(jaccard, {}, names, **TO)
    assert figure.title == "t (the first 40 of 50 variants)"
    assert len(figure.svg) < 150_000
    assert "V40" not in texts(figure)


def test_agreement_by_point_has_its_quantiles_in_words():
    figure = plots.point_agreement({"a": np.linspace(0, 1, 101)}, {"a": BLUE}, {"a": "S-DEC"}, **TO)
    assert "S-DEC: median .500, 90 % from .050 to .950, 1% alike in all runs" in figure.alt


def test_runs_are_counted_by_verdict_with_the_median_epoch_of_each():
    cells = [("S-DEC", "collapsed", epoch) for epoch in (4.0, 6.0, 20.0)]
    cells += [("S-DEC", "healthy", np.nan), ("DEC", "failed", np.nan), ("DEC", "no verdict", 3.0)]
    figure = plots.health_timeline(runs(*cells), **TO)
    assert figure.alt == "Runs by verdict. S-DEC: 1 healthy, 3 collapsed (epoch 6); DEC: 1 failed."
    assert {"healthy", "collapsed", "failed"} <= set(texts(figure))
    assert "degenerate variance" not in texts(figure)


def test_verdicts_are_told_apart_without_colour():
    verdicts = ("healthy", "degenerate variance", "vague assignments", "partly collapsed", "collapsed", "failed")
    figure = plots.health_timeline(runs(*(("a", verdict, 1.0) for verdict in verdicts)), **TO)
    hatches = [pattern.find(f"{SVG}path").get("d") for pattern in parse(figure).iter(f"{SVG}pattern")]
    assert len(set(hatches)) == len(verdicts) - 1, "all but the healthy have a hatch of their own"
