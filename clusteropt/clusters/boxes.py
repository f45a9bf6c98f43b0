"""Periodic boxes that hold a cluster: how much vacuum there is around it, and its atoms without the box."""

import numpy as np


def vacuum(positions: np.ndarray, cell: np.ndarray) -> float:
    """The width of the emptiest layer between atoms and their images, in the direction where that is narrowest.

    Positions (n_atoms, 3), cell (3, 3) with lattice vectors as rows, in one unit of length, which the result has too.
    """
    if not len(positions) or not abs(np.linalg.det(cell)) > 0 or not np.isfinite(positions).all():
        return 0.0
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    gaps, _ = _gaps(positions, cell)
    return float((gaps * heights).min())


def whole(positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """The positions (n_atoms, 3) with atoms moved by lattice vectors, so that no emptiest layer lies between them.

    A cluster that hangs together in its box is as it was, to the last bit.
    """
    if not len(positions) or not abs(np.linalg.det(cell)) > 0 or not np.isfinite(positions).all():
        return positions
    _, beyond = _gaps(positions, cell)
    shifts = beyond - np.floor(positions @ np.linalg.inv(cell))
    shifts -= shifts[0]
    return positions + shifts @ cell if shifts.any() else positions


def _gaps(positions: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The widest gap of the fractional coordinates along each vector (3,), and whether an atom lies before it (n_atoms, 3)."""
    fractions = positions @ np.linalg.inv(cell)
    fractions = fractions - np.floor(fractions)
    ordered = np.sort(fractions, axis=0)
    following = np.concatenate([ordered[1:], ordered[:1] + 1])
    widest = np.argmax(following - ordered, axis=0)
    gaps = np.take_along_axis(following - ordered, widest[None], axis=0)[0]
    edges = np.take_along_axis(ordered, widest[None], axis=0)[0]
    return gaps, (fractions <= edges) & (widest < len(positions) - 1)
