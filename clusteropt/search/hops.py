"""Hops: the positions that a chain tries next, before their quench.

The chain's style says which kinds of move it makes: it displaces all free atoms of the last minimum, moves a few atoms over the
surface, rebuilds the surface, or exchanges unlike atoms. Everything random follows from the chain's key and the number of its
hop.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Clusters
from clusteropt.engine.batches import at
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.search import exchanges, rebuilt, styles, surface
from clusteropt.search.chains import Chains, columns_of
from clusteropt.search.descents import by_learned
from clusteropt.search.draws import uniforms
from clusteropt.search.exchanges import can_exchange, exchanged
from clusteropt.search.policy import SearchPlan
from clusteropt.search.rebuilt import rebuilt_surface
from clusteropt.search.styles import DISPLACEMENT, EXCHANGE, LEARNED, REBUILD, SPLICE, SURFACE, SURROGATE
from clusteropt.search.surface import moved_over_surface

Made = tuple[np.ndarray, np.ndarray]  # positions (3, n_atoms, n_chains), and the evaluations (n_chains,)
Maker = Callable[[Chains, np.ndarray, ClusterProblem, SearchPlan], Made]
N_DRAWS = max(surface.N_DRAWS, rebuilt.N_DRAWS, exchanges.N_DRAWS)  # random numbers of a move, for moves of others too


class Proposal(NamedTuple):
    """The hops of some chains, before their quench."""

    positions: np.ndarray  # (3, n_atoms, n_chains)
    moves: np.ndarray  # (n_chains,) the kinds of move, indices of MOVES
    n_evaluations: np.ndarray  # (n_chains,) int64
    luck: np.ndarray  # (n_chains,) in [0, 1), for Metropolis


def possible(clusters: Clusters, splices: bool = False, surrogate: bool = False) -> np.ndarray:
    """(n_moves, n_clusters) bool, True for the kinds of move that make another cluster of this one."""
    return styles.possible(np.asarray(clusters.mask).sum(0), can_exchange(clusters), splices, surrogate)


def draws_of(keys: np.ndarray, n_hops: np.ndarray) -> np.ndarray:
    """(2 + N_DRAWS, n_chains) random numbers of the next hops: for Metropolis, for the kind of move, and for the move."""
    return uniforms(keys, (2 * n_hops).astype(np.uint64) + np.uint64(1), 2 + N_DRAWS)


def propose(
    chains: Chains,
    problem: ClusterProblem,
    plan: SearchPlan,
    others: Mapping[int, Maker] | None = None,
    n_places: int = 0,
) -> Proposal:
    """The next hops of chains, by their styles.

    `others` make more kinds of move than those of this module. Every kind is made for `n_places` chains at least, so that its
    program sees one number of devices.
    """
    makers = {**_MAKERS, **(others or {})}
    draws = draws_of(chains.keys, chains.n_hops)
    able = possible(chains.clusters, SPLICE in makers, SURROGATE in makers)
    moves = styles.chosen_moves(plan.styles, chains.styles, able, draws[1])
    if plan.optimizer is not None and plan.hop_steps:
        moves = np.where(moves == DISPLACEMENT, LEARNED, moves)
    positions, used = np.array(chains.clusters.positions), np.zeros(len(moves), np.int64)
    for move in np.unique(moves):
        own = np.flatnonzero(moves == move)
        full = np.append(own, np.full(max(0, n_places - len(own)), -1))
        places, n = makers[move](columns_of(chains, full), draws[2:, full], problem, plan)
        positions[..., own] = places[..., : len(own)]
        if move == LEARNED or not problem.hosted:  # geometry takes none of a calculator's evaluations
            used[own] = n[: len(own)]
    return Proposal(positions, moves, used, draws[0])


def foresee(sample: Clusters, n_clusters: int, problem: ClusterProblem, plan: SearchPlan) -> list[bool]:
    """Starts to build the programs of moves in the background, for `n_clusters` clusters like the sample.

    True stands for each that has to be compiled.
    """
    able = np.asarray(possible(sample).any(1))
    used = np.asarray(styles.parts(plan.styles, able)[styles.usable(plan.styles, able)].any(0))
    new = [surface.foresee(sample, n_clusters)] if used[SURFACE] else []
    new += [rebuilt.foresee(sample, n_clusters)] if used[REBUILD] else []
    return [*new, exchanges.foresee(sample, n_clusters, problem)] if used[EXCHANGE] else new


def displaced(
    clusters: Clusters, keys: np.ndarray, n_hops: np.ndarray, problem: ClusterProblem, plan: SearchPlan
) -> Clusters:
    """The clusters with all free atoms displaced at random, which begins a hop."""
    size = clusters.mask.shape[0]
    draws = uniforms(keys, 2 * n_hops.astype(np.uint64), 3 * size).reshape(3, size, -1)
    shift = (2 * draws - 1) * (plan.displacement * problem.scale.length)
    return at(clusters, np.where(clusters.free, clusters.positions + shift, clusters.positions))


def _displaced(chains: Chains, draws: np.ndarray, problem: ClusterProblem, plan: SearchPlan) -> Made:
    shaken = displaced(chains.clusters, chains.keys, chains.n_hops, problem, plan)
    return np.asarray(shaken.positions), np.zeros(len(chains.keys), np.int64)


def _learned(chains: Chains, draws: np.ndarray, problem: ClusterProblem, plan: SearchPlan) -> Made:
    shaken = displaced(chains.clusters, chains.keys, chains.n_hops, problem, plan)
    assert plan.optimizer is not None
    moved, used = by_learned(shaken, problem, plan.optimizer, plan.hop_steps, (plan.hop_begin, 1))
    return np.asarray(moved.positions), used


def _moved_over_surface(chains: Chains, draws: np.ndarray, problem: ClusterProblem, plan: SearchPlan) -> Made:
    return moved_over_surface(chains.clusters, chains.energies, draws, _of_atoms(chains, 1), problem.potential)


def _rebuilt(chains: Chains, draws: np.ndarray, problem: ClusterProblem, plan: SearchPlan) -> Made:
    return rebuilt_surface(chains.clusters, chains.energies, draws, _of_atoms(chains, 1), problem.potential)


def _exchanged(chains: Chains, draws: np.ndarray, problem: ClusterProblem, plan: SearchPlan) -> Made:
    return exchanged(chains.clusters, draws, _of_atoms(chains, 2), problem)


def _of_atoms(chains: Chains, n: int) -> np.ndarray:
    """(n * n_atoms, n_chains) random numbers."""
    return uniforms(chains.keys, (2 * chains.n_hops).astype(np.uint64), n * chains.clusters.mask.shape[0])


_MAKERS: dict[int, Maker] = {
    DISPLACEMENT: _displaced,
    LEARNED: _learned,
    SURFACE: _moved_over_surface,
    REBUILD: _rebuilt,
    EXCHANGE: _exchanged,
}
