"""Packs: each run is in one, and what they hold is decided by the plan."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.plan.cells import Cell, Configuration
from bench.plan.packs import MOST_TOGETHER, divide, trains_together


def configuration(method, **params):
    fields = {"method": method, "title": method, "kind": "deterministic", "version": 1, "preset": None}
    return Configuration(**fields, variant=method, params=params, source=method)


def cells(n_seeds, n_configurations=1, method="dec"):
    return [
        Cell("digits", "digits", "0" * 8, configuration(method, alpha=float(i)), seed)
        for i in range(n_configurations)
        for seed in range(n_seeds)
    ]


@given(
    st.integers(1, 30),
    st.integers(1, 5),
    st.integers(1, 16),
    st.integers(1, 30),
    st.sets(st.integers(0, 149), max_size=60),
)
def test_each_remaining_run_is_in_one_pack_of_its_configuration(seeds, configurations, workers, most, done):
    planned = cells(seeds, configurations)
    remaining = [cell for i, cell in enumerate(planned) if i not in done]
    packs = divide(planned, remaining, workers, lambda _: most)
    assert [cell for pack in packs for cell in pack] == remaining
    assert all(len({cell.configuration.config for cell in pack}) == 1 for pack in packs)
    assert all(len(pack) <= min(most, MOST_TOGETHER) for pack in packs)
    whole = divide(planned, planned, workers, lambda _: most)
    of = {cell.key: i for i, pack in enumerate(whole) for cell in pack}
    assert all(len({of[cell.key] for cell in pack}) == 1 for pack in packs)  # what is done divides no other way


@pytest.mark.parametrize(
    ("seeds", "configurations", "workers", "sizes"),
    [
        (10, 14, 1, {10}),
        (10, 14, 2, {5}),
        (20, 14, 2, {10}),
        (10, 1, 4, {3, 1}),
        (10, 14, 8, {5}),
        (45, 1, 1, {15}),
    ],
)
def test_there_are_two_packs_for_two_workers_and_one_for_every_worker(seeds, configurations, workers, sizes):
    planned = cells(seeds, configurations)
    assert {len(pack) for pack in divide(planned, planned, workers)} == sizes


def test_methods_that_cannot_train_seeds_together_have_packs_of_one():
    for planned in (
        cells(4, method="sklearn.cluster:Birch"),
        [replace(cell, part="selection") for cell in cells(4)],  # whose seeds have points of their own
    ):
        assert not trains_together(planned[0])
        assert divide(planned, planned, 1) == [(cell,) for cell in planned]
    assert trains_together(cells(1)[0])
    assert trains_together(cells(1, method="kmeans")[0])
