"""From the command to the first finished run, in a fresh process."""

import subprocess
import sys
import tempfile


def test_command_to_first_run(benchmark):
    def run():
        command = [sys.executable, "-c", "from bench.cli import main; main()", "run", "--methods", "kmeans"]
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [*command, "--out", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for line in process.stdout:
                if line.startswith("[1/"):
                    break
            process.kill()
            process.wait()

    benchmark.pedantic(run, rounds=3, warmup_rounds=1)


def test_import_bench_is_cheap(benchmark):
    benchmark.pedantic(lambda: subprocess.run([sys.executable, "-c", "import bench"], check=True), rounds=5)
