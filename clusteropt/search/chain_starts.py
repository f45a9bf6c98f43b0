"""The starts and keys of a structure's chains. Both follow from the structure, the seed and the number of the chain."""

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.potentials.base import Potential
from clusteropt.search.starts import start_positions
from clusteropt.settings.method import SearchSettings

_PERTURBATION = 0.4  # largest displacement of an atom, in lengths


def chain_key(structure: Structure, k: int, settings: SearchSettings) -> np.uint64:
    """The root of all random numbers of chain k."""
    return _rng(structure, k, settings).integers(2**64, dtype=np.uint64)


def chain_start(structure: Structure, k: int, potential: Potential, settings: SearchSettings) -> Structure:
    """The start of chain k.

    With 'given', chain 0 starts from the structure itself, and the others in turn from a structure near it and from a random
    one. Every other random start is symmetric. Where atoms are fixed, there are no random starts.
    """
    if settings.start == "given" and k == 0:
        return structure
    rng, n = _rng(structure, k, settings), len(structure.positions)
    number = k // 2 if settings.start == "given" else k
    if structure.free.all() and (settings.start == "random" or (settings.start == "given" and k % 2 == 0)):
        return structure._replace(positions=start_positions(rng, n, potential.length, number % 2 == 1))
    shift = rng.uniform(-1, 1, (n, 3)) * _PERTURBATION * potential.length / np.sqrt(3)
    return structure._replace(positions=structure.positions + np.where(structure.free[:, None], shift, 0))


def _rng(structure: Structure, k: int, settings: SearchSettings) -> np.random.Generator:
    return np.random.default_rng([settings.seed, structure.content_hash(), k])
