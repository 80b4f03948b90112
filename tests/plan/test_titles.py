"""A configuration is called by what it does: DEC with its decoder trained is IDEC."""

import pytest

from bench.data.cards import load_dataset
from bench.errors import MethodError
from bench.method import MethodInfo
from bench.plan.cells import Configuration, shown_variant, stored_variant
from bench.plan.plan import make_plan
from bench.plan.suite import make_suite


def configurations(*methods, **suite):
    """Return the configurations of a suite by variant."""
    content = {"name": "titles", "preset": "quick", "methods": methods, "datasets": ["digits"], "seeds": [0], **suite}
    plan = make_plan(make_suite(content, "test"), {"digits": load_dataset("digits", limit=100)})
    return {cell.configuration.variant: cell.configuration for cell in plan.cells()}


def test_dec_is_called_idec_where_its_decoder_is_trained():
    by_variant = configurations("dec", grid={"dec": {"reconstruction_weight": [0.0, 0.1]}})
    assert by_variant["dec reconstruction_weight=0.0"].title == "DEC reconstruction_weight=0.0"
    assert by_variant["dec reconstruction_weight=0.1"].title == "IDEC reconstruction_weight=0.1"


def test_a_counterpart_has_its_own_title_and_names_its_stochastic_method():
    kept, dropped = configurations("sdec"), configurations("sdec", set={"sdec": {"reconstruction_weight": 0.0}})
    assert kept["dec (twin of sdec)"].title == "IDEC"
    assert dropped["dec (twin of sdec) reconstruction_weight=0.0"].title.startswith("DEC")


def test_a_title_is_no_part_of_a_configurations_hash():
    one = configurations("sdec")["dec (twin of sdec)"]
    assert one.changed(title="another").config == one.config


def test_a_stored_title_of_a_counterpart_is_read_in_the_words_of_today():
    facts = dict(configurations("sdec")["dec (twin of sdec)"])
    assert Configuration(**{**facts, "title": "DEC (twin of S-DEC)"}).title == "DEC (counterpart of S-DEC)"
    assert stored_variant(shown_variant("dec (twin of sdec)")) == "dec (twin of sdec)"


@pytest.mark.parametrize("title_of", [lambda params: "", lambda params: 3, lambda params: params["none"]])
def test_a_title_that_cannot_be_made_is_a_fault_of_the_method(title_of):
    info = MethodInfo(
        name="mine", title="Mine", kind="deterministic", estimator="sklearn.cluster:KMeans", title_of=title_of
    )
    with pytest.raises(MethodError, match="method mine: title_of "):
        info.title_with({"n_init": 1})


def test_what_is_no_function_is_refused():
    with pytest.raises(MethodError, match="title_of is 'IDEC'; write a function from parameters to a title"):
        MethodInfo(name="mine", title="Mine", kind="deterministic", estimator="sklearn.cluster:KMeans", title_of="IDEC")
