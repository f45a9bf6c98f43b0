"""Periodic boxes around a cluster: the width of the vacuum, and the cluster put together across the boundaries."""

import numpy as np


def vacuum(positions: np.ndarray, cell: np.ndarray) -> float:
    """The width of the vacuum: the widest empty layer of each direction of the cell, in the direction where it is narrowest.

    positions: (n_atoms, 3); cell: (3, 3), rows are lattice vectors; all in one unit of length, as is the result. 0 for no atoms,
    a cell without volume, or positions that are not finite.
    """
    if not len(positions) or not abs(np.linalg.det(cell)) > 0 or not np.isfinite(positions).all():
        return 0.0
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    gaps, _ = _gaps(positions, cell)
    return float((gaps * heights).min())


def whole(positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """The positions (n_atoms, 3), with atoms moved by lattice vectors so that the widest empty layers lie outside the cluster.

    The positions of a cluster that is already in one piece stay the same to the last bit.
    """
    if not len(positions) or not abs(np.linalg.det(cell)) > 0 or not np.isfinite(positions).all():
        return positions
    _, beyond = _gaps(positions, cell)
    shifts = beyond - np.floor(positions @ np.linalg.inv(cell))
    shifts -= shifts[0]
    return positions + shifts @ cell if shifts.any() else positions


def _gaps(positions: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The widest gap (3,) of the fractional coordinates along each vector, and True for atoms before it (n_atoms, 3)."""
    fractions = positions @ np.linalg.inv(cell)
    fractions = fractions - np.floor(fractions)
    ordered = np.sort(fractions, axis=0)
    following = np.concatenate([ordered[1:], ordered[:1] + 1])
    widest = np.argmax(following - ordered, axis=0)
    gaps = np.take_along_axis(following - ordered, widest[None], axis=0)[0]
    edges = np.take_along_axis(ordered, widest[None], axis=0)[0]
    return gaps, (fractions <= edges) & (widest < len(positions) - 1)
