"""Suite files: what to run, on what, with which seeds and hyper-parameters."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from bench.errors import InputError
from bench.metrics import all_metrics
from bench.plan.method_spec import MethodSpec
from bench.plan.search import MOST_CONFIGURATIONS
from bench.text import one_line

_FOLDER = Path(__file__).parents[1] / "suites"

#: Every pair of seeds is compared; more of them would take days, and no test needs a hundredth of it.
MOST_SEEDS = 10_000
#: Keys that say how data named by their path are read; see `bench.data.cards.load_dataset`.
READER_OPTIONS = ("label", "header", "separator")
#: The largest integer of TOML, and of a column of a table.
LARGEST_INTEGER = 2**63 - 1
#: Tables inside tables beyond this depth are no suite; the reader of TOML would go down with them.
_READER_FAULTS = (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, RecursionError)


def parse_seeds(value: Any) -> Any:
    """Return the seeds for 10 (the seeds 0 to 9), "0-9", "0,3,7" or a list.

    Raises
    ------
    ValueError
        If the text is none of these, names no seed, or more than `MOST_SEEDS`.
    """
    if isinstance(value, list | tuple):
        return _not_too_many(value, len(value))
    text = str(value).strip()
    if re.fullmatch(r"[0-9]{1,19}", text):
        n = int(text)
        if n == 0:
            raise ValueError("0 seeds run nothing; write 1 or more, such as 10")
        return list(_not_too_many(range(n), n))
    ranges: list[range] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,19})\s*(?:-\s*([0-9]{1,19})\s*)?", part)
        if not match:
            raise ValueError(f"{_short(text)!r} is not a number of seeds (10), a range (0-9) or a list (0,3,7)")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"the range {part.strip()} is empty; write the smaller seed first: {last}-{first}")
        ranges.append(range(first, last + 1))
    _not_too_many(ranges, sum(r.stop - r.start for r in ranges))
    return [seed for seeds in ranges for seed in seeds]


def _not_too_many(seeds: Any, n: int) -> Any:
    if n > MOST_SEEDS:
        raise ValueError(f"these are {n} seeds; write {MOST_SEEDS:,} at most")
    return seeds


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def seeds_in_short(seeds: Iterable[int]) -> str:
    """Return seeds as they are typed: "0-9", "0-2,7"."""
    distinct = set(seeds)
    starts = sorted(seed for seed in distinct if seed - 1 not in distinct)
    ends = sorted(seed for seed in distinct if seed + 1 not in distinct)
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def split_parameter_key(key: str) -> tuple[str, str] | None:
    """Split METHOD.PARAMETER at its last dot, since the method may be a file or a class; None if a part is missing."""
    method, _, parameter = key.rpartition(".")
    return (method, parameter) if method and parameter else None


def _distinct(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed occurs twice in seeds; name each once")
    return seeds


def _clean_names(names: list[str]) -> list[str]:
    """Return names, each once, without the white space around them."""
    stripped = [name.strip() for name in names]
    if not all(stripped):
        raise ValueError("a name is empty; remove the extra comma, or write the name")
    return list(dict.fromkeys(stripped))


def _storable_value(value: Any) -> Any:
    """Return a parameter's value, whose whole numbers have 64 bits as those of TOML."""
    if isinstance(value, int) and not -LARGEST_INTEGER - 1 <= value <= LARGEST_INTEGER:
        raise ValueError("a whole number has more than 64 bits; write a smaller one")
    for item in value if isinstance(value, list | tuple) else value.values() if isinstance(value, dict) else ():
        _storable_value(item)
    return value


_Seed = Annotated[int, Field(ge=0, le=LARGEST_INTEGER, strict=True)]
_Seeds = Annotated[list[_Seed], BeforeValidator(parse_seeds), Field(min_length=1), AfterValidator(_distinct)]
_SelectionSeeds = Annotated[list[_Seed], BeforeValidator(parse_seeds)]
_Names = Annotated[list[str], Field(min_length=1), AfterValidator(_clean_names)]
_Value = Annotated[Any, AfterValidator(_storable_value)]


class Suite(BaseModel):
    """What to run, and what decides: a suite names its primary metric before it runs.

    Attributes
    ----------
    methods : list of str
        Names, each optionally with a preset of its own: ``sdec@stable``; plugins' files, ``lab/mine.py``; or bare
        classes, ``pkg.mod:Class``.
    preset : str
        Preset of the methods that do not name one.
    datasets : list of str
        Names of cards, with ``@split`` for some splits only, or paths.
    seeds : list of int, int or str
        See :func:`parse_seeds`.
    set : mapping
        Parameters by method (``sdec``) or entry (``sdec@stable``).
    grid : mapping
        Lists of values by method or entry; every combination is run.
    search : int or None
        How many configurations to draw from the search space of every method that declares one, the same for
        every data set and seed; all, if it has fewer. What ``set`` or ``grid`` name is not searched, and every
        combination of the grid is run with every draw. A larger number extends a smaller one.
    selection_seeds : list of int, int or str, or None
        Seeds on which one configuration of each method is chosen among those of ``grid`` and ``search``; the
        choices, and the presets beside them, are then run with ``seeds``. None runs every configuration instead.
    ablations : list of str
        Ablations of stochastic methods to run beside them, of those that they declare: "prior only" (without noise),
        "noise only" (without prior), and others such as "start". Empty for none.
    outliers : mapping of str to list of str
        By data set (a key without ``@split`` is of any split): other data sets, or "noise", whose points methods
        fitted to that one should tell from its own.
    limit, clusters : int or None
        Points to keep of every data set; clusters to ask for instead of the number of classes.
    label, header, separator : int or str, str, str, or None
        How data sets that are named by the path of their data are read; see `bench.data.cards.load_dataset`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str = ""
    description: str = ""
    primary_metric: str = "acc"
    preset: str
    methods: _Names
    datasets: _Names
    seeds: _Seeds
    set: dict[str, dict[str, _Value]] = {}
    grid: dict[str, dict[str, Annotated[list[_Value], Field(min_length=1)]]] = {}
    search: Annotated[int, Field(ge=1, le=MOST_CONFIGURATIONS, strict=True)] | None = None
    selection_seeds: _SelectionSeeds | None = None
    ablations: Annotated[list[str], AfterValidator(_clean_names)] = ["prior only", "noise only"]
    outliers: dict[str, list[str]] = {}
    limit: Annotated[int, Field(ge=2, le=LARGEST_INTEGER, strict=True)] | None = None
    clusters: Annotated[int, Field(ge=1, le=LARGEST_INTEGER, strict=True)] | None = None
    label: int | str | None = None
    header: Literal["first", "none"] | None = None
    separator: str | None = None

    _typed: dict[tuple[str, str], str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> Suite:
        known = [metric.name for metric in all_metrics()]
        if self.primary_metric not in known:
            raise ValueError(f"primary_metric {self.primary_metric!r} is none of {', '.join(known)}")
        for table in ("set", "grid"):
            for name in getattr(self, table):
                if not _concerns(name, self.methods):
                    raise ValueError(f"{table}.{name}: the suite has no such method; it has {self.methods}")
        for name in self.outliers:
            if not _is_of(name, self.datasets):
                raise ValueError(f"outliers.{name}: the suite has no such data set; it has {self.datasets}")
        return self

    @model_validator(mode="after")
    def _choices(self) -> Suite:
        chosen_on = self.selection_seeds
        if chosen_on is None:
            return self
        if len(set(chosen_on)) < max(2, len(chosen_on)):
            raise ValueError(f"selection_seeds {chosen_on}: name two different seeds or more, to compare their runs")
        shared = sorted(set(chosen_on) & set(self.seeds))
        if shared:
            raise ValueError(
                f"selection_seeds and seeds share {shared}: hyper-parameters are chosen on other seeds than reported; "
                'write a range of its own, such as "100-104"'
            )
        return self

    @property
    def specs(self) -> list[MethodSpec]:
        """The entries of ``methods``, taken apart."""
        return [MethodSpec.parse(entry) for entry in self.methods]

    def with_settings(
        self,
        settings: Mapping[tuple[str, str], list[Any]],
        typed: Mapping[tuple[str, str], str] | None = None,
    ) -> Suite:
        """Return the suite with parameters set: one value goes to ``set``, several to ``grid``.

        Parameters
        ----------
        settings : mapping of (str, str) to list
            Values by method and parameter.
        typed : mapping of (str, str) to str, optional
            How the user wrote them, for messages.

        Raises
        ------
        InputError
            If the suite has no such method, or a value is none that a suite may hold.
        """
        typed = {**self._typed, **(typed or {})}
        content = self.model_dump()
        for (method, parameter), values in settings.items():
            where = typed.get((method, parameter), f"set.{method}.{parameter}")
            if not _concerns(method, self.methods):
                raise InputError(f"{where}: the suite has no such method; it has {', '.join(self.methods)}")
            try:
                _storable_value(values)
            except ValueError as error:
                raise InputError(f"{where}: {error}") from None
            several = len(values) > 1
            content["set"].get(method, {}).pop(parameter, None)
            content["grid"].get(method, {}).pop(parameter, None)
            table = content["grid" if several else "set"].setdefault(method, {})
            table[parameter] = values if several else values[0]
        suite = make_suite(content, source=f"suite {self.name}")
        suite._typed.update(typed)
        return suite

    def as_typed(self, names: Iterable[str], parameter: str | None = None) -> str:
        """Return how the user set a parameter of a method that bears some names, such as ``--set sdec.beta=abc``.

        Without a parameter, how the first that is set for these names was set.
        """
        for name in names:
            for table, values in (("grid", self.grid), ("set", self.set)):
                for known in values.get(name, {}):
                    if parameter in (None, known):
                        return self._typed.get((name, known), f"{table}.{name}.{known}")
        return str(parameter)


def _concerns(name: str, entries: Iterable[str]) -> bool:
    """Tell whether a key of ``set`` or ``grid`` may concern one of the entries of ``methods``."""
    return any(MethodSpec.parse(entry).may_be_called(name) for entry in entries)


def _is_of(name: str, entries: list[str]) -> bool:
    """Tell whether a key names one of the suite's data sets, or what stands before its ``@``."""
    return any(name in (entry, entry.partition("@")[0]) for entry in entries)


def suite_names() -> list[str]:
    """Return the names of the built-in suites."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_suite(
    name: str,
    settings: Mapping[tuple[str, str], list[Any]] | None = None,
    *,
    typed: Mapping[Any, str] | None = None,
    **changes: Any,
) -> Suite:
    """Read a built-in suite or a file, with some keys changed, and parameters set as by `Suite.with_settings`.

    Parameters
    ----------
    name : str
    settings : mapping of (str, str) to list, optional
        Values by method and parameter.
    typed : mapping, optional
        How the user wrote a key of ``changes`` or of ``settings``, for messages.
    **changes
        Keys of the suite.

    Raises
    ------
    InputError
        If there is no such suite, or it is not valid; what the user wrote is named, or the file and the key.
    """
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    if not _is_readable(path):
        near = difflib.get_close_matches(name, suite_names(), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"no suite {name!r}; {hint}built-in: {', '.join(suite_names())}; a file ends with .toml")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); correct its permissions or choose another"
        ) from error
    except _READER_FAULTS as error:
        raise InputError(f"{path}: not valid TOML ({one_line(error)})") from error
    # Fewer methods or data sets than the suite's: what it says of the others has no object.
    if "methods" in changes:
        for table in ("set", "grid"):
            if isinstance(content.get(table), dict):
                content[table] = {k: v for k, v in content[table].items() if _concerns(k, changes["methods"])}
    if "datasets" in changes and isinstance(content.get("outliers"), dict):
        content["outliers"] = {k: v for k, v in content["outliers"].items() if _is_of(k, changes["datasets"])}
    source = str(path) if name.endswith(".toml") else f"suite {name}"
    suite = make_suite({**content, **changes}, source, typed).with_settings(settings or {}, typed)
    if "methods" in changes and "selection_seeds" not in changes and not (suite.grid or suite.search):
        suite = suite.model_copy(update={"selection_seeds": None})  # the remaining methods leave nothing to choose
    return suite


def make_suite(content: Mapping[str, Any], source: str, typed: Mapping[Any, str] | None = None) -> Suite:
    """Validate a suite's content; the error names how the user wrote a key, or ``source`` and the key."""
    try:
        return Suite.model_validate(dict(content))
    except ValidationError as error:
        first = error.errors()[0]
        message, key = _reworded(first["msg"]), ".".join(str(part) for part in first["loc"])
        # What is wrong with several keys at once begins with one of them.
        concerned = first["loc"][0] if key else message.partition(" ")[0]
        where = (typed or {}).get(concerned, f"{source}: {key}" if key else source)
        hint = f" (keys: {', '.join(Suite.model_fields)})" if first["type"] == "extra_forbidden" else ""
        raise InputError(f"{where}: {one_line(message, 1000)}{hint}") from error


def _reworded(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Input ")


def _is_readable(path: Path) -> bool:
    """Tell whether the file exists and its folder may be searched."""
    try:
        return path.is_file()
    except (OSError, ValueError) as error:  # a folder without rights, a name with a null character
        name, reason = one_line(path), one_line(error)
        raise InputError(f"{name}: cannot be read ({reason}); correct its permissions or choose another") from error
