"""A search with limits: rounds of an exploration, the pool of what was found, and the rule by which it ends."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from clusteropt.clusters.sameness import QUANTUM
from clusteropt.engine.hosted import Course
from clusteropt.engine.step import Status
from clusteropt.exploration import polishing
from clusteropt.exploration.composition import Kit
from clusteropt.exploration.confidence import ENOUGH, missed
from clusteropt.exploration.exploring import Exploration, Round
from clusteropt.exploration.limits import Limits, Progress
from clusteropt.exploration.polishing import MOST
from clusteropt.exploration.pool import Pool, Sighting
from clusteropt.potentials.calculators.allowance import FAIR
from clusteropt.potentials.calculators.pool import OutOfTime
from clusteropt.search.found import Found
from clusteropt.search.minimum import Minimum
from clusteropt.settings.method import LocalSettings

_EVERY = 4  # rounds between two times, where no new lowest minimum is in sight
_HOPPED = 1 + _EVERY  # rounds before which the rule ends no search: starts alone tell nothing of what only hops lead to
_HOPPED_ALONE = 4 * _HOPPED  # where every chain makes rounds of its own
_ROUGH = 0.02  # energy scales, the error of a quenched energy
_SHARE, _USUAL = 0.25, 25  # of a calculator's evaluations go into polishing at most; evaluations of a minimum, at first
_TO_POLISH = 0.1  # share of a limit of a calculator's evaluations that is left for the last polishing
_SLOW = 1.5  # times as many evaluations as a usual one a slow polishing takes
_BESIDE = 2.0  # times as many are set aside for each polishing beside a round
_GRACE = 0.05  # of a limit of seconds, in which others are polished
_LATE = 2.0  # times as long as usual the lowest minimum that waits may take to be polished after a limit of seconds
_AGAIN = 5e-4  # energy scales; a chain that comes back to a quenched energy so near has come back to the minimum


# quenched energy, positions (3, n_padded), and a sighting without its minimum
_Waiting = tuple[float, np.ndarray, Sighting]


class Search:
    """A search under way: an iterator over its progress, after every round. `stopped_by` says in the end which limit held."""

    def __init__(
        self,
        kit: Kit,
        limits: Limits,
        keep: int = 100,
        known: Sequence[Found] = (),
        given: Sequence[np.ndarray] = (),
    ) -> None:
        self._kit, self._limits = kit, limits
        self._exploration = Exploration(kit, given)
        self.pool = Pool(kit.composition, keep, known)
        self._waiting, self._under_way = list[_Waiting](), list[_Waiting]()  # to be polished; beside rounds, at present
        self._course: Course | None = None  # of these
        self._polished_from = 0  # by the clock of the exploration
        self._polished_of: dict[int, list[float]] = {}  # quenched energies that were polished, by chain
        self._polishing = self._n_polished = 0
        self.stopped_by = ""
        self._began = time.monotonic()

    @property
    def n_evaluations(self) -> int:
        return self._made + self._exploration.n_under_way

    @property
    def _made(self) -> int:
        """The evaluations of all that has ended."""
        return self._exploration.n_evaluations + self._polishing

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def __iter__(self) -> Iterator[Progress]:
        self._began = time.monotonic()
        for visits in self._rounds():
            if visits is not None:
                self._note(visits)
                self._in_time(self._polish)
            self.stopped_by = "time" if visits is None else self._ended(self.progress())
            if self.stopped_by == "time" and self._kit.composition.problem.hosted:
                self._cut()
            elif self.stopped_by:
                if self.stopped_by != "evaluations":
                    self._exploration.drop()
                self._end_polishing()
                self._begin_polishing()
                self.stopped_by = "" if self._goes_on() else self.stopped_by
            yield self.progress()
            if self.stopped_by:
                return

    def _goes_on(self) -> bool:
        """True where polishing has left enough of a calculator's evaluations for more rounds."""
        hosted, left = self._kit.composition.problem.hosted, self._most_explored - self._made
        return hosted and self.stopped_by == "evaluations" and left >= self._each

    def _rounds(self) -> Iterator[Round | None]:
        """The rounds of the exploration, by a calculator as many as the limits allow; None where the time ends before a round."""
        problem = self._kit.composition.problem
        if not problem.hosted:
            yield from self._exploration
            return
        try:
            problem.pool.forget()
            while True:
                problem.pool.allowance.left = self._left
                yield self._in_time(lambda: next(self._exploration, None))
        finally:
            problem.pool.forget()
            problem.pool.end_stuck()

    def _in_time(self, wait: Callable[[], Any], seconds: float | None = None) -> Any:
        """The result of `wait`; None where a calculator has not come to it in so many seconds of the search, or by the limit."""
        if not self._kit.composition.problem.hosted:
            return wait()
        pool = self._kit.composition.problem.pool
        pool.deadline = self._began + (self._limits.seconds if seconds is None else seconds)
        try:
            return wait()
        except OutOfTime:
            return None
        finally:
            pool.deadline = math.inf

    @property
    def _left(self) -> float:
        """The evaluations that the limit leaves for rounds, and for what is polished beside them beyond what is set aside."""
        most = self._most_explored
        if most == math.inf:
            return most
        beside = _BESIDE * self._each * len(self._under_way)
        return most - self._made - self._exploration.n_learned - max(0.0, beside - (self._limits.evaluations - most))

    @property
    def _most_explored(self) -> float:
        """The evaluations after which a search only polishes: with a calculator some of the limit are left for that."""
        most = self._limits.evaluations
        if not self._kit.composition.problem.hosted or most == math.inf:
            return most
        return max(1.0, most - min(most / 2, max(_TO_POLISH * most, _SLOW * self._each)))

    @property
    def _each(self) -> float:
        """The evaluations that polishing a minimum takes."""
        return self._polishing / self._n_polished if self._n_polished else _USUAL

    def progress(self) -> Progress:
        found, run = self.pool.found, self._exploration
        reached = (found[0].n_alone, found[0].n_reached) if found else (0, 0)
        counts = (run.n_rounds, run.n_begun, self.pool.lowest)
        return Progress(self.n_evaluations, self.seconds, *counts, *reached, len(found), missed(found))

    def _ended(self, progress: Progress) -> str:
        limits = self._limits
        if progress.lowest <= limits.target:
            return "target"
        hopped = _HOPPED_ALONE if self._kit.composition.problem.hosted else _HOPPED
        sure = progress.missed <= ENOUGH and progress.n_rounds >= hopped
        if sure and 0 < limits.confirm <= progress.n_reached:
            return "confirmed"
        if self._made >= self._most_explored:
            return "evaluations"
        return "time" if progress.seconds >= limits.seconds else ""

    def _note(self, visits: Round) -> None:
        """Lets minima wait to be polished: those that may belong to the pool, and that their chain has not just left."""
        scale = self._kit.composition.potential.energy
        for k in np.flatnonzero(visits.energy < self.pool.ceiling + _ROUGH * scale):
            serial, energy = int(visits.serials[k]), float(visits.energy[k])
            known = self._polished_of.setdefault(serial, [])
            if any(abs(energy - other) < _AGAIN * scale for other in known):
                continue
            known.append(energy)
            about: Any = (None, serial, bool(visits.alone[k]), visits.origins[k], self.n_evaluations, self.seconds)
            self._waiting.append((energy, visits.positions[..., k], Sighting(*about)))  # without a minimum as yet
        self._waiting.sort(key=_order)
        own = polishing.varied([one[0] for one in self._waiting], _ROUGH * scale)
        self._waiting = [self._waiting[k] for k in own[:MOST]]

    def _polish(self) -> None:
        """Takes what was polished, and begins to polish what is due."""
        if self._is_polished():
            self._end_polishing()
        if not self._under_way and self._due():
            self._begin_polishing()

    def _due(self) -> bool:
        """True where it is time to polish: every few rounds, or when a lower minimum than all others waits."""
        often = self._kit.composition.problem.hosted or self._exploration.n_rounds % _EVERY == 1
        return bool(self._waiting) and (often or self._is_lower())

    def _is_lower(self) -> bool:
        """True where a lower minimum than all others waits."""
        rough = _ROUGH * self._kit.composition.potential.energy
        return bool(self._waiting) and self._waiting[0][0] < self.pool.lowest - rough

    def _begin_polishing(self) -> None:
        """Begins to polish what waits. A calculator computes it beside the next rounds, if nobody waits for it."""
        n = self._room()
        if not self._kit.composition.problem.hosted or self.stopped_by or self._is_at_target(self._waiting):
            self._under_way, self._waiting = self._waiting[:n], self._waiting[n:]
            self._end_polishing()
        elif n and self._to_polish > _BESIDE * n * self._each:  # else it is polished at the end, with all others
            self._under_way, self._waiting = self._waiting[:n], self._waiting[n:]
            places = [place for _, place, _ in self._under_way]
            self._course = polishing.begin(self._kit, places, int(_BESIDE * self._each))
            self._polished_from = self._exploration.clock

    def _is_polished(self) -> bool:
        """True where polishing beside rounds has ended by the clock, or holds up what is at the target or the next round."""
        if self._course is None:
            return False
        free = self._left - self._kit.composition.problem.pool.allowance.held
        holds_up = self._is_at_target(self._waiting) or free < FAIR
        return holds_up or self._course.ended_within(self._exploration.clock - self._polished_from)

    def _cut(self) -> None:
        """Ends a search by a calculator in the middle of rounds: polishes the lowest that waits, then others for a little while.

        What was quenched to the end waits too, and what was not polished to the end; the pool remembers the values until there.
        """
        self._in_time(lambda: [self._note(visits) for visits in self._exploration.cut()])
        self._exploration.drop()
        if self._course is not None:
            self._course.drop()
        self._waiting = sorted([*self._under_way, *self._waiting], key=_order)
        self._under_way, self._course, pool = [], None, self._kit.composition.problem.pool
        pool.end_stuck()
        if self._is_urgent():
            self._under_way, self._waiting = self._waiting[:1], self._waiting[1:]
            self._in_time(self._end_polishing, self.seconds + _LATE * self._each * pool.seconds_each)
            self._under_way = []
        self._in_time(self._begin_polishing, (1 + _GRACE) * self._limits.seconds)

    def _end_polishing(self) -> None:
        """Takes what was polished, and tells the exploration which chains have come to the lowest minimum."""
        if self._course:
            self._course.end()
        before, minima = self.pool.lowest, self._minima(self._under_way)
        own, self._under_way, self._course = self._under_way, [], None
        for (energy, _, one), minimum in zip(own, minima, strict=True):
            if minimum.status == Status.CALCULATOR_FAILED:  # the next visit of the chain is polished again
                self._polished_of[one.serial].remove(energy)
        new = [one._replace(minimum=minimum) for (*_, one), minimum in zip(own, minima, strict=True)]
        numbers = self.pool.add_all(new)
        there = [one.serial for one, number in zip(new, numbers, strict=True) if number == self.pool.number]
        self._exploration.arrived(there, self.pool.lowest < before - QUANTUM * self._kit.composition.potential.energy)

    def _room(self) -> int:
        """The number of minima to polish now. Where a calculator's evaluations are dear, the others wait on."""
        if not self._kit.composition.problem.hosted:
            return len(self._waiting)
        fitting = min(self._to_polish / (_SLOW * self._each), MOST)
        if self.stopped_by != "evaluations":
            fitting = min(fitting, (_SHARE * self.n_evaluations - self._polishing) / self._each)
        return max(int(self._is_urgent()), int(fitting))

    @property
    def _to_polish(self) -> float:
        """The evaluations that the limit leaves, without those that rounds under way may take."""
        held = self._kit.composition.problem.pool.allowance.held if self._kit.composition.problem.hosted else 0
        return self._limits.evaluations - max(self._made + self._exploration.n_learned + held, self.n_evaluations)

    def _is_urgent(self) -> bool:
        """True where the lowest that waits is polished at once.

        The end of a search polishes one at least, if an evaluation is left. A minimum lower than all others, unless it is at the
        target, waits while polishing would take more than exploring has.
        """
        if self.stopped_by and not self.pool.found:
            return self._to_polish >= 1
        in_time = bool(self.stopped_by) or self.n_evaluations >= 2 * self._polishing + self._each
        return self._is_lower() and self._to_polish > 0 and (in_time or self._is_at_target(self._waiting))

    def _is_at_target(self, waiting: "list[_Waiting]") -> bool:
        """True where the lowest of these, which are sorted, may be at the target."""
        return bool(waiting) and waiting[0][0] <= self._limits.target + _ROUGH * self._kit.composition.potential.energy

    def _minima(self, waiting: "list[_Waiting]") -> list[Minimum]:
        """The minima that wait, polished from atoms displaced a little."""
        found = polishing.shaken(self._kit, [place for _, place, _ in waiting], self._steps(len(waiting)))
        self._n_polished += len(found)
        self._polishing += sum(minimum.n_evaluations for minimum in found)
        return found

    def _steps(self, n: int) -> int:
        """The evaluations that each of `n` minima may take to be polished; one that would take more is none of the result."""
        usual, left = LocalSettings().max_steps, self._to_polish
        dear = self._kit.composition.problem.hosted and left < math.inf
        return min(usual, max(1, int(left / max(1, n)))) if dear else usual


def _order(one: _Waiting) -> tuple[float, int]:
    return one[0], one[2].serial
