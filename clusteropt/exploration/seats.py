"""Seats: chains side by side, each of which begins, hops and ends in a seat that the next chain takes over."""

from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Structure, pack, padded_size
from clusteropt.exploration.composition import Composition
from clusteropt.search.chains import Chains

N_SEATS = 256  # whatever the machine: what is found does not depend on the number of cores
BLOCK = 32  # seats that choose together, as many as a program has lanes at least


class Table(NamedTuple):
    """The seats of a search, whatever the machine."""

    n_seats: int = N_SEATS
    block: int = BLOCK
    least: int = 2 * BLOCK  # seats that are taken at once, at least; in the first rounds just as many
    alone: bool = False  # every chain makes rounds of its own, one after the other


# Where evaluations are dear, a chain is to learn from the last one, and none is to wait for another's long quench.
USUAL, HOSTED = Table(), Table(32, 1, 1, True)


def table_for(composition: Composition) -> Table:
    """The seats for searches of the composition."""
    return HOSTED if composition.problem.hosted else USUAL


class Lives(NamedTuple):
    """About the chain in each seat, what `Chains` does not have; arrays (n_seats,)."""

    kinds: np.ndarray  # int, of its start
    ranks: np.ndarray  # int, of its first minimum
    limits: np.ndarray  # int, hops in vain after which it ends
    costs: np.ndarray  # float, in evaluations of a quench
    alone: np.ndarray  # bool, True while it has taken nothing from a chain that had come to the lowest minimum
    vacant: np.ndarray  # bool, True where a new chain may begin
    serials: np.ndarray  # int, the number of the chain


class Parents(NamedTuple):
    """Low minima of chains, of which others take parts."""

    positions: np.ndarray  # (3, n_atoms, n_parents)
    alone: np.ndarray  # (n_parents,) bool, False for the lowest minimum, and where parts of it may be inside


def empty(composition: Composition, n_seats: int) -> tuple[Chains, Lives]:
    """Seats without chains."""
    still = Structure(np.zeros((composition.n_atoms, 3)), composition.species, np.ones(composition.n_atoms, bool))
    clusters = pack([still] * n_seats, padded_size(composition.n_atoms), np.float64)
    nowhere, nothing = np.full(n_seats, np.inf), np.zeros(n_seats, np.int64)
    chains = Chains(
        clusters=clusters,
        energy=nowhere,
        energies=np.zeros(clusters.mask.shape),
        lowest=np.array(clusters.positions),
        lowest_energy=nowhere,
        keys=np.zeros(n_seats, np.uint64),
        n_hops=nothing - 1,
        n_idle=nothing - 1,
        n_evaluations=nothing,
        styles=nothing,
    )
    kinds, ranks, limits, serials = np.zeros((4, n_seats), np.int64)
    alone, vacant = np.ones((2, n_seats), bool)
    return chains, Lives(kinds, ranks, limits, np.zeros(n_seats), alone, vacant, serials)


def begun(chains: Chains, seats: np.ndarray, positions: np.ndarray, keys: np.ndarray, styles: np.ndarray) -> Chains:
    """The chains with new ones in some seats, at positions (3, n_atoms, n) that have not been quenched."""
    new = np.array(chains.clusters.positions)
    new[..., seats] = positions
    changes = {"energy": np.inf, "lowest_energy": np.inf, "n_hops": -1, "n_idle": -1, "n_evaluations": 0}
    changes |= {"keys": keys, "styles": styles}
    arrays = {}
    for name, value in changes.items():
        arrays[name] = np.array(getattr(chains, name))
        arrays[name][seats] = value
    return chains._replace(clusters=chains.clusters._replace(positions=new), **arrays)
