"""Measures the adaptive search on a target.

Explorations follow one another, each with a seed of its own. Each goes on until a chain has come to the best-known minimum;
then no chain begins, and those that have begun go on to their ends. So explorations are independent and alike, and all
evaluations over all hits is the ratio of their expectations (Wald's identity). Chains of one exploration learn from each other:
the ratio is that of explorations that begin no chain after the first hit. A chain that has taken parts of the lowest minimum is
no independent success, and counts only where it is the first of its exploration.
"""

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import padded_size
from clusteropt.evaluation.measure import HIT, NEAR
from clusteropt.evaluation.score import Score, median_until
from clusteropt.evaluation.settings import EvaluationSettings
from clusteropt.evaluation.target import SEARCH, Target
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.exploring import Exploration, Round
from clusteropt.exploration.polishing import polished
from clusteropt.exploration.seats import N_SEATS
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.runtime import devices, host
from clusteropt.runtime.backend import n_lanes

HITS_EACH = 1  # of an exploration, after which it begins no chains
_FIRST = 3  # rounds in which all programs are used


class _Limits(NamedTuple):
    """The limits that are left for an exploration."""

    hits: int
    evaluations: float
    seconds: float


class _Outcome(NamedTuple):
    """An exploration that has ended."""

    gaps: list[float]  # above the best-known energy, of the chains that have ended
    n_cut: int
    n_hits: int
    n_evaluations: int
    seconds: float
    first: tuple[int, float] | None  # evaluations and seconds until the first hit
    full: tuple[int, float]  # evaluations and seconds while chains began
    ended_by: str  # '' where all chains have ended


def kit_for(target: Target, optimizer: LearnedOptimizer | None, seed: int) -> Kit:
    """The kit of a search for the target."""
    return Kit(Composition(tuple(target.symbols), target.potential), optimizer, seed)


def measure(
    target: Target,
    optimizer: LearnedOptimizer | None,
    settings: EvaluationSettings,
    seen: str = "",
    hits_each: int = HITS_EACH,
) -> Score:
    """The score of the adaptive search; compilation is not part of its seconds."""
    with host.double_precision():
        warm_up(kit_for(target, optimizer, settings.seed))
        outcomes: list[_Outcome] = []
        while not outcomes or not (outcomes[-1].ended_by or sum(o.n_hits for o in outcomes) >= settings.hits):
            kit = kit_for(target, optimizer, settings.seed + len(outcomes))
            outcomes.append(_explored(kit, target.best_known, _left(settings, outcomes, hits_each)))
    return _score(target, outcomes, seen)


def warm_up(kit: Kit) -> None:
    """Builds every program of a search, by a few rounds on as many devices as may be used together."""
    size = padded_size(kit.composition.n_atoms)
    most = min(N_SEATS, n_lanes(size) * devices.n_devices())
    for n_seats in range(min(most, n_lanes(size)), most + 1, n_lanes(size)):
        rounds = Exploration(kit, n_seats=n_seats)
        visits = [next(rounds) for _ in range(_FIRST)][-1]
        polished(kit.composition, list(np.moveaxis(visits.positions, -1, 0)))


def _left(settings: EvaluationSettings, outcomes: Sequence[_Outcome], hits_each: int) -> _Limits:
    """The limits of the next exploration."""
    evaluations = settings.evaluations - sum(o.n_evaluations for o in outcomes)
    return _Limits(min(hits_each, settings.hits), evaluations, settings.seconds - sum(o.seconds for o in outcomes))


def _score(target: Target, outcomes: Sequence[_Outcome], seen: str) -> Score:
    gaps = [gap for o in outcomes for gap in o.gaps]
    ends = [(o.n_evaluations, o.seconds) if o.first is None else o.first for o in outcomes]
    reached = [o.first is not None for o in outcomes]
    full = [sum(o.full[k] for o in outcomes) for k in range(2)]
    return Score(
        target.formula,
        SEARCH,
        seen,
        n_chains=len(gaps),
        n_cut=sum(o.n_cut for o in outcomes),
        n_hits=sum(o.n_hits for o in outcomes),
        n_evaluations=sum(o.n_evaluations for o in outcomes),
        seconds=sum(o.seconds for o in outcomes),
        median_gap=float(np.median(gaps)) if gaps else math.nan,
        ended_by=outcomes[-1].ended_by or "hits",
        seconds_per_evaluation=full[1] / full[0],
        n_searches=len(outcomes),
        evaluations_to_first=median_until([n for n, _ in ends], reached),
        seconds_to_first=median_until([seconds for _, seconds in ends], reached),
    )


class Tally:
    """The hits and gaps of the chains of one exploration."""

    def __init__(self, composition: Composition, best_known: float) -> None:
        self._composition, self._best = composition, best_known
        self._lowest: dict[int, float] = {}  # quenched energies, by the number of the chain
        self._tried: dict[int, float] = {}  # of these, what was polished and was no hit
        self._hit: set[int] = set()
        self._last: set[int] = set()  # chains of the last round
        self.n_hits = self.polishing = 0

    def count(self, visits: Round) -> list[int]:
        """Polishes minima near the best-known energy, each chain's once, and counts the hits. The chains that hit."""
        serials, energies = visits.serials.tolist(), visits.energy.tolist()
        self._last = {*serials}
        self._lowest |= {k: min(e, self._lowest.get(k, math.inf)) for k, e in zip(serials, energies, strict=True)}
        near = [j for j, k in enumerate(serials) if k not in self._hit and energies[j] < self._ceiling(k)]
        minima = polished(self._composition, [visits.positions[..., j] for j in near])
        self.polishing += sum(minimum.n_evaluations for minimum in minima)
        self._tried |= {serials[j]: energies[j] for j in near}
        limit = self._best + HIT * self._composition.potential.energy
        hits = [j for j, minimum in zip(near, minima, strict=True) if minimum.energy < limit]
        self.n_hits += sum(bool(visits.alone[j]) for j in hits) or bool(hits and not self.n_hits)
        self._hit |= {serials[j] for j in hits}
        return [serials[j] for j in hits]

    def _ceiling(self, serial: int) -> float:
        """The energy below which a minimum of that chain is polished."""
        return min(self._best + NEAR * self._composition.potential.energy, self._tried.get(serial, math.inf))

    def closed(self, cut: bool) -> tuple[list[float], int]:
        """The gaps of chains that have ended, and the number of chains that were cut off."""
        open_ = self._last - self._hit if cut else set()
        gaps = [0.0 if k in self._hit else e - self._best for k, e in self._lowest.items() if k not in open_]
        return gaps, len(open_)


def _explored(kit: Kit, best_known: float, limits: _Limits) -> _Outcome:
    """An exploration until the limit of hits, and its chains to their ends; or cut off by another limit."""
    begin, rounds, tally = time.perf_counter(), Exploration(kit), Tally(kit.composition, best_known)
    first, full, spent, ended_by = None, None, (0, 0.0), ""
    for visits in rounds:
        rounds.arrived(tally.count(visits), lower=False)
        spent = rounds.n_evaluations + tally.polishing, time.perf_counter() - begin
        first = first or (spent if tally.n_hits else None)
        if tally.n_hits >= limits.hits:
            rounds.draining, full = True, full or spent
        ended_by = _ended_by(spent, limits)
        if ended_by:
            break
    gaps, n_cut = tally.closed(bool(ended_by))
    return _Outcome(gaps, n_cut, tally.n_hits, *spent, first, full or spent, ended_by)


def _ended_by(spent: tuple[int, float], limits: _Limits) -> str:
    """The limit that is reached; '' while the exploration goes on."""
    if spent[0] >= limits.evaluations:
        return "evaluations"
    return "seconds" if spent[1] > limits.seconds else ""
