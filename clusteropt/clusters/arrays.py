"""`Clusters`: many clusters side by side, padded to one size, the cluster index last.

Every array ends in `(n_atoms, n_clusters)`, so that one SIMD lane works on one cluster and a per-cluster factor broadcasts
without reshaping. What a cluster comes to does not depend on which others share its batch: its number of lanes follows from its
own number of atoms, and the padded size, which may depend on the others, does not change a bit.
"""

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jax import Array

from clusteropt.runtime.backend import backend

# Padded sizes: steps of about two fifths through the magic sizes 13, 38, 55, 75, and smaller ones above, where a program is
# seldom wanted for many sizes. Every size costs its programs, and padding in proportion: the pair loop ends with the last atom.
# A batch of more than four of them takes the coarser list up to 150 atoms, which saves two thirds of the programs.
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
# each is one of the above, with the lanes of those it stands for. Not without 102: in 150, Gupta's bits are others
_COARSER = (38, 75, 102, 150)
_MOST_SIZES = 4
_MANY = 1000  # structures of one number of atoms, which are worth programs of their own
# (largest padded size, lanes), one lane above. On a CPU 64 lanes while planes and history stay in a core's own caches; one
# lane, vectors along the atoms, where a lone structure would otherwise pay for many. Between 2 and 16 lanes the loops do not
# vectorize (measured). On a GPU so many that atoms times lanes are some tens of thousands, a thread for each.
_LANES = {"cpu": ((45, 64), (200, 32)), "gpu": ((45, 1024), (200, 256), (1000, 32))}


class Clusters(NamedTuple):
    """A batch of padded clusters."""

    positions: Array  # (3, n_atoms, n_clusters), length unit of the potential
    species: Array  # (n_atoms, n_clusters) int32, index into the potential's elements
    mask: Array  # (n_atoms, n_clusters) bool, False on padding
    free: Array  # (n_atoms, n_clusters) bool, False on padding and on fixed atoms
    cell: Array | None = None  # (3, 3, n_clusters), rows are lattice vectors; None without periodic boundaries


class Structure(NamedTuple):
    """One cluster on the host, in numpy."""

    positions: np.ndarray  # (n_atoms, 3) float64
    species: np.ndarray  # (n_atoms,) int32
    free: np.ndarray  # (n_atoms,) bool
    cell: np.ndarray | None = None  # (3, 3) float64; periodic in all three directions

    def content_hash(self) -> int:
        """A number that depends only on what the structure is: the root of its random keys."""
        parts = [np.ascontiguousarray(a).tobytes() for a in self if a is not None]
        return int.from_bytes(hashlib.sha256(b"|".join(parts)).digest()[:4], "little")


def padded_size(n_atoms: int) -> int:
    """The array size for a cluster of `n_atoms`, from a geometric list."""
    return _smallest(_SIZES, n_atoms)


def padded_sizes(counts: Mapping[int, int], few: bool) -> dict[int, int]:
    """The array sizes for a batch of so many clusters of those numbers of atoms.

    `few`: four up to 150 atoms, but for numbers of atoms of which there are many, and those that fill an odd size: their last
    neighbour is added by a program of its own, whose rounding is another.
    """
    fine = {n: padded_size(n) for n in counts}
    if not few or len(set(fine.values())) <= _MOST_SIZES:
        return fine
    rare = {n for n, count in counts.items() if n <= _COARSER[-1] and count < _MANY and not (n % 2 and n == fine[n])}
    return {n: _smallest(_COARSER, n) if n in rare else size for n, size in fine.items()}


def _smallest(sizes: tuple[int, ...], n_atoms: int) -> int:
    return sizes[bisect_left(sizes, n_atoms)] if n_atoms <= sizes[-1] else -(-n_atoms // 500) * 500


def n_lanes(size: int) -> int:
    """How many clusters of padded `size` one program works on, on each device of the kind that computes."""
    return next((lanes for largest, lanes in _LANES[backend()] if size <= largest), 1)


def by_size(structures: Sequence[Structure], few: bool = False) -> dict[tuple[int, bool], list[int]]:
    """The indices of the structures that may share a batch: same padded size, periodic or not; the small ones first.

    `few`: of few padded sizes, as far as that pays.
    """
    numbers = [len(s.positions) for s in structures]
    sizes = padded_sizes(Counter(numbers), few)
    groups: dict[tuple[int, bool], list[int]] = {}
    for i in sorted(range(len(numbers)), key=numbers.__getitem__):
        groups.setdefault((sizes[numbers[i]], structures[i].cell is not None), []).append(i)
    return groups


def pack(structures: Sequence[Structure], size: int, dtype: np.dtype | type) -> Clusters:
    """The structures as one batch of numpy arrays, a column each, of padded `size`.

    Either all structures have a cell or none has.
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
    return _batch(positions, species, mask, free, cell)


def _batch(*arrays: np.ndarray | None) -> Clusters:
    """Of numpy's arrays: jitted functions take either kind, and the types of `Clusters` are theirs."""
    return Clusters(*arrays)  # type: ignore[arg-type]


def random_positions(rng: np.random.Generator, n_atoms: int, radius: float) -> np.ndarray:
    """(n_atoms, 3) points, uniform in a sphere of `radius`."""
    directions = rng.normal(size=(n_atoms, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * radius * rng.uniform(size=(n_atoms, 1)) ** (1 / 3)
