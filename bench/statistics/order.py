"""Ranks and groups of methods that follow from comparisons of all pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import networkx

from bench.statistics.correction import MethodComparison


def rank_ranges(names: Sequence[str], comparisons: Iterable[MethodComparison]) -> dict[str, tuple[int, int]]:
    """Return the possible ranks of each method: two methods without a significant difference have no order.

    Parameters
    ----------
    names : sequence of str
    comparisons : iterable of MethodComparison
        All pairs of them, as one family.

    Returns
    -------
    dict of str to (int, int)
        The best rank, 1 + the number shown to be better, and the worst, their number − the number shown to be
        worse.
    """
    better, worse = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    for comparison in comparisons:
        if comparison.outcome in ("better", "worse"):
            a_wins = comparison.outcome == "better"
            winner, loser = (comparison.a, comparison.b) if a_wins else (comparison.b, comparison.a)
            better[loser] += 1
            worse[winner] += 1
    return {name: (1 + better[name], len(names) - worse[name]) for name in names}


def cliques(names: Sequence[str], comparisons: Iterable[MethodComparison]) -> list[tuple[str, ...]]:
    """Return the maximal sets of methods of which no two are shown to differ.

    Parameters
    ----------
    names : sequence of str
        In the order in which they are shown.
    comparisons : iterable of MethodComparison
        All pairs of them, as one family.

    Returns
    -------
    list of tuple of str
        Sets of two or more, each in the order given, sorted by it. Every two methods without a significant difference
        share at least one.

    References
    ----------
    Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006; the sets are those
    of the Holm-adjusted tests, not of one critical distance.
    """
    graph = networkx.Graph()
    graph.add_nodes_from(names)
    graph.add_edges_from((c.a, c.b) for c in comparisons if c.outcome not in ("better", "worse"))
    position = {name: i for i, name in enumerate(names)}
    members = [sorted(position[name] for name in clique) for clique in networkx.find_cliques(graph)]
    return [tuple(names[i] for i in clique) for clique in sorted(members) if len(clique) > 1]
