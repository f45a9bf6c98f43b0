"""Lengths of vectors (n_components, ...)."""

import jax.numpy as jnp
from jax import Array

from clusteropt.problems.units import dot

_TINY = 1e-6  # of a vector's length, below which it has no direction


def length_of(a: Array) -> Array:
    """The length (...), never below 1e-6."""
    return jnp.sqrt(dot(a, a, 0) + _TINY**2)


def damped(gradient: Array, unit: Array | float) -> Array:
    """The gradient times `unit`, the problem's length over its energy, and its length g then turned into g / (1 + g/20).

    So overlapping atoms do not dominate the averages.
    """
    own = gradient * unit
    factor = 1 / (1 + jnp.sqrt(dot(own, own, 0)) / 20)
    # the compiler joins a constant with the factor, which has fewer numbers than the gradient, but no traced number
    return gradient * (unit * factor) if isinstance(unit, Array) else own * factor
