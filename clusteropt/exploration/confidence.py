"""The estimated chance that a search has missed a low minimum.

I. J. Good, Biometrika 40, 237 (1953), doi:10.1093/biomet/40.3-4.237: of draws from unknown kinds, the part that was drawn once
estimates the chance that the next draw is of a kind that was not drawn yet. The draws are the chains that came, without help from
other chains, to one of the lowest minima.
"""

from collections.abc import Sequence

from clusteropt.search.found import Found

LOWEST = 10  # minima that count
ENOUGH = 0.1  # the chance below which a search may end by its own rule


def missed(found: Sequence[Found]) -> float:
    """The chance that the next chain that ends low ends in a minimum that is not among the lowest of `found`, which are sorted.

    One draw is added on either side, so that few draws are not taken for certainty. It cannot see minima that no kind of start
    leads to.
    """
    counts = [one.n_alone for one in found[:LOWEST]]
    return min(1.0, (sum(count <= 1 for count in counts) + 1) / (sum(counts) + 2)) if counts else 1.0
