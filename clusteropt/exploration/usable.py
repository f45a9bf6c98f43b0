"""The moves, styles and kinds of start that a search has, by its composition and its optimizer."""

import numpy as np

from clusteropt.exploration.composition import Kit
from clusteropt.exploration.kinds import STARTS, Start
from clusteropt.search import styles as table
from clusteropt.search.styles import SPLICE, STYLES


def moves(kit: Kit) -> np.ndarray:
    """(n_moves,) bool, True for the kinds of move that make another cluster of this one."""
    return table.possible(
        np.array(kit.composition.n_atoms),
        np.array(kit.composition.n_species > 1),
        splices=True,
        surrogate=kit.composition.problem.hosted,
    )


def styles(kit: Kit) -> np.ndarray:
    """The indices of the styles that have hops left, among them those for which the style is there."""
    return table.usable(STYLES, moves(kit))


def starts(kit: Kit, n_minima: int) -> np.ndarray:
    """The indices of the kinds of start that can be chosen, where so many chains have come to a minimum."""
    return np.flatnonzero([_can_start(start, kit, n_minima) for start in STARTS])


def _can_start(start: Start, kit: Kit, n_minima: int) -> bool:
    if start.given or (start.learned and kit.optimizer is None):
        return False
    if start.surrogate:
        return kit.composition.problem.hosted
    return start.alone or bool(n_minima > 1 and moves(kit)[SPLICE])
