"""`clusteropt grow`: searches an element size by size, each from the minima of its neighbours too."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clusteropt.commands.grow_files import Asked, GrowFiles, GrowOutputs, files_for, sizes_of, title_of
from clusteropt.commands.plans import Show
from clusteropt.commands.process import prepare
from clusteropt.commands.search_run import Done, is_cut, searched, told
from clusteropt.commands.time_limit import seconds_in, seconds_left
from clusteropt.console import complain, emit, say, warn
from clusteropt.errors import ClusterOptError, ExitCode, UsageError
from clusteropt.runtime.signals import STOPPING, Signals, alarm_in, remembered, stopped
from clusteropt.settings.exploration import ExplorationSettings
from clusteropt.settings.merging import merged
from clusteropt.words import counted, so_many_of

if TYPE_CHECKING:
    from clusteropt.commands.grow_tasks import Growing


class _Ended(NamedTuple):
    """How a series has ended."""

    done: list[Done]
    signals: Signals
    whole: bool  # the file of structures is written
    cut: bool = False  # a signal came between two searches
    problem: ClusterOptError | None = None


def asked_for(
    element: str | None, sizes: str | None, config: Path | None, given: dict[str, Any], time_limit: str | None
) -> Asked:
    """The wishes of a user, but for the outputs. Raises UsageError and InputError for what is not allowed."""
    if element is None or sizes is None:
        raise UsageError("grow needs an element and sizes, such as `clusteropt grow LJ 2-60`")
    own = sizes_of(sizes)
    settings = merged(ExplorationSettings, config, given)
    return Asked(element, own, settings, settings.seconds(seconds_in(time_limit)), GrowOutputs(), Show())


def grow(asked: Asked, devices: dict[str, Any]) -> ExitCode:
    """Searches one size after the other, and returns the exit code.

    Raises UsageError and InputError for what cannot be searched, before any search begins. Raises Stopped or Interrupted after a
    signal, when what was found is written and printed.
    """
    left = seconds_left(None)
    end = None if left is None else time.monotonic() + left
    with remembered(*STOPPING, seconds=left) as signals:
        try:
            prepare(devices)
            with _begun(asked, end) as (growing, files):
                ended = _grown(growing, asked.show.quiet, end, signals)
                whole = _report(growing, files, asked.show)
                return _code(growing, ended, whole)
        except KeyboardInterrupt:
            raise stopped(signals, "no search has begun") from None


@contextmanager
def _begun(asked: Asked, end: float | None) -> Iterator[tuple["Growing", GrowFiles]]:
    """The series, its database open, and its files."""
    from clusteropt.commands.announcements import scales_of
    from clusteropt.commands.calculators import limited
    from clusteropt.commands.grow_tasks import Growing, element_of
    from clusteropt.database.database import Database
    from clusteropt.finding.searching import composition_of
    from clusteropt.potentials import sets

    element = element_of(asked.element)
    warn(sets.doubt(asked.settings.potential), asked.show.quiet)
    with limited(asked.settings.potential, asked.seconds, end):
        potential = composition_of(f"{element}{asked.sizes.first}", asked.settings.potential).potential
    name = f"{element}{asked.sizes}"
    files = files_for(name, potential.name, asked.outputs)
    with Database.open(files.database, potential) as database:
        growing = Growing(element, name, asked, files, database)
        if not asked.show.quiet:
            say(f"{name}: potential {potential.name} ({potential.energy_unit}, {potential.length_unit})")
            for message in scales_of(potential):
                say(message)
            if growing.n_finished:
                say(f"{name}: goes on from {counted(growing.n_finished, 'finished size')} in {files.database}")
        yield growing, files


def _grown(growing: "Growing", quiet: bool, end: float | None, signals: Signals) -> _Ended:
    """Searches until all is done or a signal comes. Afterwards signals are only noted."""
    from clusteropt.commands.search_tasks import doubts_of, line_of

    done: list[Done] = []
    whole, cut, problem = True, False, None
    try:
        for work in growing.works():
            done.append(searched(work, quiet, end))
            if end is not None:
                alarm_in(end - time.monotonic())
            with signals.held():
                whole = growing.keep(done[-1].result) is None
            if not quiet:
                for message in (line_of(done[-1].result), *doubts_of(done[-1].result)):
                    say(message)
            if is_cut(done[-1]):
                break
    except KeyboardInterrupt:
        cut = True
    except ClusterOptError as error:  # what was found is still shown
        problem = error
    signals.patient = True
    return _Ended(done, signals, whole and all(one.whole for one in done), cut, problem)


def _report(growing: "Growing", files: GrowFiles, show: Show) -> bool:
    """Prints the table, and draws the picture. Returns False where a file could not be written."""
    from clusteropt.report import tables
    from clusteropt.report.series import series_json, series_picture, series_table

    members, potential = growing.members, growing.potential
    whole = growing.write() is None
    if show.json:
        emit(series_json(members, potential))
    else:
        tables.show(series_table(members, potential), show.wide)
    if files.picture is not None and any(one.lowest for one in members):
        try:
            series_picture(members, potential, files.picture, title_of(growing.name))
        except ClusterOptError as problem:
            complain(str(problem))
            whole = False
    if not show.quiet:
        say(f"lowest minima written to {files.lowest}, all minima kept in {files.database}")
    return whole


def _code(growing: "Growing", ended: _Ended, whole: bool) -> ExitCode:
    """Raises the error that has ended the series, or returns the exit code."""
    last = ended.done[-1] if ended.done else None
    if ended.problem is not None:
        raise ended.problem
    if last is not None and last.problem is not None:
        raise told(last)
    if ended.cut or (last is not None and is_cut(last)):
        signals = ended.signals if ended.cut or last is None else last.signals
        so_far = so_many_of(growing.n_finished, len(growing.sizes), "size")
        raise stopped(signals, f"{so_far} finished, and what was found is kept: the same command goes on")
    if not (whole and ended.whole):
        return ExitCode.FAILURE
    return ExitCode.OK if all(one.lowest for one in growing.members) else ExitCode.NOT_CONVERGED
