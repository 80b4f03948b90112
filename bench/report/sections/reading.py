"""How to read a report: what its numbers are."""

from __future__ import annotations

import pandas as pd

from bench.report.board import BoardRuns
from bench.report.document import Sentence
from bench.report.section import Section

HOW_TO_READ = (
    (
        "Runs",
        "are ok / failed / collapsed. A collapsed run is an ok run and counts in every number that it has. A "
        "failed run has no score: means leave it out and are marked *, and a significant difference must hold "
        "whether it is left out or counted as lost.",
    ),
    (
        "Δ",
        "is the Hodges-Lehmann estimate of the difference over paired seeds, with its exact 95 % confidence "
        "interval over seeds: what other trainings on these points would give; p is of the two-sided Wilcoxon "
        "signed-rank test. Both are of one comparison alone (unadjusted). p (Holm) is adjusted within its family: "
        "the contrasts of a data set, or all pairs of the methods that were asked for. Significance is decided by "
        "p (Holm) at .05, equivalence by the interval.",
    ),
    (
        "Rank",
        "is what the tests say of an order, and no more: of six methods, 2–6 has one that is significantly "
        "better and none that is significantly worse.",
    ),
    (
        "Counterpart",
        "is the deterministic method that remains of a stochastic one without its noise and its prior: the same "
        "network, seed, start and number of training steps.",
    ),
    (
        "Recall",
        "is the mean over classes of the share of their points in the matched cluster: a small class weighs "
        "as much as a large one. Lost are the classes that are the largest in no cluster of their own. Both "
        "are means over runs.",
    ),
    (
        "Stability",
        "is the mean ARI between the labels of different seeds (of the first thirty; in large grids ten), without "
        "collapsed runs.",
    ),
    (
        "Error detection:",
        "clusters are matched to classes on one half of the points and scored on the other. AUROC is the "
        "chance that a mis-clustered point is ranked above a right one. 1 − max q, the centroid margin and "
        "the reconstruction error need no sampling; H[mean q], mean H[q], MI and the latent variance do; a "
        "density does where the method is stochastic; disagreement takes five runs. The smoothed kernel and the "
        "temperature soften q as much as draws do, by one number for all points and without a draw. MI is the "
        "noise of the encoder under fixed weights, not epistemic uncertainty.",
    ),
    (
        "Calibration",
        "is of q as it is: a Student-t q is under-confident by construction, a Gaussian responsibility "
        "saturates. Scaling by a temperature to the classes would need labels.",
    ),
    (
        "Outliers",
        "are scored against the points that the method was fitted on.",
    ),
    (
        "Fixed before any run",
        "are the pairs of methods and counterparts, the contrasts of scores and the primary metric; all else "
        "describes.",
    ),
)


class Reading(Section):
    """What the numbers are."""

    name = "reading"
    title = "How to read this"
    place = 130
    of = "board"
    csv = ""

    def rows(self, runs: BoardRuns) -> pd.DataFrame:
        return pd.DataFrame(HOW_TO_READ, columns=["term", "meaning"])

    def sentences(self, rows: pd.DataFrame) -> list[Sentence]:
        return [Sentence(row["term"], row["meaning"]) for row in rows.to_dict("records")]


section = Reading()
