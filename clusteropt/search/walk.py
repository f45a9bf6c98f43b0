"""The walk of all searches: chains of minima, from a start down to a minimum, then by hops from minimum to minimum.

A start is moved by the learned optimizer, if the plan has one, and quenched. The chains of one structure are rivals: those with
the lower minima go on to hop. A hop (see `hops`) is quenched, and accepted or not by Metropolis. Without an optimizer, and with
displacements alone, this is basin hopping (D. J. Wales and J. P. K. Doye, J. Phys. Chem. A 101, 5111 (1997),
doi:10.1021/jp970984n), and without hops a multistart. A chain depends on its start, key and rivals alone, not on its neighbours
in the batch.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Clusters, Structure, pack, padded_size
from clusteropt.engine import lanes
from clusteropt.engine.batches import at
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.search import hops, styles
from clusteropt.search.chains import Chains, columns_of, with_columns
from clusteropt.search.descents import Quenched, by_learned, learned_motion, quench_motion, quenched
from clusteropt.search.policy import SearchPlan
from clusteropt.search.styles import START

_LOWER = 0.02  # energy scales by which a minimum has to lie lower to count as lower


class Visits(NamedTuple):
    """Quenched positions that some chains have just come to, one each, about 0.01 energy scales above the minima."""

    columns: np.ndarray  # (n_visits,) the chains
    moves: np.ndarray  # (n_visits,) indices of MOVES, or START
    positions: np.ndarray  # (3, n_atoms, n_visits)
    energy: np.ndarray  # (n_visits,); infinite where the atoms do not hang together
    n_evaluations: np.ndarray  # (n_visits,) that the chain made to come there


class Walk:
    """Chains under way: an iterator over the minima that they visit, one round after the other.

    The first round has the minima below the starts. Between two rounds the caller may stop chains, or give their places to new
    ones. The walk ends when every chain has ended or was stopped; it goes on when new ones are given places then.
    """

    def __init__(self, problem: ClusterProblem, plan: SearchPlan, chains: Chains, fresh: Visits | None = None) -> None:
        self.problem, self.plan, self.chains = problem, plan, chains
        self.stopped = np.zeros(len(chains.keys), bool)
        self._fresh = [] if fresh is None else [fresh]  # rounds of starts that nobody has seen yet

    @property
    def ended(self) -> np.ndarray:
        """(n_chains,) bool, True where a chain has made its hops, or its patience is over."""
        return ended(self.chains, self.plan)

    def __iter__(self) -> Iterator[Visits]:
        return self

    def __next__(self) -> Visits:
        if self._fresh:
            return self._fresh.pop(0)
        columns = np.flatnonzero(~(self.ended | self.stopped))
        if not columns.size:
            raise StopIteration
        after, visits = hop(columns_of(self.chains, columns), self.problem, self.plan)
        self.chains = with_columns(self.chains, columns, after)
        return visits._replace(columns=columns)

    def replace(self, columns: np.ndarray, others: "Walk") -> None:
        """Puts the chains of another walk, which has just begun, in place of chains `columns`. Its first round is the next."""
        self.chains = with_columns(self.chains, columns, others.chains)
        self.stopped[columns] = False
        self._fresh.append(next(others)._replace(columns=columns))


def foresee(structures: list[Structure], problem: ClusterProblem, plan: SearchPlan) -> bool:
    """Starts to build, in the background, the programs for chains from such starts, which have one size.

    Returns True where one has to be compiled.
    """
    sample, n = pack(structures[:1], padded_size(len(structures[0].positions)), np.float64), len(structures)
    motions = [quench_motion(problem)]
    if plan.optimizer is not None:
        motions.append(learned_motion(problem, plan.optimizer, plan.steps, (0, plan.end)))
    new = [lanes.foresee(sample, n, motion) for motion in motions]  # all of them
    return any([*new, *(hops.foresee(sample, n, problem, plan) if plan.hops else ())])


def begin(
    structures: list[Structure],
    keys: np.ndarray,
    problem: ClusterProblem,
    plan: SearchPlan,
    rivals: np.ndarray | None = None,
    numbers: np.ndarray | None = None,
) -> Walk:
    """A walk from starts of one padded size, each with a key of its own (n_chains,) uint64.

    Chains with the same number in `rivals` (n_chains,) compete for the hops; without `rivals` all chains hop. `numbers`
    (n_chains,), by which chains take their styles, are 0 where they are not given.
    """
    centred = [s._replace(positions=s.positions - s.positions.mean(0)) for s in structures]
    clusters = pack(centred, padded_size(len(structures[0].positions)), np.float64)
    n_evaluations = none = np.zeros(len(structures), np.int64)
    if plan.optimizer is not None and plan.steps:
        clusters, n_evaluations = by_learned(clusters, problem, plan.optimizer, plan.steps, (0, plan.end))
    clusters, energy, seen, used = quenched(clusters, problem)
    n_evaluations, positions = n_evaluations + used, np.asarray(clusters.positions)
    n_hops = none
    if rivals is not None:
        n_hops = np.where(_ranks(energy, rivals) < plan.hopping, none, plan.hops)
    energies = np.asarray(seen.energies)
    own = _styles(clusters, plan, none if numbers is None else numbers)
    chains = Chains(clusters, energy, energies, positions, energy, keys, n_hops, none, n_evaluations, own)
    columns = np.arange(len(structures))
    fresh = Visits(columns, np.full(len(columns), START), positions, energy, n_evaluations)
    return Walk(problem, plan, chains, fresh)


def _styles(clusters: Clusters, plan: SearchPlan, numbers: np.ndarray) -> np.ndarray:
    """(n_chains,) the styles of chains by their numbers (n_chains,) and the moves that their clusters allow."""
    able, out = hops.possible(clusters), np.empty(len(numbers), np.int64)
    for moves in np.unique(able, axis=1).T:
        own = (able == moves[:, None]).all(0)
        out[own] = styles.by_number(plan.styles, moves, numbers[own])
    return out


def _ranks(energy: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """(n_chains,) the fraction of each chain's rivals that are lower than it."""
    order = np.lexsort((energy, rivals))
    _, first, sizes = np.unique(rivals[order], return_index=True, return_counts=True)
    ranks = np.empty(len(order))
    ranks[order] = (np.arange(len(order)) - np.repeat(first, sizes)) / np.repeat(sizes, sizes)
    return ranks


def ended(chains: Chains, plan: SearchPlan) -> np.ndarray:
    """(n_chains,) bool, True where a chain has made its hops, or its patience is over."""
    return np.asarray((chains.n_hops >= plan.hops) | (chains.n_idle >= patience(chains, plan)))


def patience(chains: Chains, plan: SearchPlan) -> np.ndarray:
    """(n_chains,) the hops in vain after which each chain ends."""
    return np.array([style.patience for style in plan.styles])[chains.styles]


def hop(chains: Chains, problem: ClusterProblem, plan: SearchPlan) -> tuple[Chains, Visits]:
    """The chains after one more hop, and the minima that they came to."""
    proposal = hops.propose(chains, problem, plan)
    return landed(chains, proposal, problem, styles.temperatures(plan.styles, chains.styles, proposal.moves))


def landed(
    chains: Chains,
    proposal: hops.Proposal,
    problem: ClusterProblem,
    temperature: float | np.ndarray,
    distinctly: float = _LOWER,
    ends: Quenched | None = None,
) -> tuple[Chains, Visits]:
    """The chains after a quench of what they propose, which Metropolis accepts or not, and the minima that they came to.

    `temperature` (n_chains,) or one for all, and `distinctly`, by which a minimum has to lie lower to
    end idle hops, in energy scales. A chain without a minimum, whose energy is infinite, accepts any. `ends` of the quench are
    given where it was made before.
    """
    scale = problem.scale.energy
    moved, energy, seen, n_quench = ends or quenched(at(chains.clusters, proposal.positions), problem)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite energies
        uphill = np.maximum(energy - chains.energy, 0) / (temperature * scale)
        taken = np.isfinite(energy) & ~(proposal.luck >= np.exp(-uphill))
    lower = energy < chains.lowest_energy - distinctly * scale
    better = energy < chains.lowest_energy
    n_evaluations = proposal.n_evaluations + n_quench
    after = Chains(
        clusters=at(chains.clusters, np.where(taken, moved.positions, chains.clusters.positions)),
        energy=np.where(taken, energy, chains.energy),
        energies=np.where(taken, seen.energies, chains.energies),
        lowest=np.where(better, moved.positions, chains.lowest),
        lowest_energy=np.where(better, energy, chains.lowest_energy),
        keys=chains.keys,
        n_hops=chains.n_hops + 1,
        n_idle=np.where(lower, 0, chains.n_idle + 1),
        n_evaluations=chains.n_evaluations + n_evaluations,
        styles=chains.styles,
    )
    columns, positions = np.arange(len(energy)), np.asarray(moved.positions)
    return after, Visits(columns, proposal.moves, positions, energy, n_evaluations)
