"""The commands ``methods``, ``datasets``, ``suites`` and ``info``, which list what is available."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli import completion
from bench.cli.app import app, print_table, say
from bench.cli.options import DataRoot


@app.command(name="methods")
def list_methods() -> None:
    """List the methods."""
    from bench.plan.registry import methods

    print_table(
        ("name", "title", "kind", "presets", "reference"),
        [
            (m.name, m.title, m.kind, ", ".join(p for p in m.presets if "@" not in p), m.reference)
            for m in methods().values()
        ],
    )


@app.command(name="datasets")
def list_datasets(
    download: Annotated[
        str | None,
        typer.Option(help="Download this data set first.", metavar="NAME", autocompletion=completion.dataset),
    ] = None,
    data_root: DataRoot = None,
) -> None:
    """List the data sets, or download one."""
    from bench.data.cards import card_rows, default_data_root, download_dataset

    if download:
        say(f"{download}: downloaded to {download_dataset(download, data_root)}")
    columns = ("name", "title", "n", "shape", "classes", "licence", "present")
    rows = [
        (*(row[c] for c in columns[:3]), "x".join(map(str, row["shape"] or ())), row["classes"], row["licence"],
         "yes" if row["present"] else "no")
        for row in card_rows(data_root)
    ]  # fmt: skip
    print_table(columns, rows)
    say(f"data root: {data_root or default_data_root()}; --download NAME downloads a data set into it")


@app.command(name="suites")
def list_suites() -> None:
    """List the built-in suites."""
    from bench.plan.suite import load_suite, suite_names

    suites = [load_suite(name) for name in suite_names()]
    rows = [
        (s.name, s.title, ", ".join(s.datasets), ", ".join(s.methods), len(s.seeds), s.primary_metric) for s in suites
    ]
    print_table(("name", "title", "data sets", "methods", "seeds", "primary metric"), rows)


@app.command(name="info")
def show_info() -> None:
    """Show versions, hardware and folders."""
    import torch

    from bench.data.cards import default_data_root
    from bench.execution.networks import default_memory
    from bench.execution.provenance import commit, hardware, versions

    rows = [*versions().items(), ("commit", commit()), *hardware("auto").items()]
    rows += [("CUDA devices", torch.cuda.device_count())]
    rows += [("data sets", default_data_root()), ("pretrained networks", default_memory())]
    for name, value in rows:
        say(f"{name}: {value}")
