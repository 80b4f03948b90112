"""Time and memory of a report of 100,000 runs, how they grow from 10,000, and the time of the report of `quick`."""

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import bench
from bench.metrics import METRICS_VERSION, all_metrics
from bench.records.experiment import stored_experiment, write_experiment
from bench.records.record import Record
from bench.records.results import collect
from bench.records.store import Run
from bench.report.document import figures_of
from bench.report.write import write_report

DATASETS, SEEDS = 10, 100
N_POINTS = 500

_REPORT = """
import sys, time
from bench.execution.fit import peak_memory, reset_peak_memory
start = time.perf_counter()
from bench.cli.commands import app
try:
    app(["report", sys.argv[1]], standalone_mode=False)
finally:
    print("MEASURED", time.perf_counter() - start, peak_memory())
"""


def _record(dataset, configuration, seed, generator):
    stochastic = configuration % 2 == 1
    quality = 0.6 + 0.002 * configuration + 0.01 * dataset
    score = float(np.clip(generator.normal(quality, 0.02), 0, 1))
    return Record(
        key=f"{dataset:08x}{configuration:08x}{seed:016x}",
        dataset=f"data set {dataset}",
        fingerprint=f"{dataset:064x}",
        method="sdec" if stochastic else "dec",
        version=1,
        preset="quick",
        variant=f"{'sdec' if stochastic else 'dec'} beta={configuration // 2}",
        title=f"{'S-DEC' if stochastic else 'DEC'} beta={configuration // 2}",
        kind="stochastic" if stochastic else "deterministic",
        config=f"{configuration:012x}",
        seeded=True,
        twin=f"{configuration - 1:012x}" if stochastic else None,
        role="asked",
        params={"beta": configuration // 2, "hidden_dims": [500, 500, 2000], "latent_dim": 10, "n_init": 20},
        seed=seed,
        status="ok",
        metrics={metric.name: score for metric in all_metrics()},
        metrics_version=METRICS_VERSION,
        timings={"pretrain": 10.0 + score, "cluster": 5.0, "fit": 15.0 + score, "score": 0.5},
        peak_memory=600.0 + score,
        versions={"python": "3.11", "torch": "2.11"},
        hardware={"device": "cpu", "processor": "a processor", "cores": 2, "threads": 1},
        commit=None,
    )


def _outputs(labels):
    """An .npz of labels and an embedding, as `savez_compressed` would write it but ten times faster."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in {"labels": labels, "embedding": np.zeros((N_POINTS, 2), np.float32)}.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, array)
            archive.writestr(f"{name}.npy", data.getvalue())
    return file.getvalue()


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    """Make the folder of a run with so many runs."""

    def make(n):
        folder = tmp_path_factory.mktemp(f"run{n}")
        for part in ("records", "outputs"):
            (folder / part).mkdir()
        (folder / "suite.toml").write_text(
            'name = "large"\npreset = "quick"\nmethods = ["sdec", "dec"]\n'
            f"datasets = {json.dumps([f'data set {i}' for i in range(DATASETS)])}\nseeds = {SEEDS}\n"
        )
        generator = np.random.default_rng(0)
        classes = generator.integers(0, 10, N_POINTS).astype(np.int32)
        archives = [
            _outputs(np.where(generator.random(N_POINTS) < 0.8, classes, 0).astype(np.int32)) for _ in range(50)
        ]
        for dataset in range(DATASETS):
            for configuration in range(n // (DATASETS * SEEDS)):
                for seed in range(SEEDS):
                    record = _record(dataset, configuration, seed, generator)
                    (folder / "records" / f"{record.key}.json").write_text(record.model_dump_json(indent=1))
                    (folder / "outputs" / f"{record.key}.npz").write_bytes(archives[seed % len(archives)])
        write_experiment(Run(folder), stored_experiment(Run(folder)))
        return folder

    return make


def test_report_of_100000_runs(benchmark, run_of):
    measured = {}

    def report(n, folder):
        done = subprocess.run([sys.executable, "-c", _REPORT, str(folder)], capture_output=True, text=True, check=True)
        line = next(line for line in done.stdout.splitlines() if line.startswith("MEASURED"))
        measured.setdefault(n, []).append([float(word) for word in line.split()[1:]])

    small, large = run_of(10_000), run_of(100_000)
    for _ in range(2):  # A B A B: the machine's moods fall on both
        report(10_000, small)
        report(100_000, large)
    benchmark.pedantic(report, args=(100_000, large), rounds=1)
    (small_s, _), (large_s, megabytes) = (np.median(measured[n], axis=0) for n in (10_000, 100_000))
    benchmark.extra_info |= {"s_10000": round(small_s, 1), "s_100000": round(large_s, 1), "peak_mb": round(megabytes)}
    assert large_s < 60
    assert megabytes < 2000
    assert large_s < 10 * small_s, "no more than linear"


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """The folder of `quick` with all its runs, trained for a moment: the figures of a report are those of the whole."""
    folder = tmp_path_factory.mktemp("quick") / "run"
    short = {f"{method}.pretrain_epochs": 2 for method in ("ae_kmeans", "vae_kmeans", "dec", "sdec", "vade")}
    bench.run("quick", settings={**short, "vade.epochs": 2}, out=folder, progress=False)
    return folder


@pytest.mark.figures
def test_report_of_quick(benchmark, quick):
    collected = collect([Run(quick)], lambda _: [])

    def report():
        (quick / "report.html").unlink(missing_ok=True)
        return write_report(collected, Run(quick))

    written = benchmark.pedantic(report, rounds=3, warmup_rounds=1)
    benchmark.extra_info["figures"] = sum(1 for _ in figures_of(written))


def test_report_of_quick_where_nothing_has_changed(benchmark, quick):
    collected = collect([Run(quick)], lambda _: [])
    write_report(collected, Run(quick))
    benchmark.pedantic(write_report, args=(collected, Run(quick)), rounds=3)
