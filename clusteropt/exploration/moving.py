"""The moves of chains: each proposes positions for chains side by side, and says what it cost."""

from typing import NamedTuple

import numpy as np

from clusteropt.exploration import splice, usable
from clusteropt.exploration.composition import Kit
from clusteropt.exploration.kinds import DISPLACEMENT, EXCHANGE, LEARNED, REBUILD, SPLICE, STYLES, SURFACE
from clusteropt.exploration.seats import N_SEATS, Parents
from clusteropt.search import exchanges, hops, rebuilt
from clusteropt.search.descents import by_learned
from clusteropt.search.draws import uniforms
from clusteropt.search.surface import N_DRAWS, moved_over_surface
from clusteropt.search.walk import Chains, columns_of

Made = tuple[np.ndarray, np.ndarray] | tuple[np.ndarray, np.ndarray, np.ndarray]
_N_DRAWS = max(N_DRAWS, rebuilt.N_DRAWS, exchanges.N_DRAWS, splice.N_DRAWS + 1)  # random numbers of a move
_COLD = 0.02  # energy scales, the temperature of exchanges
_TEMPERATURES = np.array([style.temperature for style in STYLES])


class Tried(NamedTuple):
    """Positions to be quenched."""

    positions: np.ndarray  # (3, n_atoms, n_chains)
    moves: np.ndarray  # (n_chains,) the kind of move, an index of MOVES
    n_evaluations: np.ndarray  # (n_chains,) int64
    cost: np.ndarray  # (n_chains,) of these evaluations, in those of a quench
    luck: np.ndarray  # (n_chains,) for Metropolis
    alone: np.ndarray  # (n_chains,) bool, False where parts of the lowest minimum were taken


def tried(kit: Kit, chains: Chains, styles: np.ndarray, parents: Parents) -> Tried:
    """The next hops of chains, by their styles (n_chains,); splices take parts of `parents`."""
    counters = (2 * chains.n_hops).astype(np.uint64)
    draws = uniforms(chains.keys, counters + np.uint64(1), 2 + _N_DRAWS)
    shares = usable.parts(kit)[styles]
    edges = np.cumsum(shares / shares.sum(1, keepdims=True), 1)
    moves = (draws[1][:, None] >= edges[:, :-1]).sum(1)
    positions, used = np.array(chains.clusters.positions), np.zeros(len(styles), np.int64)
    alone = np.ones(len(styles), bool)
    for move in np.unique(moves):
        own = np.flatnonzero(moves == move)
        full = np.append(own, np.full(N_SEATS - len(own), -1))  # programs are compiled for one number of devices
        places, n, *rest = _MAKERS[move](kit, columns_of(chains, full), draws[2:, full], parents)
        positions[..., own], used[own] = places[..., : len(own)], n[: len(own)]
        if rest:
            alone[own] = rest[0][: len(own)]
    cost = used * np.where(moves == LEARNED, kit.learned_step, 1.0)
    return Tried(positions, moves, used, cost, draws[0], alone)


def _displaced(kit: Kit, chains: Chains, draws: np.ndarray, parents: Parents) -> Made:
    shaken = hops.displaced(chains.clusters, chains.keys, chains.n_hops, kit.composition.problem, kit.plan)
    return np.asarray(shaken.positions), np.zeros(len(chains.keys), np.int64)


def _learned(kit: Kit, chains: Chains, draws: np.ndarray, parents: Parents) -> Made:
    problem, plan = kit.composition.problem, kit.plan
    shaken = hops.displaced(chains.clusters, chains.keys, chains.n_hops, problem, plan)
    assert plan.optimizer is not None
    moved, used = by_learned(shaken, problem, plan.optimizer, plan.hop_steps, (plan.hop_begin, 1))
    return np.asarray(moved.positions), used


def _surface(kit: Kit, chains: Chains, draws: np.ndarray, parents: Parents) -> Made:
    looseness = _of_atoms(chains, 1)
    return moved_over_surface(chains.clusters, chains.energies, draws, looseness, kit.composition.potential)


def _rebuilt(kit: Kit, chains: Chains, draws: np.ndarray, parents: Parents) -> Made:
    looseness = _of_atoms(chains, 1)
    return rebuilt.rebuilt_surface(chains.clusters, chains.energies, draws, looseness, kit.composition.potential)


def _exchanged(kit: Kit, chains: Chains, draws: np.ndarray, parents: Parents) -> Made:
    return exchanges.exchanged(chains.clusters, draws, _of_atoms(chains, 2), kit.composition.problem)


def _of_atoms(chains: Chains, n: int) -> np.ndarray:
    """(n * n_atoms, n_chains) random numbers."""
    return uniforms(chains.keys, (2 * chains.n_hops).astype(np.uint64), n * chains.clusters.mask.shape[0])


def _spliced(kit: Kit, chains: Chains, draws: np.ndarray, parents: Parents) -> Made:
    n, places = kit.composition.n_atoms, np.array(chains.clusters.positions)
    chosen = (draws[splice.N_DRAWS] * len(parents.alone)).astype(int)
    other = parents.positions[:, :n, chosen]
    places[:, :n] = splice.spliced(draws[: splice.N_DRAWS], places[:, :n], other, kit.composition.species)
    return places, np.zeros(len(chains.keys), np.int64), parents.alone[chosen]


_MAKERS = {
    DISPLACEMENT: _displaced,
    LEARNED: _learned,
    SURFACE: _surface,
    REBUILD: _rebuilt,
    SPLICE: _spliced,
    EXCHANGE: _exchanged,
}


def temperatures(styles: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """(n_chains,) of Metropolis, in energy scales. Orders of an alloy lie closer together than structures do."""
    return np.where(moves == EXCHANGE, _COLD, _TEMPERATURES[styles])
