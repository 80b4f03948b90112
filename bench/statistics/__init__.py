"""Paired comparisons of methods: tests, effect sizes, intervals and corrections, as pure functions over numbers.

Where each number of a report is computed:

- p-value: `bench.statistics.wilcoxon.signed_rank_test`, Wilcoxon's two-sided signed-rank test of the differences
  between two methods on the same seeds or data sets.
- estimated difference and its interval: `bench.statistics.wilcoxon.hodges_lehmann` and `hodges_lehmann_interval`; for
  unpaired seeds, which the gate compares, `shift_estimate` and `shift_interval` of the rank-sum test.
- effect sizes and practical equivalence: `bench.statistics.paired`, which puts all numbers of one pair together.
- adjusted p-value and verdict: `bench.statistics.correction.compare_methods`, Holm's correction over a family of pairs.
- what n pairs can show: `bench.statistics.power`, the power of the signed-rank test.
- possible ranks: `bench.statistics.order`. Interquartile means and mean ranks over data sets:
  `bench.statistics.aggregate`. Components of variance: `bench.statistics.variance`.

Nothing is imported here, so that each module costs only what it needs.
"""
