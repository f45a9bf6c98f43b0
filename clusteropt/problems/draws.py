"""Random bits inside programs, which follow from bits that are given."""

import numpy as np
from jax import Array


def scrambled(mixed: Array) -> Array:
    """Every bit of the result depends on every bit given."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 0x27D4EB2F)):
        mixed = (mixed ^ (mixed >> shift)) * np.uint32(factor)
    return mixed ^ (mixed >> 15)
