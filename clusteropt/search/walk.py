"""The walk of all searches: chains of minima, from a start down to a minimum, then by hops from minimum to minimum.

A start is moved by the learned optimizer, if the plan has one, and quenched. The chains of one structure are rivals: those with
the lower minima go on to hop. A hop (see `hops`) is quenched, and accepted or not by Metropolis. Without an optimizer and moves
over the surface this is basin hopping (D. J. Wales and J. P. K. Doye, J. Phys. Chem. A 101, 5111 (1997),
doi:10.1021/jp970984n), and without hops a multistart. A chain depends on its start, key and rivals alone, not on its neighbours
in the batch.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Clusters, Structure, pack, padded_size
from clusteropt.engine import lanes
from clusteropt.engine.batches import at, take
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.search import hops, surface
from clusteropt.search.descents import by_learned, learned_motion, quench_motion, quenched
from clusteropt.search.hops import Origin
from clusteropt.search.policy import SearchPlan

_LOWER = 0.02  # energy scales by which a minimum has to lie lower to count as lower


class Chains(NamedTuple):
    """Chains side by side, numpy's arrays; the last axis counts them. Energies in the potential's unit."""

    clusters: Clusters  # at the last minimum
    energy: np.ndarray  # (n_chains,), there; infinite where the atoms do not hang together
    energies: np.ndarray  # (n_atoms, n_chains), there, of the atoms
    lowest: np.ndarray  # (3, n_atoms, n_chains) positions of the lowest minimum
    lowest_energy: np.ndarray  # (n_chains,)
    keys: np.ndarray  # (n_chains,) uint64, of the random numbers
    n_hops: np.ndarray  # (n_chains,) int64; chains that are not to hop have the plan's number from the start
    n_idle: np.ndarray  # (n_chains,) int64, hops since the last that led distinctly below all earlier minima
    n_evaluations: np.ndarray  # (n_chains,) int64, of the gradient


class Visits(NamedTuple):
    """Quenched positions that some chains have just come to, one each, about 0.01 energy scales above the minima."""

    columns: np.ndarray  # (n_visits,) the chains
    origins: np.ndarray  # (n_visits,) values of Origin
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
    if plan.surface and plan.hops:
        new.append(surface.foresee(sample, n))
    return any(new)


def begin(
    structures: list[Structure],
    keys: np.ndarray,
    problem: ClusterProblem,
    plan: SearchPlan,
    rivals: np.ndarray | None = None,
) -> Walk:
    """A walk from starts of one padded size, each with a key of its own (n_chains,) uint64.

    Chains with the same number in `rivals` (n_chains,) compete for the hops; without `rivals` all chains hop.
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
    chains = Chains(clusters, energy, energies, positions, energy, keys, n_hops, none, n_evaluations)
    columns = np.arange(len(structures))
    fresh = Visits(columns, np.full(len(columns), Origin.START), positions, energy, n_evaluations)
    return Walk(problem, plan, chains, fresh)


def _ranks(energy: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """(n_chains,) the fraction of each chain's rivals that are lower than it."""
    order = np.lexsort((energy, rivals))
    _, first, sizes = np.unique(rivals[order], return_index=True, return_counts=True)
    ranks = np.empty(len(order))
    ranks[order] = (np.arange(len(order)) - np.repeat(first, sizes)) / np.repeat(sizes, sizes)
    return ranks


def ended(chains: Chains, plan: SearchPlan) -> np.ndarray:
    """(n_chains,) bool, True where a chain has made its hops, or its patience is over."""
    return np.asarray((chains.n_hops >= plan.hops) | (chains.n_idle >= plan.patience))


def hop(chains: Chains, problem: ClusterProblem, plan: SearchPlan) -> tuple[Chains, Visits]:
    """The chains after one more hop, and the minima that they came to."""
    proposal = hops.propose(chains.clusters, chains.energies, chains.keys, chains.n_hops, problem, plan)
    return landed(chains, proposal, problem, plan.temperature)


def landed(
    chains: Chains,
    proposal: hops.Proposal,
    problem: ClusterProblem,
    temperature: float | np.ndarray,
    distinctly: float = _LOWER,
) -> tuple[Chains, Visits]:
    """The chains after a quench of what they propose, which Metropolis accepts or not, and the minima that they came to.

    `temperature` (n_chains,) or one for all, and `distinctly`, by which a minimum has to lie lower to
    end idle hops, in energy scales. A chain without a minimum, whose energy is infinite, accepts any.
    """
    scale = problem.scale.energy
    moved, energy, seen, n_quench = quenched(at(chains.clusters, proposal.positions), problem)
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
    )
    columns, positions = np.arange(len(energy)), np.asarray(moved.positions)
    return after, Visits(columns, proposal.origins, positions, energy, n_evaluations)


def with_columns(whole: Chains, columns: np.ndarray, own: Chains) -> Chains:
    """The chains `whole`, with the chains `own` in place of `columns`."""
    out = []
    for old, new in zip((whole.clusters.positions, *whole[1:]), (own.clusters.positions, *own[1:]), strict=True):
        array = np.array(old)
        array[..., columns] = new
        out.append(array)
    return Chains(at(whole.clusters, out[0]), *out[1:])


def columns_of(chains: Chains, columns: np.ndarray) -> Chains:
    """The chains of the given columns."""
    return Chains(take(chains.clusters, columns), *(array[..., columns] for array in chains[1:]))
