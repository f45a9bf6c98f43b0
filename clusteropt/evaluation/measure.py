"""Measures a search on a problem.

Chains from random starts end at a hit or after their hops, and others take their place until there are hits enough. Then
those that have begun go on to their ends: what a chain costs and whether it hits does not depend on how many others have hit,
so evaluations over hits is the ratio of their expectations (Wald's identity), and does not charge the hits that were fast with
chains that were cut off. Everything is counted: learned steps, quenches, misses, and polishing.
"""

import math
import time

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.evaluation.problem import Problem
from clusteropt.evaluation.score import Score
from clusteropt.evaluation.settings import EvaluationSettings
from clusteropt.potentials.base import Potential
from clusteropt.runtime import host
from clusteropt.search import chains
from clusteropt.search.chains import Chains, Search
from clusteropt.search.minima import minimized
from clusteropt.search.starts import start_positions
from clusteropt.settings.method import LocalSettings

HIT = 1e-4  # above the best-known energy, in energy scales, after polishing
_RIVALS = 16  # chains that compete for the hops, as many as `minimize` has by default
_NEAR = 0.05  # what is closer is polished, to see
_WAITING = 4  # new chains begin when one in so many has ended: a program costs the same for few as for many


def measure(given: Problem, method: str, search: Search, settings: EvaluationSettings, seen: str = "") -> Score:
    """The score of a search; compilation is not part of its seconds."""
    with host.double_precision():
        _warm_up(given, search, settings)
        return _measured(given, method, search, settings, seen)


def _measured(given: Problem, method: str, search: Search, settings: EvaluationSettings, seen: str) -> Score:
    begin, scale = time.perf_counter(), given.potential.energy
    n_columns, group = settings.chains, _group(search, settings.chains)
    alive = _fresh(given, search, settings, 0, n_columns)
    n_begun = n_columns
    looked_at = np.full(n_columns, np.inf)  # lowest energies that have been polished, and were no hit
    idle = np.zeros(n_columns, bool)
    gaps: list[float] = []
    n_hits = spent = 0  # spent: evaluations of chains that are gone, and of polishing
    pace = math.nan
    while True:
        near = np.flatnonzero(~idle & (alive.lowest_energy < np.minimum(given.best_known + _NEAR * scale, looked_at)))
        energies, used = _polished(alive, near, given.potential)
        spent += used
        looked_at[near] = alive.lowest_energy[near]
        hit = np.zeros(n_columns, bool)
        hit[near] = energies < given.best_known + HIT * scale
        ended = ~idle & (hit | chains.ended(alive, search))
        n_hits += int(hit.sum())
        gaps += np.where(hit, 0, alive.lowest_energy - given.best_known)[ended].tolist()
        idle |= ended
        total, seconds = spent + int(alive.n_evaluations.sum()), time.perf_counter() - begin
        enough = n_hits >= settings.hits
        ended_by = _ended_by(total, seconds, enough and bool(idle.all()), settings)
        if math.isnan(pace) and (enough or ended_by):
            pace = seconds / total
        if ended_by:
            break
        places = np.flatnonzero(idle)[: idle.sum() // group * group]
        if not enough and places.size * _WAITING >= n_columns:
            spent += int(alive.n_evaluations[places].sum())
            alive = chains.at_columns(alive, places, _fresh(given, search, settings, n_begun, len(places)))
            n_begun += len(places)
            looked_at[places], idle[places] = np.inf, False
            continue
        busy = np.flatnonzero(~idle)
        alive = chains.at_columns(alive, busy, chains.hop(chains.columns_of(alive, busy), given.potential, search))
    gap = float(np.median(gaps)) if gaps else math.nan
    return Score(
        given.formula, method, seen, len(gaps), int((~idle).sum()), n_hits, total, seconds, gap, "", ended_by, pace
    )


def _ended_by(evaluations: int, seconds: float, through: bool, settings: EvaluationSettings) -> str:
    """The limit that is reached; '' while the measurement goes on."""
    if through:
        return "hits"
    if evaluations >= settings.evaluations:
        return "evaluations"
    return "seconds" if seconds > settings.seconds else ""


def _group(search: Search, n_chains: int) -> int:
    """How many chains have to begin together: where rivals compete for the hops, as many as compete in `minimize`."""
    return min(_RIVALS, n_chains) if search.hopping < 1 else 1


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
    found = {i: m for part in minimized(structures, potential, LocalSettings(), few=False) for i, m in part.items()}
    energies = np.array([found[i].energy for i in range(len(columns))])
    return energies, sum(m.n_evaluations for m in found.values())


def _warm_up(given: Problem, search: Search, settings: EvaluationSettings) -> None:
    """Has every program built."""
    few = search._replace(hops=min(search.hops, 1))
    alive = _fresh(given, few, settings, 0, settings.chains)
    if few.hops:
        alive = chains.hop(alive, given.potential, few)
    _polished(alive, np.arange(1), given.potential)
