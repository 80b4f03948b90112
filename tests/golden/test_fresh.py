"""The methods, trained here, give the records that were stored."""

import json

import torch

from tests.golden.compare import records_in
from tests.golden.conftest import HERE

HINT = (
    "Keys, names, types, order and texts are the same on all machines. If numbers alone differ and the code has not "
    "changed, this machine rounds otherwise than the one that stored them: see tests/golden/README.md."
)


def test_every_method_gives_the_records_and_outputs_that_it_gave(fresh, stored_json):
    records = records_in(fresh.folder)
    assert {record["method"] for record in records if record["status"] == "failed"} == {"moody"}
    stored_json(records, "records.json", **_tolerance(fresh.folder), hint=HINT)


def _tolerance(run) -> dict[str, float | str]:
    """Return a small tolerance on the kind of machine that stored the records, a wide one on any other.

    After so few steps the mutual information of a point's draws is the rounding of two equal entropies.
    """
    here, known = HERE / "stored" / "machine.txt", _machine(run)
    if not here.exists() or here.read_text().strip() == known:
        return {"rtol": 1e-6, "atol": 1e-6}
    return {"rtol": 0.05, "atol": 0.05, "free": "mutual_information"}


def test_the_machine_that_stored_the_records_is_known(fresh, request):
    path = HERE / "stored" / "machine.txt"
    if request.config.getoption("force_regen"):
        path.write_text(_machine(fresh.folder) + "\n")
    assert path.exists()


def _machine(run) -> str:
    """Return what decides how numbers are rounded: the processor, its instructions and the versions."""
    record = json.loads(next((run / "records").glob("*.json")).read_text())
    versions = [f"{name} {version}" for name, version in record["versions"].items() if name != "deepclustbench"]
    return ", ".join([record["hardware"]["processor"], torch.backends.cpu.get_cpu_capability(), *versions])
