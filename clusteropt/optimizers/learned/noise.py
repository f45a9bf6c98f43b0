"""Random numbers from where the atoms are: they depend on nothing else, neither the lane nor the batch."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def random_bits(positions: Array) -> Array:
    """(3, ...) uint32 from the last bits of every atom's own coordinates (3, ...). They cost a few integer operations."""
    bits = jax.lax.bitcast_convert_type(positions.astype(jnp.float32), jnp.uint32)
    salt = jnp.array([0x9E3779B9, 0x85EBCA6B, 0xC2B2AE35], jnp.uint32)
    salt = salt.reshape(-1, *(1 for _ in bits.shape[1:]))
    mixed = (bits[0] * np.uint32(73856093)) ^ (bits[1] * np.uint32(19349663)) ^ (bits[2] * np.uint32(83492791)) ^ salt
    return scrambled(mixed)


def scrambled(mixed: Array) -> Array:
    """Every bit of the result depends on every bit given."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 0x27D4EB2F)):
        mixed = (mixed ^ (mixed >> shift)) * np.uint32(factor)
    return mixed ^ (mixed >> 15)


def between_one(bits: Array, dtype: np.dtype) -> Array:
    """Numbers between -1 and 1 from random bits."""
    return (bits >> 8).astype(dtype) * np.asarray(2.0**-23, dtype) - 1
