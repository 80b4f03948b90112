"""The numbers of each board and its findings, one board for each way to choose hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from bench.metrics import Metric, find_ranking_metric
from bench.report.overall import OverallTables
from bench.report.ranking import MOST_RANKED
from bench.report.runs_frame import (
    REQUIRED_COLUMNS,
    check_columns,
    collapsed_mask,
    finished_runs,
    mask_uncertainty,
    one_run_per_variant,
    runs_by_variant,
    runs_on_dataset,
    variant_titles,
)
from bench.report.sections.calibration import calibration_rows
from bench.report.sections.contrasts import OUTLIER_PAIRS, SamplingContrast, sampling_contrasts
from bench.report.sections.error_detection import detection_rows, outlier_rows, outlier_sets
from bench.report.sections.health import health_rows
from bench.report.sections.stability import stability_rows
from bench.report.sections.variance import variance_rows
from bench.report.tables import DatasetTables
from bench.selection.choices import AnyChoice

if TYPE_CHECKING:
    from bench.metrics.stability import Agreement

HEADLINE = "fixed"
_TITLES = {
    "fixed": "Fixed presets",
    "label-free": "Chosen without labels",
    "oracle": "Chosen with the labels",
}
_TWINS = (
    "A twin has the values chosen for its partner: that isolates the noise, and compares no two tuned methods. Methods "
    "had unequal numbers of candidates."
)
_NOTES = {
    "fixed": "Hyper-parameters were fixed before any run.",
    "label-free": "Hyper-parameters were chosen on other seeds, before any label was read: degenerate runs out, then "
    f"prediction strength and agreement on held-out points. {_TWINS}",
    "oracle": "Hyper-parameters were chosen on other seeds by the labels, which no user has: read it as what the "
    "methods might reach, not as what they do. It may still lie below the other boards, since the choice was made on "
    f"few held-out points by fits of a part of the data. {_TWINS}",
}


@dataclass(frozen=True, eq=False)
class DatasetFindings:
    """Uncertainty, stability, variance, health and outliers on one data set.

    Above `MOST_RANKED` variants, as in a grid, only health and variance are reported.

    Attributes
    ----------
    dataset : str
    runs : DataFrame
        Its runs, as `bench.report.runs_frame.runs_on_dataset` gives them.
    agreements : mapping of str to Agreement
        Of the runs of each variant.
    """

    dataset: str
    runs: pd.DataFrame
    agreements: Mapping[str, Agreement] = field(default_factory=dict)

    @cached_property
    def masked_runs(self) -> pd.DataFrame:
        """The runs, without the uncertainty of those that collapsed or failed."""
        return mask_uncertainty(self.runs)

    @cached_property
    def reported_runs(self) -> pd.DataFrame:
        """The runs of variants that are reported one by one: all, or none where they are too many."""
        return self.masked_runs.iloc[:0] if self.crowded else self.masked_runs

    @property
    def crowded(self) -> bool:
        """Whether the variants are too many to be reported one by one."""
        return self.n_variants > MOST_RANKED

    @cached_property
    def n_variants(self) -> int:
        """How many there are."""
        return len(one_run_per_variant(self.runs))

    @cached_property
    def labels(self) -> dict[str, str]:
        """The title of each variant, in order of appearance."""
        return variant_titles(self.runs)

    @cached_property
    def collapsed(self) -> dict[str, tuple[int, int]]:
        """Of each variant, the runs that collapsed totally, and all that ended well."""
        ended = {name: finished_runs(rows) for name, rows in runs_by_variant(self.runs).items()}
        return {name: (int(collapsed_mask(rows).sum()), len(rows)) for name, rows in ended.items()}

    @cached_property
    def contrasts(self) -> list[SamplingContrast]:
        """Whether sampling helps to find mis-clustered points: one family."""
        return sampling_contrasts(self.reported_runs)

    @cached_property
    def outlier_contrasts(self) -> list[SamplingContrast]:
        """Whether sampling helps to find outliers: one family."""
        return sampling_contrasts(self.reported_runs, OUTLIER_PAIRS, outlier_sets(self.reported_runs))

    @cached_property
    def detection(self) -> pd.DataFrame:
        """How well each score finds mis-clustered points."""
        return detection_rows(self.reported_runs)

    @cached_property
    def outliers(self) -> pd.DataFrame:
        """How well each score finds outliers."""
        return outlier_rows(self.reported_runs)

    @cached_property
    def calibration(self) -> pd.DataFrame:
        """Calibration of every soft assignment."""
        return calibration_rows(self.reported_runs)

    @cached_property
    def stability(self) -> pd.DataFrame:
        """Agreement between the runs of each variant."""
        return stability_rows(self.reported_runs, self.agreements)

    @cached_property
    def variance(self) -> pd.DataFrame:
        """Where the variance of scores comes from, by method."""
        return variance_rows(self.masked_runs)

    @cached_property
    def health(self) -> pd.DataFrame:
        """Verdicts on the runs of each variant."""
        return health_rows(self.runs)


@dataclass(frozen=True, eq=False)
class BoardFrame:
    """The runs of one board, and the numbers made of them.

    Attributes
    ----------
    name : {"fixed", "label-free", "oracle"}
    frame : DataFrame
        One row a run, as `bench.report.runs_frame` describes.
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
        return _TITLES[self.name]

    @property
    def note(self) -> str:
        """How the hyper-parameters were chosen."""
        return _NOTES[self.name]

    @cached_property
    def datasets(self) -> list[DatasetTables]:
        """The numbers of each data set, in order of appearance."""
        return [
            DatasetTables(str(name), runs_on_dataset(self.frame, name), self.metric, self.about.get(name, ()))
            for name in self.frame["dataset"].unique()
        ]

    @cached_property
    def findings(self) -> list[DatasetFindings]:
        """By data set: uncertainty, stability, variance, health and outliers."""
        agreements: dict[str, dict[str, Agreement]] = {}
        for (dataset, variant), agreement in self.agreements.items():
            agreements.setdefault(dataset, {})[variant] = agreement
        return [DatasetFindings(t.dataset, t.runs, agreements.get(t.dataset, {})) for t in self.datasets]

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
        The runs of each board, one row a run, as `bench.report.runs_frame` describes.
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
    for name in _TITLES:
        frame, made = frames.get(name, pd.DataFrame()), (choices or {}).get(name, ())
        if frame.empty and made:
            boards.append(BoardFrame(name, pd.DataFrame(columns=[*REQUIRED_COLUMNS]), metric, made))
        if frame.empty:
            continue
        check_columns(frame)
        boards.append(BoardFrame(name, frame, metric, made, agreements or {}, about or {}))
    return boards
