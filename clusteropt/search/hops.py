"""Hops: the positions that a chain tries next, before their quench.

A hop either displaces all free atoms of the last minimum and moves them by the learned optimizer as at the end of a trajectory,
or moves a few atoms over the surface. Everything random follows from the chain's key and the number of its hop.
"""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Clusters
from clusteropt.engine.batches import at, take
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.search.descents import by_learned
from clusteropt.search.draws import uniforms
from clusteropt.search.policy import SearchPlan
from clusteropt.search.surface import N_DRAWS, moved_over_surface


class Origin(IntEnum):
    """The way by which a chain came to a minimum."""

    START = 0
    DISPLACEMENT = 1  # of all atoms, at random
    LEARNED_HOP = 2  # a displacement of all atoms, then steps of the learned optimizer
    SURFACE_HOP = 3  # a move of a few atoms over the surface


class Proposal(NamedTuple):
    """The hops of some chains, before their quench."""

    positions: np.ndarray  # (3, n_atoms, n_chains)
    origins: np.ndarray  # (n_chains,) values of Origin
    n_evaluations: np.ndarray  # (n_chains,) int64
    luck: np.ndarray  # (n_chains,) in [0, 1), for Metropolis


def propose(
    clusters: Clusters,
    energies: np.ndarray,
    keys: np.ndarray,
    n_hops: np.ndarray,
    problem: ClusterProblem,
    plan: SearchPlan,
) -> Proposal:
    """Hops from the minima of `clusters`: energies (n_atoms, n_chains) of their atoms; keys, n_hops (n_chains,)."""
    counters = 2 * n_hops.astype(np.uint64)
    draws = uniforms(keys, counters + np.uint64(1), 2 + N_DRAWS)
    over_surface = (draws[1] < plan.surface) & np.asarray(clusters.free).any(0)
    positions, used = np.array(clusters.positions), np.zeros(len(keys), np.int64)
    few, all_atoms = np.flatnonzero(over_surface), np.flatnonzero(~over_surface)
    if few.size:
        looseness = uniforms(keys[few], counters[few], clusters.mask.shape[0])
        own, numbers = take(clusters, few), draws[2:, few]
        positions[..., few], used[few] = moved_over_surface(
            own, energies[:, few], numbers, looseness, problem.potential
        )
    if all_atoms.size:
        shaken = displaced(take(clusters, all_atoms), keys[all_atoms], n_hops[all_atoms], problem, plan)
        if plan.optimizer is not None and plan.hop_steps:
            span = (plan.hop_begin, 1)
            shaken, used[all_atoms] = by_learned(shaken, problem, plan.optimizer, plan.hop_steps, span)
        positions[..., all_atoms] = shaken.positions
    by_network = plan.optimizer is not None and plan.hop_steps > 0
    origins = np.where(over_surface, Origin.SURFACE_HOP, Origin.LEARNED_HOP if by_network else Origin.DISPLACEMENT)
    return Proposal(positions, origins, used, draws[0])


def displaced(
    clusters: Clusters, keys: np.ndarray, n_hops: np.ndarray, problem: ClusterProblem, plan: SearchPlan
) -> Clusters:
    """The clusters with all free atoms displaced at random, which begins a hop."""
    size = clusters.mask.shape[0]
    draws = uniforms(keys, 2 * n_hops.astype(np.uint64), 3 * size).reshape(3, size, -1)
    shift = (2 * draws - 1) * (plan.displacement * problem.scale.length)
    return at(clusters, np.where(clusters.free, clusters.positions + shift, clusters.positions))
