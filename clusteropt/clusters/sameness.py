"""When two clusters are the same: equal but for a rotation, a shift, the order of like atoms and, if wanted, a mirror image.

A search that has found a minimum looks it up in steps, each dearer and surer than the one before: `key` finds candidates by their
energy, `fingerprint` rejects most of those that differ and tells what is plainly the same, and `compared` decides the rest.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist

from clusteropt.clusters.alignment import Centred, Fit, anchors, by_inertia, centred, fitted, misfits, rotations

N_NUMBERS = 32  # of a fingerprint
QUANTUM = 1e-4  # of energies in keys, in energy scales: a thousand times the error of a polished one
_N_DISTANCES = 24  # numbers of a fingerprint that tell of pairs; the others tell of distances from the centroid
_PORTIONS = ((1, 24, 2), (3, 160, 6))  # anchors, rotations of each, and of all how many are worked out
_WORK = 2e8  # squared distances for the rotations of one anchor, at most; so large clusters have fewer
_PLAIN_GAP, _PLAIN_PRINT = 1e-6, 1e-3  # energy scales, lengths; see `is_plainly_same`
_SMALL, _AT_ONCE = 64, 128  # atoms of a cluster, up to which so many clusters have their distances at once
_MIRROR = np.diag([1.0, 1.0, -1.0])


class Tolerance(NamedTuple):
    """Up to where clusters are the same, in nearest-neighbour distances.

    Two minimizations of one minimum to forces of 1e-4 mostly end within 1e-3 of each other. Distinct minima of 13 to 55
    Lennard-Jones atoms were all at least 0.1 apart for the atom that moves most, and 0.05 in the root mean square.
    """

    largest: float = 0.05  # displacement of an atom
    rmsd: float = 0.02  # root mean square displacement

    def scaled(self, largest: float) -> "Tolerance":
        """Both limits changed in proportion, so that an atom may move by `largest`."""
        return Tolerance(largest, self.rmsd * largest / self.largest)


TOLERANCE = Tolerance()


class Comparison(NamedTuple):
    """How much two clusters differ. `b @ rotation.T + translation`, in the order `order`, lies on a."""

    same: bool  # but for a rotation, a shift, the order of like atoms and, where allowed, a mirror image
    rmsd: float  # root mean square displacement of the atoms, in the unit of the positions; an upper bound where not `same`
    largest: float  # displacement of an atom in that alignment, in the unit of the positions
    mirrored: bool  # b was reflected: no rotation alone lays it on a as well
    rotation: np.ndarray  # (3, 3), of determinant -1 where `mirrored`
    translation: np.ndarray  # (3,), in the unit of the positions
    order: np.ndarray  # (n,) atoms of b in the order of a


def fingerprint(positions: np.ndarray, species: np.ndarray, length: float) -> np.ndarray:
    """N_NUMBERS numbers (float64) that rotation, shift, mirror image and order of like atoms leave unchanged.

    positions: (n, 3); species: (n,) whole numbers; `length`: the nearest-neighbour distance, in whose unit the numbers are. They
    are means over equal parts of the sorted pair distances, for every pair of species apart, and then of the distances from
    the centroid, for every species apart. No number changes by more than 2 d where no atom moves by more than d.
    """
    return fingerprints(np.asarray(positions)[None], species, length)[0]


def fingerprints(positions: np.ndarray, species: np.ndarray, length: float) -> np.ndarray:
    """(k, N_NUMBERS), the fingerprints of clusters (k, n, 3) whose atoms have the same species (n,)."""
    x = np.asarray(positions, float)
    kinds, which = np.unique(species, return_inverse=True)
    n, away = x.shape[1], x - x.mean(1, keepdims=True)
    distances = np.array([pdist(one) for one in x]).reshape(len(x), n * (n - 1) // 2) if n > _SMALL else _distances(x)
    upper = _pairs_of(which, len(kinds)) if len(kinds) > 1 else None
    parts = _parts(distances, upper, len(kinds) * (len(kinds) + 1) // 2, _N_DISTANCES)
    radii = np.sqrt((away * away).sum(2))
    outer = _parts(radii, which if upper is not None else None, len(kinds), N_NUMBERS - _N_DISTANCES)
    return np.concatenate([parts, outer], 1) / length


def _distances(x: np.ndarray) -> np.ndarray:
    """As `pdist` gives them, the pair distances of clusters (k, n, 3), all clusters at once."""
    i, j = np.triu_indices(x.shape[1], 1)
    out = np.empty((len(x), len(i)))
    for first in range(0, len(x), _AT_ONCE):
        apart = x[first : first + _AT_ONCE, i] - x[first : first + _AT_ONCE, j]
        out[first : first + _AT_ONCE] = np.sqrt((apart * apart).sum(2))
    return out


def _pairs_of(which: np.ndarray, n_kinds: int) -> np.ndarray:
    """The number of the pair of species for every pair of atoms, in the order of `pdist`."""
    i, j = np.triu_indices(len(which), 1)
    low, high = np.minimum(which[i], which[j]), np.maximum(which[i], which[j])
    return low * n_kinds - low * (low - 1) // 2 + high - low  # type: ignore[no-any-return]


def _parts(values: np.ndarray, classes: np.ndarray | None, n_classes: int, n_numbers: int) -> np.ndarray:
    """`n_numbers` means of sorted values (k, m), shared among their classes (m,); classes beyond that number share one."""
    if classes is None:
        return _means(values, n_numbers)
    n_used = min(n_classes, n_numbers)
    shares = [n_numbers // n_used + (k < n_numbers % n_used) for k in range(n_used)]
    own = [values[:, classes % n_used == k] for k in range(n_used)]
    return np.concatenate([_means(some, share) for some, share in zip(own, shares, strict=True)], 1)


def _means(values: np.ndarray, n_parts: int) -> np.ndarray:
    """The means of the quantile functions (k, m) over equal parts (k, n_parts): a value at a border counts for both in shares."""
    n = values.shape[1]
    if not n:
        return np.zeros((len(values), n_parts))
    sums = np.zeros((len(values), n + 1))
    np.cumsum(np.sort(values, 1), 1, out=sums[:, 1:])
    edges = np.arange(n_parts + 1) * (n / n_parts)
    before = np.minimum(edges.astype(int), n - 1)
    at_edges = sums[:, before] + (edges - before) * (sums[:, before + 1] - sums[:, before])
    return np.diff(at_edges, axis=1) * (n_parts / n)  # type: ignore[no-any-return]


def key(energy: float, scale: float = 1.0) -> int:
    """The number under which an index holds a minimum of this energy; `scale` is the potential's, in the energy's unit.

    Energies that differ by less than QUANTUM have equal or neighbouring keys (`neighbouring`). Raises ValueError for an energy
    that is not finite.
    """
    if not math.isfinite(energy):
        raise ValueError(f"no key for an energy of {energy}")
    return round(energy / scale / QUANTUM)


def neighbouring(key: int) -> tuple[int, int, int]:
    """The keys under which a minimum equal to one with this key may be held."""
    return key - 1, key, key + 1


def may_be_same(one: np.ndarray, other: np.ndarray, tolerance: Tolerance = TOLERANCE) -> bool:
    """False where two fingerprints prove that their clusters differ."""
    return bool(np.abs(one - other).max(initial=0) <= 2 * tolerance.largest)


def is_plainly_same(one: np.ndarray, other: np.ndarray, gap: float) -> bool:
    """True where fingerprints and energies agree so closely that no comparison is needed; `gap` in energy scales.

    Fingerprints of one minimum, polished twice, differed by 1e-4 at most and energies by 1e-7, in six systems of 13 to 75 atoms.
    Those of different minima differed by 9e-3 at least wherever their energies agreed within 1e-6.
    """
    return gap <= _PLAIN_GAP and bool(np.abs(one - other).max(initial=0) <= _PLAIN_PRINT)


def is_same(
    a: np.ndarray,
    b: np.ndarray,
    species_a: np.ndarray,
    species_b: np.ndarray,
    length: float,
    mirror: bool = True,
    tolerance: Tolerance = TOLERANCE,
) -> bool:
    """True where the clusters are the same within `tolerance`; arguments as of `compared`."""
    if not _alike(species_a, species_b):
        return False
    ours, theirs = fingerprint(a, species_a, length), fingerprint(b, species_b, length)
    return may_be_same(ours, theirs, tolerance) and compared(a, b, species_a, species_b, length, mirror, tolerance).same


def compared(
    a: np.ndarray,
    b: np.ndarray,
    species_a: np.ndarray,
    species_b: np.ndarray,
    length: float,
    mirror: bool = True,
    tolerance: Tolerance = TOLERANCE,
) -> Comparison:
    """Lays cluster b on cluster a, with its mirror image too if `mirror`.

    a, b: (n, 3) finite positions and `length` (the nearest-neighbour distance) in one unit; species: (n,). Other numbers of atoms
    or species give an infinite distance and an empty order. A bounded number of rotations is tried, so the distance of
    clusters that differ is an upper bound.
    """
    species_a, species_b = np.asarray(species_a), np.asarray(species_b)
    if not _alike(species_a, species_b):
        return Comparison(False, math.inf, math.inf, False, np.eye(3), np.zeros(3), np.zeros(0, int))
    best: Comparison | None = None
    ours, theirs = centred(a, species_a), centred(b, species_b)
    shifts = np.mean(a, axis=0), np.mean(b, axis=0)
    for portion in _PORTIONS:
        for mirrored in (False, True) if mirror else (False,):
            for fit in _fits(ours, theirs, mirrored, portion):
                found = _comparison(ours, theirs, fit, shifts, tolerance, length)
                if best is None or (found.same, -found.rmsd) > (best.same, -best.rmsd * (1 - 1e-9)):
                    best = found
                if best.same:
                    return best
    assert best is not None
    return best


def _alike(species_a: np.ndarray, species_b: np.ndarray) -> bool:
    return np.shape(species_a) == np.shape(species_b) and np.array_equal(np.sort(species_a), np.sort(species_b))


def _fits(a: Centred, b: Centred, mirrored: bool, portion: tuple[int, int, int]) -> list[Fit]:
    """The fits from the likeliest rotations."""
    if not a.radii.max() > 0:
        return [fitted(a, b, np.eye(3))]
    n_anchors, n_each, n_worked_out = portion
    n_each = min(n_each, max(12, int(_WORK / len(a.radii) ** 2)))
    other = b if not mirrored else b._replace(positions=b.positions @ _MIRROR)
    tried = [rotations(a, other, pair, n_each) for pair in anchors(a, n_anchors)]
    turns = np.concatenate([*tried, by_inertia(a, other)])
    best = np.argsort(misfits(a, other, turns), kind="stable")[:n_worked_out]
    return [fitted(a, b, turn @ _MIRROR if mirrored else turn) for turn in turns[best]]


def _comparison(
    a: Centred, b: Centred, fit: Fit, shifts: tuple[np.ndarray, np.ndarray], tolerance: Tolerance, length: float
) -> Comparison:
    away = a.positions - b.positions[fit.order] @ fit.rotation.T
    largest, rmsd = float(np.sqrt((away * away).sum(1).max())), math.sqrt(fit.squared)
    same = largest <= tolerance.largest * length and rmsd <= tolerance.rmsd * length
    translation = shifts[0] - fit.rotation @ shifts[1]
    return Comparison(same, rmsd, largest, bool(np.linalg.det(fit.rotation) < 0), fit.rotation, translation, fit.order)
