"""How atoms look: colours as in the window of ASE, radii with which neighbours touch, and what is drawn as a bond."""

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from ase.data.colors import jmol_colors
from scipy.spatial import KDTree

BALL = 0.42  # radius of an atom beside its bonds, in its full radius
STICK = 0.11  # radius of a bond, in the mean full radius
_NO_ELEMENT = (0.8, 0.27, 0.2)  # in place of a glaring red
_BONDED = 1.2  # longest bond, in the sum of the full radii of its atoms
_SAME = 0.01  # distances below this part of it are none
_DIRECTIONAL = frozenset(["H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Ge", "As", "Se", "Br", "Sb", "Te", "I"])


def _numbers(symbols: Sequence[str]) -> np.ndarray:
    """(n,) atomic numbers; 0 for X and for what is no element."""
    return np.array([atomic_numbers.get(symbol, 0) for symbol in symbols], int)


def colours(symbols: Sequence[str]) -> np.ndarray:
    """(n, 3) red, green and blue, from 0 to 1."""
    numbers = _numbers(symbols)
    return np.where(numbers[:, None] > 0, jmol_colors[numbers], _NO_ELEMENT)


def radii(symbols: Sequence[str], positions: np.ndarray) -> np.ndarray:
    """(n,) full radii in the unit of length of the positions: covalent ones, in the scale in which neighbours touch.

    So atoms of reduced units and of noble gases, which do not come as near as bonds, fill the cluster too.
    """
    plain = covalent_radii[_numbers(symbols)]
    if len(plain) == 1:
        return plain  # type: ignore[no-any-return]
    distances, nearest = (np.asarray(found)[:, 1] for found in KDTree(positions).query(positions, 2))
    scale = float(np.median(distances / (plain + plain[nearest])))
    return plain * (scale or 1)  # zero where atoms lie on each other


def bonds(positions: np.ndarray, full: np.ndarray) -> np.ndarray:
    """(n_bonds, 2) indices of atoms that touch, or nearly do, for full radii (n,)."""
    pairs = KDTree(positions).query_pairs(2 * _BONDED * full.max(), output_type="ndarray").reshape(-1, 2)
    apart = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    reach = full[pairs].sum(1)
    near = pairs[(apart < _BONDED * reach) & (apart > _SAME * reach)]
    return near[np.lexsort((near[:, 1], near[:, 0]))]  # type: ignore[no-any-return]


def has_directional_bonds(symbols: Sequence[str]) -> bool:
    """True where balls and sticks show more than spheres: there are atoms of non-metals or metalloids."""
    return not _DIRECTIONAL.isdisjoint(symbols)
