"""Lengths of vectors (n_components, ...)."""

import jax.numpy as jnp
from jax import Array

from clusteropt.problems.units import dot

_TINY = 1e-6  # of a vector's length, below which it has no direction


def length_of(a: Array) -> Array:
    """The length (...), never below 1e-6."""
    return jnp.sqrt(dot(a, a, 0) + _TINY**2)


def damped(gradient: Array, unit: Array | float) -> Array:
    """The gradient in lengths over energies of the problem, which are `unit`, with its length g turned into g / (1 + g/20).

    So overlapping atoms do not dominate the averages. (Numbers of fewer axes are multiplied first.)
    """
    own = gradient * unit
    return gradient * (unit * (1 / (1 + jnp.sqrt(dot(own, own, 0)) / 20)))
