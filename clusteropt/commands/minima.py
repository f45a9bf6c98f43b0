"""`clusteropt minima`: lists, exports and merges the minima of a database."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clusteropt.commands.plans import STDOUT, Show
from clusteropt.console import emit, emit_frames, say
from clusteropt.database.settings import Wanted
from clusteropt.errors import UsageError, suggest
from clusteropt.runtime.files import check_writable, write_atomically
from clusteropt.settings.merging import merged
from clusteropt.words import counted

if TYPE_CHECKING:
    from clusteropt.database.database import Database
    from clusteropt.database.selection import Ranked

_SHOWN = 20  # minima of each formula in a table
_FORMATS = ("extxyz", "gmin")


class Asked(NamedTuple):
    """The wishes of a user about a database."""

    file: Path
    others: tuple[Path, ...] = ()
    merge: bool = False
    runs: bool = False
    export: Path | None = None
    format: str | None = None
    force: bool = False  # overwrite an existing file


def minima(asked: Asked, given: dict[str, Any], show: Show) -> None:
    """Merges, exports and lists, as asked. Raises UsageError and InputError as `Database` does, and for wrong options."""
    wanted = merged(Wanted, None, given)
    _check(asked)
    from clusteropt.database.database import Database

    if asked.merge:
        _merge(asked, show)
    with Database.open(asked.file) as database:
        if asked.runs:
            _show_runs(database, wanted, show)
        else:
            _show_minima(database, asked, wanted, show)


def _check(asked: Asked) -> None:
    if asked.others and not asked.merge:
        raise UsageError(
            f"{asked.others[0]}: one database is listed at a time: --merge takes the others over into {asked.file}"
        )
    if asked.merge and not asked.others:
        raise UsageError("--merge needs the databases to take over: name them after the first one")
    if asked.format is not None and asked.format not in _FORMATS:
        raise UsageError(f"--format cannot be '{asked.format}'; {suggest(asked.format, _FORMATS)}")
    if asked.format is not None and asked.export is None:
        raise UsageError("--format is for --export: name a file")
    if asked.export is not None and asked.runs:
        raise UsageError("--export writes minima, and --runs lists runs: drop one of them")
    if asked.export is not None and asked.export != STDOUT:
        check_writable(asked.export, asked.force, "--export")


def _merge(asked: Asked, show: Show) -> None:
    from clusteropt.database.database import Database

    for path in asked.others:
        if path.exists() and asked.file.exists() and path.samefile(asked.file):
            raise UsageError(f"{path}: is the database to merge into: name others after it")
    with ExitStack() as stack:
        others = [stack.enter_context(Database.open(path)) for path in dict.fromkeys(asked.others)]
        every = Database.merged(asked.file, others)
    for other, done in zip(others, every if not show.quiet else (), strict=False):
        say(
            f"{other.path}: {counted(done.n_new, 'new minimum')} of {done.n_minima:,}, "
            f"{counted(done.n_new_runs, 'new run')} of {done.n_runs:,}"
        )


def _show_minima(database: "Database", asked: Asked, wanted: Wanted, show: Show) -> None:
    from clusteropt.database.selection import limited, listed
    from clusteropt.report import tables
    from clusteropt.report.minima import minima_json, minima_table

    every = listed(database, wanted)
    if asked.export is not None:
        _export(database, asked, limited(every, wanted.limit), show)
    if asked.export == STDOUT:
        return
    if show.json:
        emit(minima_json(limited(every, wanted.limit), database.origin))
        return
    shown = limited(every, wanted.limit or _SHOWN)
    tables.show(minima_table(shown, database.origin), show.wide)
    if len(shown) < len(every) and not show.quiet:
        say(f"{len(shown):,} of {counted(len(every), 'minimum')} shown: --limit shows more")
    if not every and not show.quiet:
        say(f"{database.path}: no minimum is like that")


def _export(database: "Database", asked: Asked, ranked: list["Ranked"], show: Show) -> None:
    gmin = asked.format == "gmin" if asked.format else asked.export is not None and asked.export.name == "lowest"
    text = _gmin_text(database, ranked) if gmin else _extxyz_text(database, ranked)
    if asked.export is None or asked.export == STDOUT:
        emit_frames(text)
        return
    write_atomically(asked.export, text)
    if not show.quiet:
        say(f"{counted(len(ranked), 'minimum')} written to {asked.export}")


def _extxyz_text(database: "Database", ranked: list["Ranked"]) -> str:
    from clusteropt.database.selection import frames
    from clusteropt.io.extxyz import text_of

    return text_of(frames(database, ranked))


def _gmin_text(database: "Database", ranked: list["Ranked"]) -> str:
    from clusteropt.io.gmin import lowest_block

    rows = ((one, *database.atoms_of(one.entry)) for one in ranked)
    return "".join(
        lowest_block(one.rank, minimum.energy, one.entry.n_evaluations, symbols, minimum.positions)
        for one, symbols, minimum in rows
    )


def _show_runs(database: "Database", wanted: Wanted, show: Show) -> None:
    from clusteropt.database.database import falling
    from clusteropt.database.selection import runs_of
    from clusteropt.report import tables
    from clusteropt.report.minima import runs_json, runs_table

    runs = [(run, database.hits(run.uuid)) for run in runs_of(database, wanted)]
    if show.json:
        emit(runs_json([(run, falling(hits), hits) for run, hits in runs]))
    else:
        tables.show(runs_table([(run, falling(hits), len(hits)) for run, hits in runs], database.origin), show.wide)
