"""`Clusters`: many clusters side by side, padded to one size, the cluster index last.

Every array ends in `(n_atoms, n_clusters)`, so that one SIMD lane works on one cluster and a per-cluster factor broadcasts
without reshaping. Nothing here depends on which clusters share a batch: a cluster's padded size follows from its own
number of atoms, and the number of lanes from the padded size.
"""

import hashlib
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

# Padded sizes: every size to 8, then steps of about a sixth, through the magic sizes 13, 38, 55, 75, 147, 309, 561.
_SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 10, 13, 16, 19, 23, 27, 32, 38, 45, 55, 64, 75, 88, 102, 122, 147, 172, 200, 236, 270, 309)
_SIZES += (360, 420, 490, 561, 650, 760, 880, 1000)
_LANE_ATOMS = 2560  # lanes times atoms of one batch: its L-BFGS history stays in a core's second-level cache
_MAX_LANES = 128


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
    for size in _SIZES:
        if n_atoms <= size:
            return size
    return int(np.ceil(n_atoms / 500)) * 500


def n_lanes(size: int) -> int:
    """How many clusters of padded `size` one program works on."""
    lanes = _MAX_LANES
    while lanes > 1 and lanes * size > _LANE_ATOMS:
        lanes //= 2
    return lanes


def pack(structures: list[Structure], size: int, lanes: int, dtype: np.dtype | type) -> Clusters:
    """The structures as one batch of `lanes` clusters of `size` atoms; lanes left over are empty clusters.

    Either all structures have a cell or none has.
    """
    positions = np.zeros((3, size, lanes), dtype)
    species = np.zeros((size, lanes), np.int32)
    mask = np.zeros((size, lanes), bool)
    free = np.zeros((size, lanes), bool)
    periodic = bool(structures) and structures[0].cell is not None
    cell = np.repeat(np.eye(3, dtype=dtype)[:, :, None], lanes, 2) if periodic else None
    for lane, structure in enumerate(structures):
        n = len(structure.positions)
        positions[:, :n, lane] = structure.positions.T
        species[:n, lane] = structure.species
        mask[:n, lane] = True
        free[:n, lane] = structure.free
        if cell is not None:
            cell[:, :, lane] = structure.cell
    arrays = [None if a is None else jnp.asarray(a) for a in (positions, species, mask, free, cell)]
    return Clusters(*arrays)  # type: ignore[arg-type]


def random_positions(rng: np.random.Generator, n_atoms: int, radius: float) -> np.ndarray:
    """(n_atoms, 3) points, uniform in a sphere of `radius`."""
    directions = rng.normal(size=(n_atoms, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * radius * rng.uniform(size=(n_atoms, 1)) ** (1 / 3)
