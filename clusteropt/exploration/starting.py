"""Where new chains start: at random, with symmetry, or from parts of two clusters that were found."""

import numpy as np

from clusteropt.clusters.arrays import Clusters
from clusteropt.engine.batches import take
from clusteropt.exploration.composition import Kit
from clusteropt.exploration.kinds import STARTS
from clusteropt.exploration.seats import N_SEATS, Parents
from clusteropt.exploration.splice import spliced
from clusteropt.search.descents import by_learned
from clusteropt.search.exchanges import ORDERS, ordered
from clusteropt.search.starts import start_positions


def placed(
    kit: Kit, serials: np.ndarray, kinds: np.ndarray, parents: Parents, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """(3, size, n_chains) starts of the chains with these numbers and kinds, and (n_chains,) bool, True where they are alone."""
    n = kit.composition.n_atoms
    places, alone = np.zeros((3, size, len(serials))), np.ones(len(serials), bool)
    for j, (serial, kind) in enumerate(zip(serials.tolist(), kinds.tolist(), strict=True)):
        rng = np.random.default_rng([kit.seed, 0, serial])
        if STARTS[kind].given:  # the caller has its places
            alone[j] = False
            continue
        if not STARTS[kind].alone:
            pair = rng.choice(len(parents.alone), 2, replace=False)
            one, other = (parents.positions[:, :n, k].T for k in pair)
            own = spliced(rng, one, other, kit.composition.species)
            alone[j] = parents.alone[pair].all()
        else:
            own = start_positions(rng, n, kit.composition.potential.length, STARTS[kind].symmetric)
            if kit.composition.n_species > 1:
                own = ordered(rng, own, kit.composition.species, ORDERS[rng.integers(len(ORDERS))])
        places[:, :n, j] = (own - own.mean(0)).T
    return places, alone


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
    """The roots (n_chains,) uint64 of all random numbers of the hops of chains."""
    return np.array(
        [np.random.default_rng([kit.seed, 2, k]).integers(2**64, dtype=np.uint64) for k in serials.tolist()]
    )
