"""Tests whether the atoms of a cluster are connected, and whether two of them coincide."""

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, neighbour_sums


def cohesion(clusters: Clusters, near: Array, distance: Array) -> tuple[Array, Array]:
    """Two arrays (n_clusters,) bool: two atoms are closer than `near`; all atoms are connected by steps below `distance`.

    Starting from the first atom, the search adds the neighbours of the atoms found so far, until no new one is found.
    `near` and `distance` are scalars in length units.
    """
    dtype = clusters.positions.dtype

    def close(pair: Pair) -> tuple[Array, ...]:
        return ((pair.r2 < near * near).astype(dtype),)

    def touched(pair: Pair) -> tuple[Array, ...]:
        return (jnp.where(pair.r2 < distance * distance, pair.there[0], 0),)

    def spread(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        reached = carry[1]
        (sums,) = neighbour_sums(clusters, (reached,), 1, touched)
        new = jnp.where(clusters.mask & (sums > 0), jnp.ones((), dtype), reached)
        return (new > reached).any(), new

    first = jnp.zeros(clusters.mask.shape, dtype).at[0].set(1)
    _, reached = jax.lax.while_loop(lambda carry: carry[0], spread, (jnp.array(True), first))
    (n_close,) = neighbour_sums(clusters, (), 1, close)
    return ((n_close > 0) & clusters.mask).any(0), ((reached > 0) | ~clusters.mask).all(0)
