"""Searches draw configurations that can be drawn again, and that pair where methods share parameters."""

import itertools
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import BaseEstimator, ClusterMixin

from bench.data.cards import load_dataset
from bench.errors import InputError
from bench.method import MethodInfo
from bench.plan.plan import make_plan
from bench.plan.registry import find_method, methods
from bench.plan.search import draw_configuration, draws, quantile
from bench.plan.suite import load_suite, make_suite

BASE = {"name": "s", "preset": "quick", "datasets": ["digits"], "methods": ["dec"], "seeds": 1, "ablations": []}
FINITE = {"a": (1, 2, 3), "b": ("x", "y", "z", "w"), "c": (True, False)}

names = st.text("abcdefgh_", min_size=1, max_size=5)
values = st.lists(st.integers(0, 9) | st.floats(0, 1) | st.sampled_from("xyz"), min_size=1, max_size=4).map(tuple)
spaces = st.dictionaries(names, values, max_size=3)
infinite = st.builds(lambda space: {**space, "rate": stats.loguniform(1e-4, 1e-1)}, spaces)


class Searched(ClusterMixin, BaseEstimator):
    def __init__(self, n_clusters=2, a=1, b=1, random_state=None):
        self.n_clusters = n_clusters
        self.a = a
        self.b = b
        self.random_state = random_state

    def fit(self, X, y=None):
        raise NotImplementedError


def searched(name, space, kind="deterministic", **more):
    return MethodInfo(name=name, title=name, kind=kind, estimator=Searched, search_space=space, **more)


@pytest.fixture(scope="module")
def data():
    return {"digits": load_dataset("digits")}


def cells_of(data, *infos, **changes):
    """Plan a suite of built-in methods, or of ``infos`` alone."""
    own = {info.name: info for info in infos}
    asked = {"methods": list(own)} if own else {}
    suite = make_suite({**BASE, **asked, **changes}, "test")
    return make_plan(suite, data, own.__getitem__ if own else None).cells()


def configurations(cells, method=None):
    found = {cell.configuration.config: cell.configuration for cell in cells}
    return [c for c in found.values() if method in (None, c.method)]


def drawn(cells, method, *parameters):
    return [tuple(c.params[p] for p in parameters) for c in configurations(cells, method)]


@given(spaces | infinite, st.integers(1, 20), st.integers(0, 20))
def test_a_larger_search_starts_with_the_smaller_one(space, n, more):
    smaller = draws(space, n)
    assert draws(space, n + more)[: len(smaller)] == smaller


@given(spaces, st.integers(1, 100))
def test_draws_are_distinct_and_as_many_as_asked_or_as_there_are(space, n):
    combinations = {json.dumps(c) for c in itertools.product(*space.values())}
    found = [json.dumps(tuple(d[p] for p in space)) for d in draws(space, n)]
    assert len(set(found)) == len(found) == min(n, len(combinations))
    assert set(found) <= combinations


def test_a_search_larger_than_the_space_takes_all_of_it():
    found = [tuple(d.values()) for d in draws(FINITE, 1000)]
    assert sorted(found) == sorted(itertools.product(*FINITE.values()))


def test_a_value_that_is_listed_twice_is_one_configuration():
    assert sorted(d["a"] for d in draws({"a": (1, 1, 2)}, 10)) == [1, 2]


def test_nothing_to_search_is_one_draw():
    assert draws({}, 5) == [{}]


def test_a_parameter_without_values_is_refused():
    with pytest.raises(InputError, match="rate has no values"):
        draws({"rate": ()}, 1)


@given(spaces, spaces, st.integers(0, 1000))
def test_the_ith_value_of_a_parameter_ignores_what_else_is_searched(one, other, i):
    shared = {p: values for p, values in one.items() if p not in other}
    assert {p: draw_configuration({**other, **shared}, i)[p] for p in shared} == draw_configuration(shared, i)


@given(spaces, spaces, st.integers(1, 20))
def test_a_wider_search_meets_only_values_that_the_narrower_meets(narrow, more, n):
    """So the twin that a wider search leaves is among the configurations of the narrower."""
    wide = {**more, **narrow}
    met = draws(narrow, n)
    assert all({p: d[p] for p in narrow} in met for d in draws(wide, n))


def test_quantiles_are_frozen():
    """A draw that changes makes a stored search one that cannot be extended."""
    assert [quantile("beta", i) for i in range(3)] == [0.27770690201994097, 0.4048129753878015, 0.15146090778239873]


def test_quantiles_are_uniform_and_independent():
    table = [[quantile(name, i) for i in range(2000)] for name in ("beta", "latent_dim", "x")]
    assert all(0 <= u < 1 for row in table for u in row)
    assert all(stats.kstest(row, "uniform").pvalue > 0.001 for row in table)
    pairs = itertools.combinations(table, 2)
    assert all(abs(stats.spearmanr(one, other).statistic) < 0.1 for one, other in pairs)
    assert all(abs(stats.spearmanr(row[1:], row[:-1]).statistic) < 0.1 for row in table)


def test_a_distribution_is_drawn_at_its_quantiles():
    rate = stats.loguniform(1e-4, 1e-1)
    found = [d["rate"] for d in draws({"rate": rate}, 50)]
    assert found == [pytest.approx(rate.ppf(quantile("rate", i)), rel=1e-5) for i in range(50)]
    assert all(type(value) is float for value in found)
    assert len(set(found)) == 50


def test_a_distribution_of_few_values_ends():
    assert sorted(d["k"] for d in draws({"k": stats.randint(1, 4)}, 50)) == [1, 2, 3]


def test_a_distribution_makes_a_suite(data):
    info = searched("one", {"a": stats.loguniform(1e-4, 1e-1), "b": (1, 2)})
    cells = cells_of(data, info, search=7)
    assert len(cells) == 7
    assert all(1e-4 <= a <= 1e-1 and b in (1, 2) for a, b in drawn(cells, "one", "a", "b"))


def test_methods_that_share_parameters_are_drawn_alike(data):
    space = {"a": tuple(range(10)), "b": stats.norm()}
    cells = cells_of(data, searched("one", space), searched("two", dict(reversed(space.items()))), search=6)
    assert len(configurations(cells)) == 12
    assert drawn(cells, "one", "a", "b") == drawn(cells, "two", "a", "b")


def test_a_method_with_a_search_space_of_its_own_is_searched_beside_one_without(data):
    cells = cells_of(data, searched("one", {"a": tuple(range(10))}), searched("plain", {}), search=4)
    assert len(configurations(cells, "one")) == 4
    assert [c.variant for c in configurations(cells, "plain")] == ["plain"]


def test_without_search_a_search_space_is_not_run(data):
    assert [c.variant for c in configurations(cells_of(data))] == ["dec"]


def test_draws_replace_what_the_preset_says(data):
    info = searched("one", {"a": (7, 8)}, presets={"quick": {"a": 1, "b": 5}})
    assert sorted(drawn(cells_of(data, info, search=9), "one", "a", "b")) == [(7, 5), (8, 5)]


@pytest.mark.parametrize("key", ["one", "one@quick"])
def test_a_parameter_that_is_set_is_not_searched(data, key):
    info = searched("one", {"a": (7, 8), "b": (1, 2, 3)}, presets={"quick": {}})
    suite = make_suite({**BASE, "methods": ["one@quick"], "set": {key: {"b": 9}}, "search": 10}, "test")
    assert sorted(drawn(make_plan(suite, data, lambda name: info).cells(), "one", "a", "b")) == [(7, 9), (8, 9)]


def test_a_parameter_in_the_grid_is_crossed_with_the_draws(data):
    space = {"a": tuple(range(10)), "b": (1, 2, 3)}
    cells = cells_of(data, searched("one", space), grid={"one": {"b": [8, 9]}}, search=3)
    expected = [d["a"] for d in draws({"a": space["a"]}, 3)]
    assert drawn(cells, "one", "b", "a") == list(itertools.product([8, 9], expected))


def test_a_method_whose_whole_space_is_set_runs_once(data):
    cells = cells_of(data, searched("one", {"a": (1, 2)}), set={"one": {"a": 3}}, search=5)
    assert [c.variant for c in configurations(cells)] == ["one a=3"]


def test_what_one_entry_is_told_leaves_the_other_searched(data):
    cells = cells_of(data, methods=["dec", "dec@idec"], set={"dec@idec": {"target_update": 140}}, search=1000)
    of = {at: [c for c in configurations(cells) if c.variant.startswith(f"dec{at} ")] for at in ("", "@idec")}
    assert {c.params["target_update"] for c in of[""]} == {"epoch", 140}
    assert {c.params["target_update"] for c in of["@idec"]} == {140}
    assert (len(of[""]), len(of["@idec"])) == (24, 12)


def test_every_seed_and_data_set_runs_the_same_configurations():
    data = {"digits": load_dataset("digits"), "blobs": load_dataset("blobs")}
    info = searched("one", {"a": tuple(range(10)), "b": stats.norm()})
    cells = cells_of(data, info, datasets=list(data), seeds=3, search=5)
    runs = {}
    for cell in cells:
        params = cell.configuration.params
        runs.setdefault((cell.dataset, cell.seed), []).append((params["a"], params["b"]))
    assert len(runs) == 6
    assert all(run == [tuple(d.values()) for d in draws(info.search_space, 5)] for run in runs.values())


def test_a_title_and_a_variant_name_each_draw(data):
    for configuration in configurations(cells_of(data, methods=["vae_kmeans"], search=8), "vae_kmeans"):
        named = f"beta={configuration.params['beta']} latent_dim={configuration.params['latent_dim']}"
        assert configuration.variant == f"vae_kmeans {named}"
        assert configuration.title == f"VAE+KMeans {named}"


def test_twins_follow_the_draws_of_their_stochastic_configurations(data):
    cells = cells_of(data, methods=["vae_kmeans"], search=1000)
    by_id = {c.config: c for c in configurations(cells)}
    stochastic = configurations(cells, "vae_kmeans")
    sizes = [len(values) for values in methods()["vae_kmeans"].search_space.values()]
    assert len(stochastic) == sizes[0] * sizes[1]
    assert all(by_id[c.twin].params["latent_dim"] == c.params["latent_dim"] for c in stochastic)
    assert len(configurations(cells, "ae_kmeans")) == sizes[1]  # the twin has no beta: draws share it


def test_a_searched_method_meets_its_twin_where_both_are_asked_for(data):
    noisy = searched(
        "noisy", {"a": (1, 2, 3, 4), "b": stats.norm()}, "stochastic", twin=lambda p: ("calm", {"a": p["a"]})
    )
    calm = searched("calm", {"a": (1, 2, 3, 4)})
    cells = cells_of(data, noisy, calm, search=3)
    assert "(twin of" not in " ".join(c.variant for c in configurations(cells))
    assert len(configurations(cells)) == 6


def test_a_parameter_that_the_estimator_lacks_is_refused(data):
    with pytest.raises(InputError, match="method one has no parameter 'c'"):
        cells_of(data, searched("one", {"c": (1, 2)}), search=1)


@pytest.mark.parametrize("name", [name for name, info in methods().items() if info.search_space])
def test_every_built_in_search_space_plans(name, data):
    space = methods()[name].search_space
    cells = cells_of(data, methods=[name], search=1000)
    assert len(configurations(cells, name)) == len(draws(space, 1000))


@pytest.mark.parametrize("search", [0, -3, "many", 1.5])
def test_a_search_of_no_configurations_is_refused(tiny, search):
    with pytest.raises(InputError, match=r"tiny\.toml: search: "):
        load_suite(str(tiny), search=search)


def test_a_file_and_the_command_line_can_ask_for_a_search(tiny):
    tiny.write_text("search = 20\n" + tiny.read_text())
    assert load_suite(str(tiny)).search == 20
    assert load_suite(str(tiny), search=5).search == 5
    assert load_suite(str(tiny), search=5).with_settings({("sdec", "beta"): [0.1]}).search == 5


@pytest.mark.parametrize("module", ["bench.method", "bench.plan.search"])
def test_declaring_a_search_space_needs_no_scipy(module):
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "scipy" not in loaded


def test_methods_of_this_suite_and_their_twins_search_the_same_values():
    """Otherwise the draws of a method and of its twin run by itself would not meet."""
    for info in methods().values():
        if info.twin is not None:
            twin = find_method(info.twin(info.load()().get_params())[0])
            for parameter in info.search_space.keys() & twin.search_space.keys():
                assert info.search_space[parameter] == twin.search_space[parameter], (info.name, parameter)
