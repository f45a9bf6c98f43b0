"""Where new chains start: at random, with symmetry, or from parts of two clusters that were found."""

import numpy as np

from clusteropt.clusters.arrays import Clusters
from clusteropt.engine.batches import take
from clusteropt.exploration.composition import Kit
from clusteropt.exploration.kinds import STARTS
from clusteropt.exploration.seats import N_SEATS, Parents
from clusteropt.exploration.splice import N_DRAWS, spliced
from clusteropt.search.descents import by_learned
from clusteropt.search.draws import mixed, uniforms
from clusteropt.search.exchanges import ORDERS, ordered
from clusteropt.search.starts import start_positions

_ALONE = np.array([start.alone for start in STARTS])
_PLACED = np.array([start.given or start.surrogate for start in STARTS])  # by others
_SYMMETRIC = np.array([start.symmetric for start in STARTS])
_SPLICES = 2**63 + 1  # counter of the numbers of a splice; hops count from 0, and other starts use the one before


def placed(kit: Kit, keys: np.ndarray, kinds: np.ndarray, parents: Parents, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(3, size, n_chains) starts of chains with these keys and kinds, and (n_chains,) bool, True where they are alone.

    The places of given structures and of candidates are left to the caller.
    """
    n, length, alone = kit.composition.n_atoms, kit.composition.potential.length, _ALONE[kinds]
    places = np.zeros((3, size, len(keys)))
    own, from_two = np.flatnonzero(alone), np.flatnonzero(~alone & ~_PLACED[kinds])
    fresh = start_positions(keys[own], n, length, _SYMMETRIC[kinds[own]], N_SEATS)
    places[:, :n, own] = _ordered(kit, keys[own], fresh)
    if from_two.size:
        places[:, :n, from_two], alone[from_two] = _from_parents(kit, keys[from_two], parents)
    places[:, :n] -= places[:, :n].mean(1, keepdims=True)
    return places, alone


def _ordered(kit: Kit, keys: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The places (3, n_atoms, n_chains), those of an alloy dealt out to its elements in one of the orders."""
    species = kit.composition.species
    if kit.composition.n_species > 1:
        for j, key in enumerate(keys.tolist()):
            rng = np.random.default_rng([0, key])
            places[..., j] = ordered(rng, places[..., j].T, species, ORDERS[rng.integers(len(ORDERS))]).T
    return places


def _from_parents(kit: Kit, keys: np.ndarray, parents: Parents) -> tuple[np.ndarray, np.ndarray]:
    """Parts of two parents (3, n_atoms, n_chains), and (n_chains,) True where both are alone."""
    draws = uniforms(keys, np.full(len(keys), _SPLICES, np.uint64), N_DRAWS + 2)
    n_parents = len(parents.alone)
    one = (draws[N_DRAWS] * n_parents).astype(int)
    other = (one + 1 + (draws[N_DRAWS + 1] * (n_parents - 1)).astype(int)) % n_parents
    above, below = (parents.positions[:, : kit.composition.n_atoms, k] for k in (one, other))
    return spliced(draws[:N_DRAWS], above, below, kit.composition.species), parents.alone[one] & parents.alone[other]


def moved_by_learned(kit: Kit, batch: Clusters, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positions of starts (3, size, n_chains) after the learned trajectories that some begin with, and their evaluations."""
    positions, used = np.array(batch.positions), np.zeros(len(kinds), np.int64)
    own = np.flatnonzero([STARTS[kind].learned for kind in kinds])
    if own.size:
        assert kit.optimizer is not None
        full = np.append(own, np.full(N_SEATS - len(own), -1))  # the program is compiled for one number of devices
        span = (0.0, kit.plan.end)
        moved, n = by_learned(take(batch, full), kit.composition.problem, kit.optimizer, kit.plan.steps, span)
        positions[..., own], used[own] = moved.positions[..., : len(own)], n[: len(own)]
    return positions, used


def keys_of(kit: Kit, serials: np.ndarray) -> np.ndarray:
    """The roots (n_chains,) uint64 of all random numbers of chains."""
    root = np.random.default_rng([kit.seed, 2]).integers(2**64, dtype=np.uint64)
    return mixed(np.full(len(serials), root), serials.astype(np.uint64))
