"""The inner loop of hosted problems, whose values come from worker processes: instances move side by side, each at its own pace.

The host asks for the values of every instance. Whoever has got them takes one step, in a compiled program with all others that
are ready, and is asked for again. Several batches may be under way: while the host waits for one, all of them move. No program
calls the host. The state of an instance has a lane of its own, so which instances step together leaves no trace in a result.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from clusteropt.engine import programs
from clusteropt.engine.batches import take
from clusteropt.engine.hosted_programs import WIDTH, Given, begun, blank, inspected, single, stepped
from clusteropt.engine.motions import Motion, Moved, Watch, no_faults
from clusteropt.engine.step import Status, Trajectories
from clusteropt.problems.base import Inspection, Problem
from clusteropt.runtime import devices
from clusteropt.runtime.backend import n_lanes

_WATCH = 10  # evaluations between two calls of a `Watch`
_SHAKE = 0.02  # lengths, by which a structure is displaced where the calculator has failed
_RUNNING = int(Status.RUNNING)  # a number: to look it up in the enumeration takes microseconds, at every evaluation


def inspect(batch: Any, problem: Problem) -> Inspection:
    """`lanes.inspect` of a hosted problem. An instance whose values cannot be had twice in a row, or before, has none: NaN."""
    n, used = batch.mask.shape[-1], np.flatnonzero(np.asarray(batch.mask).any(0))
    energies, gradient = np.zeros(batch.mask.shape), np.zeros(np.shape(batch.positions))
    total = np.zeros(n)
    questions = [problem.question(batch, int(k)) for k in used]
    found: list[Any] = [problem.pool.fault(question) for question in questions]
    new = [j for j, fault in enumerate(found) if not fault]
    for j, answer in zip(new, problem.pool.all_answers([questions[j] for j in new]), strict=True):
        found[j] = answer
    again = [j for j in new if isinstance(found[j], str)]
    for j, answer in zip(again, problem.pool.all_answers([questions[j] for j in again]), strict=True):
        found[j] = answer
    for k, answer in zip(used.tolist(), found, strict=True):
        energies[:, k], gradient[..., k], total[k] = problem.values(batch, k, answer)
    parts = [_inspected(problem, batch, energies, gradient, first) for first in range(0, n, n_lanes(len(batch.mask)))]
    whole = Inspection(*(np.concatenate(part, -1)[..., :n] for part in zip(*parts, strict=True)))  # type: ignore[arg-type]
    return whole._replace(energy=total)


def _inspected(
    problem: Problem, batch: Any, energies: np.ndarray, gradient: np.ndarray, first: int
) -> list[np.ndarray]:
    """The inspection of as many instances as there are lanes, from the `first` on."""
    n, width = batch.mask.shape[-1], n_lanes(len(batch.mask))
    own = np.arange(first, first + width)
    columns = np.where(own < n, own, -1)
    values = (take(batch, columns), energies[..., columns], gradient[..., columns])
    return [np.asarray(one) for one in programs.run(inspected, problem, values, mesh=devices.mesh(1), in_place=False)]


class Course:
    """The instances of a batch on their way, see `lanes.begin`; numpy's arrays, with one lane for each instance.

    The program keeps the state of the instances that it has stepped last, `_last`. Until `_settle` takes that back, only their
    positions, status and counts in `_now` are those of the moment.

    An instance whose values cannot be had twice in a row, or at its last evaluation, ends as CALCULATOR_FAILED. In single
    precision, which explores, the evaluations that the pool has left are shared out, one at least to a course; an instance that
    would take more than its share, or gets none, ends as INTERRUPTED.
    """

    def __init__(self, batch: Any, limit: np.ndarray, motion: Motion, watch: Watch | None) -> None:
        self._motion, self._watch, self._pool = motion, watch, motion.problem.pool
        self._mesh, self._common = devices.mesh(1), (motion.problem, motion.choice)
        self._start = np.asarray(batch.positions)
        used = np.asarray(batch.mask).any(0)
        self._limit, self._allowance = limit, self._pool.allowance
        self._most = self._allowance.shares(limit, np.flatnonzero(used)) if self._explores else limit
        self._allowed = self._most > 0  # to move at all
        batch = take(motion.problem.prepared(batch), np.arange(len(limit)), motion.dtype)
        self._now = self._begun(batch, self._most.astype(np.int32))
        self._stepped: Callable[[Given], Given] | None = None  # the program, once it is there
        self._last: tuple[np.ndarray, Trajectories] | None = None  # the instances that it has stepped, and their state
        self._faults = no_faults(len(limit))
        self._known = np.array(self._now.batch.positions)  # where the values of an instance were last had
        self._displaced: set[int] = set()  # instances that were displaced after a failure
        self._asked: dict[int, Any] = {}  # by instance
        # evaluations of an instance, and the last question and answer until then
        self._untold: list[tuple[int, Any, Any]] = []
        self._begin()

    @property
    def _explores(self) -> bool:
        return self._motion.dtype is np.float32

    @property
    def ended(self) -> bool:
        """True where no instance moves any more."""
        return not self._moving.any()

    @property
    def n_made(self) -> int:
        """The evaluations that every instance has made that moves; those of the longest, where all have ended."""
        counts, moving = np.asarray(self._now.n_evaluations)[0], self._moving
        return int(counts[moving].min() if moving.any() else counts.max())

    def drive(self) -> None:
        """Waits for the next values that the calculator has, for these instances or others."""
        self._pool.drive(WIDTH)

    def ended_within(self, n: int) -> bool:
        """True where no instance takes more than `n` evaluations. It waits until that is known."""
        while not self.ended and self.n_made < n:
            self.drive()
        return self.ended and self.n_made <= n

    def end(self) -> Moved:
        """The instances at their ends."""
        while not self.ended:
            self.drive()
        self.tell()
        moved, most = self._moved, self._most
        if self._explores:
            self._allowance.end(most, moved.n_evaluations)
        cut = ((moved.status == Status.NOT_CONVERGED) & (most < self._limit)) | (most == 0)
        return moved._replace(status=np.where(cut, Status.INTERRUPTED, moved.status).astype(np.int32))

    def drop(self) -> None:
        """Lets the instances stand where they are; nobody is to ask for their ends any more."""
        self._pool.drop(self.take)
        if self._explores:
            self._allowance.end(self._most, np.zeros_like(self._most))

    def tell(self, n: float = np.inf) -> None:
        """Gives the pool's record the values of the first `n` evaluations of every instance, which have been made."""
        for _, question, answer in [one for one in self._untold if one[0] <= n]:
            self._pool.keep(question, answer)
        self._untold = [one for one in self._untold if one[0] > n]

    @property
    def _moving(self) -> np.ndarray:
        """(n_instances,) bool."""
        return (self._status == _RUNNING) & self._allowed  # type: ignore[no-any-return]  numpy

    @property
    def _status(self) -> np.ndarray:
        """(n_instances,), values of Status."""
        return self._now.status[0]  # type: ignore[return-value]  numpy

    @property
    def _moved(self) -> Moved:
        """The instances as they are."""
        places = np.asarray(self._now.batch.positions, np.float64)[..., 0, :]
        counts = np.asarray(self._now.n_evaluations)[0]
        return Moved(np.where(counts < 1, self._start, places), self._status.copy(), counts, self._faults)

    def _begin(self) -> None:
        """Asks for the values of all instances, those that have failed before at points next to where they are."""
        running = np.flatnonzero(self._moving)
        problem = self._motion.problem
        faults = {k: self._pool.fault(problem.question(self._now.batch, k)) for k in running.tolist()}
        self._ask(running[[not faults[k] for k in running.tolist()]])
        self._failed({k: fault for k, fault in faults.items() if fault})

    def _ask(self, columns: np.ndarray) -> None:
        """Asks for the values of these instances."""
        for k in columns.tolist():
            self._asked[k] = self._motion.problem.question(self._now.batch, k)
            self._pool.ask(k, self._asked[k], self.take)

    def take(self, answers: list[tuple[Any, Any]]) -> None:
        """Takes values, makes a step with them, and asks for those that go on."""
        self._failed({k: answer for k, answer in answers if isinstance(answer, str)})
        good = {k: answer for k, answer in answers if not isinstance(answer, str)}
        made = np.asarray(self._now.n_evaluations)[0]
        self._untold += [(int(made[k]) + 1, self._asked[k], answer) for k, answer in good.items()]
        columns = np.array(sorted(good), int)
        for first in range(0, len(columns), WIDTH):
            self._step(columns[first : first + WIDTH], good)
        self._ask(columns[self._status[columns] == _RUNNING])

    def _failed(self, faults: dict[int, str]) -> None:
        """Displaces instances whose values could not be had, and asks again.

        Those that were displaced before, or have no evaluation left, have failed.
        """
        if faults:
            self._settle()
        positions = self._now.batch.positions
        for k, fault in faults.items():
            self._now.n_evaluations[0, k] += 1  # type: ignore[index]  numpy
            if k in self._displaced or self._now.n_evaluations[0, k] >= self._now.limit[0, k]:
                positions[..., k] = self._known[..., k]  # type: ignore[index]
                self._now.status[0, k] = Status.CALCULATOR_FAILED  # type: ignore[index]
                self._faults[k] = fault
            else:
                self._displaced.add(k)
                shift = np.random.default_rng(0).normal(size=positions[..., k].shape)
                free = np.asarray(self._now.batch.free)[..., k]
                step = _SHAKE * self._motion.problem.scale.length * shift
                positions[..., k] += np.where(free, step, 0).astype(positions.dtype)  # type: ignore[index]
                self._ask(np.array([k]))

    def _begun(self, batch: Any, limit: np.ndarray) -> Trajectories:
        """Trajectories from a batch, as many at a time as step together."""
        n = batch.mask.shape[-1]
        still = take(batch, np.full(WIDTH, -1), self._motion.dtype)
        leaves, tree = jax.tree.flatten(blank(self._motion, still).now)
        out = [np.zeros((*leaf.shape[:-1], n), leaf.dtype) for leaf in leaves]
        for first in range(0, n, WIDTH):
            own = np.arange(first, min(first + WIDTH, n))
            full = np.append(own, np.full(WIDTH - len(own), -1))
            fresh = single(take(batch, full, self._motion.dtype)), limit[full][None]
            found = programs.run(begun, self._common, fresh, mesh=self._mesh, in_place=False)
            for whole, new in zip(out, found, strict=True):
                whole[..., own] = np.asarray(new)[..., : len(own)]
        return jax.tree.unflatten(tree, out)

    def _step(self, columns: np.ndarray, answers: dict[int, Any]) -> None:
        """One step of these instances, which are no more than step together, from their values."""
        self._known[..., columns] = np.asarray(self._now.batch.positions)[..., columns]
        given = self._with_values(self._state(columns), columns, answers)
        self._stepped = self._stepped or programs.bound(
            stepped, self._common, given, self._motion.tolerance, mesh=self._mesh, in_place=True,
            norm=self._motion.criterion.norm,
        )  # fmt: skip
        self._last = columns, self._stepped(given).now
        self._copy_back(_looked_at)
        for k in columns.tolist():
            self._displaced.discard(k)
            self._show(k)

    def _state(self, columns: np.ndarray) -> Trajectories:
        """The state of these instances for the program, which still has it if it stepped the same ones the last time."""
        if self._last is not None and np.array_equal(self._last[0], columns):
            return self._last[1]
        self._settle()
        full = np.append(columns, np.full(WIDTH - len(columns), columns[0]))
        return jax.tree.map(lambda whole: whole[..., full], self._now)

    def _settle(self) -> None:
        """Takes back the state that the program has."""
        self._copy_back(jax.tree.leaves)
        self._last = None

    def _copy_back(self, parts: Callable[[Trajectories], Sequence[Any]]) -> None:
        """Copies these parts of the state that the program has."""
        if self._last is not None:
            columns, now = self._last
            for whole, new in zip(parts(self._now), parts(now), strict=True):
                whole[..., columns] = np.asarray(new)[..., : len(columns)]

    def _with_values(self, now: Trajectories, columns: np.ndarray, answers: dict[int, Any]) -> Given:
        """The instances with their values, in the type of the motion."""
        shape = np.shape(now.batch.positions)
        energies, gradient = np.zeros(shape[1:]), np.zeros(shape)
        for j, k in enumerate(columns.tolist()):
            parts = self._motion.problem.values(self._now.batch, k, answers[k], bound=True)
            energies[:, 0, j], gradient[..., 0, j] = parts[:2]
        return Given(now, energies.astype(self._motion.dtype), gradient.astype(self._motion.dtype))  # type: ignore[arg-type]

    def _show(self, column: int) -> None:
        """Calls the watch with the positions of an instance, now and then."""
        n = int(self._now.n_evaluations[0, column])
        if self._watch is not None and (n % _WATCH == 0 or self._status[column] != _RUNNING):
            mask = np.asarray(self._now.batch.mask)[:, 0, column]
            self._watch(column, n, np.asarray(self._now.batch.positions, np.float64)[:, mask, 0, column].T)


def _looked_at(now: Trajectories) -> tuple[Any, ...]:
    """The parts of a state that the host looks at after every step."""
    return now.batch.positions, now.status, now.n_evaluations


def first_to_end(courses: Sequence[Course], began: Sequence[int]) -> int:
    """The number of the course that ends first, if each began at such a time, and an evaluation of any takes one.

    It waits until that is known.
    """
    while True:
        k = min(range(len(courses)), key=lambda k: (began[k] + courses[k].n_made, not courses[k].ended))
        if courses[k].ended:
            return k
        courses[k].drive()
