"""The starts and keys of a structure's chains. Both follow from the structure, the seed and the number of the chain."""

from collections.abc import Sequence

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.potentials.base import Potential
from clusteropt.search.starts import start_positions
from clusteropt.settings.method import SearchSettings

_PERTURBATION = 0.4  # largest displacement of an atom, in lengths


def chain_starts(
    structures: Sequence[Structure], potential: Potential, settings: SearchSettings
) -> tuple[list[Structure], np.ndarray]:
    """The starts of the chains of structures of one size, one structure after the other, and their keys (n_chains,) uint64.

    A key is the root of all random numbers of a chain. With 'given', chain 0 starts from the structure itself, and the others in
    turn from a structure near it and from a random one. Every other random start is symmetric. Where atoms are fixed, there are
    no random starts.
    """
    chains = [(structure, k) for structure in structures for k in range(settings.chains)]
    keys = np.array([_rng(structure, k, settings).integers(2**64, dtype=np.uint64) for structure, k in chains])
    anywhere = np.array([_is_random(structure, k, settings) for structure, k in chains])
    symmetric = np.array([_number(k, settings) % 2 == 1 for _, k in chains])
    places = start_positions(keys[anywhere], len(structures[0].positions), potential.length, symmetric[anywhere])
    fresh = iter(np.moveaxis(places, -1, 0))
    starts = [
        structure._replace(positions=next(fresh).T) if own else _near(structure, k, potential, settings)
        for (structure, k), own in zip(chains, anywhere.tolist(), strict=True)
    ]
    return starts, keys


def _is_random(structure: Structure, k: int, settings: SearchSettings) -> bool:
    wanted = settings.start == "random" or (settings.start == "given" and k > 0 and k % 2 == 0)
    return wanted and bool(structure.free.all())


def _number(k: int, settings: SearchSettings) -> int:
    """The number of chain k among those with its kind of start."""
    return k // 2 if settings.start == "given" else k


def _near(structure: Structure, k: int, potential: Potential, settings: SearchSettings) -> Structure:
    """The structure itself, or with atoms displaced."""
    if settings.start == "given" and k == 0:
        return structure
    shift = _rng(structure, k, settings).uniform(-1, 1, structure.positions.shape)
    shift *= _PERTURBATION * potential.length / np.sqrt(3)
    return structure._replace(positions=structure.positions + np.where(structure.free[:, None], shift, 0))


def _rng(structure: Structure, k: int, settings: SearchSettings) -> np.random.Generator:
    return np.random.default_rng([settings.seed, structure.content_hash(), k])
