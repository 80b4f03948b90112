"""The Python face: run a suite, and read the results of runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup, escape

from bench.data.dataset import Dataset
from bench.errors import InputError
from bench.execution.execute import OnThisMachine
from bench.execution.networks import default_memory
from bench.execution.processes import main_module_stays_here, warm_up
from bench.execution.resources import Settings, cores
from bench.execution.session import execute_plan
from bench.method import RUNNER_PARAMETERS, MethodInfo
from bench.plan.plan import load_datasets, make_plan
from bench.plan.registry import give_method
from bench.plan.suite import Suite, load_suite, split_parameter_key
from bench.records.experiment import default_folder
from bench.records.results import CollectedRuns, collect, suite_of
from bench.records.store import Run
from bench.report.board import BoardRuns
from bench.report.build import boards_of, report_of, with_between_runs
from bench.report.document import Report, Table
from bench.report.section import Section, all_sections
from bench.report.write import write_report
from bench.text import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: What the runner sets for each run.
_OF_THE_RUN = frozenset(RUNNER_PARAMETERS) - {"n_clusters"}


def run(
    suite: str = "quick",
    *,
    methods: Sequence[str | MethodInfo | type | Any] | None = None,
    datasets: Sequence[str | Dataset] | None = None,
    seeds: int | str | Sequence[int] | None = None,
    settings: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    device: str = "auto",
    timeout: float | None = None,
    data_root: str | Path | None = None,
    append: bool = False,
    force: bool = False,
    retry_failed: bool = False,
    progress: bool = True,
    **changes: Any,
) -> Results:
    """Run a suite, and return its results. A run that has a record is not made again.

    Parameters
    ----------
    suite : str
        A built-in suite or the file of one.
    methods : sequence, optional
        Names, as on the command line; or clusterers: a class, an instance, whose parameters are then set, or a
        `bench.method.MethodInfo`. A class may come from anywhere, a notebook too.
    datasets : sequence, optional
        Names, files, folders and addresses, as on the command line; or what `bench.load_dataset` returns.
    seeds : int, str or sequence of int, optional
        10 for the seeds 0 to 9, "0-9", or the seeds.
    settings : mapping of str to object, optional
        Values of parameters by METHOD.PARAMETER; a list makes a configuration of each of its values.
    out : path, optional
        Folder of the run. Default: ``results/runs/SUITE``, and how the suite was changed.
    jobs : int, optional
        Processes. Default: one a core.
    device : {"auto", "cpu", "cuda"}
    timeout : float, optional
        Seconds that a run may take.
    data_root : path, optional
        Folder of data sets.
    append : bool
        Accept a folder that holds another experiment; the results are then of this one alone.
    force, retry_failed : bool
        Make all runs again, or those that failed.
    progress : bool
        Print what is run, and show its progress.
    **changes
        Other keys of the suite: ``preset``, ``limit``, ``ablations``, ``search``, ``selection_seeds``, ...

    Returns
    -------
    Results

    Raises
    ------
    InputError
        If the suite, a method, a data set, a parameter or the folder cannot be used.
    KeyboardInterrupt
        If it was stopped; the finished runs are kept.

    Examples
    --------
    >>> results = bench.run(methods=["kmeans", "ae_kmeans"], seeds=2, limit=200, out=folder, progress=False)
    >>> results.leaderboard()[["title", "n_ok"]].to_dict("list")
    {'title': ['AE+KMeans', 'KMeans'], 'n_ok': [2, 2]}
    """
    from rich.console import Console

    parsed = dict(_setting(key, value) for key, value in (settings or {}).items())
    if methods is not None:
        changes["methods"] = [_entry(method, parsed) for method in methods]
    given = {one.name: one for one in datasets or () if isinstance(one, Dataset)}
    if datasets is not None:
        changes["datasets"] = [one.name if isinstance(one, Dataset) else str(one) for one in datasets]
    if seeds is not None:
        changes["seeds"] = list(seeds) if isinstance(seeds, Iterable) and not isinstance(seeds, str) else seeds
    changed = load_suite(suite, parsed, **changes)
    folder = Path(out) if out is not None else default_folder(load_suite(suite), changed)
    with main_module_stays_here():
        warm_up()
        outcome = execute_plan(
            make_plan(changed, _loaded(changed, given, data_root)),
            Run(folder),
            OnThisMachine(jobs=jobs or cores()),
            Settings(device=device, memory=str(default_memory()), timeout=timeout),
            command=f"bench.run({suite!r})",
            console=Console(file=sys.stderr, quiet=not progress),
            append=append,
            force=force,
            retry_failed=retry_failed,
        )
    if not outcome.complete:
        raise KeyboardInterrupt
    return Results(outcome.results)


def load(*folders: str | Path, data_root: str | Path | None = None) -> Results:
    """Return the results of a run, or of several as one.

    Parameters
    ----------
    *folders : path
        Of runs. Runs of several must be decided by one metric, and data of one name must be the same.
    data_root : path, optional
        Folder of data sets, for records whose metrics are older than this version's.

    Raises
    ------
    InputError
        If a folder is not a run's or holds no runs, or the runs do not belong together.

    Examples
    --------
    >>> _ = bench.run(methods=["kmeans"], seeds=2, out=folder, progress=False)
    >>> bench.load(folder).scores["acc"].round(1).tolist()
    [0.8, 0.8]
    """
    if not folders:
        raise InputError("bench.load() takes the folders of runs, such as results/runs/quick")
    runs = [Run(folder) for folder in {Path(folder).resolve(): folder for folder in folders}.values()]
    for one in runs:
        suite_of(one)  # before anything is locked: a folder that is no run stays as it is
    with ExitStack() as locks:
        for one in runs:
            locks.enter_context(one.lock())
        collected = collect(runs, lambda suite: load_datasets(suite, data_root).values())
    if collected.frame.empty:
        raise InputError(f"{', '.join(map(str, folders))}: no runs to report; run the suite first")
    return Results(collected)


class Results:
    """The results of runs: `bench.run` and `bench.load` return them.

    Parameters
    ----------
    collected : CollectedRuns

    Examples
    --------
    >>> small = {"dec.hidden_dims": [(16,)], "dec.pretrain_epochs": 1, "dec.max_iter": 5}
    >>> results = bench.run(
    ...     methods=["kmeans", "dec"], seeds=2, limit=200, settings=small, out=folder / "run", progress=False
    ... )
    >>> results
    Results(4 runs of 2 methods on digits[200], by ACC)
    """

    def __init__(self, collected: CollectedRuns) -> None:
        self._collected = with_between_runs(collected)

    @cached_property
    def _boards(self) -> list[BoardRuns]:
        return boards_of(self._collected)

    @cached_property
    def _report(self) -> Report:
        return report_of(self._collected, self._boards, draw=False)

    @property
    def scores(self) -> pd.DataFrame:
        """One row a run: what was run, how it ended, and every score. A copy.

        Examples
        --------
        >>> results.scores.groupby("method")["acc"].count().to_dict()
        {'dec': 2, 'kmeans': 2}
        """
        return self._collected.frame.drop(columns=["run"])

    def leaderboard(self) -> pd.DataFrame:
        """Return one row a data set and method, the best mean first.

        Among the columns are ``mean``, ``sd``, ``n_scored``, and against the best mean ``difference``, ``ci_low``,
        ``ci_high``, ``p_value``, ``p_adjusted`` (Holm) and ``verdict``; ``board`` says how hyper-parameters were
        chosen.

        Examples
        --------
        >>> results.leaderboard()[["title", "n_scored"]].to_dict("records")[0]
        {'title': 'KMeans', 'n_scored': 2}
        """
        return self._rows("leaderboard")

    def contrasts(self) -> pd.DataFrame:
        """Return the contrasts of each stochastic method on each data set, tested.

        ``question`` says what a row answers: "noise given the prior", "prior without noise" or "total".

        Examples
        --------
        >>> len(results.contrasts())  # KMeans and DEC are deterministic
        0
        """
        return self._rows("contrasts")

    @property
    def params(self) -> pd.DataFrame:
        """One row a configuration, by its name: a column for each hyper-parameter, missing where it has none.

        Examples
        --------
        >>> results.params.filter(like="DEC", axis="index")["hidden_dims"].item()
        [16]
        """
        firsts = self._collected.frame.drop_duplicates("config")
        kept = (self._collected.params.get(config, {}) for config in firsts["config"])
        rows = [{name: v for name, v in values.items() if name not in _OF_THE_RUN} for values in kept]
        return pd.DataFrame(rows, index=pd.Index(firsts["title"], name="configuration"))

    @property
    def verdict(self) -> str:
        """The answer in words, one line a data set.

        Examples
        --------
        >>> results.verdict
        'Unknown. These runs hold no stochastic method together with its deterministic counterpart.'
        """
        content = self._report.headline.section("verdict")
        return "\n".join(s.text for part in content.parts for s in part.sentences) if content else ""

    def plot(self, name: str = "contrasts", *, dataset: str | None = None, method: str | None = None) -> Figure:
        """Draw a figure of the report.

        Parameters
        ----------
        name : str
            What is drawn: "contrasts", "scores", "ranks", "time", ...; a name that is not known lists those that are.
        dataset, method : str, optional
            Of pictures of one run, the method by its title, such as "S-DEC". Default: the first with such a figure.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InputError
            If there is no such figure.

        Examples
        --------
        >>> results.plot("scores").savefig(folder / "scores.pdf")
        """
        known = {plot: section for section in all_sections() for plot in section.plots}
        if name not in known:
            raise InputError(f"no plot is named {shown(name)}; there are {', '.join(known)}")
        board = self._boards[0]
        datasets = [one.dataset for one in board.datasets]
        if dataset is not None and dataset not in datasets:
            raise InputError(f"the results are not of a data set {shown(dataset)}; they are of {', '.join(datasets)}")
        for figure in _figures(known[name], board, dataset):
            if figure is not None and figure.name.partition("-")[0] == name and method in (None, figure.group):
                return figure.drawing
        raise InputError(f"these runs have nothing to draw for {name!r}")

    def report(self, folder: str | Path, *, png: bool = False) -> Path:
        """Write the report's files into a folder, and return the path of its page.

        Parameters
        ----------
        folder : path
        png : bool
            Also write every figure as PNG.

        Raises
        ------
        InputError
            If the folder cannot be written.

        Examples
        --------
        >>> results.report(folder / "report").name
        'report.html'
        """
        target = Run(folder)
        write_report(self._collected, target, png=png)
        return target.folder / "report.html"

    def _rows(self, section: str) -> pd.DataFrame:
        contents = ((board.name, board.section(section)) for board in self._report.boards)
        parts = [part.rows.assign(board=name) for name, content in contents if content for part in content.parts]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def __repr__(self) -> str:
        frame = self._collected.frame
        n, names = frame["method"].nunique(), ", ".join(frame["dataset"].unique())
        return f"Results({len(frame)} runs of {n} method{'s' * (n != 1)} on {names}, by {self._boards[0].metric.title})"

    def _repr_html_(self) -> str:
        """Return verdict and leaderboard, which a notebook shows."""
        content = self._report.headline.section("leaderboard")
        tables = [(part.dataset, table) for part in content.parts for table in part.tables] if content else []
        html = Markup("").join(Markup("<p><b>{}</b></p>").format(line) for line in self.verdict.splitlines())
        return str(html + Markup("").join(_html(dataset, table) for dataset, table in tables))


def _html(dataset: str, table: Table) -> Markup:
    def row(texts: Iterable[str], tag: str) -> Markup:
        cells = (Markup(f"<{tag}>{{}}</{tag}>").format(text) for text in texts)  # noqa: S704 - tag is "th" or "td"
        return Markup("<tr>{}</tr>").format(Markup("").join(cells))

    head = row((column.heading for column in table.columns), "th")
    body = Markup("").join(row((value.text for value in values), "td") for values in table.rows)
    return Markup("<table><caption>{}: {}</caption>{}{}</table>").format(escape(dataset), table.title, head, body)


def _figures(section: Section, board: BoardRuns, dataset: str | None) -> Iterable[Any]:
    for runs in [board] if section.of == "board" else board.datasets:
        if dataset is None or getattr(runs, "dataset", dataset) == dataset:
            rows = section.rows(runs)
            if len(rows):
                yield from section.figures(rows, runs)


def _setting(key: str, value: Any) -> tuple[tuple[str, str], list[Any]]:
    place = split_parameter_key(key)
    if place is None:
        raise InputError(f"settings[{key!r}]: write METHOD.PARAMETER, such as sdec.beta")
    return place, list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _entry(method: Any, settings: dict[tuple[str, str], list[Any]]) -> str:
    """Return how a suite names a method that may be an object, whose parameters are added to the settings."""
    if isinstance(method, str):
        return method
    if isinstance(method, MethodInfo):
        return give_method(method)
    kind = method if isinstance(method, type) else type(method)
    entry = give_method(kind)
    if method is not kind:
        settings |= {(entry, parameter): [value] for parameter, value in _changed(method).items()}
    return entry


def _changed(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator that are not its class's defaults, and that the runner does not set."""
    kind = type(estimator)
    try:
        values, defaults = estimator.get_params(deep=False), kind().get_params(deep=False)
    except (AttributeError, TypeError) as error:
        wrong = f"methods: an object of type {kind.__name__} has no parameters to read ({error})"
        raise InputError(f"{wrong}; give a scikit-learn clusterer, its class, or a name") from error
    changed = (name for name, value in values.items() if repr(value) != repr(defaults.get(name)))
    return {name: values[name] for name in changed if name not in RUNNER_PARAMETERS}


def _loaded(suite: Suite, given: Mapping[str, Dataset], data_root: str | Path | None) -> dict[str, Dataset]:
    """Return the data sets of a suite: those that were given, and the others loaded."""
    if not given:
        return dict(load_datasets(suite, data_root))
    others = [spec for spec in suite.datasets if spec not in given]
    loaded = dict(load_datasets(suite.model_copy(update={"datasets": others}), data_root)) if others else {}
    return {**loaded, **given}
