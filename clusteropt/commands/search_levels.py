"""A search in two levels in this process: by a cheap potential, and then its lowest minima relaxed with a calculator."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from clusteropt.commands.search_run import Done, followed, is_cut, searched, why_ended
from clusteropt.console import say
from clusteropt.runtime.signals import STOPPING, remembered
from clusteropt.words import counted, so_many_of

if TYPE_CHECKING:
    from clusteropt.commands.search_keeper import SearchKeeper
    from clusteropt.commands.search_tasks import Work
    from clusteropt.finding.relaxing import Relaxing
    from clusteropt.finding.result import SearchResult

_REPORT = 60.0  # seconds between two lines about relaxations under way


def in_two_levels(work: "Work", quiet: bool, end: float | None) -> Done:
    """As `search_run.searched`: first by the potential of `work.prescreen`, unless that is done, then by the calculator."""
    began = time.monotonic()
    first = _prescreened(work, quiet, end)
    if is_cut(first) or first.problem is not None or not first.result.minima:
        return first._replace(result=_nothing(work, first.result))
    seconds = None if work.task.seconds is None else began + work.task.seconds - time.monotonic()
    ends = [s for s in (seconds, None if end is None else end - time.monotonic()) if s is not None]
    with remembered(*STOPPING, seconds=min(ends, default=None)) as signals, ExitStack() as stack:

        def follow(keeper: "SearchKeeper", relaxing: "Relaxing") -> None:
            _follow(keeper, relaxing, work, quiet)

        nothing = f"{work.task.formula}: nothing was relaxed"
        keeper, relaxing, cut, problem = followed(stack, signals, _begun(work, first.result), follow, nothing)
        why = (why_ended(signals, end) if cut else "") if problem is None else "an error"
        result = relaxing.ended(why)
        return Done(result, keeper.finish(result), signals, problem)


def _prescreened(work: "Work", quiet: bool, end: float | None) -> Done:
    """The search by the cheap potential, as its database has kept it."""
    from clusteropt.database.database import Database
    from clusteropt.finding.kept import kept_result
    from clusteropt.finding.levels import is_due

    first, path = work.prescreen, work.files.database
    assert first is not None
    if first.files.database is None or path is None:
        return searched(first, quiet, end)
    with (
        Database.open(first.files.database, first.task.composition.potential) as cheap,
        Database.open(path, work.task.composition.potential) as own,
    ):
        why = is_due(work.task, cheap, own)
    done = None if why else searched(first, quiet, end)
    with Database.open(first.files.database, first.task.composition.potential) as cheap:
        if done is None:
            return _done(kept_result(first.task, cheap, why))
        return done._replace(result=kept_result(first.task, cheap, done.result.stopped_by, done.result.compiled))


def _done(result: "SearchResult") -> Done:
    from clusteropt.runtime.signals import Signals

    return Done(result, True, Signals())


def _nothing(work: "Work", cheap: "SearchResult") -> "SearchResult":
    """The result of a search that has not come to relaxing."""
    from clusteropt.finding.result import SearchResult

    task = work.task
    about = (cheap.stopped_by, 0, 0.0, float("nan"), task.kit.seed, task.best_known)
    return SearchResult(task.formula, task.composition.potential, (), *about, prescreen=cheap)


@contextmanager
def _begun(work: "Work", cheap: "SearchResult") -> Iterator[tuple["SearchKeeper", "Relaxing"]]:
    """The relaxations and the files that are to hold them, with the database open."""
    from clusteropt.commands.search_keeper import SearchKeeper
    from clusteropt.database.database import Database
    from clusteropt.finding.relaxing import Relaxing

    path, potential = work.files.database, work.task.composition.potential
    with nullcontext() if path is None else Database.open(path, potential) as database:
        relaxing = Relaxing(work.task, cheap, database)
        yield SearchKeeper(work, relaxing), relaxing


def _follow(keeper: "SearchKeeper", relaxing: "Relaxing", work: "Work", quiet: bool) -> None:
    """Relaxes and certifies, and says how far that is."""
    from clusteropt.commands.announcements import scales_of

    potential, n, said = work.task.composition.potential, len(relaxing.starts), time.monotonic()
    cheap = relaxing.starts[0].potential.name
    known = f", {relaxing.n_known} of them before" if relaxing.n_known else ""
    for message in (
        []
        if quiet
        else [
            f"{work.task.formula}: the {counted(n, 'lowest minimum')} by {cheap} are relaxed by {potential.name}{known}",
            *scales_of(potential),
        ]
    ):
        say(message)
    if relaxing.foresee() and not quiet:
        say(f"compiling for clusters of up to {work.task.composition.n_atoms} atoms (once for this size)")

    def tell(n_done: int, n_evaluations: int) -> None:
        nonlocal said
        if relaxing.lowest is not None:
            keeper.keep(relaxing.lowest.energy)
        if not quiet and time.monotonic() - said >= _REPORT:
            said = time.monotonic()
            done = so_many_of(n_done, n, "minimum")
            say(f"{work.task.formula} · {done} relaxed · {counted(n_evaluations, 'evaluation')}")

    relaxing.relax(tell)
    relaxing.certify()
