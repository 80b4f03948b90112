"""Train the stored run again: ``python -m tests.golden.renew``."""

import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.golden.conftest import RUN, STORED, SUITE

#: What a run's folder needs for its command to find nothing left to train.
KEPT = ("experiment.json", "records/*.json", "outputs/*.npz")


def renew() -> None:
    """Write ``run.zip`` from a run that is made here."""
    with tempfile.TemporaryDirectory() as folder:
        for file in SUITE.iterdir():
            if file.is_file():
                (Path(folder) / file.name).write_bytes(file.read_bytes())
        main = [sys.executable, "-c", "from bench.cli import main; main()"]
        ended = subprocess.run([*main, *RUN], cwd=folder, check=False)
        if ended.returncode != 3:  # two runs in five of moody.py fail
            sys.exit(f"the run ended with {ended.returncode}")
        run = Path(folder) / "run"
        with zipfile.ZipFile(STORED, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as stored:
            for path in sorted(path for pattern in KEPT for path in run.glob(pattern)):
                info = zipfile.ZipInfo(path.relative_to(run).as_posix(), (1980, 1, 1, 0, 0, 0))
                stored.writestr(info, without_folders(path), zipfile.ZIP_DEFLATED, 9)


def without_folders(path: Path) -> bytes:
    """Return a file of the run; tracebacks in records name files without the folders of this machine."""
    content = path.read_bytes()
    return re.sub(rb'File \\"/[^"]*/', rb'File \\"', content) if path.suffix == ".json" else content


if __name__ == "__main__":
    renew()
