"""The pair loop: for every atom, a sum over all its neighbours, for many clusters at once.

All potentials use this one function. On a CPU it loops over the neighbour index j and adds arrays of shape `(n_atoms,
n_clusters)`, called planes. No `(n_atoms, n_atoms)` array exists, and SIMD lanes run over clusters. On a GPU it adds many
planes at a time.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.runtime.backend import backend

# The squared distance of pairs that do not exist, by bytes per number. There every pair term is exactly zero.
FAR_SQUARED = {4: 1e20, 8: 1e120}
_PADDING_SPACING = 1.2345e6
_UNROLL = 2  # neighbours per turn of the loop, for fewer passes over the sums
_MANY = 32  # sums and planes, from which on a turn has one neighbour: more gain nothing there, and take long to compile
_AT_ONCE = (
    2**24
)  # pairs in a block; an array of that many takes 128 MB in double precision if the compiler does not fuse it away


class Pair(NamedTuple):
    """One neighbour j of every atom i. Values at j have one row; values of the pair have a row per atom i.

    Where many neighbours are added at a time, `d`, `r2` and `there` have an additional first axis for the neighbours.
    """

    d: tuple[Array, Array, Array]  # x_i - x_j, each (n_atoms, n_clusters)
    r2: Array  # squared distance (n_atoms, n_clusters); FAR_SQUARED where i and j are not a pair
    here: tuple[Array, ...]  # the given planes at i, each (n_atoms, n_clusters)
    there: tuple[Array, ...]  # the given planes at j, each (1, n_clusters)


Terms = Callable[[Pair], tuple[Array, ...]]


def neighbour_sums(clusters: Clusters, planes: tuple[Array, ...], n_sums: int, terms: Terms) -> tuple[Array, ...]:
    """Sums over neighbours, `sum_j terms(pair_ij)`: `n_sums` arrays of shape (n_atoms, n_clusters).

    `planes` are arrays (n_atoms, n_clusters) whose values the terms need at both atoms. A padding atom is never a neighbour, and
    its own sums are meaningless. The kind of device decides how many neighbours are added at a time.
    """
    return {"cpu": one_by_one, "gpu": in_blocks}[backend()](clusters, planes, n_sums, terms)


def one_by_one(clusters: Clusters, planes: tuple[Array, ...], n_sums: int, terms: Terms) -> tuple[Array, ...]:
    """`neighbour_sums` for a CPU: one neighbour after the other, in the order of the atoms."""
    size = clusters.mask.shape[0]
    columns, unroll = _columns(clusters, planes), _UNROLL if n_sums + len(planes) < _MANY else 1
    # int32: with 64-bit indices the compiler does not vectorize the loop (measured: 2.5 times slower)
    rows = jnp.arange(size, dtype=jnp.int32)[:, None]

    def one(j: Array) -> tuple[Array, ...]:
        there = tuple(jax.lax.dynamic_slice_in_dim(column, j, 1, 0) for column in columns)
        d = _apart(columns, there)
        return terms(_pair(clusters, d, planes, there, rows == j))

    def turn(t: Array, sums: tuple[Array, ...]) -> tuple[Array, ...]:
        parts = [one(t * unroll + u) for u in range(unroll)]
        added = [sum(p[1:], p[0]) for p in zip(*parts, strict=True)]
        return tuple(s + a for s, a in zip(sums, added, strict=True))

    zero = jnp.zeros(clusters.mask.shape, clusters.positions.dtype)
    turns = jnp.minimum(_turns(clusters, unroll), size // unroll)
    sums = jax.lax.fori_loop(jnp.int32(0), turns, turn, (zero,) * n_sums)
    for j in range(size - size % unroll, size):
        sums = tuple(s + a for s, a in zip(sums, one(jnp.int32(j)), strict=True))
    return sums


def in_blocks(
    clusters: Clusters, planes: tuple[Array, ...], n_sums: int, terms: Terms, at_once: int = _AT_ONCE
) -> tuple[Array, ...]:
    """`neighbour_sums` for a GPU, which has a thread for every pair: a block of neighbours at a time.

    A block has so many neighbours that it holds at most `at_once` pairs, which bounds the memory. A small batch is one block.
    """
    size, n_clusters = clusters.mask.shape
    block = max(1, min(size, at_once // (size * n_clusters)))
    rows, columns = jnp.arange(size, dtype=jnp.int32)[:, None], _columns(clusters, planes)

    def turn(t: Array, sums: tuple[Array, ...]) -> tuple[Array, ...]:
        first = jnp.minimum(t * block, size - block)  # the last block overlaps the one before
        j = (first + jnp.arange(block, dtype=jnp.int32))[:, None, None]
        there = tuple(jax.lax.dynamic_slice_in_dim(column, first, block, 0)[:, None] for column in columns)
        found = terms(_pair(clusters, _apart(columns, there), planes, there, (rows == j) | (j < t * block)))
        return tuple(s + f.sum(0, dtype=f.dtype) for s, f in zip(sums, found, strict=True))

    zeros = (jnp.zeros(clusters.mask.shape, clusters.positions.dtype),) * n_sums
    if block == size:
        return turn(jnp.int32(0), zeros)
    return jax.lax.fori_loop(jnp.int32(0), _turns(clusters, block), turn, zeros)


def _turns(clusters: Clusters, block: int) -> Array:
    """The number of blocks up to the last atom of the largest cluster. Only padding comes after it."""
    return -(-clusters.mask.sum(0, dtype=jnp.int32).max() // block)


def _columns(clusters: Clusters, planes: tuple[Array, ...]) -> tuple[Array, ...]:
    """All arrays of a neighbour: its coordinates, the planes, and with a cell its mask."""
    masked = (clusters.mask,) if clusters.cell is not None else ()
    return (*_separated(clusters), *planes, *masked)


def _apart(columns: tuple[Array, ...], there: tuple[Array, ...]) -> tuple[Array, ...]:
    """x_i - x_j, y_i - y_j and z_i - z_j."""
    return tuple(x - x_j for x, x_j in zip(columns[:3], there[:3], strict=True))


def _pair(
    clusters: Clusters, d: tuple[Array, ...], planes: tuple[Array, ...], there: tuple[Array, ...], far: Array
) -> Pair:
    """The pairs of all atoms with the neighbours whose columns are `there`, at displacement `d`; `far` is True for no pair."""
    if clusters.cell is not None:
        d = minimum_image(d, clusters.cell)
        # a padding atom may coincide with an atom, and the terms would not be finite
        far = far | ~there[-1] | ~clusters.mask
    r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    r2 = jnp.where(far, jnp.asarray(FAR_SQUARED[r2.dtype.itemsize], r2.dtype), r2)
    return Pair(d, r2, planes, there[3 : 3 + len(planes)])  # type: ignore[arg-type]


def _separated(clusters: Clusters) -> tuple[Array, Array, Array]:
    """The x, y and z planes. Padding atoms are moved far away from all atoms and each other, so the loop needs no mask."""
    x, y, z = clusters.positions
    if clusters.cell is not None:  # there is no far place in a periodic cell, so there the loop uses the mask
        return x, y, z
    parking = _PADDING_SPACING * jnp.arange(1, x.shape[0] + 1, dtype=x.dtype)[:, None]
    parked = zip(
        (x, y, z), (x[0] + parking, y[0], z[0]), strict=True
    )  # relative to the first atom, wherever the cluster is
    return tuple(jnp.where(clusters.mask, own, place) for own, place in parked)  # type: ignore[return-value]


def minimum_image(d: tuple[Array, ...], cell: Array) -> tuple[Array, ...]:
    """The displacement to the nearest periodic image; exact up to half the smallest perpendicular height of the cell."""
    a, b, c = cell[0], cell[1], cell[2]
    volume = _dot(a, _cross(b, c))
    for v, w in ((a, _cross(b, c)), (b, _cross(c, a)), (c, _cross(a, b))):
        shift = jnp.round(_dot(d, w) / volume)
        d = tuple(x - shift * v_k for x, v_k in zip(d, v, strict=True))
    return d


def _dot(a: tuple[Array, ...] | Array, b: tuple[Array, ...] | Array) -> Array:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Array, b: Array) -> tuple[Array, Array, Array]:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def lookup(table: Array, first: Array, second: Array) -> Array:
    """`table[first, second]` by selection, which vectorizes, unlike a gather. A scalar for one species.

    table: (n_species, n_species); first and second: integer arrays that broadcast against each other.
    """
    n_species = table.shape[0]
    if n_species == 1:
        return table[0, 0]
    rows = [choose([table[a, b] for b in range(n_species)], second) for a in range(n_species)]
    return choose(rows, first)


def choose(values: Sequence[Array], index: Array) -> Array:
    """`values[index]`, elementwise, by selection."""
    chosen = values[0]
    for k in range(1, len(values)):
        chosen = jnp.where(index == k, values[k], chosen)
    return chosen
