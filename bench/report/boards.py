"""Boards by how hyper-parameters were chosen. The fixed one is the headline, the oracle never is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from bench.metrics import Metric, find_ranking_metric
from bench.report.overall import OverallTables
from bench.report.runs_frame import REQUIRED_COLUMNS, cells_of, check_columns
from bench.report.sections.measured import DatasetFindings
from bench.report.tables import DatasetTables
from bench.selection.choices import AnyChoice
from bench.text import clean_name

if TYPE_CHECKING:
    from bench.metrics.stability import Agreement

HEADLINE = "fixed"
TITLES = {
    "fixed": "Fixed presets",
    "label-free": "Chosen without labels",
    "oracle": "Chosen with the labels",
}
_TWINS = (
    "A twin has the values chosen for its partner: that isolates the noise, and compares no two tuned methods. Methods "
    "had unequal numbers of candidates."
)
NOTES = {
    "fixed": "Hyper-parameters were fixed before any run.",
    "label-free": "Hyper-parameters were chosen on other seeds, before any label was read: degenerate runs out, then "
    f"prediction strength and agreement on held-out points. {_TWINS}",
    "oracle": "Hyper-parameters were chosen on other seeds by the labels, which no user has: read it as what the "
    "methods might reach, not as what they do. It may still lie below the other boards, since the choice was made on "
    f"few held-out points by fits of a part of the data. {_TWINS}",
}


@dataclass(frozen=True, eq=False)
class BoardFrame:
    """The cells of one board, and the numbers made of them.

    Attributes
    ----------
    name : {"fixed", "label-free", "oracle"}
    frame : DataFrame
        One row a cell, as `bench.report.runs_frame` describes.
    metric : Metric
        The metric declared before the run.
    choices : sequence of Choice
        How the configurations were chosen; none on the fixed board.
    agreements : mapping of (str, str) to Agreement
        Between the runs of each data set and variant.
    about : mapping of str to sequence of str
        Sentences on each data set, as `bench.report.sections.choices` gives them.
    """

    name: str
    frame: pd.DataFrame
    metric: Metric
    choices: Sequence[AnyChoice] = ()
    agreements: Mapping[tuple[str, str], Agreement] = field(default_factory=dict)
    about: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its heading."""
        return TITLES[self.name]

    @property
    def note(self) -> str:
        """How the hyper-parameters were chosen."""
        return NOTES[self.name]

    @cached_property
    def datasets(self) -> list[DatasetTables]:
        """The numbers of each data set, in order of appearance."""
        return [
            DatasetTables(str(name), cells_of(self.frame, name), self.metric, self.about.get(name, ()))
            for name in self.frame["dataset"].unique()
        ]

    @cached_property
    def findings(self) -> list[DatasetFindings]:
        """What else the runs say, by data set: uncertainty, stability, variance, health, outliers."""
        agreements: dict[str, dict[str, Agreement]] = {}
        for (dataset, variant), agreement in self.agreements.items():
            agreements.setdefault(clean_name(dataset), {})[clean_name(variant)] = agreement
        return [DatasetFindings(t.dataset, t.cells, agreements.get(t.dataset, {})) for t in self.datasets]

    @cached_property
    def overall(self) -> OverallTables | None:
        """The numbers over all data sets; None for one."""
        return OverallTables(self.datasets, self.metric) if len(self.datasets) > 1 else None


def boards_of(
    frames: Mapping[str, pd.DataFrame],
    primary_metric: str,
    choices: Mapping[str, Sequence[AnyChoice]] | None = None,
    agreements: Mapping[tuple[str, str], Agreement] | None = None,
    about: Mapping[str, Sequence[str]] | None = None,
) -> list[BoardFrame]:
    """Return the boards that there are, the headline first.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        The cells of each board, one row a cell, as `bench.report.runs_frame` describes.
    primary_metric : str
        The metric declared before the run.
    choices : mapping of str to sequence of Choice, optional
        By board. A board of which nothing could be chosen is there to say so.
    agreements : mapping of (str, str) to Agreement, optional
        Between the runs of each data set and variant.
    about : mapping of str to sequence of str, optional
        Sentences on each data set.

    Raises
    ------
    InputError
        If methods cannot be ranked by the metric, or a frame lacks a column.
    """
    metric = find_ranking_metric(primary_metric)
    boards = []
    for name in TITLES:
        frame, made = frames.get(name, pd.DataFrame()), (choices or {}).get(name, ())
        if frame.empty and made:
            boards.append(BoardFrame(name, pd.DataFrame(columns=[*REQUIRED_COLUMNS]), metric, made))
        if frame.empty:
            continue
        check_columns(frame)
        # Once, here: names come from plugins, and a terminal obeys what is in them.
        safe = {
            column: frame[column].fillna("").astype(str).map(clean_name)
            for column in ("dataset", "variant", "title", "hardware")
        }
        boards.append(BoardFrame(name, frame.assign(**safe), metric, made, agreements or {}, about or {}))
    return boards
