"""What the figures of a report show, and that a page can hold them."""

import functools
import io
import itertools
import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as Drawing
from PIL import Image

from bench.metrics import find_metric
from bench.report import plots
from bench.report.board import BoardRuns
from bench.report.plots import Look, axes, style
from bench.report.plots.export import figure_name
from bench.report.plots.figure import Figure
from bench.report.plots.style import INK, NEUTRAL, OKABE_ITO, hover, label

pytestmark = pytest.mark.figures

ACC = find_metric("acc")
HOSTILE = "<script>alert('1')</script> $x$ & \"q\" {0} ]]> \x1b[31m\x00 \U0001f4a5 url(#a) " + INK
BLUE = Look("#0072B2", "o")
SVG = "{http://www.w3.org/2000/svg}"


def cells(variant, scores, *, twin=None, kind="deterministic", collapsed=(), title=None):
    return [
        {
            "dataset": "digits",
            "method": variant.split()[0],
            "variant": variant,
            "title": title or variant,
            "config": f"c {variant}",
            "twin": twin and f"c {twin}",
            "kind": kind,
            "role": "asked",
            "seeded": True,
            "planned": len(scores),
            "hardware": "a processor",
            "unlabelled": False,
            "revised": False,
            "seed": seed,
            "status": "ok",
            "flags": ["collapsed"] if seed in collapsed else [],
            "acc": score,
            "wall_time": 10.0 * len(variant),
            "peak_memory": 1.0,
        }
        for seed, score in enumerate(scores)
    ]


def frame_with(name=str, collapsed=()):
    return pd.DataFrame(
        cells("sdec", [0.8, 0.9, 0.5], twin="dec", kind="stochastic", collapsed=collapsed, title=name("S-DEC"))
        + cells("dec", [0.7, 0.6, 0.65], title=name("DEC"))
        + cells("kmeans", [0.4, 0.4, 0.41], title=name("KMeans"))
    )


def contrasts(differences, name=str):
    rows = [
        (name("digits"), name(f"c{i}"), d, d - 0.01, d + 0.01, "p = .031, n = 10") for i, d in enumerate(differences)
    ]
    table = pd.DataFrame(rows, columns=["group", "label", "difference", "ci_low", "ci_high", "text"])
    return table.assign(outcome="better")


def quality_of(frame):
    return BoardRuns("fixed", frame, find_metric("acc"), None).datasets[0].summary


def history(losses, phase="cluster", **more):
    n = len(losses)
    return {"phase": np.full(n, phase), "epoch": np.arange(1.0, n + 1), "loss": np.array(losses), **more}


def draw(kind, named=str, name=None):
    """Return one figure of a kind, every text in it passed through ``named``."""
    rng = np.random.default_rng(0)
    frame, name, title = frame_with(named), name or kind, named("title")
    looks, to = plots.looks_of(frame), {"name": name, "title": title}
    classes = np.arange(60) % 3
    names = [named(c) for c in "abc"]
    if kind == "forest":
        return plots.forest(contrasts([-0.02, 0.04], named), ACC, rope=0.01, **to)
    if kind == "ranks":
        ranks, labels = dict(zip("abc", (1.0, 2.8, 2.2), strict=True)), dict(zip("abc", names, strict=True))
        return plots.critical_difference(ranks, [("a", "c"), ("c", "b")], labels, {}, **to)
    if kind == "scores":
        return plots.score_strips(frame, ACC, looks, **to)
    if kind == "time":
        return plots.quality_against_time(quality_of(frame), ACC, looks, **to)
    if kind == "curves":
        runs = [history([3.0, 2.0, 1.0]), history([4.0, 3.0, 2.0])]
        return plots.learning_curves(runs, named("S-DEC"), BLUE, twin_runs=runs, twin=named("DEC"), **to)
    if kind == "parameter":
        points = pd.DataFrame({"value": [0.01, 0.1, 1.0], "score": [0.8, 0.7, 0.1], "collapsed": [False, False, True]})
        return plots.parameter_curve(points, named("beta"), ACC, BLUE, twin={0.01: 0.75, 1.0: 0.75}, **to)
    if kind == "confusion":
        return plots.confusion(classes, (classes + 1) % 3, names, **to)
    if kind == "samples":
        return plots.samples(rng.random((12, 8, 8)), rng.random((12, 64)), **to)
    if kind == "latent":
        return plots.latent_structure(rng.normal(size=(60, 4)), rng.random((60, 4)), BLUE, **to)
    return plots.embedding_map(rng.normal(size=(60, 4)), classes, names, **to)


plain = functools.cache(draw)
KINDS = ("forest", "ranks", "scores", "time", "curves", "parameter", "confusion", "samples", "latent", "map")


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


def region(figure):
    """Return where the shaded region of a forest begins and ends, nothing where there is none."""
    shaded = [path.get("d") for path in parse(figure).iter(f"{SVG}path") if "opacity: 0.22" in path.get("style", "")]
    corners = [float(x) for d in shaded for x in re.findall(r"[ML] (\S+)", d)]
    return [min(corners), max(corners)] if corners else []


def bars(figure, ranks):
    """Return the variants that have a dot on each bar of a diagram of ranks drawn in one colour."""
    at = dict(zip(marks(figure, Look().color)[:, 0], sorted(ranks, key=ranks.get), strict=True))
    root = parse(figure)
    groups = [group for group in root.iter(f"{SVG}g") if group.get("style") == "fill: currentColor"]
    dots = [use for group in groups for use in group.iter(f"{SVG}use")]
    places = sorted(map(place, dots))
    found = []
    for path in root.iter(f"{SVG}path"):
        if "stroke-width: 1.4" in path.get("style", ""):
            line = re.findall(r"[ML] (\S+) (\S+)", path.get("d"))
            x, (y,) = [float(x) for x, _ in line], {float(y) for _, y in line}
            assert x == sorted(x), "a bar is drawn from left to right, in every process"
            found.append([at[dot] for dot, height in places if height == y and x[0] <= dot <= x[-1]])
    assert sum(map(len, found)) == len(dots), "no dot is off the bars or on two"
    return sorted(found)


def assert_linear(places, values):
    """Say that places grow with values as on one linear axis, within the rounding of the file."""
    slope, start = np.polyfit(values, places, 1)
    assert abs(slope) > 1
    np.testing.assert_allclose(start + slope * np.asarray(values), places, atol=0.05)


# -- every figure ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_hostile_name_is_written_and_not_obeyed(kind):
    figure = draw(kind, lambda name: name + HOSTILE)
    root = parse(figure)  # well-formed, or this raises
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        *("svg", "g", "defs", "path", "use", "text", "tspan", "clipPath", "rect", "image", "title")
    }
    assert "\x1b" not in figure.svg + figure.alt + figure.title
    assert "\n" not in figure.title
    if kind not in ("samples", "latent"):
        assert any("<s" in text for text in texts(figure)), "the name is in the picture, as a name"


def test_dollars_are_no_formula_and_other_words_keep_the_colour_that_ink_is_written_in():
    figure = plots.forest(contrasts([0.1]).assign(label=f"$x$ {INK}"), ACC, rope=None, name="f", title="t")
    assert f"$x$ {INK}" in texts(figure)


@pytest.mark.parametrize("kind", KINDS)
def test_svg_stands_in_a_page_without_reaching_out_of_itself(kind):
    figure = plain(kind)
    assert figure.svg.startswith("<svg ")
    assert INK not in figure.svg
    assert kind == "samples" or "currentColor" in figure.svg, "ink is the page's"
    assert not re.search(r"<style|<script|<metadata|<\?|<!", figure.svg)
    for href in re.findall(r'href="([^"]*)"', figure.svg):
        assert href.startswith(("#", "data:image/png;base64,"))
    assert len(figure.svg) < 60_000


def test_ids_of_two_figures_differ_and_every_reference_has_its_target():
    one, other = draw("scores", name="one"), draw("scores", name="other")
    ids = [re.findall(r'\bid="([^"]*)"', figure.svg) for figure in (one, other)]
    assert ids[0]
    assert len(set(ids[0] + ids[1])) == len(ids[0]) + len(ids[1])
    for figure, own in zip((one, other), ids, strict=True):
        assert set(re.findall(r'(?:url\(|href=")#([^")]*)', figure.svg)) == set(own)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_data_make_the_same_bytes_whatever_the_user_has_set(kind):
    before = plain(kind)
    mine = {
        "font.size": 30,
        "svg.hashsalt": "mine",
        "text.usetex": False,
        "axes.facecolor": "red",
        "lines.linewidth": 9,
    }
    with mpl.rc_context(mine):
        after = draw(kind)
        assert mpl.rcParams["font.size"] == 30, "and leave what the user has set"
    assert (after.svg, after.png) == (before.svg, before.png)


@pytest.mark.parametrize("kind", KINDS)
def test_png_is_for_print(kind):
    image = Image.open(io.BytesIO(plain(kind).png)).convert("RGB")
    assert image.width >= 600
    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_names_of_figures_are_safe_and_distinct():
    parts = [
        ("a", "b"),
        ("a-b",),
        ("A", "b"),
        ("a b",),
        ("a/b",),
        ("../a",),
        ("", ""),
        ("x" * 300,),
        ("x" * 301,),
        (HOSTILE,),
    ]
    names = [figure_name(*p) for p in parts]
    assert len({name.lower() for name in names}) == len(parts)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", name) for name in names)
    assert figure_name("scores", "digits") == "scores-digits"


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_is_drawn_once_and_only_where_it_is_looked_at(kind, monkeypatch):
    drawn, draw_it = [], Drawing.draw

    def counted(drawing, renderer):
        drawn.append(drawing)
        draw_it(drawing, renderer)

    monkeypatch.setattr(Drawing, "draw", counted)
    figure = draw(kind)
    assert drawn == []
    assert figure.svg == figure.svg
    assert drawn == [figure.drawing]


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_can_be_saved_as_any_of_matplotlib(kind):
    file = io.BytesIO()
    plain(kind).drawing.savefig(file, format="pdf")
    assert file.getvalue().startswith(b"%PDF")


def test_a_figure_that_is_an_svg_already_stays_as_it_is_and_has_no_png():
    figure = Figure("f", "title", "alt", "<svg/>")
    assert figure.svg == "<svg/>"
    with pytest.raises(TypeError, match="figure 'f' is an SVG"):
        _ = figure.png


@pytest.mark.parametrize("color", [*OKABE_ITO, NEUTRAL])
@pytest.mark.parametrize("page", ["#ffffff", "#15171a"])
def test_colours_stand_out_on_a_light_and_on_a_dark_page(color, page):
    def luminance(name):
        channels = np.array([int(name[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(color), luminance(page)))
    assert (high + 0.05) / (low + 0.05) >= 3, "WCAG 2.2, 1.4.11: graphical objects"


# -- hover -----------------------------------------------------------------------------------------


def hovered(figure):
    """Return the text of each mark that has one, and where it is."""
    texts = [(use.findtext(f"{SVG}title"), *place(use)) for use in parse(figure).iter(f"{SVG}use")]
    return [(text, x, y) for text, x, y in texts if text]


@pytest.mark.parametrize(
    ("kind", "pattern", "side"),
    [
        ("scores", r", seed \d: ACC (\S+)$", 1),
        ("forest", r"ΔACC (\S+) \[", 1),
        ("ranks", r"mean rank (\S+)$", 1),
        ("parameter", r"ACC (\S+)$", 2),
        ("time", r" (\S+) ± ", 2),
    ],
)
def test_a_point_shows_its_own_number_on_hover(kind, pattern, side):
    found = hovered(plain(kind))
    numbers = [float(re.search(pattern, text)[1].replace("−", "-")) for text, *_ in found]
    assert len(numbers) == {"scores": 9, "forest": 2, "ranks": 3, "parameter": 3, "time": 3}[kind]
    slope, start = np.polyfit(numbers, [at[side] for at in found], 1)
    np.testing.assert_allclose(start + slope * np.array(numbers), [at[side] for at in found], atol=0.3)


def test_a_run_is_named_on_hover_a_collapsed_one_too():
    figure = plots.score_strips(frame_with(collapsed=(2,)), ACC, {"sdec": BLUE}, name="s", title="t")
    assert {f"S-DEC, seed {seed}: ACC {score}" for seed, score in enumerate((".800", ".900", ".500"))} <= {
        text for text, *_ in hovered(figure)
    }


def test_a_point_without_a_place_does_not_shift_the_texts_of_the_others():
    drawing = Drawing()
    (line,) = drawing.add_subplot().plot([0, np.nan, 2], [1, 1, 1], "o")
    hover(line, ["first", "nowhere", "last"])
    found = hovered(Figure("f", "t", "a", drawing))
    assert [text for text, *_ in found] == ["first", "last"]
    assert found[0][1] < found[1][1]


def test_of_thousands_of_points_none_has_a_text():
    drawing = Drawing()
    (line,) = drawing.add_subplot().plot(np.arange(2001), "o")
    hover(line, ["a point"] * 2001)
    assert hovered(Figure("f", "t", "a", drawing)) == []


# -- what each shows -------------------------------------------------------------------------------


def test_a_forest_has_its_marks_at_the_differences():
    differences = [-0.03, 0.01, 0.08]
    figure = plots.forest(contrasts(differences), ACC, rope=0.01, name="f", title="t")
    assert_linear(marks(figure, "#0072b2")[:, 0], differences)
    assert ".080 [.070, .090], p = .031, n = 10" in figure.alt


def test_beside_the_longest_texts_a_forest_keeps_room_for_its_marks():
    table = contrasts([-0.02, 0.04]).assign(label="a very long name " * 4, text="p = .031 and a long remark " * 2)
    x = marks(plots.forest(table, ACC, rope=None, name="f", title="t"), "#0072b2")[:, 0]
    assert np.ptp(x) > 72, "an inch"


def test_the_region_of_equivalence_has_its_width_and_is_missing_where_there_is_none():
    small, wide = (plots.forest(contrasts([-0.06, 0.06]), ACC, rope=r, name="f", title="t") for r in (0.02, 0.04))
    none = plots.forest(contrasts([300.0]), find_metric("calinski_harabasz_pixels"), rope=None, name="f", title="t")
    assert "shaded: practically equivalent, ±.040" in "".join(texts(wide))
    for figure, rope in ((small, 0.02), (wide, 0.04)):
        low, high = marks(figure, "#0072b2")[:, 0]
        assert_linear([low, *region(figure), high], [-0.06, -rope, rope, 0.06])
    assert region(none) == []
    assert "equivalent" not in "".join(texts(none))


def test_every_seed_has_its_mark_at_its_score_collapsed_ones_too():
    looks = {"sdec": BLUE}
    whole = plots.score_strips(frame_with(), ACC, looks, name="s", title="t")
    hurt = plots.score_strips(frame_with(collapsed=(2,)), ACC, looks, name="s", title="t")
    for figure in (whole, hurt):
        assert_linear(marks(figure, BLUE.color)[:, 0], [0.5, 0.8, 0.9])
    kinds = [{use.get("href") for use in uses(figure, "stroke: #0072b2")} for figure in (whole, hurt)]
    assert (len(kinds[0]), len(kinds[1])) == (1, 2), "a collapsed run has a symbol of its own"
    assert "S-DEC .733 ± .208, 1 of 3 collapsed" in hurt.alt


def test_a_failed_run_has_no_mark():
    frame = frame_with()
    frame.loc[frame.index[0], ["status", "acc"]] = ["failed", np.nan]
    assert len(marks(plots.score_strips(frame, ACC, {"sdec": BLUE}, name="s", title="t"), BLUE.color)) == 2


def test_of_very_many_variants_the_best_are_shown_and_the_title_says_so():
    frame = pd.DataFrame([row for i in range(50) for row in cells(f"v{i:02d}", [i / 100])])
    figure = plots.score_strips(frame, ACC, {}, name="s", title="Scores")
    assert figure.title == "Scores (the best 40 of 50 variants)"
    assert {"v49", "v10"} <= set(texts(figure))
    assert "v09" not in texts(figure)


def test_a_twin_is_open_in_the_colour_of_its_partner():
    looks = plots.looks_of(frame_with())
    assert looks["sdec"] == Look(OKABE_ITO[0], "o", True)
    assert looks["dec"] == Look(OKABE_ITO[0], "s", False)
    assert looks["kmeans"].color not in OKABE_ITO
    assert looks["dec"].face == "none"


def test_the_front_holds_what_nothing_beats_in_both():
    board = pd.DataFrame(
        [("a", 0.5, 1.0), ("b", 0.4, 2.0), ("c", 0.9, 3.0), ("d", 0.9, 4.0)],
        columns=["title", "mean", "wall_time_mean"],
    ).assign(sd=np.nan, variant=lambda b: b["title"])
    figure = plots.quality_against_time(board, ACC, {}, name="q", title="t")
    assert figure.alt.endswith("both faster and better than: a, c.")
    assert {"a", "b", "c", "d"} <= set(texts(figure))


def test_a_variant_without_a_finite_time_is_not_in_the_front():
    board = pd.DataFrame(
        [("a", 0.5, 1.0), ("b", 0.6, 2.0), ("c", 0.9, np.inf), ("d", 0.9, np.nan), ("e", 0.9, 0.0)],
        columns=["title", "mean", "wall_time_mean"],
    ).assign(sd=0.01, variant=lambda b: b["title"])
    figure = plots.quality_against_time(board, ACC, {}, name="q", title="t")
    assert "2 of 2 variants" in figure.alt
    assert figure.alt.endswith("both faster and better than: a, b.")
    assert plots.quality_against_time(board[1:], ACC, {}, name="q", title="t") is None


def test_ranks_stand_on_their_axis():
    figure = plain("ranks")
    assert_linear(marks(figure, Look().color)[:, 0], [1.0, 2.2, 2.8])
    assert figure.alt == "Mean ranks: a 1.00, c 2.20, b 2.80. Not significantly different: a, c; c, b."


RANKS = {"d": 3.9, "a": 1.0, "b": 2.2, "c": 2.4, "e": 5.0}


@pytest.mark.parametrize(
    ("cliques", "words"),
    [
        ([], "Every two differ significantly"),
        (["abcde"], "Not significantly different: a, b, c, d, e"),
        (["ac", "bc"], "Not significantly different: a, c; b, c"),  # a bar passes over b, which differs from a
        (["abd", "acd"], "Not significantly different: a, b, d; a, c, d"),  # two bars of one span
        (["ab", "de"], "Not significantly different: a, b; d, e"),  # two bars of one height
        (["abe", "bcd"], "Not significantly different: a, b, e; b, c, d"),  # one bar within the span of the other
    ],
)
def test_a_bar_has_a_dot_on_each_member_of_its_clique_and_on_no_other(cliques, words):
    labels = {name: name for name in RANKS}
    figure = plots.critical_difference(RANKS, [tuple(c) for c in cliques], labels, {}, name="r", title="t")
    assert bars(figure, RANKS) == sorted(map(list, cliques))
    assert figure.alt.endswith(f"{words}.")


def test_variants_of_one_label_and_one_rank_are_still_two():
    ranks = {"one": 1.5, "other": 1.5, "last": 3.0}
    labels = {"one": "DEC", "other": "DEC", "last": "KMeans"}
    looks = {"one": BLUE, "other": Look("#D55E00")}
    figure = plots.critical_difference(ranks, [("one", "other")], labels, looks, name="r", title="t")
    assert sum("DEC" in text for text in texts(figure)) == 2
    assert [len(marks(figure, color)) for color in (BLUE.color, "#D55E00")] == [1, 1]
    assert figure.alt == "Mean ranks: DEC 1.50, DEC 1.50, KMeans 3.00. Not significantly different: DEC, DEC."


def test_a_run_that_stopped_keeps_its_last_value():
    runs = [history([4.0, 2.0]), history([4.0, 4.0, 6.0])]
    figure = plots.learning_curves(runs, "DEC", BLUE, name="c", title="t")
    assert "loss 4 to 4" in figure.alt  # (2 + 6) / 2, not the 6 of the one still running


def test_runs_enter_a_phase_together_and_its_start_is_named():
    runs = [
        {"phase": np.array(["pretrain"] * n + ["cluster"]), "loss": np.array([9.0] * n + [last])}
        for n, last in ((2, 1.0), (5, 3.0))
    ]
    figure = plots.learning_curves(runs, "DEC", BLUE, name="c", title="t")
    assert "loss 9 to 2" in figure.alt
    assert {"pretrain", "cluster"} <= set(texts(figure))


def test_quantities_are_those_the_method_wrote_less_bookkeeping():
    runs = [history([1.0], _entropy=np.array([2.0]), my_own=np.array([3.0]), empty=np.array([np.nan]))]
    shown = texts(plots.learning_curves(runs, "DEC", BLUE, name="c", title="t"))
    assert {"loss", "my own"} <= set(shown)
    assert not {"entropy", "_entropy", "empty", "phase"} & set(shown)


def test_a_parameter_over_decades_has_a_log_axis_and_its_collapses_counted():
    points = pd.DataFrame({"value": [0.01, 0.1, 1.0, 1.0], "score": [0.8, 0.7, 0.1, 0.1], "collapsed": [0, 0, 1, 1]})
    figure = plots.parameter_curve(points.astype({"collapsed": bool}), "beta", ACC, BLUE, name="p", title="t")
    x = np.unique(marks(figure, BLUE.color)[:, 0])
    assert_linear(x, [-2, -1, 0])
    assert "2/2 ×" in texts(figure)
    assert "1: .100 ± .000, 2 of 2 collapsed" in figure.alt


def test_clusters_stand_in_the_order_of_their_classes():
    classes = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    labels = np.array([7, 7, 4, 4, 4, 4, -1, -1, 7])
    figure = plots.confusion(classes, labels, ["a", "b", "c"], name="c", title="t")
    ticks = [text for text in texts(figure) if text in ("7", "4", "noise")]
    assert ticks == ["7", "4", "noise"]
    assert "a: 0.67 in cluster 7; b: 1.00 in cluster 4" in figure.alt


def test_a_map_shows_a_fixed_choice_of_two_thousand_points():
    codes = np.random.default_rng(1).normal(size=(5000, 3))
    groups = np.arange(5000) % 4
    one, other = (plots.embedding_map(codes, groups, list("wxyz"), name="m", title="t") for _ in range(2))
    assert "of 2000 points in 3 latent dimensions" in one.alt
    assert one.svg == other.svg
    assert len(re.findall("h0", one.svg)) == 2000
    assert len(one.svg) < 60_000
    assert one.title.startswith("t (")


def test_the_dots_of_a_map_reach_the_print():
    codes = np.array([[0.0, 0.0], [10.0, 10.0], [0.0, 10.0], [10.0, 0.0]])
    figure = plots.embedding_map(codes, np.zeros(4, int), [" "], name="m", title="t")
    pixels = np.asarray(Image.open(io.BytesIO(figure.png)).convert("RGB")).reshape(-1, 3)
    assert (pixels[:, 2].astype(int) - pixels[:, 0] > 60).sum() > 40, "four blue dots"


def test_dimensions_that_carry_more_than_the_noise_are_counted():
    embedding = np.random.default_rng(0).normal(size=(500, 3)) * [2.0, 0.1, 1.0]
    figure = plots.latent_structure(embedding, np.full((500, 3), 0.5), BLUE, name="v", title="t")
    assert "in 2 of 3 dimensions the means vary by more than the noise" in figure.alt


def test_a_name_too_long_loses_its_middle_and_keeps_both_ends():
    text = label("S-DEC " + "very " * 40 + "beta=0.001")
    assert text.startswith("S-DEC")
    assert text.endswith("beta=0.001")
    assert len(text) < 80


def test_of_a_thousand_points_the_file_stays_small_and_the_best_are_named():
    n = np.arange(1000)
    board = pd.DataFrame({"title": [f"v{i}" for i in n], "mean": n / 1000, "sd": 0.01, "wall_time_mean": 1.0 + n % 7})
    figure = plots.quality_against_time(board.assign(variant=board["title"]), ACC, {}, name="q", title="t")
    assert len(figure.svg) < 100_000
    assert "v999" in texts(figure)
    assert "v500" not in texts(figure)


@pytest.mark.parametrize("n", [1, 2, 30])
def test_any_number_of_variants_and_one_seed_can_be_drawn(n):
    frame = pd.DataFrame(list(itertools.chain(*(cells(f"v{i}", [0.5 + i / 100]) for i in range(n)))))
    assert plots.score_strips(frame, ACC, {}, name="s", title="t") is not None
    there = plots.quality_against_time(quality_of(frame), ACC, {}, name="q", title="t")
    assert (there is None) == (n == 1)


@pytest.mark.parametrize(
    "nothing",
    [
        lambda to: plots.forest(contrasts([np.nan]), ACC, rope=0.01, **to),
        lambda to: plots.forest(contrasts([]), ACC, rope=0.01, **to),
        lambda to: plots.critical_difference({"a": 1.0}, [], {"a": "a"}, {}, **to),
        lambda to: plots.score_strips(frame_with().assign(acc=np.nan), ACC, {}, **to),
        lambda to: plots.learning_curves([], "a", BLUE, **to),
        lambda to: plots.learning_curves([history([np.nan])], "a", BLUE, **to),
        lambda to: plots.parameter_curve(
            pd.DataFrame({"value": [1.0], "score": 1.0, "collapsed": False}), "b", ACC, BLUE, **to
        ),
        lambda to: plots.confusion(np.empty(0, int), np.empty(0, int), [], **to),
        lambda to: plots.samples(np.zeros((2, 4, 4)), np.zeros((2, 9)), **to),
        lambda to: plots.latent_structure(np.ones((5, 2)), None, BLUE, **to),
        lambda to: plots.embedding_map(np.full((9, 2), np.nan), np.zeros(9, int), ["a"], **to),
    ],
)
def test_nothing_to_show_is_no_figure(nothing):
    assert nothing({"name": "n", "title": "t"}) is None


@pytest.mark.figures
@style.in_style
@pytest.mark.parametrize(("n_lines", "n_texts"), [(5, 500), (6, 0)])
def test_all_points_of_a_figure_have_a_text_or_none_has(n_lines, n_texts):
    drawing = axes.new_drawing(4, 3)
    on = axes.new_axes(drawing)
    for line in range(n_lines):
        (marks,) = on.plot(np.arange(100) / 100, np.full(100, line), ls="none", marker="o")
        style.hover(marks, [f"point {i}" for i in range(100)])
    svg = Figure("x", "t", "a", drawing).svg
    assert svg.count("<title>point") == n_texts
    assert svg.count("<use") == 100 * n_lines


@pytest.mark.figures
@style.in_style
def test_very_many_markers_are_one_path_and_few_are_one_each():
    def drawn(n):
        drawing = axes.new_drawing(4, 3)
        axes.new_axes(drawing).plot(np.arange(n) / n, np.arange(n) / n, ls="none", marker="o", color="#0072b2")
        return Figure("x", "t", "a", drawing).svg

    assert drawn(300).count("<use") == 300
    assert drawn(301).count("<use") == 0
    assert drawn(301).count("h0") == 301
    assert "stroke: #0072b2" in drawn(301)
