"""One search in this process: until a limit holds or a signal comes, with its database and its display."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from clusteropt.console import say
from clusteropt.errors import ClusterOptError, is_of_memory, unexpected
from clusteropt.runtime.signals import STOPPING, Signals, alarm_in, no_alarm, remembered, stopped

if TYPE_CHECKING:
    from clusteropt.commands.search_display import Watch
    from clusteropt.commands.search_keeper import SearchKeeper
    from clusteropt.commands.search_tasks import Work
    from clusteropt.finding.result import SearchResult
    from clusteropt.finding.under_way import Finding

T = TypeVar("T")
_LARGE = 100  # atoms, from which on certificates take seconds


class Done(NamedTuple):
    """A search that has ended."""

    result: "SearchResult"
    whole: bool  # all files are written
    signals: Signals  # those that came during the search
    problem: Exception | None = None  # the error that has ended it


def searched(work: "Work", quiet: bool, end: float | None, watch: "Watch | None" = None) -> Done:
    """Searches until a limit holds or a signal comes; then writes the files, and only notes further signals.

    `end`: of the Slurm job, by the monotonic clock. `watch` is shown the progress in place of a person.

    Raises Stopped or Interrupted for a signal before anything was begun.
    """
    with (
        remembered(*STOPPING, seconds=None if end is None else end - time.monotonic()) as signals,
        ExitStack() as stack,
    ):

        def follow(keeper: "SearchKeeper", finding: "Finding") -> None:
            _follow(keeper, finding, work, quiet, end, watch)

        nothing = f"the search of {work.task.formula} has not begun"
        keeper, finding, cut, problem = followed(stack, signals, _begun(work), follow, nothing)
        why = why_ended(signals, end) if problem is None else "an error"
        if why == "time" or not (cut or why):
            signals, problem = _certified(finding, work, quiet, end)
        result = finding.ended(why)
        return Done(result, keeper.finish(result), signals, problem)


def followed(
    stack: ExitStack,
    signals: Signals,
    begun: AbstractContextManager[tuple["SearchKeeper", T]],
    follow: Callable[["SearchKeeper", T], None],
    nothing: str,
) -> tuple["SearchKeeper", T, bool, Exception | None]:
    """Begins a search on the stack, and follows it until it has ended, a signal comes, or an error; then signals are only noted.

    Returns also whether a signal or an error has cut it short, and the error. Raises what came before anything was begun:
    Stopped or Interrupted with the words `nothing` for a signal.
    """
    pair, problem, cut = None, None, True
    try:
        pair = stack.enter_context(begun)
        follow(*pair)
        signals.patient, cut = True, False
    except KeyboardInterrupt:
        signals.patient = True
        if signals.heard != signal.SIGALRM:
            _drop_programs()
    except Exception as error:  # noqa: BLE001  what was found is kept after any error
        signals.patient = True
        problem = error
    if pair is None:
        raise problem or stopped(signals, nothing)
    return (*pair, cut, problem)


@contextmanager
def _begun(work: "Work") -> Iterator[tuple["SearchKeeper", "Finding"]]:
    """The search, and its database open."""
    from clusteropt.commands.search_keeper import SearchKeeper
    from clusteropt.database.database import Database
    from clusteropt.finding.under_way import Finding

    path, potential = work.files.database, work.task.composition.potential
    with nullcontext() if path is None else Database.open(path, potential) as database:
        finding = Finding(work.task, database)
        yield SearchKeeper(work, finding), finding


def _follow(
    keeper: "SearchKeeper", finding: "Finding", work: "Work", quiet: bool, end: float | None, watch: "Watch | None"
) -> None:
    """Runs the search to its end, and shows how far it is."""
    from clusteropt.commands.search_display import SearchDisplay
    from clusteropt.commands.search_tasks import announcements

    for message in announcements(work, finding.n_known) if work.announced and not quiet else []:
        say(message)
    composition, seconds, began = work.task.composition, work.task.seconds, time.monotonic()
    if finding.foresee() and not quiet:
        say(f"compiling for clusters of up to {composition.n_atoms} atoms (once for this size)")
    shown = SearchDisplay(work.task.formula, composition.potential, work.task.best_known, seconds, quiet)
    with watch or shown as display:
        for n, progress in enumerate(finding):
            keeper.keep(progress.lowest)
            display.show(progress)
            if n == 0:  # the first round is always a whole one
                # a search by a calculator ends in time by itself
                limit = None if seconds is None or composition.problem.hosted else began + seconds
                ends = [t for t in (end, limit) if t is not None]
                if ends:
                    alarm_in(min(ends) - time.monotonic())


def _certified(finding: "Finding", work: "Work", quiet: bool, end: float | None) -> tuple[Signals, Exception | None]:
    """Certifies the lowest minima, unless a signal comes or an error, which are returned; then none is certified."""
    no_alarm()
    with remembered(*STOPPING, seconds=None if end is None else end - time.monotonic()) as signals:
        if not quiet and work.task.composition.n_atoms > _LARGE:
            say("certifying the lowest minima")
        try:
            finding.certify()
            signals.patient = True
        except KeyboardInterrupt:
            _drop_programs()
        except Exception as error:  # noqa: BLE001  what was found is kept after any error
            return signals, error
        return signals, None


def why_ended(signals: Signals, end: float | None) -> str:
    """The reason from outside that has stopped the search; empty where it has ended by itself."""
    if not signals.heard:
        return ""
    if signals.heard == signal.SIGALRM:
        return "slurm" if _at(end) else "time"
    return "interrupted" if signals.heard == signal.SIGINT else signal.Signals(signals.heard).name


def _at(end: float | None) -> bool:
    return end is not None and time.monotonic() >= end


def is_cut(done: Done) -> bool:
    """True where no other search is to begin, because of a signal or an error."""
    by_itself = done.result.stopped_by in ("confirmed", "target", "evaluations", "time", "relaxed")
    return not by_itself or done.signals.heard not in (0, signal.SIGALRM)


def told(done: Done) -> ClusterOptError:
    """The error that has ended a search, in a line."""
    problem, found = done.problem, "what was found is kept" if done.result.minima else "nothing was found yet"
    if isinstance(problem, ClusterOptError):
        return problem
    assert problem is not None
    if is_of_memory(problem):
        return ClusterOptError(f"out of memory: {found}: search on a machine with more memory")
    return ClusterOptError(f"{unexpected(problem)}: {found}: please report it")


def _drop_programs() -> None:
    """Cancels the compilation of programs that have not been started."""
    from clusteropt.engine.programs import drop_waiting

    drop_waiting()
