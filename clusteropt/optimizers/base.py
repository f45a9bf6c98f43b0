"""The interface of all optimizers: a pair of pure functions over a batch of clusters, in the manner of optax.

`init(clusters)` gives a state; `update(gradient, state, clusters, energies)` gives the displacement to make, shaped like the
gradient (3, n_atoms, n_clusters), and the next state. The energies (n_atoms, n_clusters) are the atoms' own, and cost nothing
where they are not used. In a state, the last axis of every array with axes is the clusters'; arrays without axes are common
to all lanes. So a lane can be handed to another cluster by writing the `init` of that cluster into it, and nothing that
happens in one lane is felt in another.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.runtime.backend import backend

if TYPE_CHECKING:
    import optax

State = Any  # a pytree of arrays, each optimizer's own


class Optimizer(NamedTuple):
    """An update rule."""

    init: Callable[[Clusters], State]
    update: Callable[[Array, State, Clusters, Array], tuple[Array, State]]


class Scale(NamedTuple):
    """The units in which step lengths are set: the potential's own."""

    length: float
    energy: float
    n_species: int = 1


Terms = Callable[..., tuple[Array, ...]]


def over_atoms(terms: Terms, *arrays: Array, largest: int = 0) -> tuple[Array, ...]:
    """Sums over the atoms: `terms` of one atom's slices of the arrays (..., n_atoms, n_clusters).

    `terms` gets arrays (..., n_clusters) and gives the terms of as many sums, the last `largest` of them not to be summed:
    of these the largest is wanted (and zero, if all are negative). Each result has the shape of its term. The kind of device
    decides how the sums are made.
    """
    return {"cpu": one_by_one, "gpu": at_once}[backend()](terms, arrays, largest)


def one_by_one(terms: Terms, arrays: tuple[Array, ...], largest: int) -> tuple[Array, ...]:
    """`over_atoms`, one atom after the other, in one pass over the arrays.

    The order does not depend on padding or on the number of lanes, so neither do the bits of the result (a plain `sum` may
    split the atoms into blocks).
    """

    def row(i: Array) -> tuple[Array, ...]:
        return terms(*(jax.lax.dynamic_index_in_dim(a, i, a.ndim - 2, keepdims=False) for a in arrays))

    def add(i: Array, totals: tuple[Array, ...]) -> tuple[Array, ...]:
        new = row(i)
        n_sums = len(new) - largest
        sums = [t + r for t, r in zip(totals[:n_sums], new[:n_sums], strict=True)]
        return (*sums, *(jnp.maximum(t, r) for t, r in zip(totals[n_sums:], new[n_sums:], strict=True)))

    shapes = jax.eval_shape(row, jnp.int32(0))
    start = tuple(jnp.zeros(s.shape, s.dtype) for s in shapes)
    return jax.lax.fori_loop(jnp.int32(0), jnp.int32(arrays[0].shape[-2]), add, start)


def at_once(terms: Terms, arrays: tuple[Array, ...], largest: int) -> tuple[Array, ...]:
    """`over_atoms`, all terms at once, added in any order: for devices with a thread for every term."""
    found = jax.vmap(terms, tuple(a.ndim - 2 for a in arrays), out_axes=-2)(*arrays)
    n_sums = len(found) - largest
    sums = [t.sum(-2, dtype=t.dtype) for t in found[:n_sums]]
    return (*sums, *(jnp.maximum(t.max(-2), 0) for t in found[n_sums:]))


def dot(a: Array, b: Array) -> Array:
    """The scalar product of vectors (..., 3, n_clusters)."""
    return a[..., 0, :] * b[..., 0, :] + a[..., 1, :] * b[..., 1, :] + a[..., 2, :] * b[..., 2, :]


def shortening(longest_squared: Array, limit: float) -> Array:
    """The factor, at most 1, that brings a step of squared length `longest_squared` down to `limit`."""
    tiny = jnp.finfo(longest_squared.dtype).tiny
    return jnp.minimum(1, limit * jax.lax.rsqrt(jnp.maximum(longest_squared, tiny)))


def from_optax(transformation: "optax.GradientTransformation") -> Optimizer:
    """An elementwise optax optimizer (adam, rmsprop, ...), with counters of its own for every lane."""

    start, move = jax.vmap(transformation.init, -1, -1), jax.vmap(transformation.update, -1, -1)

    def init(clusters: Clusters) -> State:
        return start(clusters.positions)

    def update(gradient: Array, state: State, clusters: Clusters, energies: Array) -> tuple[Any, State]:
        return move(gradient, state, clusters.positions)

    return Optimizer(init, update)
