"""One folder, one experiment: what the commands that write into a folder must have in common.

More seeds, methods or data sets extend an experiment. Another limit, preset or grid is another experiment, whose scores
are not averaged with these.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bench.canonical import canonical
from bench.errors import InputError
from bench.plan.cells import shown_variant
from bench.plan.method_spec import MethodSpec
from bench.plan.outliers import outlier_specs
from bench.plan.suite import READER_OPTIONS, Suite, load_suite, seeds_in_short
from bench.records.record import Record
from bench.records.store import Run, reading_fault
from bench.text import clean_name, counted

if TYPE_CHECKING:
    from bench.data.dataset import Dataset

FILE = "experiment.json"
#: A folder's name beyond this is cut, and told apart by a hash.
_LONGEST_NAME = 100
#: What a folder has once; a command that has another is another experiment.
_SINGLE = ("suite", "primary_metric", "preset", "limit", "clusters", *READER_OPTIONS)


class Experiment(BaseModel):
    """What makes commands one experiment.

    Attributes
    ----------
    suite : str
        Name of the suite.
    primary_metric, preset, limit, clusters, label, header, separator
        As in the suite.
    search : int or None
        As in the suite. A larger number extends a smaller one.
    selection_seeds : list of int or None
        As in the suite.
    settings : dict of str to str
        What ``set`` and ``grid`` say of each entry of ``methods``, as text that equal contents share.
    outliers : dict of str to list of str
        By data set, as the suite names it.
    datasets : dict of str to str
        Fingerprints by name.
    mixed : bool
        Whether the folder holds cells of other experiments too. Reports are then of the last command alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    primary_metric: str
    preset: str
    limit: int | None = None
    clusters: int | None = None
    label: int | str | None = None
    header: str | None = None
    separator: str | None = None
    search: int | None = None
    selection_seeds: list[int] | None = None
    settings: dict[str, str] = {}
    outliers: dict[str, list[str]] = {}
    datasets: dict[str, str] = {}
    mixed: bool = False

    def extended(self, other: Experiment) -> Experiment:
        """Return this experiment with the methods and data sets of a later command of it."""
        return other.model_copy(
            update={
                "search": max((n for n in (self.search, other.search) if n is not None), default=None),
                "settings": {**self.settings, **other.settings},
                "outliers": {**self.outliers, **other.outliers},
                "datasets": {**self.datasets, **other.datasets},
                "mixed": self.mixed or other.mixed,
            }
        )


def experiment_of(suite: Suite, datasets: Mapping[str, Dataset]) -> Experiment:
    """Return the experiment that a command asks for.

    Parameters
    ----------
    suite : Suite
    datasets : mapping of str to Dataset
        As `bench.plan.plan.load_datasets` gives them.
    """
    return _experiment(suite, {datasets[spec].name: datasets[spec].fingerprint for spec in suite.datasets})


def stored_experiment(run: Run) -> Experiment | None:
    """Return the experiment that a folder holds; None for a folder without records.

    Raises
    ------
    InputError
        If the folder's files cannot be read.
    """
    if not run.has_records():
        return None
    path = run.folder / FILE
    if path.is_file():
        try:
            return Experiment.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            mend = "delete it; the folder is then described by suite.toml alone"
            raise InputError(f"{path}: not a valid experiment ({reading_fault(error)}); {mend}") from error
    suite_file = run.folder / "suite.toml"
    if not suite_file.is_file():
        return None
    return _of_older(run, load_suite(str(suite_file)))


def check_same_experiment(run: Run, asked: Experiment, *, append: bool) -> Experiment:
    """Return what a folder holds once a command has written to it.

    Parameters
    ----------
    run : Run
    asked : Experiment
    append : bool
        Let a folder hold several experiments.

    Raises
    ------
    InputError
        If the folder holds another experiment, unless ``append`` is set; both are described.
    """
    held = stored_experiment(run)
    if held is None:
        return asked
    differing = list(_differences(held, asked))
    if not differing:
        return held.extended(asked)
    if append:
        return asked.model_copy(update={"mixed": True})
    there, here = (_listed(side) for side in zip(*differing, strict=True))
    raise InputError(
        f"{run.folder} holds {there}, this command has {here}; take another folder (--out NAME), or --append: "
        "the report then covers this command alone and names what else the folder holds"
    )


def write_experiment(run: Run, experiment: Experiment) -> None:
    """Store which experiment a folder holds."""
    run.update_file(FILE, experiment.model_dump_json(indent=1) + "\n")


def reported_records(run: Run, others: list[Record] | None = None) -> Iterator[Record]:
    """Yield the records that reports are made of: all, or in a folder of several experiments those asked for last.

    Parameters
    ----------
    run : Run
    others : list of Record, optional
        The records that are left out are added here.

    Raises
    ------
    InputError
        If the folder's files cannot be read.
    """
    held = stored_experiment(run)
    wanted = run.planned_keys() if held and held.mixed else set()
    for record in run.records():
        if not wanted or record.key in wanted or record.part == "selection":
            yield record
        elif others is not None:
            others.append(record)


def describe_others(run: Run, others: Iterable[Record]) -> str:
    """Return in one line what a folder holds beside the reported experiment."""
    by_dataset: dict[str, list[Record]] = {}
    for record in others:
        by_dataset.setdefault(clean_name(record.dataset), []).append(record)
    parts = []
    for name, records in sorted(by_dataset.items()):
        variants = ", ".join(sorted({clean_name(shown_variant(record.variant)) for record in records}))
        parts.append(f"{counted(len(records), 'run')} on {name} ({variants})")
    return f"{run.folder} also holds runs of other commands, which are not reported here: {'; '.join(parts)}."


def default_folder(stands: Suite, asked: Suite) -> Path:
    """Return the folder of an experiment that was given none: the suite's name and how it was changed.

    Parameters
    ----------
    stands : Suite
        The suite as it stands.
    asked : Suite
        The suite as the command changes it.
    """
    parts = [asked.name]
    if not set(asked.datasets) & set(stands.datasets):
        parts.append("+".join(_short_name(spec) for spec in asked.datasets))
    if asked.preset != stands.preset:
        parts.append(f"preset-{asked.preset}")
    parts += [
        f"{key}{'' if isinstance(value, int) else '-'}{value}"
        for key in ("limit", "clusters", *READER_OPTIONS)
        if (value := getattr(asked, key)) != getattr(stands, key) and value is not None
    ]
    for table in ("set", "grid"):
        for name, values in getattr(asked, table).items():
            before = getattr(stands, table).get(name, {})
            parts += [f"{name}.{p}={_values(v)}" for p, v in values.items() if p not in before or before[p] != v]
    if asked.search is not None and stands.search is None:
        parts.append("searched")  # without the number: a larger one extends the smaller
    if asked.selection_seeds != stands.selection_seeds:
        chosen = asked.selection_seeds
        parts.append("unselected" if chosen is None else f"selection{seeds_in_short(chosen)}")
    name = re.sub(r"[^A-Za-z0-9._=,+@-]+", "-", "-".join(parts)).rstrip(".-")
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return Path("results/runs") / name


def _experiment(suite: Suite, datasets: dict[str, str]) -> Experiment:
    content: dict[str, Any] = {key: getattr(suite, key) for key in _SINGLE if key != "suite"}
    return Experiment(
        **content,
        suite=suite.name,
        search=suite.search,
        selection_seeds=suite.selection_seeds,
        settings={spec.entry: _settings_of(suite, spec) for spec in suite.specs},
        outliers={spec: sorted(outlier_specs(suite, spec)) for spec in suite.datasets},
        datasets=datasets,
    )


def _settings_of(suite: Suite, spec: MethodSpec) -> str:
    """Return the parameters that a suite sets for an entry, as text.

    The name of a method in a file is known only once the file is run: it gets the settings that no other entry claims.
    """
    names = {spec.entry, spec.method}
    if spec.file:
        claimed = {name for other in suite.specs for name in (other.entry, other.method) if other != spec}
        names |= {*suite.set, *suite.grid} - claimed
    settings: dict[str, Any] = {}
    for table in ({m: {p: [v] for p, v in values.items()} for m, values in suite.set.items()}, suite.grid):
        for name in sorted(names & table.keys(), key=len):
            settings |= table[name]
    return ", ".join(f"{p}={canonical({'v': settings[p]})[6:-2]}" for p in sorted(settings))


def _values(value: Any) -> str:
    """Return values as a command line has them: words without quotes."""
    return canonical({"v": value})[5:-1].replace('"', "").removeprefix("[").removesuffix("]")


def _of_older(run: Run, suite: Suite) -> Experiment:
    """Return the experiment of a folder that was written before experiments were kept."""
    records = [record for record in run.records() if record.part == "whole"]
    planned = {p.dataset: p.fingerprint for p in run.plan()}
    experiment = _experiment(suite, {**{r.dataset: r.fingerprint for r in records}, **planned})
    contents: dict[str, set[tuple[str, str]]] = {}
    clusters: dict[str, set[str]] = {}
    presets: set[str] = set()
    for record in records:
        contents.setdefault(record.dataset.partition("[")[0], set()).add((record.dataset, record.fingerprint))
        if "n_clusters" in record.params:
            clusters.setdefault(record.fingerprint, set()).add(str(record.params["n_clusters"]))
        if record.role == "asked" and record.preset and "@" not in record.variant:
            presets.add(record.preset)
    mixed = any(n > 1 for n in (len(presets), *map(len, contents.values()), *map(len, clusters.values())))
    if mixed and planned:
        experiment = experiment.model_copy(update={"datasets": planned, "mixed": True})
    return experiment


def _differences(held: Experiment, asked: Experiment) -> Iterator[tuple[str, str]]:
    """Yield in words what differs between two experiments: in the first, in the second."""
    for key in _SINGLE:
        there, here = getattr(held, key), getattr(asked, key)
        if there != here:
            word = key.replace("_", " ")
            yield _named(word, there), _named(word, here)
    if (held.search is None) != (asked.search is None):
        yield _named("search", held.search), _named("search", asked.search)
    if held.selection_seeds != asked.selection_seeds:
        there, here = (s and seeds_in_short(s) for s in (held.selection_seeds, asked.selection_seeds))
        yield _named("selection seeds", there), _named("selection seeds", here)
    for entry in held.settings.keys() & asked.settings.keys():
        there, here = held.settings[entry], asked.settings[entry]
        if there != here:
            yield f"{entry} {there or 'as its preset'}", f"{entry} {here or 'as its preset'}"
    for spec in held.outliers.keys() & asked.outliers.keys():
        there, here = held.outliers[spec], asked.outliers[spec]
        if there != here:
            yield (
                f"outliers of {spec} {', '.join(there) or 'none'}",
                f"outliers of {spec} {', '.join(here) or 'none'}",
            )
    for name in held.datasets.keys() & asked.datasets.keys():
        there, here = held.datasets[name], asked.datasets[name]
        if there != here:
            yield f"{name} with content {there[:12]}", f"{name} with content {here[:12]}"


def _named(word: str, value: Any) -> str:
    return f"no {word}" if value is None else f"{word} {value}"


def _listed(parts: Iterable[str]) -> str:
    return " and ".join(parts)


def _short_name(spec: str) -> str:
    """Return the last part of a path, and anything else as it is."""
    return Path(spec).name if Path(spec.partition("@")[0]).exists() or spec.endswith(("/", ".toml")) else spec
