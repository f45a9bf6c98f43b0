"""Whether two minima are the same, for the database."""

from collections.abc import Sequence

import numpy as np

from clusteropt.database.records import Scales
from clusteropt.database.rows import numbers_of
from clusteropt.search.minimum import Minimum

_QUANTUM = 1e-4


def key_of(minimum: Minimum, scales: Scales) -> int:
    """The number under which the minimum is looked up."""
    return round(minimum.energy / scales.energy / _QUANTUM)


def keys_near(key: int) -> tuple[int, ...]:
    """The numbers under which a minimum that is the same may be held."""
    return key - 1, key, key + 1


def alike(
    one: Minimum, other: Minimum, symbols_one: Sequence[str], symbols_other: Sequence[str], length: float
) -> bool:
    """True where the minima are equal but for a rotation, a shift, a mirror image and the order of like atoms."""
    if sorted(symbols_one) != sorted(symbols_other):
        return False
    ours, theirs = (_distances(m.positions, numbers_of(s)) for m, s in ((one, symbols_one), (other, symbols_other)))
    return bool(np.abs(ours - theirs).max(initial=0) < 0.05 * length)


def _distances(positions: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    d = np.linalg.norm(positions[:, None] - positions, axis=2)
    kinds = sorted(set(numbers.tolist()))
    parts = [np.sort(d[np.ix_(numbers == a, numbers == b)].ravel()) for a in kinds for b in kinds if a <= b]
    return np.concatenate(parts)
