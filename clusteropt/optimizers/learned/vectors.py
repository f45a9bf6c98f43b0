"""Lengths of vectors (n_components, ...)."""

import jax.numpy as jnp
from jax import Array

from clusteropt.problems.units import dot

_TINY = 1e-6  # of a vector's length, below which it has no direction


def length_of(a: Array) -> Array:
    """The length (...), never below 1e-6."""
    return jnp.sqrt(dot(a, a, 0) + _TINY**2)


def damped(gradient: Array) -> Array:
    """The gradient, in energies over lengths of the problem, with its length g turned into g / (1 + g/20).

    So overlapping atoms do not dominate the averages.
    """
    return gradient * (1 / (1 + jnp.sqrt(dot(gradient, gradient, 0)) / 20))
