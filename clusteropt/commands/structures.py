"""`clusteropt minimize` and `energy`: read all files, compute, write results, print them, and choose the exit code."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clusteropt.commands.plans import NO_OUTPUT, SHOW, OutputPlan, Outputs, Show, plan_outputs
from clusteropt.commands.process import prepare
from clusteropt.commands.time_limit import seconds_left
from clusteropt.console import complain, emit, say, warn
from clusteropt.errors import ClusterOptError, ExitCode, UsageError, is_of_memory, unexpected
from clusteropt.runtime.signals import STOPPING, Signals, remembered, stopped
from clusteropt.settings.config import MinimizeSettings, ReadingSettings
from clusteropt.settings.merging import merged

if TYPE_CHECKING:
    from clusteropt.commands.display import Display
    from clusteropt.commands.outputs import Keeper, Track, Unread
    from clusteropt.io.reading import Frame
    from clusteropt.potentials.base import Potential
    from clusteropt.result import Result
    from clusteropt.search.observer import SearchProgress


@dataclass(frozen=True)
class FileJob:
    """The files, settings and options of one call of `minimize` or `energy`."""

    files: list[str]
    settings: MinimizeSettings
    plan: OutputPlan
    reading: ReadingSettings
    move: bool = True  # False: evaluate the input positions only
    devices: dict[str, Any] = field(default_factory=dict)  # the device options, as given
    seconds: float | None = None  # until the command must stop; None without a limit
    show: Show = SHOW


def minimize(
    files: list[str],
    settings: MinimizeSettings,
    reading: dict[str, Any],
    outputs: Outputs,
    show: Show,
    devices: dict[str, Any],
    time_limit: str | None,
) -> ExitCode:
    """`clusteropt minimize`; see `execute`."""
    job = FileJob(files, settings, plan_outputs(files, outputs), merged(ReadingSettings, None, reading), True, devices)
    return execute(replace(job, show=show, seconds=seconds_left(time_limit)))


def energy(
    files: list[str],
    given: dict[str, Any],
    reading: dict[str, Any],
    outputs: Outputs,
    show: Show,
    devices: dict[str, Any],
) -> ExitCode:
    """`clusteropt energy`; see `execute`. Without --out it writes no file."""
    plan = NO_OUTPUT if outputs.out is None else plan_outputs(files, outputs)
    settings = merged(MinimizeSettings, None, given)
    return execute(FileJob(files, settings, plan, merged(ReadingSettings, None, reading), False, devices, show=show))


def chosen(config: Path | None, given: dict[str, Any]) -> MinimizeSettings:
    """The settings of `minimize`. Raises UsageError for options that have no effect without a learned optimizer."""
    settings = merged(MinimizeSettings, config, given)
    idle = [name for name in ("trajectories", "steps", "hops", "start", "all_minima") if given.get(name) is not None]
    if settings.method().search is None and idle:
        raise UsageError(
            f"--{idle[0].replace('_', '-')} needs a learned optimizer, but --optimizer is {settings.optimizer}: drop one of them"
        )
    return settings


def execute(job: FileJob) -> ExitCode:
    """Does the work of `minimize` and `energy`, writes and prints the results, and returns the exit code.

    Raises Stopped after the time limit or a signal, Interrupted after Ctrl-C, and ClusterOptError after an unexpected error.
    Finished results are written and printed first.
    """
    if job.show.json and job.plan.to_stdout:
        raise UsageError("--json and --out - both write to standard output: give --out a file name")
    keeper = None
    with remembered(*STOPPING, seconds=job.seconds) as signals:
        try:
            prepare(job.devices)
            from clusteropt.potentials import sets

            warn(sets.doubt(job.settings.potential), job.show.quiet)
            frames, unreadable = _read_all(job)
            from clusteropt.commands.outputs import Keeper

            keeper = Keeper(frames, job.plan, unreadable)
            problem, whole = _worked(frames, job, keeper, signals)
        except KeyboardInterrupt:
            _drop_programs()
            raise stopped(
                signals, "no structure was finished" if keeper is None else "some files are not written"
            ) from None
    if signals.heard:
        _drop_programs()
    if problem is not None:
        raise _told(problem, keeper)
    if (
        keeper.n_finished < len(frames) or signals.heard == signal.SIGINT
    ):  # after Ctrl-C the user gets an answer in any case
        raise stopped(signals, keeper.words)
    return _exit_code([r.status for r in keeper.results.values()], len(unreadable)) if whole else ExitCode.FAILURE


def _read_all(job: FileJob) -> tuple[list["Frame"], list["Unread"]]:
    """The readable frames of all files, and the unreadable ones. Prints each note on a file once."""
    from clusteropt.io.reading import Unreadable, frames, wishes_of

    wishes = wishes_of(job.reading, job.settings.potential)
    found: list[Frame] = []
    noted: set[tuple[str, str]] = set()
    unreadable: list[Unread] = []
    for one in (frame for name in job.files for frame in frames(name, wishes)):
        if isinstance(one, Unreadable):
            unreadable.append((len(found), one))
            complain(f"{one.label}: {one.problem}")
            continue
        found.append(one)
        if one.note and not job.show.quiet and (one.source, one.note) not in noted:
            noted.add((one.source, one.note))
            say(f"{one.source}: {one.note}")
    return found, unreadable


def _worked(frames: list["Frame"], job: FileJob, keeper: "Keeper", signals: Signals) -> tuple[Exception | None, bool]:
    """Computes the frames, then writes and prints the results that exist.

    Returns the first error, and False where a file could not be written.
    """
    track: Track = []
    problem, whole = _computed(frames, job, keeper, track, signals), True
    for write in (partial(_report, job, keeper), partial(_write_trajectories, frames, job, keeper, track)):
        try:
            whole &= write()
        except Exception as error:  # noqa: BLE001  the other files are still written
            problem = problem or error
    if problem is None and keeper.n_finished == len(frames):
        for path in keeper.old:
            warn(f"{path}: is left from an earlier run, because this run has no result for it", job.show.quiet)
    return problem, whole


def _computed(
    frames: list["Frame"], job: FileJob, keeper: "Keeper", track: "Track", signals: Signals
) -> Exception | None:
    """Computes the frames and adds their results to the keeper. Returns the error that ended the computation; else None.

    A signal also ends it. Afterwards signals are only noted, so that finished results are written.
    """
    problem = None
    try:
        try:
            _compute(frames, job, keeper, track, signals)
        except Exception as error:  # noqa: BLE001  finished results are kept after any error
            problem = error
        signals.patient = True
    except KeyboardInterrupt:
        signals.patient = True
    return problem


def _compute(frames: list["Frame"], job: FileJob, keeper: "Keeper", track: "Track", signals: Signals) -> None:
    """Computes the frames. The keeper gets each result when it is finished; `track` gets the trajectories if they are saved."""
    from clusteropt import api
    from clusteropt.commands.display import Display
    from clusteropt.search.observer import cost

    watch = (lambda i, n, positions: track.append((i, n, positions.copy()))) if job.plan.trajectories else None
    with Display([cost(len(f.atoms)) for f in frames], job.show.quiet) as display:
        atoms, hear = [f.atoms for f in frames], _Observer(frames, job, display)
        for portion in api.results_of(atoms, job.settings, move=job.move, watch=watch, observer=hear, unfinished=True):
            with signals.held():
                keeper.add(portion)
                if keeper.keep():
                    display.kept(keeper.n_kept)
                display.finished(portion)


class _Observer:
    """Prints the messages about structures before they are computed, and passes their progress to the display."""

    def __init__(self, frames: Sequence["Frame"], job: FileJob, display: "Display") -> None:
        self._frames, self._job, self._display = frames, job, display

    def begins(self, potential: "Potential", indices: Sequence[int]) -> None:
        from clusteropt.commands import announcements

        self._display.begins(potential, indices)
        if not self._job.show.quiet:
            own = [self._frames[i] for i in indices]
            for message in announcements.before(potential, own, self._job.settings, self._job.move):
                say(message)

    def compiles(self, n_atoms: Sequence[int]) -> None:
        self._display.compiles(n_atoms)

    def searches(self, progress: "SearchProgress") -> None:
        self._display.searches(progress)


def _told(problem: Exception, keeper: "Keeper") -> ClusterOptError:
    """The error as a message that names the results that are kept."""
    if isinstance(problem, ClusterOptError):
        return problem
    if is_of_memory(problem):
        return ClusterOptError(f"out of memory: {keeper.words}: run the others on a machine with more memory")
    return ClusterOptError(f"{unexpected(problem)}: {keeper.words}: please report it")


def _report(job: FileJob, keeper: "Keeper") -> bool:
    """Prints problems and messages, writes the files, prints the results. Returns False where a file could not be written."""
    from clusteropt.commands import announcements

    rows = keeper.rows
    for label, result in rows:
        if result.problem:
            complain(f"{label}: {result.problem}")
    for message in [] if job.show.quiet else announcements.after(rows, job.settings, job.move, bool(job.plan.outputs)):
        say(message)
    whole = keeper.finish(job.show.quiet)
    if not job.plan.to_stdout:
        _show(keeper.all_rows, job)
    return whole


def _write_trajectories(frames: list["Frame"], job: FileJob, keeper: "Keeper", track: "Track") -> bool:
    """Writes the trajectories if they are asked for. Returns False where a file could not be written."""
    from clusteropt.commands.outputs import write_trajectories

    if not job.plan.trajectories:
        return True
    try:
        return write_trajectories(frames, keeper.results, track, job.plan, job.settings.potential, job.show.quiet)
    except Exception as error:  # noqa: BLE001  the results are written; only the trajectories are lost
        complain(f"--save-trajectory: not written, because of an {unexpected(error)}")
        return False


def _show(rows: list[tuple[str, "Result"]], job: FileJob) -> None:
    from clusteropt.report.results import results_json, results_table
    from clusteropt.report.tables import show

    if job.show.json:
        emit(results_json(rows))
    elif rows:
        show(results_table(rows, moved=job.move), job.show.wide)


def _drop_programs() -> None:
    """Cancels the compilation of programs that have not been started."""
    from clusteropt.engine.programs import drop_waiting

    drop_waiting()


def _exit_code(statuses: list[str], unreadable: int) -> ExitCode:
    if unreadable or {"invalid-structure", "no-potential"} & set(statuses):
        return ExitCode.INPUT
    return ExitCode.OK if all(s in ("converged", "evaluated") for s in statuses) else ExitCode.NOT_CONVERGED
