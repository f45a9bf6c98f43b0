"""The moves, styles and kinds of start that a search has, by its composition and its optimizer."""

import numpy as np

from clusteropt.exploration.composition import Kit
from clusteropt.exploration.kinds import EXCHANGE, LEARNED, MOVES, REBUILD, SPLICE, STARTS, STYLES, SURFACE, Start


def moves(kit: Kit) -> np.ndarray:
    """(n_moves,) bool, True for the kinds of move that make another cluster of this one."""
    usable, n_atoms = np.ones(len(MOVES), bool), kit.composition.n_atoms
    usable[LEARNED] = kit.plan.hop_steps > 0
    usable[[SURFACE, SPLICE]] = n_atoms > 3
    usable[REBUILD] = n_atoms > 4
    usable[EXCHANGE] = kit.composition.n_species > 1
    return usable


def parts(kit: Kit) -> np.ndarray:
    """(n_styles, n_moves) the part of each kind of move in each style, without moves that the search does not have."""
    return np.array([style.moves for style in STYLES]) * moves(kit)


def styles(kit: Kit) -> np.ndarray:
    """The indices of the styles that have hops left, among them those for which the style is there."""
    usable = moves(kit)
    meant = np.array([style.meant is None or usable[style.meant] for style in STYLES])
    return np.flatnonzero(meant & (parts(kit).max(1) > 0))


def starts(kit: Kit, n_minima: int) -> np.ndarray:
    """The indices of the kinds of start that can be chosen, where so many chains have come to a minimum."""
    return np.flatnonzero([_can_start(start, kit, n_minima) for start in STARTS])


def _can_start(start: Start, kit: Kit, n_minima: int) -> bool:
    if start.given or (start.learned and kit.optimizer is None):
        return False
    return start.alone or bool(n_minima > 1 and moves(kit)[SPLICE])
