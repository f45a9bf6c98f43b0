"""The sameness of two minima, for the database: by the key of their energies, then by their shapes."""

from collections.abc import Sequence

import numpy as np

from clusteropt.clusters import sameness
from clusteropt.database.records import Scales
from clusteropt.database.rows import numbers_of
from clusteropt.search.minimum import Minimum


def key_of(minimum: Minimum, scales: Scales) -> int:
    """The number under which the minimum is looked up; `sameness.neighbouring` keys may hold the same one."""
    return sameness.key(minimum.energy, scales.energy)


def alike(
    one: Minimum, other: Minimum, symbols_one: Sequence[str], symbols_other: Sequence[str], length: float
) -> bool:
    """True where the minima are equal but for a rotation, a shift, a mirror image and the order of like atoms."""
    if tuple(symbols_one) == tuple(symbols_other) and np.array_equal(one.positions, other.positions):
        return True  # as in a merge that is repeated
    species = numbers_of(symbols_one), numbers_of(symbols_other)
    return sameness.is_same(one.positions, other.positions, *species, length)
