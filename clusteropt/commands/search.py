"""`clusteropt search`: searches compositions, keeps what is found, and reports it."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clusteropt.commands.plans import STDOUT, Show
from clusteropt.commands.process import prepare
from clusteropt.commands.search_files import SearchOutputs, check_outputs
from clusteropt.commands.time_limit import seconds_in, seconds_left
from clusteropt.console import say, warn
from clusteropt.errors import ClusterOptError, ExitCode, UsageError, is_of_memory, unexpected
from clusteropt.hosts.scheduler import Scheduler
from clusteropt.runtime.signals import STOPPING, Signals, alarm_in, no_alarm, remembered, stopped
from clusteropt.settings.config import ReadingSettings
from clusteropt.settings.exploration import ExplorationSettings
from clusteropt.settings.merging import merged
from clusteropt.words import so_many_of

if TYPE_CHECKING:
    from clusteropt.commands.search_display import Watch
    from clusteropt.commands.search_keeper import SearchKeeper
    from clusteropt.commands.search_tasks import Work
    from clusteropt.finding.result import SearchResult
    from clusteropt.finding.under_way import Finding

_LARGE = 100  # atoms, from which on certificates take seconds


class Asked(NamedTuple):
    """The wishes of a user."""

    formulas: list[str]
    sources: list[str]  # files with structures from which to start
    settings: ExplorationSettings
    reading: ReadingSettings
    seconds: float | None  # for each search; None for no limit
    outputs: SearchOutputs
    show: Show
    scheduler: Scheduler | None = None  # whose workers search; None for this process


class Done(NamedTuple):
    """A search that has ended."""

    result: "SearchResult"
    whole: bool  # all files are written
    signals: Signals  # those that came during the search
    problem: Exception | None = None  # the error that has ended it


def asked_for(
    formulas: list[str],
    sources: list[str],
    config: Path | None,
    given: dict[str, Any],
    reading: dict[str, Any],
    time_limit: str | None,
) -> Asked:
    """The wishes of a user, but for the outputs. Raises UsageError and InputError for what is not allowed."""
    if not formulas and not sources:
        raise UsageError("search needs a formula, such as Au38 or LJ38, or structures to start from with --from FILE")
    settings = merged(ExplorationSettings, config, given)
    seconds = settings.seconds(seconds_in(time_limit))
    return Asked(formulas, sources, settings, merged(ReadingSettings, None, reading), seconds, SearchOutputs(), Show())


def search(asked: Asked, devices: dict[str, Any]) -> ExitCode:
    """Searches one composition after the other, and returns the exit code.

    Raises UsageError and InputError for what cannot be searched, before any search begins. Raises Stopped or Interrupted after a
    signal, when what was found is written and printed.
    """
    check_outputs(asked.outputs, asked.show.json, len(asked.formulas))
    left = seconds_left(None)
    end = None if left is None else time.monotonic() + left
    with remembered(*STOPPING, seconds=left) as signals:
        try:
            works = _prepared(asked, devices)
            signals.patient = True
        except KeyboardInterrupt:
            raise stopped(signals, "no search has begun") from None
    if signals.owed:  # it came while a library was read
        raise stopped(signals, "no search has begun")
    done, problem = _here(works, asked, end) if asked.scheduler is None else _there(works, asked, end)
    if not done and problem is None:
        raise stopped(signals, "no search has begun")
    return _ended(asked, works, done, problem)


def _here(works: list["Work"], asked: Asked, end: float | None) -> tuple[list[Done], ClusterOptError | None]:
    """Searches one after the other in this process, and shows each; with the error that has ended the last one."""
    done: list[Done] = []
    try:
        for work in works:
            done.append(searched(work, asked.show.quiet, end))
            _show(done[-1].result, work, asked)
            if is_cut(done[-1]):
                break
    except ClusterOptError as error:  # the others are still shown
        return done, error
    return done, None


def _there(works: list["Work"], asked: Asked, end: float | None) -> tuple[list[Done], ClusterOptError | None]:
    """The same on the workers of the scheduler, side by side; they are shown when all have ended, in the order of `works`."""
    from clusteropt.commands.search_hosts import Dealer

    assert asked.scheduler is not None
    done, problem = Dealer(works, asked, asked.scheduler).searched(end)
    work_of = {work.task.formula: work for work in works}
    for one in done:
        _show(one.result, work_of[one.result.formula], asked)
    return done, problem


def _prepared(asked: Asked, devices: dict[str, Any]) -> list["Work"]:
    prepare(devices)
    from clusteropt.commands.search_tasks import works_for
    from clusteropt.potentials import sets

    warn(sets.doubt(asked.settings.potential), asked.show.quiet)
    return works_for(asked)


def searched(work: "Work", quiet: bool, end: float | None, watch: "Watch | None" = None) -> Done:
    """Searches until a limit holds or a signal comes; then writes the files, and only notes further signals.

    `end`: of the Slurm job, by the monotonic clock. `watch` is shown the progress in place of a person.

    Raises Stopped or Interrupted for a signal before anything was begun.
    """
    with (
        remembered(*STOPPING, seconds=None if end is None else end - time.monotonic()) as signals,
        ExitStack() as stack,
    ):
        keeper, problem, cut = None, None, True
        try:
            keeper = stack.enter_context(_begun(work))
            _follow(keeper, work, quiet, end, watch)
            signals.patient, cut = True, False
        except KeyboardInterrupt:
            signals.patient = True
            if signals.heard != signal.SIGALRM:
                _drop_programs()
        except Exception as error:  # noqa: BLE001  what was found is kept after any error
            signals.patient = True
            problem = error
        if keeper is None:
            raise problem or stopped(signals, f"the search of {work.task.formula} has not begun")
        why = why_ended(signals, end) if problem is None else "an error"
        if why == "time" or not (cut or why):
            signals, problem = _certified(keeper.finding, work, quiet, end)
        result = keeper.finding.ended(why)
        return Done(result, keeper.finish(result), signals, problem)


@contextmanager
def _begun(work: "Work") -> Iterator["SearchKeeper"]:
    """The search, and its database open."""
    from clusteropt.commands.search_keeper import SearchKeeper
    from clusteropt.database.database import Database
    from clusteropt.finding.under_way import Finding

    path, potential = work.files.database, work.task.composition.potential
    with nullcontext() if path is None else Database.open(path, potential) as database:
        yield SearchKeeper(work, Finding(work.task, database))


def _follow(keeper: "SearchKeeper", work: "Work", quiet: bool, end: float | None, watch: "Watch | None") -> None:
    """Runs the search to its end, and shows how far it is."""
    from clusteropt.commands.search_display import SearchDisplay
    from clusteropt.commands.search_tasks import announcements

    for message in announcements(work, keeper.finding.n_known) if work.announced and not quiet else []:
        say(message)
    composition, seconds, began = work.task.composition, work.task.seconds, time.monotonic()
    if keeper.finding.foresee() and not quiet:
        say(f"compiling for clusters of up to {composition.n_atoms} atoms (once for this size)")
    shown = SearchDisplay(work.task.formula, composition.potential, work.task.best_known, seconds, quiet)
    with watch or shown as display:
        for n, progress in enumerate(keeper.finding):
            keeper.keep(progress.lowest)
            display.show(progress)
            if n == 0:  # the first round is always a whole one
                ends = [t for t in (end, None if seconds is None else began + seconds) if t is not None]
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
    by_itself = done.result.stopped_by in ("confirmed", "target", "evaluations", "time")
    return not by_itself or done.signals.heard not in (0, signal.SIGALRM)


def _show(result: "SearchResult", work: "Work", asked: Asked) -> None:
    """Prints what was found, unless it is to be JSON."""
    if asked.show.json:
        return
    from clusteropt.commands.search_tasks import text_of_lowest, written
    from clusteropt.console import emit, emit_frames
    from clusteropt.report import tables
    from clusteropt.report.searches import heading, search_table

    if work.files.lowest == STDOUT:
        if result.minima:
            emit_frames(text_of_lowest(result.minima[0], work.task.formula))
    else:
        emit(heading(result))
        if result.minima:
            tables.show(search_table(result), asked.show.wide)
    if not asked.show.quiet:
        say(written(result, work))


def _ended(asked: Asked, works: list["Work"], done: list[Done], problem: ClusterOptError | None) -> ExitCode:
    """Prints the JSON, and raises the error that has ended the searches, or returns the exit code."""
    if asked.show.json:
        from clusteropt.console import emit
        from clusteropt.report.searches import search_json

        emit(search_json([one.result for one in done], several=len(works) > 1))
    for one in done:
        problem = problem or (None if one.problem is None else told(one))
    if problem is not None:
        raise problem
    cut = [one for one in done if is_cut(one)]
    if cut or len(done) < len(works):
        raise stopped((cut or done)[-1].signals, _so_far(works, done))
    if not all(one.whole for one in done):
        return ExitCode.FAILURE
    return ExitCode.OK if all(one.result.minima for one in done) else ExitCode.NOT_CONVERGED


def _so_far(works: list["Work"], done: list[Done]) -> str:
    """How far the searches are, in words."""
    rest = "what was found is kept" if any(one.result.minima for one in done) else "nothing was found yet"
    if len(works) == 1:
        return rest
    n = sum(not is_cut(one) for one in done)
    return f"{so_many_of(n, len(works), 'search')} finished, and {rest}"


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
