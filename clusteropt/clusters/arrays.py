"""`Clusters`: many clusters side by side, padded to one size, the cluster index last.

Every array ends in `(n_atoms, n_clusters)`, so that one SIMD lane works on one cluster, and a factor per cluster broadcasts
without reshaping. The result of a cluster does not depend on the other clusters in its batch: the number of lanes follows from
its own number of atoms. The padded size may depend on the other clusters, but does not change a bit of the result.
"""

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jax import Array

# The padded sizes, in numbers of atoms. They include the magic sizes 13, 38, 55 and 75. Up to 150 the steps are about two fifths;
# above, they are smaller, because a batch seldom has many large sizes. Every size needs its own programs. Padding costs time in
# proportion to the added atoms, because the pair loop ends with the last atom. A batch with more than four padded sizes takes
# the coarser list up to 150 atoms, which saves two thirds of the programs.
_SIZES = (
    1,
    4,
    8,
    13,
    19,
    27,
    32,
    38,
    55,
    75,
    102,
    150,
    172,
    200,
    236,
    270,
    309,
    360,
    420,
    490,
    561,
    650,
    760,
    880,
    1000,
)
# Each coarser size has the lanes of the sizes that it replaces. 102 must stay: padded to 150, the last bits of Gupta differ.
_COARSER = (38, 75, 102, 150)
_MOST_SIZES = 4
_MANY = 1000  # structures with one number of atoms from which on the exact padded size is worth its programs


class Clusters(NamedTuple):
    """A batch of padded clusters."""

    positions: Array  # (3, n_atoms, n_clusters), length unit of the potential
    species: Array  # (n_atoms, n_clusters) int32, index into the potential's elements
    mask: Array  # (n_atoms, n_clusters) bool, False on padding
    free: Array  # (n_atoms, n_clusters) bool, False on padding and on fixed atoms
    cell: Array | None = None  # (3, 3, n_clusters), rows are lattice vectors; None without periodic boundaries
    initial: Array | None = (
        None  # (2, n_atoms, n_clusters), magnetic moments and charges with which a calculator begins
    )


class Structure(NamedTuple):
    """One cluster on the host, as numpy arrays; lengths in the unit of the potential."""

    positions: np.ndarray  # (n_atoms, 3) float64
    species: np.ndarray  # (n_atoms,) int32
    free: np.ndarray  # (n_atoms,) bool
    cell: np.ndarray | None = None  # (3, 3) float64; periodic in all three directions
    initial: np.ndarray | None = None  # (n_atoms, 2) float64, magnetic moments and charges for a calculator

    def content_hash(self) -> int:
        """A 32-bit number that depends only on the arrays of the structure. It seeds the random keys of its search."""
        parts = [np.ascontiguousarray(a).tobytes() for a in self if a is not None]
        return int.from_bytes(hashlib.sha256(b"|".join(parts)).digest()[:4], "little")


def padded_size(n_atoms: int) -> int:
    """The padded size for a cluster of `n_atoms` atoms: the smallest of the list that holds it."""
    return _smallest(_SIZES, n_atoms)


def padded_sizes(counts: Mapping[int, int], few: bool) -> dict[int, int]:
    """The padded size for each number of atoms in a batch; `counts` is number of atoms -> number of clusters.

    `few` takes the coarser list of sizes up to 150 atoms. Two kinds of numbers of atoms keep the finer size: those with a
    thousand clusters or more, and those that fill an odd size, whose last neighbour is added outside the loop and rounds
    differently.
    """
    fine = {n: padded_size(n) for n in counts}
    if not few or len(set(fine.values())) <= _MOST_SIZES:
        return fine
    rare = {n for n, count in counts.items() if n <= _COARSER[-1] and count < _MANY and not (n % 2 and n == fine[n])}
    return {n: _smallest(_COARSER, n) if n in rare else size for n, size in fine.items()}


def _smallest(sizes: tuple[int, ...], n_atoms: int) -> int:
    return sizes[bisect_left(sizes, n_atoms)] if n_atoms <= sizes[-1] else -(-n_atoms // 500) * 500


def by_size(structures: Sequence[Structure], few: bool = False) -> dict[tuple[int, bool], list[int]]:
    """The indices of structures that can share a batch, by (padded size, periodic). Small structures come first.

    `few` allows the coarser padded sizes, see `padded_sizes`.
    """
    numbers = [len(s.positions) for s in structures]
    sizes = padded_sizes(Counter(numbers), few)
    groups: dict[tuple[int, bool], list[int]] = {}
    for i in sorted(range(len(numbers)), key=numbers.__getitem__):
        groups.setdefault((sizes[numbers[i]], structures[i].cell is not None), []).append(i)
    return groups


def pack(structures: Sequence[Structure], size: int, dtype: np.dtype | type) -> Clusters:
    """The structures as one batch of numpy arrays with padded `size`; structure k is lane k.

    Either all structures have a cell, or none has.
    """
    n_clusters = len(structures)
    positions = np.zeros((3, size, n_clusters), dtype)
    species = np.zeros((size, n_clusters), np.int32)
    counts = np.array([len(s.positions) for s in structures])
    mask = np.arange(size)[:, None] < counts
    free = np.zeros((size, n_clusters), bool)
    columns, atoms = np.nonzero(mask.T)
    positions[:, atoms, columns] = np.concatenate([s.positions for s in structures]).T
    species[atoms, columns] = np.concatenate([s.species for s in structures])
    free[atoms, columns] = np.concatenate([s.free for s in structures])
    cells = [s.cell for s in structures if s.cell is not None]
    cell = np.stack(cells, -1).astype(dtype) if cells else None
    return _batch(positions, species, mask, free, cell, _initial(structures, positions.shape, dtype))


def _initial(structures: Sequence[Structure], shape: tuple[int, ...], dtype: np.dtype | type) -> np.ndarray | None:
    """Moments and charges (2, n_atoms, n_clusters), zero where a structure has none; None where all have none."""
    if all(one.initial is None for one in structures):
        return None
    out = np.zeros((2, *shape[1:]), dtype)
    for k, one in enumerate(structures):
        if one.initial is not None:
            out[:, : len(one.initial), k] = one.initial.T
    return out


def _batch(*arrays: np.ndarray | None) -> Clusters:
    """`Clusters` of numpy arrays. The type annotations name jax arrays, but jitted functions take both kinds."""
    return Clusters(*arrays)  # type: ignore[arg-type]


def random_positions(rng: np.random.Generator, n_atoms: int, radius: float) -> np.ndarray:
    """(n_atoms, 3) points, uniformly distributed in a sphere of `radius` around the origin, in its unit."""
    directions = rng.normal(size=(n_atoms, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * radius * rng.uniform(size=(n_atoms, 1)) ** (1 / 3)
