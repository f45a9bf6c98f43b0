"""The moves of chains: each proposes positions for chains side by side, and says what it cost."""

from functools import partial
from typing import NamedTuple

import numpy as np

from clusteropt.exploration import splice
from clusteropt.exploration.composition import Kit
from clusteropt.exploration.seats import N_SEATS, Parents
from clusteropt.exploration.surrogate.candidates import Candidates
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.search import hops
from clusteropt.search.chains import Chains
from clusteropt.search.hops import Made
from clusteropt.search.policy import SearchPlan
from clusteropt.search.styles import SPLICE, SURROGATE


class Tried(NamedTuple):
    """Positions to be quenched."""

    positions: np.ndarray  # (3, n_atoms, n_chains)
    moves: np.ndarray  # (n_chains,) the kind of move, an index of MOVES
    n_evaluations: np.ndarray  # (n_chains,) int64
    cost: np.ndarray  # (n_chains,) of these evaluations, in those of a quench
    luck: np.ndarray  # (n_chains,) for Metropolis
    alone: np.ndarray  # (n_chains,) bool, False where parts of the lowest minimum were taken


def tried(kit: Kit, chains: Chains, parents: Parents, candidates: Candidates | None) -> Tried:
    """The next hops of chains, by their styles; splices take parts of `parents`, and surrogates give `candidates`."""
    alone = np.ones(len(chains.keys), bool)
    others: dict[int, hops.Maker] = {SPLICE: partial(_spliced, parents)}
    if candidates is not None:
        others[SURROGATE] = partial(_surrogates, candidates)
    made = hops.propose(chains, kit.composition.problem, kit.plan, others, N_SEATS)
    own = np.flatnonzero(made.moves == SPLICE)
    draws = hops.draws_of(chains.keys[own], chains.n_hops[own])
    alone[made.moves == SURROGATE] = False
    alone[own] = parents.alone[_partners(draws[2:], parents)]
    return Tried(made.positions, made.moves, made.n_evaluations, made.n_evaluations.astype(float), made.luck, alone)


def _spliced(parents: Parents, chains: Chains, draws: np.ndarray, problem: ClusterProblem, plan: SearchPlan) -> Made:
    n, places = int(np.asarray(chains.clusters.mask).sum(0).max()), np.array(chains.clusters.positions)
    other = parents.positions[:, :n, _partners(draws, parents)]
    species = np.asarray(chains.clusters.species)[:n, 0]
    places[:, :n] = splice.spliced(draws[: splice.N_DRAWS], places[:, :n], other, species)
    return places, np.zeros(len(chains.keys), np.int64)


def _surrogates(
    candidates: Candidates, chains: Chains, draws: np.ndarray, problem: ClusterProblem, plan: SearchPlan
) -> Made:
    """Candidates; where there are too few, displacements of all atoms."""
    places = np.array(hops.displaced(chains.clusters, chains.keys, chains.n_hops, problem, plan).positions)
    found = candidates.take(int(np.asarray(chains.clusters.mask).any(0).sum()))
    places[:, : found.shape[1], : found.shape[2]] = found
    return places, np.zeros(len(chains.keys), np.int64)


def _partners(draws: np.ndarray, parents: Parents) -> np.ndarray:
    """(n_chains,) the numbers of the parents with which chains are spliced, by the random numbers of their moves."""
    return (draws[splice.N_DRAWS] * len(parents.alone)).astype(int)
