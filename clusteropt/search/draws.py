"""Random numbers that follow from a key and a counter, so that a chain does not depend on its neighbours in a batch."""

import numpy as np


def uniforms(keys: np.ndarray, counters: np.ndarray, n: int) -> np.ndarray:
    """(n, n_chains) numbers in [0, 1) from keys and counters (n_chains,) uint64: SplitMix64, counting.

    G. Steele, D. Lea and C. Flood, OOPSLA 2014, doi:10.1145/2660193.2660195.
    """
    with np.errstate(over="ignore"):
        root = mixed(keys, counters)
        numbers = _mixed(root + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, n + 1, dtype=np.uint64)[:, None])
    return (numbers >> np.uint64(11)) * 2.0**-53


def mixed(keys: np.ndarray, counters: np.ndarray) -> np.ndarray:
    """(n,) uint64 numbers, one for each key and counter (n,) uint64."""
    with np.errstate(over="ignore"):
        return _mixed(keys + np.uint64(0x9E3779B97F4A7C15) * (counters + np.uint64(1)))


def _mixed(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
