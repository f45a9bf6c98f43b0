"""Sums and products over the units of a batch, which every problem and optimizer makes through these functions.

Arrays have the shape (n_components, n_units, n_lanes), see `problems.base`.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.runtime.backend import backend

Terms = Callable[..., tuple[Array, ...]]


def over_units(terms: Terms, *arrays: Array, largest: int = 0) -> tuple[Array, ...]:
    """Sums over the units: `terms` of one unit's slices of the arrays (..., n_units, n_lanes).

    `terms` gets arrays (..., n_lanes) and returns one term for each sum. The last `largest` of them are not summed: the
    result is the largest of each (and zero, if all are negative). Each result has the shape of its term. The kind of device
    decides how the sums are made.
    """
    return {"cpu": one_by_one, "gpu": at_once}[backend()](terms, arrays, largest)


def one_by_one(terms: Terms, arrays: tuple[Array, ...], largest: int) -> tuple[Array, ...]:
    """`over_units`, one unit after the other, in one pass over the arrays.

    The order does not depend on padding or on the number of lanes, so neither do the bits of the result (a plain `sum` may
    split the units into blocks).
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
    """`over_units`, all terms at once, added in any order: for devices with a thread for every term."""
    found = jax.vmap(terms, tuple(a.ndim - 2 for a in arrays), out_axes=-2)(*arrays)
    n_sums = len(found) - largest
    sums = [t.sum(-2, dtype=t.dtype) for t in found[:n_sums]]
    return (*sums, *(jnp.maximum(t.max(-2), 0) for t in found[n_sums:]))


def dot(a: Array, b: Array, axis: int) -> Array:
    """The scalar products of vectors whose components lie along `axis`.

    Inside the terms of `over_units` that is axis -2; of whole arrays (n_components, n_units, n_lanes) it is axis 0.
    """
    first, *others = (
        jax.lax.index_in_dim(a, k, axis, keepdims=False) * jax.lax.index_in_dim(b, k, axis, keepdims=False)
        for k in range(a.shape[axis])
    )
    return sum(others, first)
