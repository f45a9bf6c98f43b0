"""Symmetry functions of all structures of a fit, and their changes in a few directions, computed once."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.clusters.arrays import Clusters, Structure, by_size, pack
from clusteropt.errors import UsageError
from clusteropt.potentials.symmetry_functions import (
    Counts,
    Tables,
    counts_of,
    descriptors,
    members,
    sums_over_neighbours,
)

_LANES = 32
_ONE_SIZE = 80  # atoms
_MOST_BYTES = 3 * 2**30  # of all descriptors
_BYTES = 4  # a number


class Described(NamedTuple):
    """Structures as the network sees them; padding atoms have zeros."""

    x: np.ndarray  # (n_structures, n_atoms, n_descriptors) float32
    changes: np.ndarray  # (n_structures, n_directions, n_atoms, n_descriptors) float32, per length along the directions
    species: np.ndarray  # (n_structures, n_atoms) int32
    mask: np.ndarray  # (n_structures, n_atoms) bool


def affordable(structures: Sequence[Structure], counts: Counts, most: int) -> int:
    """How many directions fit into memory, at most `most`. Raises UsageError where not even one of them does."""
    each = len(structures) * max(len(s.positions) for s in structures) * len(members(counts)) * _BYTES
    least = each * (2 if most else 1)
    if least > _MOST_BYTES:
        raise UsageError(
            f"the symmetry functions of all structures would take {least / 2**30:.1f} GB: give fewer structures, or a smaller "
            "--radial and --angular" + ", or leave forces out with --force-weight 0" * bool(most)
        )
    return int(min(most, _MOST_BYTES // each - 1))


def described(tables: Tables, structures: Sequence[Structure], directions: Sequence[np.ndarray]) -> Described:
    """The structures with descriptors of these tables; `directions` (n_directions, n_atoms, 3) for each structure."""
    n, size = len(structures), max(len(s.positions) for s in structures)
    width, n_ways = len(members(counts_of(tables))), len(directions[0])
    out = Described(
        np.zeros((n, size, width), np.float32),
        np.zeros((n, n_ways, size, width), np.float32),
        np.zeros((n, size), np.int32),
        np.zeros((n, size), bool),
    )
    for padded, found in _groups(structures).items():
        for first in range(0, len(found), _LANES):
            chosen = found[first : first + _LANES]
            _fill(out, tables, [structures[k] for k in chosen], [directions[k] for k in chosen], chosen, padded)
    return out


def _groups(structures: Sequence[Structure]) -> dict[int, list[int]]:
    """Indices by padded size. Compiling takes longer than padding costs, so up to some size there is one size only."""
    largest = max(len(s.positions) for s in structures)
    if largest <= _ONE_SIZE:
        order = sorted(range(len(structures)), key=lambda k: len(structures[k].positions))
        return {largest: order}
    return {size: found for (size, _), found in by_size(structures, few=True).items()}


def _fill(
    out: Described,
    tables: Tables,
    structures: list[Structure],
    directions: list[np.ndarray],
    chosen: list[int],
    padded: int,
) -> None:
    lanes = [*structures, *[structures[0]] * (_LANES - len(structures))]
    batch = jax.tree.map(jnp.asarray, pack(lanes, padded, np.float64))
    ways = np.zeros((len(directions[0]), 3, padded, _LANES))
    for k, each in enumerate(directions):
        ways[:, :, : each.shape[1], k] = each.transpose(0, 2, 1)
    x, changes = _values(tables, batch, ways)
    for lane, (k, one) in enumerate(zip(chosen, structures, strict=True)):
        atoms = len(one.positions)
        out.x[k, :atoms], out.species[k, :atoms], out.mask[k, :atoms] = x[:, :atoms, lane].T, one.species, True
        out.changes[k, :, :atoms] = changes[:, :, :atoms, lane].transpose(0, 2, 1)


def _values(tables: Tables, batch: Clusters, ways: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors (n_descriptors, n_atoms, n_clusters), and their changes along each of the `ways`."""
    parts = [_value_and_change(tables, batch, way) for way in ways]
    x = parts[0][0] if parts else _plain(tables, batch)
    changes = [np.asarray(part[1]) for part in parts]
    return np.asarray(x), np.stack(changes) if parts else np.zeros((0, *x.shape))


@jax.jit
def _plain(tables: Tables, batch: Clusters) -> Array:
    return descriptors(counts_of(tables), sums_over_neighbours(tables, batch, 0.0)[1:])


@jax.jit
def _value_and_change(tables: Tables, batch: Clusters, way: Array) -> tuple[Array, Array]:
    return jax.jvp(lambda positions: _plain(tables, batch._replace(positions=positions)), (batch.positions,), (way,))
