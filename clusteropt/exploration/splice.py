"""Cut and splice: the upper part of one cluster on the lower part of another, both turned at random.

D. M. Deaven and K. M. Ho, Phys. Rev. Lett. 75, 288 (1995), doi:10.1103/PhysRevLett.75.288.
"""

import numpy as np
from scipy.spatial.transform import Rotation

N_DRAWS = 7  # random numbers that a splice takes
_LEAST = 0.2  # part of the atoms that comes from either cluster, at least


def spliced(draws: np.ndarray, one: np.ndarray, other: np.ndarray, species: np.ndarray) -> np.ndarray:
    """(3, n_atoms, n): parts of `one` above a plane and of `other` below it, with as many atoms of each species.

    one, other: positions (3, n_atoms, n), whose atoms have the same species (n_atoms,); draws (N_DRAWS, n): random numbers in
    [0, 1).
    """
    upper, lower = _turned(draws[:3], one), _turned(draws[3:6], other)
    n_atoms = len(species)
    part = np.round(n_atoms * (_LEAST + draws[6] * (1 - 2 * _LEAST)))
    taken = _ranks(-upper[2]) < np.clip(part, min(1, n_atoms), max(1, n_atoms - 1))
    out = upper.copy()
    for kind in np.unique(species):
        own = np.flatnonzero(species == kind)
        free = ~taken[own]
        lowest = np.argsort(lower[2, own], axis=0, kind="stable")  # the atoms for free places, in their order
        number = np.maximum(free.cumsum(0) - 1, 0)
        below = np.take_along_axis(lower[:, own], np.take_along_axis(lowest, number, 0)[None], 1)
        out[:, own] = np.where(free, below, upper[:, own])
    return out


def _ranks(values: np.ndarray) -> np.ndarray:
    """(n_atoms, n), the place of each value in its column, in ascending order."""
    return np.argsort(np.argsort(values, axis=0, kind="stable"), axis=0, kind="stable")


def _turned(draws: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The positions around their centres, turned by rotations that are uniform where draws (3, n) are uniform in [0, 1).

    K. Shoemake, Graphics Gems III, 124 (1992).
    """
    a, b = np.sqrt(1 - draws[0]), np.sqrt(draws[0])
    v, w = 2 * np.pi * draws[1], 2 * np.pi * draws[2]
    turns = Rotation.from_quat(np.stack([a * np.sin(v), a * np.cos(v), b * np.sin(w), b * np.cos(w)], -1)).as_matrix()
    return np.einsum("nab,bin->ain", turns, positions - positions.mean(1, keepdims=True))
