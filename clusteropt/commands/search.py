"""`clusteropt search`: searches compositions, keeps what is found, and reports it."""

import signal
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clusteropt.commands.plans import STDOUT, Show
from clusteropt.commands.process import prepare
from clusteropt.commands.search_files import SearchOutputs, check_outputs
from clusteropt.commands.time_limit import seconds_in, seconds_left
from clusteropt.console import complain, say, warn
from clusteropt.errors import ClusterOptError, ExitCode, UsageError
from clusteropt.runtime.signals import STOPPING, Signals, alarm_in, remembered, stopped
from clusteropt.settings.config import ReadingSettings
from clusteropt.settings.exploration import ExplorationSettings
from clusteropt.settings.merging import merged
from clusteropt.words import so_many_of

if TYPE_CHECKING:
    from clusteropt.commands.search_tasks import Work
    from clusteropt.finding import Finding
    from clusteropt.search_result import SearchMinimum, SearchResult


class Asked(NamedTuple):
    """What a user asks for."""

    formulas: list[str]
    sources: list[str]  # files with structures from which to start
    settings: ExplorationSettings
    reading: ReadingSettings
    seconds: float | None  # for each search; None for no limit
    outputs: SearchOutputs
    show: Show


class _Done(NamedTuple):
    """A search that has ended."""

    result: "SearchResult"
    whole: bool  # all files are written
    signals: Signals  # those that came during the search


def asked_for(
    formulas: list[str],
    sources: list[str],
    config: Path | None,
    given: dict[str, Any],
    reading: dict[str, Any],
    time_limit: str | None,
) -> Asked:
    """What a user asks for, but for the outputs. Raises UsageError and InputError for what is not allowed."""
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
        except KeyboardInterrupt:
            raise stopped(signals, "no search has begun") from None
    done: list[_Done] = []
    for work in works:
        done.append(_searched(work, asked, end))
        if not asked.show.json:
            _show(done[-1].result, work, asked)
        if _is_cut(done[-1], end):
            break
    return _ended(asked, works, done, end)


def _prepared(asked: Asked, devices: dict[str, Any]) -> list["Work"]:
    prepare(devices)
    from clusteropt.commands.search_tasks import works_for
    from clusteropt.potentials import sets

    warn(sets.doubt(asked.settings.potential), asked.show.quiet)
    return works_for(asked)


def _searched(work: "Work", asked: Asked, end: float | None) -> _Done:
    """Searches until a limit holds or a signal comes; then writes the files, and only notes further signals."""
    from clusteropt.database.database import Database
    from clusteropt.finding import Finding

    path, potential = work.files.database, work.task.composition.potential
    left = None if end is None else end - time.monotonic()
    opened = nullcontext() if path is None else Database.open(path, potential)
    with remembered(*STOPPING, seconds=left) as signals, opened as database:
        finding = Finding(work.task, database)
        files = _Files(work, finding, asked.show.quiet)
        try:
            _follow(finding, files, work, asked.show.quiet, end)
            signals.patient = True
        except KeyboardInterrupt:
            signals.patient = True
            _drop_programs()
        result = finding.ended(_why(signals, end))
        return _Done(result, files.finish(result), signals)


def _follow(finding: "Finding", files: "_Files", work: "Work", quiet: bool, end: float | None) -> None:
    """Runs the search to its end, and shows how far it is."""
    from clusteropt.commands.search_display import SearchDisplay
    from clusteropt.commands.search_tasks import announcements

    for message in [] if quiet else announcements(work, finding):
        say(message)
    composition, seconds, began = work.task.composition, work.task.seconds, time.monotonic()
    if finding.foresee() and not quiet:
        say(f"compiling for clusters of up to {composition.n_atoms} atoms (once for this size)")
    with SearchDisplay(work.task.formula, composition.potential, work.task.best_known, seconds, quiet) as display:
        for n, progress in enumerate(finding):
            files.keep(progress.lowest)
            display.show(progress)
            if n == 0:  # the first round is always a whole one
                ends = [t for t in (end, None if seconds is None else began + seconds) if t is not None]
                if ends:
                    alarm_in(min(ends) - time.monotonic())


class _Files:
    """Writes the lowest minimum whenever it is a new one. Problems are said once, and writing is tried again at the end."""

    def __init__(self, work: "Work", finding: "Finding", quiet: bool) -> None:
        self._work, self._finding, self._quiet = work, finding, quiet
        self._written = float("inf")
        self._said = False

    def keep(self, lowest: float) -> None:
        problem = self._finding.problem
        if lowest < self._written and self._work.files.lowest != STDOUT:
            problem = self._write(self._finding.lowest) or problem
            self._written = lowest
        if problem is not None and not self._said:
            self._said = True
            complain(f"{problem} (the search goes on, and tries again at its end)")

    def finish(self, result: "SearchResult") -> bool:
        """Writes the lowest minimum, and says where everything is. Returns False where a file could not be written."""
        problems = [self._finding.problem, self._write(next(iter(result.minima), None))]
        for problem in problems:
            if problem is not None:
                complain(str(problem))
        return not any(problems)

    def _write(self, lowest: "SearchMinimum | None") -> ClusterOptError | None:
        from clusteropt.commands.search_tasks import text_of_lowest
        from clusteropt.runtime.files import write_atomically

        if lowest is None or self._work.files.lowest == STDOUT:
            return None
        try:
            write_atomically(self._work.files.lowest, text_of_lowest(lowest, self._work.task.formula))
        except ClusterOptError as problem:
            return problem
        return None


def _why(signals: Signals, end: float | None) -> str:
    """What has stopped the search from outside; empty where it has ended by itself."""
    if not signals.heard:
        return ""
    if signals.heard == signal.SIGALRM:
        return "slurm" if _at(end) else "time"
    return "interrupted" if signals.heard == signal.SIGINT else signal.Signals(signals.heard).name


def _at(end: float | None) -> bool:
    return end is not None and time.monotonic() >= end


def _is_cut(done: _Done, end: float | None) -> bool:
    """True where the search was stopped from outside."""
    return done.result.stopped_by not in ("confirmed", "target", "evaluations", "time")


def _show(result: "SearchResult", work: "Work", asked: Asked) -> None:
    from clusteropt.commands.search_tasks import text_of_lowest, written
    from clusteropt.console import emit, emit_frames
    from clusteropt.report import tables
    from clusteropt.report.searches import heading, search_table

    if work.files.lowest == STDOUT:
        if result.minima:
            emit_frames(text_of_lowest(result.minima[0], work.task.formula))
    else:
        emit(heading(result))
        tables.show(search_table(result), asked.show.wide)
    if not asked.show.quiet:
        say(written(result, work))


def _ended(asked: Asked, works: list["Work"], done: list[_Done], end: float | None) -> ExitCode:
    if asked.show.json:
        from clusteropt.console import emit
        from clusteropt.report.searches import search_json

        emit(search_json([one.result for one in done], several=len(works) > 1))
    cut = _is_cut(done[-1], end)
    if cut or len(done) < len(works):
        n = len(done) - cut
        raise stopped(done[-1].signals, f"{so_many_of(n, len(works), 'search')} finished, and what was found is kept")
    if not all(one.whole for one in done):
        return ExitCode.FAILURE
    return ExitCode.OK if all(one.result.minima for one in done) else ExitCode.NOT_CONVERGED


def _drop_programs() -> None:
    """Cancels the compilation of programs that have not been started."""
    from clusteropt.engine.programs import drop_waiting

    drop_waiting()
