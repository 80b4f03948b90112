"""Runs on a real Ray: the same records as in local processes, whatever dies meanwhile.

Each test starts the command in a process of its own, as users do: Ray keeps state for the life of a process.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from bench.records.store import Run
from tests.undrawn import CODE

MAIN = [sys.executable, "-c", CODE, "run"]
#: Fields of a record that may differ between two executions of one run.
CIRCUMSTANCES = {"timings", "peak_memory", "placement"}


@pytest.fixture
def environment(tmp_path):
    """The environment, with a cache of networks for this test alone."""
    return {**os.environ, "DEEPCLUSTBENCH_CACHE": str(tmp_path / "cache")}


def command(suite, folder, *options, executor="ray"):
    return [*MAIN, str(suite), "--out", str(folder), "--executor", executor, "--device", "cpu", *options]


def run(*arguments, env, code=0, **options):
    done = subprocess.run(command(*arguments, **options), env=env, capture_output=True, text=True, timeout=500)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def contents(folder):
    """Records and raw outputs by key."""
    stored = Run(folder)
    found = {}
    for record in stored.records():
        assert record.key not in found
        found[record.key] = record, stored.outputs(record.key) if record.status == "ok" else {}
    return found


def records(folder):
    """Records by the last part of the configuration's name and by seed."""
    return {(r.variant.rpartition(":")[2], r.seed): r for r, _ in contents(folder).values()}


def finished_cells(folder):
    return len(list(folder.glob("records/*.json")))


def assert_equal(these, those):
    assert these.keys() == those.keys()
    for key, (record, outputs) in these.items():
        other, theirs = those[key]
        assert record.model_dump(exclude=CIRCUMSTANCES) == other.model_dump(exclude=CIRCUMSTANCES)
        assert outputs.keys() == theirs.keys()
        for name, values in outputs.items():
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def family(process):
    """A process and all its descendants."""
    try:
        return [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def listening(processes):
    """Addresses on which processes listen."""
    found = set()
    for one in processes:
        with contextlib.suppress(psutil.Error):
            found |= {c.laddr.ip for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    return found


def plugin_suite(path, plugins, *names, seeds=1):
    methods = [name if name.islower() else f"{plugins}:{name}" for name in names]
    path.write_text(
        f'name = "plugins"\npreset = "quick"\ndatasets = ["digits"]\nlimit = 200\n'
        f"methods = {methods!r}\nseeds = {seeds}\n"
    )
    return path


@pytest.mark.nightly
def test_ray_makes_the_choices_of_local_processes(tiny, tmp_path, environment):
    """The two stages start two Rays in one process."""
    options = ["--methods", "kmeans", "--set", "kmeans.n_init=1,5", "--selection-seeds", "10-11"]
    for executor in ("local", "ray"):
        run(tiny, tmp_path / executor, *options, env=environment, executor=executor)
    assert_equal(contents(tmp_path / "local"), contents(tmp_path / "ray"))
    for name in ("selection.json", "oracle.json"):
        assert (tmp_path / "local" / name).read_bytes() == (tmp_path / "ray" / name).read_bytes()


def test_ray_gives_the_records_of_local_in_any_order_and_leaves_nothing_behind(tiny, tmp_path, environment):
    with tiny.open("a") as file:  # data sets to which no run is fitted are sent too
        file.write('\n[outliers]\ndigits = ["blobs64", "noise"]\n')
    run(tiny, tmp_path / "local", env=environment, executor="local")

    environment["DEEPCLUSTBENCH_CACHE"] = str(tmp_path / "another cache")
    suite = tmp_path / "reversed.toml"
    text = tiny.read_text().replace('"kmeans", "vae_kmeans", "sdec"', '"sdec", "vae_kmeans", "kmeans"')
    suite.write_text(text.replace('seeds = "0-1"', "seeds = [1, 0]"))
    processes, addresses = set(), set()
    with subprocess.Popen(
        command(suite, tmp_path / "ray", "--max-concurrent", "2"),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            processes |= set(family(process))
            addresses |= listening(processes)
    assert process.returncode == 0
    assert_equal(contents(tmp_path / "local"), contents(tmp_path / "ray"))
    assert addresses
    assert {ip.removeprefix("::ffff:") for ip in addresses} == {"127.0.0.1"}

    # Ray's output is in the log, and not on the terminal.
    assert lines[0].startswith("tiny: 10 runs")
    runs = [line for line in lines[1:] if not line.startswith("  note on ")]  # such short runs are advised
    assert all(line.startswith(f"[{i}/10 ") for i, line in enumerate(runs[:10], 1))
    assert runs[10:12] == ["\n", "digits[200]: ACC, best mean first; Δ and p against KMeans\n"]
    assert "ray.tune" in (tmp_path / "ray" / "ray.log").read_text()
    assert len(processes) > 4
    _, alive = psutil.wait_procs(processes, timeout=90)
    assert not alive


def test_whatever_a_method_does_is_recorded_and_the_others_finish(plugins, tmp_path, environment):
    names = ["Parity", "Raises", "Diverges", "TooFewLabels", "Hangs", "Deaf", "Dies", "DiesOnce"]
    suite = plugin_suite(tmp_path / "s.toml", plugins, *names, "kmeans")
    done = run(suite, tmp_path / "r", "--timeout", "10", "--max-retries", "1", env=environment, code=3)
    found = {name: (r.status, (r.error or "").splitlines()[-1:]) for (name, _), r in records(tmp_path / "r").items()}
    wrong = "ValueError: labels_ has shape (3,) and type int64; it must have one integer for each of the 200 points"
    died = "the worker process died (exit code 9), 2 times"
    assert found == {
        "Parity": ("ok", []),
        "kmeans": ("ok", []),
        "DiesOnce": ("ok", []),
        "Raises": ("failed", ["RuntimeError: this method always fails"]),
        "Diverges": ("diverged", ["the loss of clustering was not finite in epoch 7"]),
        "TooFewLabels": ("failed", [wrong]),
        "Hangs": ("timeout", ["not done after 10 s"]),
        "Deaf": ("timeout", ["not done after 10 s"]),
        "Dies": ("failed", [died]),
    }
    assert "6 runs failed; retry with --retry-failed" in done.stdout
    assert "gave up" not in (tmp_path / "r" / "ray.log").read_text()  # Tune would have ended the others too


@pytest.mark.nightly  # what else runs on the machine may free memory faster than the method takes it
def test_a_run_that_fills_the_memory_is_killed_and_recorded(plugins, tmp_path, environment):
    memory = psutil.virtual_memory()
    allowed = (memory.total - memory.available + 4e9) / memory.total
    environment |= {"RAY_memory_usage_threshold": f"{allowed:.3f}", "RAY_memory_monitor_refresh_ms": "100"}
    suite = plugin_suite(tmp_path / "s.toml", plugins, "EatsMemory", "kmeans")
    run(suite, tmp_path / "r", "--timeout", "60", "--max-retries", "1", env=environment, code=3)
    found = {name: record for (name, _), record in records(tmp_path / "r").items()}
    assert found["kmeans"].status == "ok"
    assert found["EatsMemory"].status == "failed"
    assert "killed for lack of memory" in found["EatsMemory"].error


@pytest.mark.nightly
def test_fractions_of_gpus_are_never_overbooked_and_as_many_are_used_as_asked_for(plugins, tmp_path, environment):
    """Four simulated GPUs, of which each run gets a half; KMeans asks for none."""
    environment |= {"RAY_OVERRIDE_RESOURCES": '{"CPU": 8, "GPU": 4}', "SCRATCH": str(tmp_path)}
    suite = plugin_suite(tmp_path / "s.toml", plugins, "Occupies", "kmeans", seeds=10)
    options = ["--gpus-per-trial", "0.5", "--max-concurrent", "5", "--device", "auto"]
    run(suite, tmp_path / "r", *options, env=environment)
    found = records(tmp_path / "r")
    occupied = [r.placement["gpus"] for (name, _), r in found.items() if name == "Occupies"]
    assert all(r.placement["gpus"] == [] for (name, _), r in found.items() if name == "kmeans")
    spans = [line.split() for line in (tmp_path / "gpus").read_text().splitlines()]
    assert sorted([gpu] for _, _, gpu in spans) == sorted(occupied)
    most = 0
    for moment, _, _ in spans:
        held = [gpu for start, end, gpu in spans if float(start) <= float(moment) < float(end)]
        assert max(held.count(gpu) for gpu in held) <= 2
        most = max(most, len(set(held)))
    assert most == 3  # five halves


@pytest.mark.nightly
def test_a_share_that_fits_no_machine_is_refused_at_once(tiny, tmp_path, environment):
    done = run(tiny, tmp_path / "r", "--cpus-per-trial", "64", env=environment, code=2)
    assert "a run asks for 64 CPUs and 0 GPUs, and no node has them; the nodes have" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_an_address_without_a_cluster_is_refused(tiny, tmp_path, environment):
    done = run(tiny, tmp_path / "r", "--address", "127.0.0.1:1", env=environment, code=2)
    assert "error: --address 127.0.0.1:1: no Ray cluster can be joined there" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_private_ray_does_not_start_where_it_would_listen_to_the_network(plugins, tmp_path, environment):
    (tmp_path / "plugins" / "early.py").write_text(f"import ray\nfrom {plugins} import Parity\n")
    done = run(plugin_suite(tmp_path / "s.toml", "early", "Parity"), tmp_path / "r", env=environment, code=2)
    assert "error: something, perhaps a plugin, imported ray before the run" in done.stderr


TWO_NODES = """
import os, secrets, sys
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": sys.argv[1], "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
os.environ["DEEPCLUSTBENCH_CACHE"] = sys.argv[2]
other = cluster.add_node(num_cpus=1)
print(cluster.address, flush=True)
for line in sys.stdin:
    if line == "lose\\n":
        cluster.remove_node(other, allow_graceful=False)
"""


@pytest.fixture
def two_nodes(plugins, tmp_path, environment):
    """A cluster on loopback whose two nodes share no folder of networks: its process and its address."""
    token = "5" * 64
    environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    script = [sys.executable, "-c", TWO_NODES, token, str(tmp_path / "cache of the other node")]
    with subprocess.Popen(
        script, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        yield process, process.stdout.readline().strip()
        processes = family(process)
        process.stdin.close()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
        for one in processes:
            with contextlib.suppress(psutil.Error):
                one.kill()


@pytest.mark.nightly
def test_a_grid_spreads_over_two_nodes_and_survives_the_loss_of_one(two_nodes, tiny, tmp_path, environment):
    nodes, address = two_nodes
    suite = tmp_path / "many.toml"
    suite.write_text(tiny.read_text().replace('seeds = "0-1"', "seeds = 4").replace("epochs = 2", "epochs = 40"))
    with subprocess.Popen(
        command(suite, tmp_path / "ray", "--address", address),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        lost = False
        for _ in process.stdout:
            placed = {r.placement["node"] for r, _ in contents(tmp_path / "ray").values()}
            if len(placed) == 2 and not lost:
                nodes.stdin.write("lose\n")
                nodes.stdin.flush()
                lost = finished_cells(tmp_path / "ray") < 18
    assert lost, "the node was lost after the run: the test proves nothing"
    assert process.returncode == 0
    environment["DEEPCLUSTBENCH_CACHE"] = str(tmp_path / "third cache")
    run(suite, tmp_path / "local", env=environment, executor="local")
    assert_equal(contents(tmp_path / "local"), contents(tmp_path / "ray"))


@pytest.mark.nightly
def test_a_network_is_trained_once_though_the_nodes_share_no_disk(two_nodes, tiny, tmp_path, environment):
    grid = "dec.learning_rate=1e-4,2e-4,3e-4,4e-4,5e-4,6e-4,7e-4,8e-4"
    options = ["--methods", "dec", "--seeds", "1", "--set", "dec.epochs=1000", "--set", "dec.tol=0", "--set", grid]
    run(tiny, tmp_path / "r", "--address", two_nodes[1], *options, env=environment)
    found = [record for record, _ in contents(tmp_path / "r").values()]
    assert len({record.placement["node"] for record in found}) == 2
    # A network is stored with the time it took to train: trained twice, it would have two.
    assert len({record.timings["pretrain"] for record in found}) == 1


def victims(process, what):
    """Processes of a run: the driver itself, its workers, or its raylet."""
    if what == "driver":
        return [process.pid]
    names = {"worker": ("ray::Worker", "ray::ResourceTrainable"), "raylet": ("raylet",)}[what]
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if (child.cmdline() or [child.name()])[0].startswith(names) or child.name().startswith(names):
                found.append(child.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_after_kills_of_driver_worker_and_raylet_the_records_equal_the_undisturbed_runs(
    tiny, tmp_path, environment, kills
):
    suite = tmp_path / "many.toml"
    seeds = 6 * max(1, kills // 3)
    text = tiny.read_text().replace('seeds = "0-1"', f"seeds = {seeds}")
    suite.write_text(text.replace("epochs = 2", "epochs = 40"))
    run(suite, tmp_path / "calm", env=environment, executor="local")
    planned = finished_cells(tmp_path / "calm")

    environment["DEEPCLUSTBENCH_CACHE"] = str(tmp_path / "another cache")
    chance = random.Random(0)
    folder = tmp_path / "killed"
    hit = []
    for turn in range(kills):
        what = ("driver", "worker", "raylet")[turn % 3]
        process = subprocess.Popen(
            command(suite, folder), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        before = finished_cells(folder)
        while process.poll() is None and finished_cells(folder) < before + 2:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.5))
        targets = victims(process, what) if process.poll() is None else []
        if targets:
            os.kill(chance.choice(targets), signal.SIGKILL)
            hit.append(what)
            if what == "worker":  # the run goes on; let it feel the loss before the next turn ends it
                time.sleep(2)
                process.terminate()
        process.wait(timeout=120)
    assert set(hit) == {"driver", "worker", "raylet"}, "a kill missed the run: the test proves less than it says"

    run(suite, folder, env=environment)
    assert finished_cells(folder) == planned
    assert_equal(contents(tmp_path / "calm"), contents(folder))


def connects(raylet, token, seconds):
    """Whether a client connects to a Ray within some seconds; without the right token it tries for minutes."""
    address = next(word for word in raylet.cmdline() if word.startswith("--gcs-address=")).partition("=")[2]
    code = f"import ray; ray.init({address!r}); print('in', flush=True)"
    theirs = {**raylet.environ(), "RAY_AUTH_TOKEN": token}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=theirs, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as attempt:
        with contextlib.suppress(subprocess.TimeoutExpired):
            attempt.wait(timeout=seconds)
        attempt.kill()
        return b"in" in attempt.stdout.read()


@pytest.mark.nightly
@pytest.mark.parametrize("presses", [1, 2])
def test_no_one_without_the_token_connects_to_a_run_and_ctrl_c_ends_it_so_that_it_can_be_resumed(
    tiny, tmp_path, presses
):
    suite = tmp_path / "many.toml"
    suite.write_text(tiny.read_text().replace('seeds = "0-1"', "seeds = 200").replace("epochs = 2", "epochs = 40"))
    folder = tmp_path / "run"
    process = subprocess.Popen(
        command(suite, folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("[2/"):
            raylet = next(p for p in family(process) if p.name() == "raylet")
            token = raylet.environ()["RAY_AUTH_TOKEN"]
            assert connects(raylet, token, seconds=200)
            assert not connects(raylet, "0" * len(token), seconds=12)
        if line.startswith("[2/") or (presses == 2 and "Ctrl-C again" in line):
            os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of them
    assert process.wait(timeout=60) == 130
    assert lines[-1] == "stopped; finished runs are kept, and the same command continues from here\n"
    assert not any("Traceback" in line for line in lines)
    assert 2 <= finished_cells(folder) < 1000
    assert all(record.status == "ok" for record, _ in contents(folder).values())
    assert "gave up" not in (folder / "ray.log").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--executor", "ray", "--jobs", "2"], "--jobs belongs to --executor local"),
        (["--gpus-per-trial", "0.5"], "--gpus-per-trial belongs to --executor ray"),
    ],
)
def test_options_of_the_other_executor_are_refused(cli, tiny, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    code, _, err = cli("run", tiny, *options)
    assert (code, message in err) == (2, True)
    assert not (tmp_path / "results").exists()
