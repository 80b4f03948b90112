"""The numbers of one data set that findings are told from, each computed once however many renderers ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from bench.report.ranking import MOST_RANKED
from bench.report.runs_frame import finished, first_cells, labels_of, variants_of
from bench.report.sections.calibration import calibration_rows
from bench.report.sections.contrasts import OUTLIER_PAIRS, SamplingContrast, sampling_contrasts
from bench.report.sections.eligible import collapsed, gated
from bench.report.sections.error_detection import detection_rows, outlier_rows, outlier_sets
from bench.report.sections.health import health_rows
from bench.report.sections.stability import stability_rows
from bench.report.sections.variance import variance_rows

if TYPE_CHECKING:
    from bench.metrics.stability import Agreement


@dataclass(frozen=True, eq=False)
class DatasetFindings:
    """Uncertainty, stability, variance, health and outliers on one data set.

    Above `MOST_RANKED` variants only health and variance are told: the points of a grid make no reading.

    Attributes
    ----------
    dataset : str
    runs : DataFrame
        Its cells, as `bench.report.runs_frame.cells_of` gives them.
    agreements : mapping of str to Agreement
        Of the runs of each variant.
    """

    dataset: str
    runs: pd.DataFrame
    agreements: Mapping[str, Agreement] = field(default_factory=dict)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The cells, those that collapsed without any uncertainty."""
        return gated(self.runs)

    @cached_property
    def told(self) -> pd.DataFrame:
        """The cells of variants that are told one by one: all, or none where they are too many."""
        return self.cells.iloc[:0] if self.crowded else self.cells

    @property
    def crowded(self) -> bool:
        """Whether the variants are too many to be told one by one."""
        return self.n_variants > MOST_RANKED

    @cached_property
    def n_variants(self) -> int:
        """How many there are."""
        return len(first_cells(self.runs))

    @cached_property
    def labels(self) -> dict[str, str]:
        """The title of each variant, in order of appearance."""
        return labels_of(self.runs)

    @cached_property
    def collapsed(self) -> dict[str, tuple[int, int]]:
        """Of each variant, the runs that collapsed totally, and all that ended well."""
        ended = {name: finished(rows) for name, rows in variants_of(self.runs).items()}
        return {name: (int(collapsed(rows).sum()), len(rows)) for name, rows in ended.items()}

    @cached_property
    def contrasts(self) -> list[SamplingContrast]:
        """Whether sampling helps to find mis-clustered points: one family."""
        return sampling_contrasts(self.told)

    @cached_property
    def outlier_contrasts(self) -> list[SamplingContrast]:
        """Whether sampling helps to find outliers: one family."""
        return sampling_contrasts(self.told, OUTLIER_PAIRS, outlier_sets(self.told))

    @cached_property
    def detection(self) -> pd.DataFrame:
        """How well each score finds mis-clustered points."""
        return detection_rows(self.told)

    @cached_property
    def outliers(self) -> pd.DataFrame:
        """How well each score finds outliers."""
        return outlier_rows(self.told)

    @cached_property
    def calibration(self) -> pd.DataFrame:
        """Calibration of every soft assignment."""
        return calibration_rows(self.told)

    @cached_property
    def stability(self) -> pd.DataFrame:
        """Agreement between the runs of each variant."""
        return stability_rows(self.told, self.agreements)

    @cached_property
    def variance(self) -> pd.DataFrame:
        """Where the variance of scores comes from, by method."""
        return variance_rows(self.cells)

    @cached_property
    def health(self) -> pd.DataFrame:
        """Verdicts on the runs of each variant."""
        return health_rows(self.runs)
