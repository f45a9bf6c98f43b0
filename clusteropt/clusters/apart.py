"""Structures whose units are pushed apart before the first evaluation: few calculators bear two atoms at one place."""

from typing import Any

import numpy as np

_ROUNDS = 200  # at most; some ten are enough


def pushed_apart(batch: Any, distance: float) -> np.ndarray:
    """Positions (3, n_units, n_instances) with no two units much closer than `distance`, unless both are held.

    Units that are too close move apart along the line between them, until none is or nothing helps. Nothing moves where the
    distance is zero. An instance does not depend on the others.
    """
    positions = np.array(batch.positions, np.float64)
    if distance > 0 and positions.shape[0] > 1:
        mask, free = np.asarray(batch.mask), np.asarray(batch.free)
        for k in np.flatnonzero(mask.any(0)):
            n = int(np.flatnonzero(mask[:, k]).max()) + 1
            positions[:, :n, k] = _apart(positions[:, :n, k].T, free[:n, k], distance).T
    return positions


def _apart(places: np.ndarray, free: np.ndarray, distance: float) -> np.ndarray:
    """Places (n_units, 3), all of them units."""
    i, j = np.triu_indices(len(places), 1)
    places = np.array(places)
    for _ in range(_ROUNDS):
        apart = places[i] - places[j]
        gap = np.linalg.norm(apart, axis=1)
        close = np.flatnonzero((gap < 0.99 * distance) & (free[i] | free[j]))
        if not close.size:
            break
        # two units at one place go apart along an axis of their own
        way = np.where(gap[close, None] > 1e-9, apart[close], np.eye(3)[close % 3])
        way *= (0.5 * (distance - gap[close]) / np.maximum(np.linalg.norm(way, axis=1), 1e-12))[:, None]
        push = np.zeros_like(places)
        np.add.at(push, i[close], way)
        np.add.at(push, j[close], -way)
        places += np.where(free[:, None], push, 0)
    return places
