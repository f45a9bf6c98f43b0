"""Random numbers that follow from the units' positions alone, whatever their lane and batch."""

from functools import reduce
from operator import xor

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.problems.draws import scrambled

_SALTS = (0x9E3779B9, 0x85EBCA6B, 0xC2B2AE35)
_PRIMES = (73856093, 19349663, 83492791)


def random_bits(positions: Array) -> Array:
    """(n_components, ...) uint32 from the last bits of every unit's own coordinates, of which there are one to three.

    They cost a few integer operations.
    """
    bits = jax.lax.bitcast_convert_type(positions.astype(jnp.float32), jnp.uint32)
    salt = jnp.array(_SALTS[: len(bits)], jnp.uint32).reshape(-1, *(1 for _ in bits.shape[1:]))
    first, *others = (b * np.uint32(prime) for b, prime in zip(bits, _PRIMES, strict=False))
    return scrambled(reduce(xor, others, first) ^ salt)


def between_one(bits: Array, dtype: np.dtype) -> Array:
    """Numbers between -1 and 1 from random bits."""
    return (bits >> 8).astype(dtype) * np.asarray(2.0**-23, dtype) - 1
