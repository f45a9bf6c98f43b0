"""Rotations that may lay one cluster on another, and the assignment of their atoms.

Atoms are told apart by the distances to all others. A frame is the centroid and two atoms. Every pair of atoms of the other
cluster with about the same surroundings and the same distance gives a candidate. So a degenerate tensor of inertia does no harm.
The best rotation of assigned atoms: W. Kabsch, Acta Cryst. A32, 922 (1976), doi:10.1107/S0567739476001873.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

_APART = 1e3  # added to the distances of unlike atoms, in sizes of the cluster, so that they are never matched
_N_RANKS = 128  # distances that tell the surroundings of atoms apart; all of them where there are fewer
_FLAT = 0.2  # least sine of the angle of a frame's two atoms, where there are such
_PLANES = 4_000_000  # squared distances that are held at a time


class Centred(NamedTuple):
    """A cluster around its centroid."""

    positions: np.ndarray  # (n, 3)
    species: np.ndarray  # (n,)
    radii: np.ndarray  # (n,) distances from the centroid
    distances: np.ndarray  # (n, n)
    surroundings: (
        np.ndarray
    )  # (n, up to _N_RANKS) of the distances to all, in ascending order, one species after the other


class Fit(NamedTuple):
    """One cluster laid on another: `b[order] @ rotation.T` lies on `a`."""

    squared: float  # mean squared distance of assigned atoms
    rotation: np.ndarray  # (3, 3), a mirror image where the determinant is -1
    order: np.ndarray  # (n,)


def centred(positions: np.ndarray, species: np.ndarray) -> Centred:
    """The cluster around its centroid; positions (n, 3), species (n,)."""
    x = np.asarray(positions, float) - np.mean(positions, axis=0)
    radii, distances = np.sqrt((x * x).sum(1)), cdist(x, x)
    by_species = np.argsort(species, kind="stable")
    kinds = species[by_species]
    apart = 4 * radii.max() * np.cumsum(np.concatenate([[0], kinds[1:] != kinds[:-1]]))
    surroundings = np.sort(distances[:, by_species] + apart, axis=1) - apart
    if len(x) > _N_RANKS:
        surroundings = surroundings[:, np.linspace(0, len(x) - 1, _N_RANKS).astype(int)]
    return Centred(x, species, radii, distances, surroundings)


def anchors(a: Centred, n_wanted: int) -> list[tuple[int, int]]:
    """Pairs of atoms that make frames, the first with the fewest alike. The second is -1 where all lie on a line.

    Both are far from the centroid, and not on one line with it where the cluster has such atoms.
    """
    far = np.flatnonzero(a.radii >= 0.5 * a.radii.max())
    unlike = _unlike(a.surroundings[far], a.surroundings) + np.where(a.species[far][:, None] != a.species, np.inf, 0)
    n_alike = (unlike < 0.05 * a.radii.max()).sum(1)
    firsts = far[np.lexsort((-a.radii[far], n_alike))]
    spread = firsts[np.unique(np.linspace(0, len(firsts) - 1, n_wanted).astype(int))]
    return [(int(p), _second(a, int(p))) for p in spread]


def _second(a: Centred, p: int) -> int:
    """The atom that makes a frame with `p`: with the fewest others at its radius and its distance from p."""
    cross = np.cross(a.positions, a.positions[p])
    sines = np.sqrt((cross * cross).sum(1)) / np.maximum(a.radii * a.radii[p], 1e-300)
    offsets = sines * a.radii
    able = np.flatnonzero((sines >= min(_FLAT, sines.max())) & (offsets > 0.25 * offsets.max()))
    if offsets.max() < 1e-3 * a.radii[p] or not len(able):
        return -1
    near = np.abs(a.radii[able][:, None] - a.radii) + np.abs(a.distances[p][able][:, None] - a.distances[p])
    n_alike = (near < 0.05 * a.radii.max()).sum(1)
    return int(able[np.lexsort((-offsets[able], n_alike))[0]])


def rotations(a: Centred, b: Centred, pair: tuple[int, int], n_most: int) -> np.ndarray:
    """Proper rotations (k, 3, 3), `n_most` at most, that lay pairs of atoms of b on the pair of a, the likeliest first."""
    p, q = pair
    of_p = _unlike_atoms(a, p, b)
    if q < 0:
        best = np.argsort(of_p)[:n_most]
        frames = [_frame(a.positions[p], _across(a.positions[p])) @ _frame(x, _across(x)).T for x in b.positions[best]]
        return np.array(frames)
    unlike = np.maximum(np.maximum(of_p[:, None], _unlike_atoms(a, q, b)), np.abs(b.distances - a.distances[p, q]))
    np.fill_diagonal(unlike, np.inf)
    best = np.argsort(unlike, axis=None)[:n_most]
    best = best[np.isfinite(unlike.flat[best])]
    theirs = _frame(b.positions[best // len(unlike)], b.positions[best % len(unlike)])
    return _frame(a.positions[p], a.positions[q]) @ theirs.swapaxes(-1, -2)


def _unlike_atoms(a: Centred, p: int, b: Centred) -> np.ndarray:
    """How much the surroundings of atom p of a differ from those of each atom of b (n,); infinite for other species."""
    unlike = np.maximum(_unlike(a.surroundings[p : p + 1], b.surroundings)[0], np.abs(b.radii - a.radii[p]))
    return np.where(b.species == a.species[p], unlike, np.inf)


def _unlike(some: np.ndarray, all_: np.ndarray) -> np.ndarray:
    return cdist(some, all_, "chebyshev")


def _frame(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Orthonormal columns (..., 3, 3): along p, towards q, and across both; p, q: (..., 3)."""
    first = _unit(p)
    second = _unit(q - (q * first).sum(-1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], axis=-1)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.sqrt((x * x).sum(-1, keepdims=True)), 1e-300)


def _across(x: np.ndarray) -> np.ndarray:
    return np.eye(3)[np.argmin(np.abs(x))]


def by_inertia(a: Centred, b: Centred) -> np.ndarray:
    """The four proper rotations (4, 3, 3) that lay the principal axes of b on those of a."""
    ours, theirs = (np.linalg.eigh(x.positions.T @ x.positions)[1] for x in (a, b))
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * np.sign(np.linalg.det(ours @ theirs.T))
    return (ours * signs[:, None, :]) @ theirs.T


def misfits(a: Centred, b: Centred, rotations: np.ndarray) -> np.ndarray:
    """For each rotation (k, 3, 3) of b, the sum over the atoms of a of the squared distance to the nearest like atom (k,)."""
    plain = (a.radii**2)[:, None] + (b.radii**2) + _barrier(a, b)
    step = max(1, _PLANES // plain.size)
    parts = [_misfits(plain, a, b, rotations[k : k + step]) for k in range(0, len(rotations), step)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _misfits(plain: np.ndarray, a: Centred, b: Centred, rotations: np.ndarray) -> np.ndarray:
    moved = a.positions @ rotations  # that of a, backwards
    n = len(plain)
    products = (moved.reshape(-1, 3) @ b.positions.T).reshape(-1, n, n)
    return np.maximum(plain - 2 * products, 0).min(2).sum(1)  # type: ignore[no-any-return]


def _barrier(a: Centred, b: Centred) -> np.ndarray:
    return np.where(a.species[:, None] != b.species, _APART * max(a.radii.max(), b.radii.max(), 1e-300) ** 2, 0)


def fitted(a: Centred, b: Centred, rotation: np.ndarray, n_rounds: int = 10) -> Fit:
    """The fit that assigning atoms and turning b, in turn, lead to from a rotation; no mean squared distance rises on the way."""
    barrier, order = _barrier(a, b), np.zeros(0, int)
    for _ in range(n_rounds):
        before, order = order, _assigned(a.positions, b.positions @ rotation.T, barrier)
        if np.array_equal(before, order):
            break
        rotation = _turned(a.positions, b.positions[order], np.linalg.det(rotation) < 0)
    away = a.positions - b.positions[order] @ rotation.T
    return Fit(float((away * away).sum() / len(away)), rotation, order)


def _assigned(a: np.ndarray, b: np.ndarray, barrier: np.ndarray) -> np.ndarray:
    """The atoms of b (n,) in the order of a, with the least sum of squared distances."""
    squared = cdist(a, b, "sqeuclidean") + barrier
    nearest = squared.argmin(1)
    if np.bincount(nearest, minlength=len(a)).max() == 1:  # each atom has its nearest, so no other sum is less
        return nearest
    return linear_sum_assignment(squared)[1]  # type: ignore[no-any-return]


def _turned(a: np.ndarray, b: np.ndarray, mirrored: bool) -> np.ndarray:
    """The rotation (3, 3), a mirror image if wanted, that brings b closest to a; both (n, 3), atom by atom."""
    left, _, right = np.linalg.svd(a.T @ b)
    sign = np.sign(np.linalg.det(left) * np.linalg.det(right)) * (-1 if mirrored else 1)
    return (left * [1, 1, sign]) @ right  # type: ignore[no-any-return]
