"""Searches on other hosts. Each has a database of its own; this process merges them, and alone writes all files."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from clusteropt.commands.plans import STDOUT
from clusteropt.commands.search_crew import Crew
from clusteropt.commands.search_files import Asked
from clusteropt.commands.search_keeper import written_lowest
from clusteropt.commands.search_run import Done, why_ended
from clusteropt.commands.search_tasks import Work, announcements, line_of
from clusteropt.commands.search_worker import Answer, Request, contents_for
from clusteropt.console import complain, say
from clusteropt.database.database import Database
from clusteropt.database.rows import formula_of
from clusteropt.errors import ClusterOptError
from clusteropt.finding.kept import kept_result
from clusteropt.hosts.connection import connected
from clusteropt.hosts.scheduler import Scheduler
from clusteropt.potentials.calculators import known
from clusteropt.runtime.signals import STOPPING, Signals, remembered


class Dealer:
    """The searches of a command that other hosts do."""

    def __init__(self, works: list[Work], asked: Asked, scheduler: Scheduler) -> None:
        self._works, self._asked, self._scheduler = works, asked, scheduler
        self._saved: dict[int, Path] = {}  # of the searches that were begun, by number
        self._done: dict[int, Done] = {}  # of those that have ended

    def searched(self, end: float | None) -> tuple[list[Done], ClusterOptError | None]:
        """The searches in the order in which they were asked for, as far as they were begun; and the error that has ended them.

        `end`: of the Slurm job, by the monotonic clock.
        """
        problem = None
        with remembered(*STOPPING, seconds=None if end is None else end - time.monotonic()) as signals:
            try:
                self._follow(signals)
                signals.patient = True
            except KeyboardInterrupt:
                signals.patient = True
            except ClusterOptError as error:
                signals.patient = True
                problem = error
            self._take_saved(signals, why_ended(signals, end) if problem is None else "an error")
        return [self._done[k] for k in sorted(self._done)], problem

    def _follow(self, signals: Signals) -> None:
        common, n = contents_for(self._asked.settings), len(self._works)
        with connected(self._scheduler, self._asked.show.quiet) as client:
            for number, outcome in Crew(client, n, self._request, common).outcomes():
                with signals.held():
                    self._done[number] = self._of(number, outcome)
                    self._say(number)

    def _request(self, number: int) -> Request:
        """The search of that number, from what its database has now."""
        work = self._works[number]
        n_known, content = _known(work)
        for message in announcements(work, n_known) if not self._asked.show.quiet else []:
            say(message)
        self._saved[number] = _beside(work)
        task = work.task
        about = (task.seconds, [*task.given], task.command, task.best_known)
        calculator = known.recipe_named(task.settings.potential)
        return Request(task.formula, task.settings, *about, content, self._saved[number], calculator)

    def _of(self, number: int, outcome: Answer | ClusterOptError) -> Done:
        work = self._works[number]
        if isinstance(outcome, Answer):
            return taken(work, outcome)
        problem = ClusterOptError(f"{work.task.formula}: {outcome}")
        return taken(work, saved_answer(work, self._saved[number], "an error"))._replace(problem=problem)

    def _say(self, number: int) -> None:
        if not self._asked.show.quiet:
            say(f"{line_of(self._done[number].result)} ({len(self._done)} of {len(self._works)})")

    def _take_saved(self, signals: Signals, why: str) -> None:
        """Takes what the searches under way have saved so far, where this host sees it."""
        for number in self._saved.keys() - self._done.keys():
            answer = saved_answer(self._works[number], self._saved[number], why)
            if answer.result.minima or why != "an error":
                self._done[number] = taken(self._works[number], answer)._replace(signals=signals)


def taken(work: Work, answer: Answer) -> Done:
    """The search with all its files written: its minima merged into the database, and the lowest one. Says what cannot be."""
    result = answer.result
    problems = [_merged(work, answer.content), written_lowest(work, next(iter(result.minima), None))]
    if not answer.whole:
        problems.append(ClusterOptError(f"{result.formula}: the worker could not keep all that it has found"))
    for problem in problems:
        if problem is not None:
            complain(str(problem))
    return Done(result, not any(problems), Signals(), answer.problem)


def saved_answer(work: Work, path: Path, why: str) -> Answer:
    """An answer for a search that cannot give one, from what it has saved, if this host sees that; `why` has ended it."""
    try:
        content = path.read_bytes()
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "saved.db"
            copy.write_bytes(content)
            with Database.open(copy, work.task.composition.potential) as database:
                result = kept_result(work.task, database, why)
                database.end_latest_run(why)
                answer = Answer(result, database.content)
    except (OSError, ClusterOptError):
        return Answer(kept_result(work.task, None, why), b"")
    path.unlink(missing_ok=True)
    return answer


def _merged(work: Work, content: bytes) -> ClusterOptError | None:
    """Merges a database, as bytes, into that of the search. Returns the problem that kept it from being merged."""
    path, potential = work.files.database, work.task.composition.potential
    if path is None or not content:
        return None
    try:
        with TemporaryDirectory() as folder:
            (Path(folder) / "found.db").write_bytes(content)
            with Database.open(Path(folder) / "found.db") as theirs, Database.open(path, potential) as ours:
                ours.merge(theirs)
    except ClusterOptError as problem:
        return problem
    except OSError as problem:
        return ClusterOptError(
            f"{path}: what a worker has found cannot be merged ({problem.strerror}): make room and repeat"
        )
    return None


def _known(work: Work) -> tuple[int, bytes]:
    """The number of minima from which the search goes on, and the content of its database; none and nothing without one."""
    task, path = work.task, work.files.database
    if path is None:
        return 0, b""
    with Database.open(path, task.composition.potential) as database:
        return len(database.minima(formula_of(task.composition.symbols), task.settings.keep)), database.content


def _beside(work: Work) -> Path:
    """A new name of a file next to the files of the search."""
    files = [path for path in work.files if path not in (None, STDOUT)]
    folder = files[-1].absolute().parent if files else Path.cwd()
    return folder / f"{work.task.formula}.running-{uuid4().hex[:8]}.db"
