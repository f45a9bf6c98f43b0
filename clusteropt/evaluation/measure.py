"""Measures a search on a target.

Chains from random starts end at a hit or after their hops, and new chains take their places until there are enough hits. Then
the chains that have begun go on to their ends. So the cost and the success of a chain do not depend on the hits of other chains,
and evaluations over hits is the ratio of their expectations (Wald's identity). Chains that were cut off would bias it, because
fast chains hit first. Everything is counted: learned steps, quenches, misses, and polishing.
"""

import math
import time

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.evaluation.score import Score
from clusteropt.evaluation.settings import EvaluationSettings
from clusteropt.evaluation.target import Target
from clusteropt.potentials.base import Potential
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import host
from clusteropt.search import walk
from clusteropt.search.chains import Chains
from clusteropt.search.local import minimized
from clusteropt.search.policy import SearchPlan
from clusteropt.search.starts import start_positions
from clusteropt.search.walk import Walk
from clusteropt.settings.method import LocalSettings

HIT = 1e-4  # above the best-known energy, in energy scales, after polishing
_RIVALS = 16  # chains that compete for the hops, as many as `minimize` has by default
NEAR = 0.05  # energy scales above the best-known energy; lower minima are polished to see if they hit
_WAITING = 4  # new chains begin when one in so many has ended: a program takes as long for few as for many


def measure(target: Target, method: str, plan: SearchPlan, settings: EvaluationSettings, seen: str = "") -> Score:
    """The score of a search; compilation is not part of its seconds."""
    with host.double_precision():
        _warm_up(target, plan, settings)
        return _measured(target, method, plan, settings, seen)


class _Tally:
    """The hits, misses and evaluations of one measurement, chains that are gone included."""

    def __init__(self, target: Target, n_places: int) -> None:
        self._target = target
        self._polished_energies = np.full(n_places, np.inf)  # lowest energies that have been polished, and were no hit
        self.gaps: list[float] = []
        self.n_hits = self.spent = 0  # spent: evaluations of chains that are gone, and of polishing
        self.counted = np.zeros(n_places, bool)  # places whose chain has ended

    def count(self, under_way: Walk) -> None:
        """Polishes minima near the best-known energy, and counts the chains that have ended, by a hit or without."""
        best, scale, lowest = self._target.best_known, self._target.potential.energy, under_way.chains.lowest_energy
        near = np.flatnonzero(~self.counted & (lowest < np.minimum(best + NEAR * scale, self._polished_energies)))
        energies, used = _polished(under_way.chains, near, self._target.potential)
        self.spent += used
        self._polished_energies[near] = lowest[near]
        hit = np.zeros(len(lowest), bool)
        hit[near] = energies < best + HIT * scale
        ended = ~self.counted & (hit | under_way.ended)
        self.n_hits += int(hit.sum())
        self.gaps += np.where(hit, 0, lowest - best)[ended].tolist()
        self.counted |= ended
        under_way.stopped |= ended

    def vacate(self, under_way: Walk, places: np.ndarray) -> None:
        """Makes room for new chains."""
        self.spent += int(under_way.chains.n_evaluations[places].sum())
        self._polished_energies[places], self.counted[places] = np.inf, False


def _measured(target: Target, method: str, plan: SearchPlan, settings: EvaluationSettings, seen: str) -> Score:
    begin, n_begun = time.perf_counter(), settings.chains
    group, tally, pace = _group(plan, n_begun), _Tally(target, n_begun), math.nan
    under_way = _fresh(target, plan, settings, 0, n_begun)
    total, seconds, ended_by = 0, 0.0, ""
    while not ended_by:
        next(under_way, None)  # nothing comes where all have ended, and remain to be counted
        tally.count(under_way)
        total, seconds = tally.spent + int(under_way.chains.n_evaluations.sum()), time.perf_counter() - begin
        enough = tally.n_hits >= settings.hits
        ended_by = _ended_by(total, seconds, enough and bool(tally.counted.all()), settings)
        if math.isnan(pace) and (enough or ended_by):
            pace = seconds / total
        places = np.flatnonzero(tally.counted)[: tally.counted.sum() // group * group]
        if not (ended_by or enough) and places.size * _WAITING >= settings.chains:
            tally.vacate(under_way, places)
            under_way.replace(places, _fresh(target, plan, settings, n_begun, len(places)))
            n_begun += len(places)
    gap = float(np.median(tally.gaps)) if tally.gaps else math.nan
    n_cut = int((~tally.counted).sum())
    return Score(
        target.formula, method, seen, len(tally.gaps), n_cut, tally.n_hits, total, seconds, gap, "", ended_by, pace
    )


def _ended_by(evaluations: int, seconds: float, through: bool, settings: EvaluationSettings) -> str:
    """The limit that is reached; '' while the measurement goes on."""
    if through:
        return "hits"
    if evaluations >= settings.evaluations:
        return "evaluations"
    return "seconds" if seconds > settings.seconds else ""


def _group(plan: SearchPlan, n_chains: int) -> int:
    """The number of chains that begin together: where rivals compete for the hops, as many as in `minimize`, else one."""
    return min(_RIVALS, n_chains) if plan.hopping < 1 else 1


def _fresh(target: Target, plan: SearchPlan, settings: EvaluationSettings, first: int, count: int) -> Walk:
    """A walk of chains number `first` and following, each from a random start by the seed and its number.

    Every other start of a learned search is symmetric, and up to sixteen that begin together compete, as in
    `minimize --start random`.
    """
    n_atoms, potential = len(target.symbols), target.potential
    species = np.array([potential.elements.index(symbol) for symbol in target.symbols], np.int32)
    numbers = np.arange(first, first + count)
    keys = np.array(
        [np.random.default_rng([settings.seed, k]).integers(2**64, dtype=np.uint64) for k in numbers.tolist()]
    )
    symmetric = (plan.optimizer is not None) & (numbers % 2 == 1)
    places = start_positions(keys, n_atoms, potential.length, symmetric)
    starts = [Structure(place.T, species, np.ones(n_atoms, bool)) for place in np.moveaxis(places, -1, 0)]
    return walk.begin(starts, keys, ClusterProblem(potential), plan, np.arange(count) // _RIVALS, numbers)


def _polished(chains: Chains, columns: np.ndarray, potential: Potential) -> tuple[np.ndarray, int]:
    """The energies of the lowest minima of the chains `columns`, polished, and the evaluations that polishing took."""
    masks, species = np.asarray(chains.clusters.mask), np.asarray(chains.clusters.species)
    structures = []
    for k in columns:
        inside = masks[:, k]
        structures.append(Structure(chains.lowest[:, inside, k].T, species[inside, k], np.ones(inside.sum(), bool)))
    found = {i: m for part in minimized(structures, potential, LocalSettings(), few=False) for i, m in part.items()}
    energies = np.array([found[i].energy for i in range(len(columns))])
    return energies, sum(m.n_evaluations for m in found.values())


def _warm_up(target: Target, plan: SearchPlan, settings: EvaluationSettings) -> None:
    """Builds every program."""
    few = plan._replace(hops=min(plan.hops, 1))
    under_way = _fresh(target, few, settings, 0, settings.chains)
    for _ in under_way:  # the starts, and a hop if there are any
        pass
    _polished(under_way.chains, np.arange(1), target.potential)
