"""The pool: worker processes, one for each core, that compute energies and forces with calculators of their own.

A question is answered by values or by a text that says what went wrong. A quick worker has one question under way and the next
one waiting, so that it never waits for this process; where the first turns out slow, an idle worker gets the other. A worker that
dies, or computes for too long, is replaced; its question has failed, and the one that waited goes to another worker.

Every question has a taker, which may put the next one. Several takers have questions open at a time: while somebody waits for the
last answer to one, the workers compute for the others.
"""

import json
import math
import select
import sys
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from clusteropt.errors import ClusterOptError, UsageError
from clusteropt.potentials.calculators.allowance import Allowance
from clusteropt.potentials.calculators.memory import Answer, Memory, Question, answer_in
from clusteropt.potentials.calculators.process import Worker
from clusteropt.potentials.calculators.recipe import Recipe, not_made
from clusteropt.potentials.calculators.worker import answer_of, question_bytes
from clusteropt.words import counted

_ENOUGH = 20  # evaluations from which on a share of failures stops a run
_QUICK = 0.1  # seconds
_LONG = 3600.0  # seconds of a wait, after which callers wait again; `poll` takes no more than 24 days

_TIMED = 100  # evaluations, of whose seconds the mean is taken
_STUCK = 1.0  # seconds, after which an evaluation that nobody wants is ended
_AHEAD = 2  # open questions for each worker, at which takers get what is answered

Taker = Callable[[list[tuple[Any, Answer | str]]], None]  # of answers by the keys of their questions, in no order


class OutOfTime(Exception):
    """The deadline of a pool has come before the answers for which somebody waits."""


class _Asked(NamedTuple):
    """A question that was put."""

    key: Hashable
    question: Question
    taker: Taker


class Pool(Memory):
    """Workers of one recipe. They start with the first questions."""

    def __init__(self, recipe: Recipe, n_workers: int) -> None:
        super().__init__()
        self.recipe, self.n_workers = recipe, n_workers
        self.n_evaluations = self.n_failed = 0
        self.allowance = Allowance()
        self.deadline = math.inf  # by `time.monotonic`; whoever bounds a search sets it
        self._workers: list[Worker] = []
        self.n_asked = 0  # the number of the last question
        self._open: OrderedDict[int, _Asked] = OrderedDict()  # by number, not answered
        self._waiting: deque[int] = deque()  # those that no worker has
        self._done: list[tuple[_Asked, Answer | str]] = []  # answered, not handed to their takers
        self._spent: deque[float] = deque([0.0], _TIMED)  # seconds of the last evaluations
        self._tolerant = False  # no number of failures is too many
        self._proven = False  # the recipe has made a calculator

    def begin(self) -> None:
        """Starts a worker. Raises UsageError where it cannot make the calculator."""
        self.forget()
        self._workers = self._workers or [Worker(self.recipe)]
        while not self._proven:
            self._listen()

    def ask(self, key: Hashable, question: Question, taker: Taker, afresh: bool = False) -> None:
        """Puts a question, whose answer `drive` hands to the taker by the key.

        What was asked before is answered at once, with the same values, unless it is to be done `afresh`.
        """
        asked = _Asked(key, question, taker)
        known = None if afresh else self.remembered(question)
        if known is not None:
            self.note(question, known)
            self._done.append((asked, known))
            return
        self.n_asked += 1
        self._open[self.n_asked] = asked
        self._waiting.append(self.n_asked)
        with self._whole():
            self._deal()

    def drive(self, enough: int = sys.maxsize) -> None:
        """Hands answers to their takers, which may ask more: as soon as few questions are open, or so many are answered.

        Raises UsageError where the calculator cannot be made, ClusterOptError where too many have failed, and OutOfTime where
        the deadline has come and nothing is answered.
        """
        if not self._open and not self._done:
            raise ClusterOptError(f"calculator {self.recipe.name}: its workers were ended while they computed")
        few = _AHEAD * self.n_workers
        with self._whole():
            late = time.monotonic() > self.deadline
            while self._open and not late and (not self._done or (few < len(self._open) and len(self._done) < enough)):
                self._listen()
                late = time.monotonic() > self.deadline
            done, self._done = self._done, []
            for taker in dict.fromkeys(asked.taker for asked, _ in done):
                taker([(asked.key, answer) for asked, answer in done if asked.taker == taker])
        if late and not done:
            raise OutOfTime

    def all_answers(
        self, questions: list[Question], afresh: bool = False, tolerant: bool = False
    ) -> list[Answer | str]:
        """The answers in the order of the questions. Where it is `tolerant`, failures do not count."""
        counts = self.n_evaluations, self.n_failed
        self._tolerant = tolerant
        found: dict[Any, Answer | str] = {}
        try:
            for k, question in enumerate(questions):
                self.ask(k, question, found.update, afresh)
            while len(found) < len(questions):
                self.drive()
        finally:
            self._tolerant = False
        if tolerant:
            self.n_evaluations, self.n_failed = counts
        answers = [found[k] for k in range(len(questions))]
        for question, answer in zip(questions, answers, strict=True):
            if isinstance(answer, Answer):
                self.keep(question, answer)
        return answers

    @property
    def seconds_each(self) -> float:
        """The mean seconds of the last evaluations."""
        return sum(self._spent) / len(self._spent)

    def end_stuck(self) -> None:
        """Ends workers that have long computed what nobody wants any more; the next question starts others."""
        late = time.monotonic() - _STUCK
        for worker in [one for one in self._workers if one.since < late and self._open.keys().isdisjoint(one.tasks)]:
            if worker.tasks:
                self._workers.remove(worker)
                worker.end()

    @property
    def failures(self) -> str:
        """How many evaluations have failed so far, in words, and why the last one did; empty for none.

        The words name no total: results count the evaluations of their minimizations, and the pool is asked for others too.
        """
        if not self.n_failed:
            return ""
        failed = counted(self.n_failed, "evaluation")
        return f"calculator {self.recipe.name} failed in {failed}, at last: {self.last_fault}"

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Ends all workers where a signal or an error cuts an exchange with them short; the next question starts others."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def drop(self, taker: Taker) -> None:
        """Forgets what this taker has asked."""
        self._open = OrderedDict((k, asked) for k, asked in self._open.items() if asked.taker != taker)
        self._waiting = deque(number for number in self._waiting if number in self._open)
        self._done = [one for one in self._done if one[0].taker != taker]

    def forget(self) -> None:
        """Forgets what was asked, and what is allowed; answers that still come are dropped."""
        self._open.clear()
        self._waiting.clear()
        self._done.clear()
        self.allowance = Allowance()

    def kill(self) -> None:
        """Kills all workers, and does not wait until they have ended."""
        for worker in self._workers:
            worker.process.kill()

    def close(self) -> None:
        """Ends all workers."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        self.forget()

    def _deal(self) -> None:
        """Gives waiting questions to workers, the least busy first."""
        while len(self._workers) < min(self.n_workers, len(self._open)):
            self._workers.append(Worker(self.recipe))
        for worker in sorted(self._workers, key=lambda one: len(one.tasks)):
            while self._waiting and worker.ready and len(worker.tasks) < 1 + worker.quick:
                self._send(worker, self._waiting.popleft())
        idle = [worker for worker in self._workers if worker.ready and not worker.tasks]
        for worker, number in zip(idle, self._stuck(), strict=False):
            self._send(worker, number)

    def _stuck(self) -> list[int]:
        """Open questions that wait behind slow ones, and that no second worker has."""
        late, all_ = time.monotonic() - _QUICK, [number for worker in self._workers for number in worker.tasks]
        held = [worker.tasks[1] for worker in self._workers if len(worker.tasks) > 1 and worker.since < late]
        return [number for number in held if number in self._open and all_.count(number) == 1]

    def _send(self, worker: Worker, number: int) -> None:
        if not worker.tasks:
            worker.since = time.monotonic()
        worker.tasks.append(number)
        question = self._open[number].question
        with suppress(OSError):  # it has died, which `_listen` notices
            worker.link.send_bytes(question_bytes(number, *question))

    def _listen(self) -> None:
        """Waits until a worker says something, dies, or has computed for too long."""
        busy = {worker.link.fileno(): worker for worker in self._workers if worker.tasks or not worker.ready}
        left = min(self.deadline, *(worker.since + worker.patience for worker in busy.values())) - time.monotonic()
        if len(busy) < len(self._workers):
            left = min(left, _QUICK)  # for a question that waits behind a slow one
        heard = select.poll()  # `multiprocessing.connection.wait` takes several times as long
        for link in busy:
            heard.register(link, select.POLLIN)
        for link, _ in heard.poll(max(0, math.ceil(1000 * min(left, _LONG)))):
            self._hear(busy[link])
        now = time.monotonic()
        for worker in [one for one in self._workers if one.tasks or not one.ready]:
            if now - worker.since > worker.patience:
                self._lost(worker, f"it took longer than {worker.patience:g} s")
        self._deal()

    def _hear(self, worker: Worker) -> None:
        try:
            content = worker.link.recv_bytes()
        except (EOFError, OSError):
            self._lost(worker, f"its process died ({_why(worker.process.wait())})")
            return
        before, worker.since = worker.since, time.monotonic()
        if not worker.ready:
            self._greet(worker, json.loads(content))
            return
        worker.quick = worker.since - before < _QUICK
        self._spent.append(worker.since - before)
        worker.tasks.popleft()
        number, found = answer_of(content)
        self._note(number, found if isinstance(found, str) else answer_in(found))

    def _greet(self, worker: Worker, problem: list[str]) -> None:
        """Notes that a worker has made its calculator. Raises UsageError where it could not."""
        if problem:
            self.close()
            raise UsageError(not_made(self.recipe, *problem))
        worker.ready = self._proven = True
        worker.patience = self.recipe.timeout

    def _lost(self, worker: Worker, why: str) -> None:
        """Ends a worker that has failed. Raises UsageError where it did not even make its calculator."""
        self._workers.remove(worker)
        worker.end()
        if not worker.ready and not self._proven:
            self.close()
            raise UsageError(f"calculator {self.recipe.name}: {why} while it was made: try it in Python")
        if worker.tasks:
            held = {number for other in self._workers for number in other.tasks}  # a stuck one is with two workers
            again = [number for number in list(worker.tasks)[1:] if number in self._open and number not in held]
            self._waiting.extendleft(again)
            self._note(worker.tasks[0], why)

    def _note(self, number: int, answer: Answer | str) -> None:
        """Notes an answer. Raises ClusterOptError where too many have failed."""
        asked = self._open.pop(number, None)
        self.n_evaluations += 1
        if asked is None:  # nobody wants it any more
            return
        self._done.append((asked, answer))
        self.note(asked.question, answer)
        if isinstance(answer, Answer):
            return
        self.n_failed += 1
        enough = self.n_evaluations >= _ENOUGH and not self._tolerant
        if enough and self.n_failed > self.recipe.share * self.n_evaluations:
            self.forget()
            raise ClusterOptError(
                f"calculator {self.recipe.name} failed in {self.n_failed} of {self.n_evaluations} evaluations, at last: "
                f"{answer}: mend it, or allow more with --stop-if-more-than"
            )


def _why(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
