"""Two levels: the lowest minima by a cheap potential, relaxed with a calculator."""

import re
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from time import perf_counter

from clusteropt.database.database import Database
from clusteropt.errors import UsageError
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.pool import Pool, Sighting
from clusteropt.finding.result import Relaxed, SearchMinimum
from clusteropt.finding.under_way import Task
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.potentials.calculators import known
from clusteropt.search.found import Found
from clusteropt.search.minimum import Minimum
from clusteropt.settings.exploration import ExplorationSettings

RELAXED = "relaxed"  # `stopped_by` where all relaxations have come to their ends
SHARE = 0.5  # of a time limit that the search by the cheap potential may take


def check(settings: ExplorationSettings) -> None:
    """Raises UsageError for a prescreen without a calculator, and for a number to relax without a prescreen."""
    if settings.prescreen is None and settings.relax != ExplorationSettings().relax:
        raise UsageError("relax is for the minima of a prescreen: give --prescreen, or drop it")
    calculated = settings.potential is not None and known.is_known(settings.potential)
    if settings.prescreen is not None and not calculated:
        raise UsageError("prescreen needs a calculator, which relaxes what it finds: give --calculator, or drop it")


def prescreening(task: Task) -> Task:
    """The search by the cheap potential, of the atoms of a task. Raises UsageError for a potential that cannot do them."""
    settings, composition = task.settings, task.composition
    assert settings.prescreen is not None
    chosen = sets.prescreening(tuple(sorted(set(composition.symbols))), settings.prescreen)
    potential = sets.potential_for(tuple(sorted(set(composition.symbols))), chosen)
    own, wanted = (potential.energy_unit, potential.length_unit), _units(composition)
    if own != wanted:
        raise UsageError(
            f"prescreen {potential.name} is in {' and '.join(own)}, and the calculator in {' and '.join(wanted)}"
        )
    kit = Kit(Composition(composition.symbols, potential), task.kit.optimizer, task.kit.seed)
    seconds = settings.seconds(None) if task.seconds is None else SHARE * task.seconds
    changed = replace(settings, potential=settings.prescreen, prescreen=None)
    return task._replace(kit=kit, settings=changed, seconds=seconds, best_known=None)


def _units(composition: Composition) -> tuple[str, str]:
    return composition.potential.energy_unit, composition.potential.length_unit


def database_of(path: Path, potential: Potential) -> Path:
    """The file for the minima of the cheap potential: Au13.minima.gupta.db beside Au13.minima.db."""
    return path.with_name(f"{path.stem}.{re.sub(r'[^A-Za-z0-9_-]+', '-', potential.name).strip('-')}{path.suffix}")


def is_due(task: Task, cheap: Database, database: Database | None) -> str:
    """How the search by the cheap potential has ended, where what it found has yet to be relaxed; empty where it has to go on.

    A command that was cut short after that search goes on with relaxing; one that has come to its end begins anew.
    """
    ended = [run.stopped_by for run in cheap.runs() if run.command == task.command and run.stopped_by in _ENDS]
    runs = [] if database is None else database.runs()
    done = sum(run.command == task.command and run.stopped_by == RELAXED for run in runs)
    return str(ended[-1]) if len(ended) > done else ""


_ENDS = ("confirmed", "target", "evaluations", "time")


def digest(one: SearchMinimum) -> str:
    """A hash of the places of the atoms, by which a minimum is known that was relaxed before."""
    return blake2b(one.found.minimum.positions.tobytes() + "".join(one.symbols).encode(), digest_size=16).hexdigest()


class Ends:
    """The ends of the relaxations of some starts, by their numbers; and the minima to which they belong."""

    def __init__(self, task: Task, starts: Sequence[SearchMinimum], before: Sequence[Found]) -> None:
        self._task, self._starts, self._before = task, starts, before
        self.minima: dict[int, Minimum] = {}
        self._at: dict[int, float] = {}  # seconds
        self._began = perf_counter()

    def add(self, k: int, minimum: Minimum) -> None:
        """The end of the relaxation of start `k`; a later one takes the place of an earlier one."""
        self.minima[k] = minimum
        self._at.setdefault(k, self.seconds)

    @property
    def seconds(self) -> float:
        return perf_counter() - self._began

    @property
    def n_evaluations(self) -> int:
        return sum(one.n_evaluations for one in self.minima.values())

    def found(self) -> list[Found]:
        """The distinct minima, the lowest first; hits are starts that led there."""
        pool = self._pool(self._before)
        pool.add_all(self._sightings(self.minima))
        return pool.found

    def numbers(self, found: Sequence[Found], later: dict[int, Minimum]) -> dict[int, int]:
        """The index in `found` of the minimum to which each start led; `later` are those that have gone on from their ends."""
        several = {k: later.get(k, one) for k, one in self.minima.items()}
        there = self._pool(found).add_all(self._sightings(several))
        pairs = zip(sorted(several), there, strict=True)
        return {k: number for k, number in pairs if number is not None and number < len(found)}

    def _pool(self, before: Sequence[Found]) -> Pool:
        return Pool(self._task.composition, max(self._task.settings.keep, len(before) + len(self._starts)), before)

    def _sightings(self, minima: dict[int, Minimum]) -> list[Sighting]:
        so_far, several = 0, []
        for k in sorted(minima):
            so_far += minima[k].n_evaluations
            origin = f"minimum {k + 1} by {self._starts[k].potential.name}"
            several.append(Sighting(minima[k], k, True, origin, so_far, self._at.get(k, 0.0)))
        return several


def told(
    ends: Ends, starts: Sequence[SearchMinimum], minima: Sequence[SearchMinimum], numbers: dict[int, int]
) -> tuple[list[SearchMinimum], list[Relaxed]]:
    """The minima, each with the lowest start that led to it, and the starts with their ends."""
    own = [(k, start) for k, start in enumerate(starts) if k in ends.minima]
    relaxed = [Relaxed(start, k + 1, ends.minima[k], numbers.get(k)) for k, start in own]
    first = {one.number: one for one in reversed(relaxed) if one.number is not None}
    return [replace(one, prescreened=first.get(k)) for k, one in enumerate(minima)], relaxed
