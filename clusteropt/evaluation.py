"""How good a search is: hits of the best-known minimum, and what one costs in evaluations and seconds.

Chains from random starts end at a hit or after their hops, and others take their place, until there are hits enough or
the budget is spent. Everything is counted: learned steps, quenches, misses, polishing, and chains that are cut off.
"""

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from clusteropt import chains, runtime
from clusteropt.best_known import best_known
from clusteropt.chains import Chains, Search
from clusteropt.clusters import Structure
from clusteropt.config import MinimizeSettings
from clusteropt.errors import UsageError
from clusteropt.minima import minimized
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.starts import start_positions, symbols_of
from clusteropt.weights import LearnedOptimizer

HIT = 1e-4  # above the best-known energy, in energy scales, after polishing
_RIVALS = 16  # chains that compete for the hops, as many as `minimize` has by default
_NEAR = 0.05  # what is closer is polished, to see
_ENDLESS = 10_000  # hops of basin hopping from one start
_WAITING = 4  # new chains begin when one in so many has ended: a program costs the same for few as for many


@dataclass(frozen=True)
class EvaluationSettings:
    """How much to look at."""

    hits: int = 20  # enough
    evaluations: float = 3e6  # at most, for each task and method
    seconds: float = 300.0  # at most, likewise
    chains: int = 256  # at a time
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("hits", "chains"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("evaluations", "seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"{name} must be a positive number, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"seed must be between 0 and {2**32 - 1}, got {self.seed}")


class Problem(NamedTuple):
    """A cluster whose best-known minimum is to be found."""

    formula: str
    potential: Potential
    symbols: list[str]
    best_known: float


class Score(NamedTuple):
    """What came of a method on a problem."""

    formula: str
    method: str
    seen: str  # what of the problem was in training: 'trained', 'size unseen', 'element unseen'; '' for other methods
    n_chains: int  # that have ended, by a hit or without
    n_cut: int  # that were still on their way when there were hits enough
    n_hits: int
    n_evaluations: int
    seconds: float
    median_gap: float  # of the chains that have ended, above the best-known energy

    @property
    def hit_rate(self) -> float:
        return self.n_hits / self.n_chains if self.n_chains else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Of the hit rate, 95 % confidence (E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927))."""
        n, p, z = self.n_chains, self.hit_rate, 1.96
        if not n:
            return 0.0, 1.0
        centre, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n))

    @property
    def evaluations_per_hit(self) -> float:
        return self.n_evaluations / self.n_hits if self.n_hits else math.inf

    @property
    def seconds_per_hit(self) -> float:
        return self.seconds / self.n_hits if self.n_hits else math.inf


LEARNED, MULTISTART, BASIN_HOPPING = "learned", "multistart", "basin hopping"


def methods(optimizer: LearnedOptimizer | None, given: Problem, **changes: int | None) -> dict[str, Search]:
    """The learned search, if there is an optimizer, and those it is compared with."""
    found = {}
    if optimizer is not None:
        found[LEARNED] = chains.search_for(optimizer, len(given.symbols), given.potential, **changes)
    return found | {MULTISTART: Search(), BASIN_HOPPING: Search(hops=_ENDLESS)}


def problem(formula: str) -> Problem:
    """Raises UsageError for a formula that is none, has no potential, or no best-known minimum."""
    symbols = symbols_of(formula)
    potential = sets.default(tuple(sorted(set(symbols)))).potential(tuple(sorted(set(symbols))))
    energy = best_known(potential, symbols)
    if energy is None:
        raise UsageError(f"{formula}: no best-known minimum of {potential.name} is in the table: choose another")
    return Problem(formula, potential, symbols, energy)


def measure(given: Problem, method: str, search: Search, settings: EvaluationSettings, seen: str = "") -> Score:
    """The score of a search; compilation is not part of its seconds."""
    with runtime.double_precision():
        _warm_up(given, search, settings)
        return _measured(given, method, search, settings, seen)


def _measured(given: Problem, method: str, search: Search, settings: EvaluationSettings, seen: str) -> Score:
    begin, scale = time.perf_counter(), given.potential.energy
    alive = _fresh(given, search, settings, 0, settings.chains)
    n_begun = settings.chains
    looked_at = np.full(settings.chains, np.inf)  # lowest energies that have been polished, and were no hit
    idle = np.zeros(settings.chains, bool)
    gaps: list[float] = []
    n_hits = spent = 0  # spent: evaluations of chains that are gone, and of polishing
    while True:
        near = np.flatnonzero(~idle & (alive.lowest_energy < np.minimum(given.best_known + _NEAR * scale, looked_at)))
        energies, used = _polished(alive, near, given.potential)
        spent += used
        looked_at[near] = alive.lowest_energy[near]
        hit = np.zeros(settings.chains, bool)
        hit[near] = energies < given.best_known + HIT * scale
        ended = ~idle & (hit | chains.ended(alive, search))
        n_hits += int(hit.sum())
        gaps += np.where(hit, 0, alive.lowest_energy - given.best_known)[ended].tolist()
        idle |= ended
        total = spent + int(alive.n_evaluations.sum())
        enough = n_hits >= settings.hits or total >= settings.evaluations
        if enough or time.perf_counter() - begin > settings.seconds:
            break
        if idle.sum() * _WAITING >= settings.chains:
            places = np.flatnonzero(idle)
            spent += int(alive.n_evaluations[places].sum())
            alive = chains.at_columns(alive, places, _fresh(given, search, settings, n_begun, len(places)))
            n_begun += len(places)
            looked_at[places], idle[places] = np.inf, False
            continue
        busy = np.flatnonzero(~idle)
        alive = chains.at_columns(alive, busy, chains.hop(chains.columns_of(alive, busy), given.potential, search))
    seconds = time.perf_counter() - begin
    gap = float(np.median(gaps)) if gaps else math.nan
    return Score(given.formula, method, seen, len(gaps), int((~idle).sum()), n_hits, total, seconds, gap)


def _fresh(given: Problem, search: Search, settings: EvaluationSettings, first: int, count: int) -> Chains:
    """Chains number `first` and following, each from a random start by the seed and its number.

    Every other start of a learned search is symmetric, and up to sixteen that begin together compete, as in
    `minimize --start random`.
    """
    n_atoms, potential = len(given.symbols), given.potential
    species = np.array([potential.elements.index(symbol) for symbol in given.symbols], np.int32)
    starts, keys = [], []
    for k in range(first, first + count):
        rng = np.random.default_rng([settings.seed, k])
        positions = start_positions(rng, n_atoms, potential.length, search.optimizer is not None and k % 2 == 1)
        starts.append(Structure(positions, species, np.ones(n_atoms, bool)))
        keys.append(rng.integers(2**64, dtype=np.uint64))
    return chains.begin(starts, np.array(keys), potential, search, rivals=np.arange(count) // _RIVALS)


def _polished(alive: Chains, columns: np.ndarray, potential: Potential) -> tuple[np.ndarray, int]:
    """The energies of those chains' lowest minima, converged; and the evaluations that took."""
    masks, species = np.asarray(alive.clusters.mask), np.asarray(alive.clusters.species)
    structures = []
    for k in columns:
        inside = masks[:, k]
        structures.append(Structure(alive.lowest[:, inside, k].T, species[inside, k], np.ones(inside.sum(), bool)))
    found = {i: m for part in minimized(structures, potential, MinimizeSettings()) for i, m in part.items()}
    energies = np.array([found[i].energy for i in range(len(columns))])
    return energies, sum(m.n_evaluations for m in found.values())


def _warm_up(given: Problem, search: Search, settings: EvaluationSettings) -> None:
    """Has every program built."""
    few = search._replace(hops=min(search.hops, 1))
    alive = _fresh(given, few, settings, 0, settings.chains)
    if few.hops:
        alive = chains.hop(alive, given.potential, few)
    _polished(alive, np.arange(1), given.potential)
