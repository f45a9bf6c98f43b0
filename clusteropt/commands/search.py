"""`clusteropt search`: searches compositions, keeps what is found, and reports it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clusteropt.commands.plans import STDOUT, Show
from clusteropt.commands.process import prepare
from clusteropt.commands.reports import reported
from clusteropt.commands.search_files import Asked, SearchOutputs, check_outputs
from clusteropt.commands.search_levels import in_two_levels
from clusteropt.commands.search_run import Done, is_cut, searched, told
from clusteropt.commands.time_limit import seconds_in, seconds_left
from clusteropt.console import say, warn
from clusteropt.errors import ClusterOptError, ExitCode, UsageError
from clusteropt.runtime.signals import STOPPING, remembered, stopped
from clusteropt.settings.config import ReadingSettings
from clusteropt.settings.exploration import ExplorationSettings
from clusteropt.settings.merging import merged
from clusteropt.words import so_many_of

if TYPE_CHECKING:
    from clusteropt.commands.search_tasks import Work
    from clusteropt.finding.result import SearchResult


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
    limit = seconds_in(time_limit)
    seconds = settings.seconds(limit) if settings.prescreen is None else limit
    return Asked(formulas, sources, settings, merged(ReadingSettings, None, reading), seconds, SearchOutputs(), Show())


def search(asked: Asked, devices: dict[str, Any]) -> ExitCode:
    """Searches one composition after the other, and returns the exit code.

    Raises UsageError and InputError for what cannot be searched, before any search begins. Raises Stopped or Interrupted after a
    signal, when what was found is written and printed.
    """
    check_outputs(asked.outputs, asked.show.json, len(asked.formulas))
    if asked.scheduler is not None and asked.settings.prescreen is not None:
        raise UsageError("--prescreen searches in this process: drop the scheduler, or search by --calculator alone")
    left = seconds_left(None)
    end = None if left is None else time.monotonic() + left
    with remembered(*STOPPING, seconds=left) as signals:
        try:
            works = _prepared(asked, devices, end)
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
            levels = searched if work.prescreen is None else in_two_levels
            done.append(levels(work, asked.show.quiet, end))
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


def _prepared(asked: Asked, devices: dict[str, Any], end: float | None) -> list["Work"]:
    prepare(devices)
    from clusteropt.commands.calculators import limited
    from clusteropt.commands.search_tasks import works_for
    from clusteropt.potentials import sets

    warn(sets.doubt(asked.settings.potential), asked.show.quiet)
    seconds = None if asked.seconds is None else asked.seconds * max(1, len(asked.formulas))
    with limited(asked.settings.potential, seconds, end):
        return works_for(asked)


def _show(result: "SearchResult", work: "Work", asked: Asked) -> None:
    """Prints what was found, unless it is to be JSON, and doubts about it."""
    from clusteropt.commands.search_tasks import doubts_of, text_of_lowest, written
    from clusteropt.potentials.calculators import known

    for doubt in [] if asked.show.quiet else [*doubts_of(result), known.failures(result.potential.calculator)]:
        if doubt:
            say(doubt)
    for one in [] if asked.show.quiet else result.relaxed:
        if one.minimum.status.label != "converged":
            about = one.minimum.problem or "its relaxation has not converged"
            say(
                f"{result.formula}: minimum {one.rank} by {one.start.potential.name}: {one.minimum.status.label}: {about}"
            )
    if asked.show.json:
        return
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
    written = _reported(asked, works, done)
    for one in done:
        problem = problem or (None if one.problem is None else told(one))
    if problem is not None:
        raise problem
    cut = [one for one in done if is_cut(one)]
    if cut or len(done) < len(works):
        raise stopped((cut or done)[-1].signals, _so_far(works, done))
    if not (written and all(one.whole for one in done)):
        return ExitCode.FAILURE
    fine = all(one.result.minima and one.result.n_failed == 0 for one in done)
    return ExitCode.OK if fine else ExitCode.NOT_CONVERGED


def _reported(asked: Asked, works: list["Work"], done: list[Done]) -> bool:
    """Writes the report, if one is wanted and there is anything to report. False where that failed."""
    path, files = asked.outputs.report, works[0].files
    if path is None or not done:
        return True
    formula = works[0].task.formula if len(works) == 1 else None
    return reported(str(files.database), path, asked.show.quiet, formula)


def _so_far(works: list["Work"], done: list[Done]) -> str:
    """How far the searches are, in words."""
    found = any(one.result.minima or one.result.prescreen for one in done)
    rest = "what was found is kept" if found else "nothing was found yet"
    if len(works) == 1:
        return rest
    n = sum(not is_cut(one) for one in done)
    return f"{so_many_of(n, len(works), 'search')} finished, and {rest}"
