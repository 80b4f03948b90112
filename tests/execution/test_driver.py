"""Decisions of a Ray run's driver, without Ray: which workers start, which runs they get, and when it is done."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import InputError
from bench.execution.fit import failed
from bench.execution.queue import RunQueue
from bench.execution.ray.driver import MAX_FAILED_STARTS, NODE_TIMEOUT, START_PAUSE, Driver, WorkerReport, death_reason
from bench.execution.resources import HARD_STOP, Settings, Share
from bench.plan.cells import Cell, Configuration

CPU, GPU = Share(1, 0), Share(1, 1)


class Handle:
    """A worker's handle, which keeps the packs assigned to it."""

    def __init__(self):
        self.assign, self.packs = self, []

    def remote(self, packs):
        self.packs = packs

    @property
    def cells(self):
        return [cell for pack in self.packs for cell in pack]


@dataclass
class World:
    """A driver whose clock, nodes and disk are set by the test."""

    nodes: list = field(default_factory=lambda: [{"CPU": 2.0}])
    now: float = 0.0
    written: list = field(default_factory=list)
    full_disk: bool = False
    started: int = 0

    def drive(self, cells, *, size=1, kind_of=lambda _: CPU, timeout=None, max_retries=2, max_concurrent=None):
        packs = [tuple(cells[i : i + size]) for i in range(0, len(cells), size)]
        self.queue = RunQueue(packs, kind_of=kind_of, max_retries=max_retries)
        settings = Settings(timeout=timeout, max_retries=max_retries)
        self.driver = Driver(
            self.queue,
            settings,
            nodes=lambda: self.nodes,
            max_concurrent=max_concurrent,
            finished=self._finished,
            clock=lambda: self.now,
        )
        return self.driver

    def _finished(self, cell, record, outputs):
        if self.full_disk:
            raise InputError("no space left")
        self.written.append(record)

    def start(self, share=None):
        """Start the next worker; return its name."""
        next_share = self.driver.next_share()
        assert next_share == (share or next_share)
        self.started += 1
        self.driver.add_worker(f"worker {self.started}", next_share)
        return f"worker {self.started}"

    def report_start(self, worker):
        handle = Handle()
        assert self.driver.take_report(worker, WorkerReport(handle=handle))
        return handle

    def statuses(self):
        return [record.status for record in self.written]


@pytest.fixture
def world():
    return World()


def configuration(method, **more):
    fields = {"method": method, "title": "M", "kind": "deterministic", "version": 1, "preset": None, "variant": method}
    return Configuration(**{**fields, "params": {}, "seeded": True, "twin": None, **more})


def cells(n, method="light"):
    return [Cell("digits", "digits", "0" * 8, configuration(method), seed) for seed in range(n)]


def grid(n, method):
    """Runs that share one network."""
    configurations = [configuration(method, params={"p": i}, pretraining={"epochs": 1}) for i in range(n)]
    return [Cell("digits", "digits", "0" * 8, each, 0) for each in configurations]


def kind_of(cell):
    return GPU if cell.configuration.method == "deep" else CPU


def result_of(cell, status="failed"):
    """Record and outputs of a short run, so that such runs are grouped."""
    return failed(cell, status, "by the test", "cpu").model_copy(update={"timings": {"fit": 0.01}}), {}


class Cluster:
    """Simulated nodes, on which the driver's workers start, execute runs and die."""

    def __init__(self, world, chance):
        self.world, self.chance = world, chance
        self.free = [dict(node) for node in world.nodes]
        self.pending, self.placed, self.started = {}, {}, 0  # workers: share; (node, share, has it reported)

    def step(self):
        driver = self.world.driver
        while len(self.pending) < 64 and (share := driver.next_share()):
            self.started += 1
            driver.add_worker(str(self.started), share)
            self.pending[str(self.started)] = share
        for worker, share in list(self.pending.items()):
            for node in self.free:
                if share.fits(node):
                    node["CPU"] -= share.cpus
                    node["GPU"] = node.get("GPU", 0) - share.gpus
                    self.placed[worker] = node, share, None
                    del self.pending[worker]
                    break
        if self.placed:
            self.turn(self.chance.choice(sorted(self.placed)))
        driver.flush()
        self.world.now += 0.5

    def turn(self, worker):
        node, share, handle = self.placed[worker]
        driver = self.world.driver
        if handle is None:
            self.placed[worker] = node, share, (handle := Handle())
            goes_on = driver.take_report(worker, WorkerReport(handle=handle))
        elif handle.cells and self.chance.random() < 0.1:
            driver.worker_died(worker, "The actor died")
            goes_on = False
        else:
            must_stop = self.chance.random() < 0.1
            report = WorkerReport(must_stop=must_stop)
            for pack in handle.packs[:1] if must_stop else handle.packs:
                fault = self.chance.choice([None] * 8 + ["failed", "timeout", "death"])
                if fault:
                    report.faults.append((pack[0].key, None if fault == "death" else fault, "by the test"))
                else:
                    report.results += [result_of(cell, self.chance.choice(["ok", "failed"])) for cell in pack]
            goes_on = driver.take_report(worker, report)
        if not goes_on:
            self.leave(worker)

    def leave(self, worker):
        node, share, _ = self.placed.pop(worker)
        node["CPU"] += share.cpus
        node["GPU"] += share.gpus

    def lose_a_node(self):
        """Remove the last node, but never the first, which fits every worker."""
        if len(self.free) < 2:
            return
        gone = self.free.pop()
        self.world.nodes = self.world.nodes[:-1]
        for worker, (node, _, _) in list(self.placed.items()):
            if node is gone:
                self.placed.pop(worker)
                self.world.driver.worker_died(worker, "its node has died")


@settings(deadline=None, max_examples=300)
@given(
    seed=st.integers(0, 10**6),
    light=st.integers(0, 40),
    deep=st.integers(0, 6),
    light_grid=st.integers(0, 5),
    deep_grid=st.integers(0, 5),
    nodes=st.lists(st.fixed_dictionaries({"CPU": st.integers(1, 4), "GPU": st.integers(0, 2)}), max_size=2),
    max_concurrent=st.one_of(st.none(), st.integers(1, 4)),
    size=st.integers(1, 5),
)
def test_whatever_dies_each_cell_gets_one_record_and_the_run_ends(
    seed, light, deep, light_grid, deep_grid, nodes, max_concurrent, size
):
    world, chance = World(nodes=[{"CPU": 2.0, "GPU": 2.0}, *nodes]), random.Random(seed)
    work = [*cells(light), *cells(deep, "deep"), *grid(light_grid, "light"), *grid(deep_grid, "deep")]
    chance.shuffle(work)
    driver = world.drive(work, size=size, kind_of=kind_of, max_concurrent=max_concurrent)
    cluster = Cluster(world, chance)
    for turn in range(3000):
        if driver.is_done:
            break
        if turn in (20, 40):
            cluster.lose_a_node()
        cluster.step()
    assert driver.error is None
    assert driver.is_done
    assert sorted(record.key for record in world.written) == sorted(cell.key for cell in work)


def test_there_are_as_many_workers_as_fit_and_have_runs(world):
    driver = world.drive(cells(5))
    world.start()
    world.start()
    assert driver.next_share() is None
    driver = world.drive(cells(1))
    world.start()
    assert driver.next_share() is None


def test_the_driver_is_done_as_soon_as_the_last_record_is_written(world):
    work = cells(1)
    driver = world.drive(work)
    worker = world.start()
    handle = world.report_start(worker)
    assert handle.cells == work
    assert not driver.is_done
    assert not driver.take_report(worker, WorkerReport([result_of(work[0])]))
    assert not driver.is_done
    driver.flush()
    assert driver.is_done
    assert world.statuses() == ["failed"]


def test_a_record_that_cannot_be_written_ends_the_execution_and_its_run_stays_open(world):
    work = cells(2)
    driver = world.drive(work)
    worker = world.start()
    world.report_start(worker)
    world.full_disk = True
    driver.take_report(worker, WorkerReport([result_of(work[0])]))
    driver.flush()
    assert driver.is_done
    assert str(driver.error) == "no space left"
    assert world.queue.n_open == 2


def test_a_cell_whose_worker_dies_is_tried_again_and_then_recorded(world):
    driver = world.drive(cells(1), max_retries=2)
    for _ in range(3):
        worker = world.start()
        world.report_start(worker)
        driver.worker_died(worker, "The actor died")
        driver.flush()
    assert driver.is_done
    assert [record.error.partition(" (")[0] for record in world.written] == ["the worker process died"]
    assert world.written[0].error.endswith(", 3 times")


def test_a_worker_that_only_the_watchdog_could_end_is_a_timeout(world):
    driver = world.drive(cells(1), timeout=5)
    worker = world.start()
    world.report_start(worker)
    world.now += 5 + HARD_STOP
    driver.worker_died(worker, "The actor died")
    driver.flush()
    assert world.statuses() == ["timeout"]


def test_a_pack_of_seeds_that_only_the_watchdog_could_end_is_tried_seed_by_seed(world):
    work = cells(2)
    driver = world.drive(work, size=2, timeout=5)
    worker = world.start()
    assert world.report_start(worker).packs == [tuple(work)]
    world.now += 5 + HARD_STOP  # the limit of one seed
    driver.worker_died(worker, "The actor died")
    assert world.report_start(world.start()).packs == [tuple(work)]  # a death: the pack again
    world.now += 2 * 5 + HARD_STOP
    driver.worker_died("worker 2", "The actor died")
    assert world.report_start(world.start()).packs == [(work[0],)]
    driver.flush()
    assert world.statuses() == []


def test_a_failure_of_tune_uses_up_no_retry_and_only_failures_without_progress_end_the_execution(world):
    work = cells(9)
    driver = world.drive(work, max_retries=1)
    for i in range(4):  # each time after some progress
        worker = world.start()
        world.report_start(worker)
        driver.take_report(worker, WorkerReport([result_of(work[i])]))
        driver.tune_failed(RuntimeError("broken"))
    assert driver.error is None
    assert world.queue.n_open == 5
    driver.tune_failed(RuntimeError("broken"))
    assert driver.error is None
    driver.tune_failed(RuntimeError("broken"))
    assert "Ray Tune ended 2 times before a run had: broken" in str(driver.error)


def test_without_a_node_that_fits_the_execution_ends_after_a_while_even_if_a_worker_was_to_start(world):
    driver = world.drive(cells(1))
    worker = world.start()
    world.nodes, world.now = [], 2.0
    assert driver.next_share() is None
    world.now = 2.0 + NODE_TIMEOUT + 1
    assert driver.next_share() is None
    assert "a run asks for 1 CPUs and 0 GPUs; the nodes have nothing" in str(driver.error)

    driver = world.drive(cells(1))
    world.nodes = [{"CPU": 1.0}]
    driver.next_share()
    world.now += 2
    worker = world.start()
    world.report_start(worker)
    world.nodes, world.now = [], world.now + 10 * NODE_TIMEOUT  # its worker has started: no error
    driver.next_share()
    assert driver.error is None


def test_one_broken_node_does_not_end_an_execution_that_has_workers_elsewhere(world):
    world.nodes = [{"CPU": 1.0}, {"CPU": 1.0}]
    driver = world.drive(cells(9))
    good = world.start()  # slower to start than the other is to fail
    for _ in range(MAX_FAILED_STARTS):
        driver.worker_died(world.start(), "ImportError: no plugin")
    assert driver.error is None
    assert driver.next_share() is None  # for a while
    world.report_start(good)
    world.now += START_PAUSE
    assert driver.next_share() == CPU


def test_workers_that_never_start_end_the_run_with_the_reason(world):
    driver = world.drive(cells(9))
    for _ in range(MAX_FAILED_STARTS):
        driver.worker_died(world.start(), "Traceback:\n  deep inside\nImportError: no plugin\n")
    assert str(driver.error) == "workers die before they can start: ImportError: no plugin"
    assert driver.is_done


def test_runs_that_need_gpus_get_their_cpus_first(world):
    world.nodes = [{"CPU": 4.0, "GPU": 2.0}]
    world.drive([*cells(9), *cells(2, "deep")], kind_of=kind_of)
    shares = []
    while share := world.driver.next_share():
        shares.append(share)
        world.driver.add_worker(f"worker {len(shares)}", share)
    assert shares == [GPU, GPU, CPU, CPU]


def test_a_worker_whose_node_is_gone_keeps_no_place_from_others(world):
    world.nodes = [{"CPU": 2.0}, {"CPU": 1.0, "GPU": 1.0}]
    world.drive([*cells(5), *cells(5, "deep")], kind_of=kind_of, max_concurrent=1)
    world.start(GPU)
    assert world.driver.next_share() is None
    world.nodes, world.now = [{"CPU": 2.0}], 2.0
    assert world.driver.next_share() == CPU


def test_cells_that_wait_for_a_network_on_a_gpu_keep_their_cpus(world):
    world.nodes = [{"CPU": 4.0, "GPU": 2.0}]
    world.drive([*grid(3, "deep"), *cells(9)], kind_of=kind_of)
    world.report_start(world.start(GPU))  # trains; two others wait
    shares = []
    while share := world.driver.next_share():
        shares.append(share)
        world.driver.add_worker(f"worker of {len(shares)}", share)
    assert shares == [CPU, CPU]


def test_a_worker_that_waits_for_a_network_stays_unless_another_share_needs_its_place(world):
    world.nodes = [{"CPU": 3.0, "GPU": 1.0}]
    world.drive([*grid(3, "light"), *cells(3, "deep")], kind_of=kind_of)
    workers = [world.start(share) for share in (GPU, CPU)]
    for worker in workers:
        world.report_start(worker)
    idle = "a worker from when there were more runs"
    world.driver.add_worker(idle, CPU)
    world.report_start(idle)
    assert world.driver.take_report(idle, WorkerReport())  # deep cells are ready, but have their GPU at work already
    world.driver.add_worker("to be placed", GPU)
    assert not world.driver.take_report(idle, WorkerReport())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("Task was killed due to the node running low on memory.", "killed for lack of memory: use a smaller"),
        ("The actor died because its node has died.", "the node died"),
        ("ObjectLostError: Failed to retrieve object due to node failure", "a node died that held its data"),
        ("The actor is dead because its worker process has died.", "the worker process died (killed"),
    ],
)
def test_rays_message_of_a_death_becomes_one_line(error, reason):
    assert death_reason(error).startswith(reason)
