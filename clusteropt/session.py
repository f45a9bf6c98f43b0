"""The work of the commands with files: read all, compute, keep what is finished, report, and choose the exit code."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clusteropt import machine, runtime
from clusteropt.config import MinimizeSettings, ReadingSettings
from clusteropt.console import complain, emit, say, warn
from clusteropt.errors import ClusterOptError, ExitCode, UsageError
from clusteropt.plans import Plan
from clusteropt.signals import STOPPING, Signals, remembered, stopped
from clusteropt.words import counted

if TYPE_CHECKING:
    from clusteropt.display import Display
    from clusteropt.outputs import Keeper, Track
    from clusteropt.potentials.base import Potential
    from clusteropt.progress import Step
    from clusteropt.reading import Frame
    from clusteropt.result import Result


@dataclass(frozen=True)
class Job:
    """The work that a command is asked to do with files."""

    files: list[str]
    settings: MinimizeSettings
    plan: Plan
    reading: ReadingSettings
    move: bool = True  # False only evaluates
    threads: int | None = None  # None: all cores
    seconds: float | None = None  # until it has to stop
    json: bool = False
    wide: bool = False  # all columns of the table
    quiet: bool = False


def run(job: Job) -> ExitCode:
    """`clusteropt minimize` and `energy`: the exit code, after everything is written and shown.

    Raises Stopped after the time limit or a signal and Interrupted after Ctrl-C, when what is finished is written and shown, and
    ClusterOptError likewise after an error that nobody has foreseen.
    """
    if job.json and job.plan.to_stdout:
        raise UsageError("--json and --out - both want standard output: give --out a file name")
    with remembered(*STOPPING, seconds=job.seconds) as signals:
        try:
            runtime.prepare(job.threads or machine.n_cores())
            from clusteropt.potentials import sets

            warn(sets.doubt(job.settings.potential), job.quiet)
            frames, unreadable = _read_all(job)
            from clusteropt.outputs import Keeper

            keeper, track = Keeper(frames, job.plan), []
            problem = _compute(frames, job, keeper, track if job.plan.trajectories else None, signals)
            signals.patient = True  # what is finished is written first
            ended = problem is not None or signals.heard
            whole = _report(frames, job, keeper, None if ended else track)
        except KeyboardInterrupt:
            _drop_programs()
            raise stopped(signals, "not all is written" if signals.patient else "nothing was finished") from None
    if problem is not None:
        raise problem
    if signals.heard:
        _drop_programs()
        raise stopped(signals, _how_far(keeper, len(frames)))
    return _exit_code([r.status for r in keeper.results.values()], unreadable) if whole else ExitCode.FAILURE


def _read_all(job: Job) -> tuple[list["Frame"], int]:
    """The frames of all files that can be read, and how many cannot; says once for each file how it was understood."""
    from clusteropt.reading import Unreadable, frames, wishes_of

    wishes = wishes_of(job.reading, job.settings.potential)
    found: list[Frame] = []
    noted: set[tuple[str, str]] = set()
    unreadable = 0
    for one in (frame for name in job.files for frame in frames(name, wishes)):
        if isinstance(one, Unreadable):
            unreadable += 1
            complain(f"{one.label}: {one.problem}")
            continue
        found.append(one)
        if one.note and not job.quiet and (one.source, one.note) not in noted:
            noted.add((one.source, one.note))
            say(f"{one.source}: {one.note}")
    return found, unreadable


def _compute(
    frames: list["Frame"], job: Job, keeper: "Keeper", track: "Track | None", signals: Signals
) -> ClusterOptError | None:
    """Gives the keeper all results, or those that are there at a signal or at an error, which is returned.

    `track` gets the ways there.
    """
    from clusteropt import api
    from clusteropt.display import Display
    from clusteropt.progress import cost

    watch = None if track is None else lambda i, n, positions: track.append((i, n, positions.copy()))
    try:
        with Display([cost(len(f.atoms)) for f in frames], job.quiet) as display:
            atoms, hear = [f.atoms for f in frames], _Observer(frames, job, display)
            for portion in api.run(atoms, job.settings, move=job.move, watch=watch, progress=hear, unfinished=True):
                with signals.held():
                    keeper.add(portion)
                    if keeper.keep():
                        display.kept(keeper.n_kept)
                    display.finished(portion)
    except KeyboardInterrupt:
        pass
    except ClusterOptError as problem:
        return problem
    except Exception as problem:  # noqa: BLE001  what is finished is kept, whatever it is
        return _unforeseen(problem, keeper.n_finished, len(frames))
    return None


class _Observer:
    """Says of what is being computed what there is to say before, and shows how far it is."""

    def __init__(self, frames: Sequence["Frame"], job: Job, display: "Display") -> None:
        self._frames, self._job, self._display = frames, job, display

    def begins(self, potential: "Potential", indices: Sequence[int]) -> None:
        from clusteropt import announcements

        self._display.begins(potential, indices)
        if not self._job.quiet:
            own = [self._frames[i] for i in indices]
            for message in announcements.before(potential, own, self._job.settings, self._job.move):
                say(message)

    def compiles(self, n_atoms: Sequence[int]) -> None:
        self._display.compiles(n_atoms)

    def searches(self, step: "Step") -> None:
        self._display.searches(step)


def _unforeseen(problem: Exception, n_done: int, n_all: int) -> ClusterOptError:
    kept = f"{n_done} of {counted(n_all, 'structure')} {'is' if n_all == 1 else 'are'} finished and kept"
    if isinstance(problem, MemoryError) or "RESOURCE_EXHAUSTED" in str(problem):
        return ClusterOptError(f"the memory does not suffice: {kept}: give the others to a machine with more")
    reason = " ".join(str(problem).split())[:160]
    return ClusterOptError(f"unexpected {type(problem).__name__} ({reason}): {kept}: please report it")


def _report(frames: list["Frame"], job: Job, keeper: "Keeper", track: "Track | None") -> bool:
    """Says what there is to say, writes the files, shows the results; whether every file could be written."""
    from clusteropt import announcements
    from clusteropt.outputs import ways

    rows = keeper.rows
    for label, result in rows:
        if result.problem:
            complain(f"{label}: {result.problem}")
    for message in [] if job.quiet else announcements.after(rows, job.settings, job.move, bool(job.plan.outputs)):
        say(message)
    wanted = track is not None and job.plan.trajectories
    more = ways(frames, keeper.results, track or [], job.plan, job.settings.potential) if wanted else {}
    whole = keeper.finish(more, job.quiet)
    if not job.plan.to_stdout:
        _show(rows, job)
    return whole


def _show(rows: list[tuple[str, "Result"]], job: Job) -> None:
    from clusteropt.report import results_json, results_table
    from clusteropt.tables import show

    if job.json:
        emit(results_json(rows))
    elif rows:
        show(results_table(rows, moved=job.move), job.wide)


def _drop_programs() -> None:
    """Forgets the programs that are waiting to be built, if any."""
    from clusteropt.programs import drop_waiting

    drop_waiting()


def _how_far(keeper: "Keeper", n_all: int) -> str:
    begun = len(keeper.results) - keeper.n_finished
    words = f"{keeper.n_finished} of {counted(n_all, 'structure')} {'is' if n_all == 1 else 'are'} finished and kept"
    return f"{words}, and of {begun} more the lowest minima so far" if begun else words


def _exit_code(statuses: list[str], unreadable: int) -> ExitCode:
    if unreadable or {"invalid-structure", "no-potential"} & set(statuses):
        return ExitCode.INPUT
    return ExitCode.OK if all(s in ("converged", "evaluated") for s in statuses) else ExitCode.NOT_CONVERGED
