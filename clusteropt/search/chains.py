"""Chains of minima: from a start down to a minimum, then hops from minimum to minimum.

A start is moved by a learned optimizer, where there is one, and quenched. Of rivals, which are the chains of one structure,
those with the lower minima go on to hop. A hop either displaces all atoms of the last minimum and moves them by the learned
optimizer as at the end of a trajectory, or moves a few over the surface; it is quenched, and taken or left by Metropolis. Without
an optimizer and moves over the surface this is basin hopping (D. J. Wales and J. P. K. Doye, J. Phys. Chem. A 101, 5111 (1997),
doi:10.1021/jp970984n), and without hops a multistart. A chain depends on its start, key and rivals alone, not on its neighbours
in the batch.
"""

from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Clusters, Structure, at, pack, padded_size, take
from clusteropt.engine import lanes
from clusteropt.engine.relax import Criterion
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.optimizers.table import Rule, learned_rule
from clusteropt.potentials.base import CORE, Potential
from clusteropt.search import surface
from clusteropt.search.surface import N_DRAWS, moved_over_surface

_QUENCH = 0.3  # longest force at the end of a quench, in energy over length: about 0.01 energy scales above the minimum
_LOWER = 0.02  # energy scales by which a minimum has to lie lower to be another
_MOST_STEPS = 2000  # of a quench
# atoms up to which all chains hop: the lowest first minima often lie beside the best funnel there
_SMALL = 34
_NEVER = Criterion("fmax", -1.0)  # a trajectory ends with its steps


class Search(NamedTuple):
    """How chains go on."""

    optimizer: LearnedOptimizer | None = None
    steps: int = 0  # of the learned optimizer from a start
    end: float = 1.0  # the part of a whole trajectory that these are: what is left of it, a quench does sooner
    hopping: float = 1.0  # the part of rivals that hop: those with the lowest first minima
    hops: int = 0  # at most
    patience: int = 10_000  # hops without a lower minimum after which a chain ends
    hop_steps: int = 0  # of the learned optimizer in a hop
    hop_begin: float = 0.7  # the part of a trajectory that is over when those begin
    surface: float = 0.0  # the part of the hops that moves the least bound atoms over the surface instead
    displacement: float = 0.36  # of every coordinate in a hop, at most, in lengths
    temperature: float = 0.8  # of Metropolis, in energy scales


def search_for(
    optimizer: LearnedOptimizer,
    n_atoms: int,
    potential: Potential,
    steps: int | None = None,
    hops: int | None = None,
    hop_steps: int | None = None,
) -> Search:
    """The search that has proved good for clusters of that size and kind, with the given values in place of its own."""
    usual = Search(
        optimizer,
        min(1000, 15 * n_atoms // 2),
        end=0.75,
        hops=200,
        patience=8,
        hop_steps=40,
        surface=0.7,
        temperature=0.6,
    )
    if n_atoms > _SMALL:
        usual = usual._replace(hopping=0.5, patience=max(5, n_atoms**2 // 300))
    if potential.directional:  # places on the surface are those of metals and noble gases
        usual = usual._replace(hopping=1.0, hop_steps=0, surface=0.0, temperature=0.8, patience=200)
    changes = {"steps": steps, "hops": hops, "hop_steps": hop_steps}
    return usual._replace(**{name: value for name, value in changes.items() if value is not None})


class Chains(NamedTuple):
    """Chains side by side, numpy's arrays; the last axis counts them. Energies in the potential's unit."""

    clusters: Clusters  # at the last minimum
    energy: np.ndarray  # (n_chains,), of it; infinite where the atoms do not hang together
    energies: np.ndarray  # (n_atoms, n_chains), of its atoms
    lowest: np.ndarray  # (3, n_atoms, n_chains) positions of the lowest minimum
    lowest_energy: np.ndarray  # (n_chains,)
    keys: np.ndarray  # (n_chains,) uint64, of the random numbers
    n_hops: np.ndarray  # (n_chains,) int64; all of the search's for those that are not to hop
    n_idle: np.ndarray  # (n_chains,) int64, hops since one led distinctly below all minima before
    n_evaluations: np.ndarray  # (n_chains,) int64, of the gradient


def foresee(structures: list[Structure], potential: Potential, search: Search) -> bool:
    """Has the programs built in the background that chains from such starts, all of one size, will want.

    Whether one has to be compiled for that.
    """
    sample, n = pack(structures[:1], padded_size(len(structures[0].positions)), np.float64), len(structures)
    tasks = [_quench(potential)]
    if search.optimizer is not None:
        tasks.append(_trajectory(potential, search.optimizer, search.steps, (0, search.end)))
    new = [lanes.foresee(sample, n, task) for task in tasks]  # all of them
    if search.surface and search.hops:
        new.append(surface.foresee(sample, n))
    return any(new)


def begin(
    structures: list[Structure],
    keys: np.ndarray,
    potential: Potential,
    search: Search,
    rivals: np.ndarray | None = None,
) -> Chains:
    """Chains from starts of one padded size, each with a key of its own (n_chains,) uint64.

    Those with the same number in `rivals` (n_chains,) compete for the hops; without it nobody competes.
    """
    centred = [s._replace(positions=s.positions - s.positions.mean(0)) for s in structures]
    clusters = pack(centred, padded_size(len(structures[0].positions)), np.float64)
    n_evaluations = np.zeros(len(structures), np.int64)
    if search.optimizer is not None and search.steps:
        clusters, n_evaluations = _learned(clusters, potential, search.optimizer, search.steps, (0, search.end))
    clusters, energy, energies, used = _quenched(clusters, potential)
    n_evaluations = n_evaluations + used
    positions = np.asarray(clusters.positions)
    n_hops = none = np.zeros_like(n_evaluations)
    if rivals is not None:
        n_hops = np.where(_ranks(energy, rivals) < search.hopping, none, search.hops)
    return Chains(clusters, energy, energies, positions, energy, keys, n_hops, none, n_evaluations)


def _ranks(energy: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """(n_chains,) the part of each chain's rivals that are lower than it."""
    order = np.lexsort((energy, rivals))
    _, first, sizes = np.unique(rivals[order], return_index=True, return_counts=True)
    ranks = np.empty(len(order))
    ranks[order] = (np.arange(len(order)) - np.repeat(first, sizes)) / np.repeat(sizes, sizes)
    return ranks


def ended(chains: Chains, search: Search) -> np.ndarray:
    """(n_chains,) bool: which are through."""
    return np.asarray((chains.n_hops >= search.hops) | (chains.n_idle >= search.patience))


def hop(chains: Chains, potential: Potential, search: Search) -> Chains:
    """The chains after one hop more."""
    counters = 2 * chains.n_hops.astype(np.uint64) + np.uint64(1)
    draws = uniforms(chains.keys, counters, 2 + N_DRAWS)
    over_surface = (draws[1] < search.surface) & np.asarray(chains.clusters.free).any(0)
    shaken, used = np.array(chains.clusters.positions), np.zeros(len(over_surface), np.int64)
    few, all_atoms = np.flatnonzero(over_surface), np.flatnonzero(~over_surface)
    if few.size:
        shaken[..., few], used[few] = _over_surface(columns_of(chains, few), potential, draws[2:, few])
    if all_atoms.size:
        shaken[..., all_atoms], used[all_atoms] = _shaken(columns_of(chains, all_atoms), potential, search)
    moved, energy, energies, n_quench = _quenched(at(chains.clusters, shaken), potential)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite energies
        uphill = np.maximum(energy - chains.energy, 0) / (search.temperature * potential.energy)
        taken = np.isfinite(energy) & ~(draws[0] >= np.exp(-uphill))
    lower = energy < chains.lowest_energy - _LOWER * potential.energy
    better = energy < chains.lowest_energy
    return Chains(
        clusters=at(chains.clusters, np.where(taken, moved.positions, chains.clusters.positions)),
        energy=np.where(taken, energy, chains.energy),
        energies=np.where(taken, energies, chains.energies),
        lowest=np.where(better, moved.positions, chains.lowest),
        lowest_energy=np.where(better, energy, chains.lowest_energy),
        keys=chains.keys,
        n_hops=chains.n_hops + 1,
        n_idle=np.where(lower, 0, chains.n_idle + 1),
        n_evaluations=chains.n_evaluations + used + n_quench,
    )


def displaced(chains: Chains, potential: Potential, search: Search) -> Clusters:
    """The last minima with all free atoms displaced, as a hop begins."""
    clusters, size = chains.clusters, chains.clusters.mask.shape[0]
    draws = uniforms(chains.keys, 2 * chains.n_hops.astype(np.uint64), 3 * size).reshape(3, size, -1)
    shift = (2 * draws - 1) * (search.displacement * potential.length)
    return at(clusters, np.where(clusters.free, clusters.positions + shift, clusters.positions))


def _shaken(chains: Chains, potential: Potential, search: Search) -> tuple[np.ndarray, np.ndarray | int]:
    """Positions where a hop with all atoms leads before the quench, and the evaluations it took."""
    shaken = displaced(chains, potential, search)
    if search.optimizer is None or not search.hop_steps:
        return np.asarray(shaken.positions), 0
    shaken, used = _learned(shaken, potential, search.optimizer, search.hop_steps, (search.hop_begin, 1))
    return np.asarray(shaken.positions), used


def _over_surface(chains: Chains, potential: Potential, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same of a hop with a few atoms over the surface."""
    looseness = uniforms(chains.keys, 2 * chains.n_hops.astype(np.uint64), chains.clusters.mask.shape[0])
    return moved_over_surface(chains.clusters, chains.energies, draws, looseness, potential)


def at_columns(whole: Chains, columns: np.ndarray, part: Chains) -> Chains:
    """The chains with those of `part` in place of some."""
    out = []
    for old, new in zip((whole.clusters.positions, *whole[1:]), (part.clusters.positions, *part[1:]), strict=True):
        array = np.array(old)
        array[..., columns] = new
        out.append(array)
    return Chains(at(whole.clusters, out[0]), *out[1:])


def columns_of(chains: Chains, columns: np.ndarray) -> Chains:
    """Some of the chains."""
    return Chains(take(chains.clusters, columns), *(array[..., columns] for array in chains[1:]))


def uniforms(keys: np.ndarray, counters: np.ndarray, n: int) -> np.ndarray:
    """(n, n_chains) numbers in [0, 1) from keys and counters (n_chains,) uint64: SplitMix64, counting.

    G. Steele, D. Lea and C. Flood, OOPSLA 2014, doi:10.1145/2660193.2660195.
    """
    with np.errstate(over="ignore"):
        root = _mixed(keys + np.uint64(0x9E3779B97F4A7C15) * (counters + np.uint64(1)))
        numbers = _mixed(root + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, n + 1, dtype=np.uint64)[:, None])
    return (numbers >> np.uint64(11)) * 2.0**-53


def _mixed(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _learned(
    clusters: Clusters, potential: Potential, optimizer: LearnedOptimizer, n_steps: int, part: tuple[float, float]
) -> tuple[Clusters, np.ndarray]:
    """Where the learned optimizer takes the clusters; those that blew up stay where they were. And the evaluations."""
    task = _trajectory(potential, optimizer, n_steps, part)
    relaxed = lanes.relax_batch(clusters, np.full(clusters.mask.shape[-1], n_steps), task)
    finite = np.isfinite(relaxed.positions).all((0, 1))
    positions = np.where(clusters.free & finite, relaxed.positions, clusters.positions)
    return at(clusters, positions), relaxed.n_evaluations.astype(np.int64)


def _quenched(clusters: Clusters, potential: Potential) -> tuple[Clusters, np.ndarray, np.ndarray, np.ndarray]:
    """The minima below, roughly; their energies and their atoms'; evaluations, the last look included."""
    relaxed = lanes.relax_batch(clusters, np.full(clusters.mask.shape[-1], _MOST_STEPS), _quench(potential))
    finite = np.isfinite(relaxed.positions).all((0, 1))
    there = at(clusters, np.where(clusters.free & finite, relaxed.positions, clusters.positions))
    seen = lanes.evaluate_batch(there, potential, 0.0, potential.reach)
    energy = np.where(seen.connected & finite & np.isfinite(seen.energy), seen.energy, np.inf)
    return there, energy, seen.energies, relaxed.n_evaluations.astype(np.int64) + 1


def _trajectory(
    potential: Potential, optimizer: LearnedOptimizer, n_steps: int, part: tuple[float, float]
) -> lanes.Task:
    rule = learned_rule(optimizer.theta, optimizer.settings, n_steps, part)
    return lanes.Task(potential, rule, _NEVER, np.float32, CORE * potential.length)


def _quench(potential: Potential) -> lanes.Task:
    tolerance = _QUENCH * potential.energy / potential.length
    return lanes.Task(potential, Rule("lbfgs"), Criterion("fmax", tolerance), np.float32, CORE * potential.length)
