"""The queue of planned runs: each ends once, and none waits for a network while it could start."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.execution.queue import GROUP_SECONDS, RunQueue


@dataclass(frozen=True)
class Configuration:
    config: str = "c"


@dataclass(frozen=True)
class Cell:
    """What the queue knows of a planned run."""

    key: str
    network: str | None = None
    kind: str = "any"
    spec: str = "digits"
    dataset: str = "digits"
    configuration: Configuration = Configuration()


class Queue(RunQueue):
    """A queue of packs of one, seen as runs."""

    def take(self, *arguments, **options):
        return [cell for pack in super().take(*arguments, **options) for cell in pack]

    def retry(self, cells):
        return super().retry([(cell,) for cell in cells])

    def give_back(self, cells):
        super().give_back([(cell,) for cell in cells])


def queue_of(cells, **options):
    return Queue([(cell,) for cell in cells], kind_of=lambda cell: cell.kind, **options)


def packs_of(*packs, **options):
    return RunQueue(packs, kind_of=lambda cell: cell.kind, **options)


def cells(n, **options):
    return [Cell(str(i), **options) for i in range(n)]


def test_cells_of_one_network_wait_for_the_first_and_then_all_go():
    work = [Cell("a", "net"), Cell("b", "net"), Cell("c", "net"), Cell("d")]
    queue = queue_of(work)
    assert [queue.take("any")[0].key, queue.take("any")[0].key] == ["a", "d"]
    assert queue.take("any") == []
    assert queue.waiting() == {"any": 2}
    queue.mark_ended(work[0], ok=True)
    assert [queue.take("any")[0].key, queue.take("any")[0].key] == ["b", "c"]


def test_a_cell_that_fails_hands_the_training_on_to_one_other():
    work = [Cell("a", "net"), Cell("b", "net"), Cell("c", "net")]
    queue = queue_of(work)
    queue.mark_ended(queue.take("any")[0], ok=False)
    assert queue.take("any")[0].key == "b"
    assert queue.take("any") == []


def test_runs_of_a_stored_network_do_not_wait():
    queue = queue_of([Cell("a", "net"), Cell("b", "net")], is_trained=lambda name: name == "net")
    assert queue.ready() == {"any": 2}


def test_a_network_that_appears_while_its_cell_still_runs_releases_the_others():
    stored = set()
    queue = queue_of([Cell("a", "net"), Cell("b", "net")], is_trained=stored.__contains__)
    queue.take("any")
    assert queue.take("any") == []
    stored.add("net")
    assert queue.take("any")[0].key == "b"


def test_short_cells_are_grouped_and_long_or_unknown_ones_are_not():
    for seconds, most in ((None, 1), (GROUP_SECONDS, 1), (GROUP_SECONDS / 5, 5)):
        known = {} if seconds is None else {("digits", "c"): seconds}
        assert len(queue_of(cells(100), seconds=known).take("any", workers=2)) == most


def test_groups_shrink_so_that_every_worker_has_something_to_the_end():
    queue = queue_of(cells(40), seconds={("digits", "c"): 1e-6})
    sizes = []
    while group := queue.take("any", workers=4):
        sizes.append(len(group))
    assert sum(sizes) == 40
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= 40 / 4
    assert sizes[-4:] == [1] * 4


def test_a_group_is_of_one_data_set():
    work = [Cell("a"), Cell("b"), Cell("c", spec="blobs"), *cells(50)]
    assert [c.key for c in queue_of(work, seconds={("digits", "c"): 1e-6}).take("any", workers=1)] == ["a", "b"]


def test_a_lost_cell_is_tried_again_as_often_as_allowed_and_then_given_up():
    (cell,) = cells(1)
    queue = queue_of([cell], max_retries=2)
    for _ in range(2):
        assert queue.retry(queue.take("any")) == []
    assert queue.retry(queue.take("any")) == [cell]
    assert queue.take("any") == []


def test_of_a_lost_group_each_run_is_tried_alone_and_none_uses_up_a_retry():
    queue = queue_of(cells(12), max_retries=0, seconds={("digits", "c"): 1e-6})
    group = queue.take("any", workers=1)
    assert len(group) > 1
    assert queue.retry(group) == []
    for cell in group:
        assert queue.take("any", workers=1) == [cell]


def test_a_closed_queue_hands_nothing_out_but_its_runs_have_not_ended():
    queue = queue_of(cells(2))
    queue.take("any")
    queue.close()
    assert queue.take("any") == []
    assert (queue.exhausted, queue.n_open) == (True, 2)


@st.composite
def work(draw):
    n = draw(st.integers(1, 25))
    networks = draw(st.lists(st.sampled_from([None, "x", "y", "z"]), min_size=n, max_size=n))
    kinds = draw(st.lists(st.sampled_from(["cpu", "gpu"]), min_size=n, max_size=n))
    return [Cell(str(i), network, kind) for i, (network, kind) in enumerate(zip(networks, kinds, strict=True))]


@given(work(), st.lists(st.sampled_from(["ok", "failed", "lost", "back"]), max_size=60), st.randoms())
def test_whatever_happens_each_cell_ends_once_and_networks_are_trained_by_one_at_a_time(work, events, chance):
    """Workers of both kinds take groups that end, fail or die in any order; then all succeed."""
    queue = queue_of(work, max_retries=3, seconds={("digits", "c"): 0.01})
    ended, at_work, trained = Counter(), [], set()
    events = iter(events)
    for _ in range(2000):
        for kind in queue.ready():
            group = queue.take(kind, workers=2)
            assert {cell.kind for cell in group} == {kind}
            at_work.append(group)
        training = Counter(c.network for group in at_work for c in group if c.network and c.network not in trained)
        assert all(count == 1 for count in training.values())
        if not at_work:
            break
        group = at_work.pop(chance.randrange(len(at_work)))
        event = next(events, "ok")
        if event == "back":
            queue.give_back(group)
            continue
        given_up = queue.retry(group) if event == "lost" else []
        for cell in given_up if event == "lost" else group:
            ended[cell.key] += 1
            queue.mark_ended(cell, ok=event == "ok")
            if event == "ok":
                trained.add(cell.network)
    assert queue.n_open == 0
    assert ended == {cell.key: 1 for cell in work}


@pytest.mark.parametrize("n", [20_000])
def test_many_cells_behind_one_network_cost_no_more_each(n):
    """A scan of all waiting runs for each one taken would take hours here."""
    queue = queue_of([Cell(str(i), "net") for i in range(n)])
    taken = 0
    while group := queue.take("any"):
        taken += 1
        queue.mark_ended(group[0], ok=True)
    assert taken == n


def test_a_pack_waits_for_all_of_its_networks_whoever_trains_them():
    a, b, c = (Cell(key, network) for key, network in (("a", "1"), ("b", "2"), ("c", "1")))
    both = (c, Cell("d", "2"))
    queue = packs_of((a,), (b,), both)
    assert [queue.take("any"), queue.take("any"), queue.take("any")] == [[(a,)], [(b,)], []]
    queue.mark_ended(a, ok=True)
    assert queue.take("any") == []
    queue.mark_ended(b, ok=True)
    assert queue.take("any") == [both]


def test_packs_with_networks_in_common_never_wait_for_each_other():
    first, second = (Cell("a", "1"), Cell("b", "2")), (Cell("c", "2"), Cell("d", "1"))
    queue = packs_of(first, second)
    assert queue.take("any") == [first]
    assert queue.take("any") == []
    for cell in first:
        queue.mark_ended(cell, ok=False)
    assert queue.take("any") == [second]


def test_a_pack_that_dies_is_tried_again_and_then_seed_by_seed_until_the_killer_is_found():
    pack = tuple(cells(3))
    queue, given_up = packs_of(pack, max_retries=1), []
    sizes = []
    while taken := queue.take("any"):
        (one,) = taken
        sizes.append(len(one))
        if pack[1] in one:
            given_up += queue.retry([one])
            [queue.mark_ended(cell, ok=False) for cell in given_up]
        else:
            [queue.mark_ended(cell, ok=True) for cell in one]
    assert sizes == [3, 3, 1, 1, 1, 1]
    assert given_up == [pack[1]]
    assert queue.n_open == 0


def test_a_pack_that_is_split_is_handed_out_seed_by_seed():
    pack = tuple(cells(2))
    queue = packs_of(pack)
    queue.split(queue.take("any")[0])
    assert [queue.take("any"), queue.take("any"), queue.take("any")] == [[(pack[0],)], [(pack[1],)], []]
