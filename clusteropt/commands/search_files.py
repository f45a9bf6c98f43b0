"""The wishes of a user who searches, and the files of a search: its lowest minimum, and its database. It imports little."""

from pathlib import Path
from typing import NamedTuple

from clusteropt.commands.plans import STDOUT, Show
from clusteropt.commands.reports import check_page
from clusteropt.errors import UsageError
from clusteropt.hosts.scheduler import Scheduler
from clusteropt.runtime.files import check_writable
from clusteropt.settings.config import ReadingSettings
from clusteropt.settings.exploration import ExplorationSettings

OURS = "clusteropt_search"  # the key in the comment of a file that a search may replace


class SearchOutputs(NamedTuple):
    """The output options of a user."""

    out: Path | None = None
    db: Path | None = None
    no_db: bool = False
    force: bool = False  # overwrite an existing file that no search of the same composition has written
    report: Path | None = None  # page about the results, at the end


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


class SearchFiles(NamedTuple):
    """The files of the search of one composition."""

    lowest: Path | None  # None for no such file
    database: Path | None
    isomers: Path | None = None  # all that was relaxed, of a search in two levels


def check_outputs(wanted: SearchOutputs, json: bool, n_formulas: int) -> None:
    """Raises UsageError for options that exclude each other."""
    if wanted.no_db and wanted.db is not None:
        raise UsageError("--db names a database and --no-db wants none: drop one of them")
    if wanted.out is not None and n_formulas > 1:
        raise UsageError("--out names one file, and there are several formulas: leave it out, or search one at a time")
    if wanted.report is not None:
        _check_report(wanted.report, wanted, n_formulas)
    if json and wanted.out == STDOUT:
        raise UsageError("--json and --out - both write to standard output: give --out a file name")


def _check_report(page: Path, wanted: SearchOutputs, n_formulas: int) -> None:
    check_page(page, option="--report")
    if wanted.no_db:
        raise UsageError("--report reads the database, and --no-db wants none: drop one of them")
    if wanted.db is None and n_formulas > 1:
        raise UsageError("--report makes a page of one database: name one for all formulas with --db")


def files_for(formula: str, potential: str, wanted: SearchOutputs, levels: int = 1) -> SearchFiles:
    """The files. Raises UsageError where a structure file cannot be written, or is not of such a search."""
    lowest = wanted.out or Path(f"{formula}.min.xyz")
    isomers = None if levels == 1 or lowest == STDOUT else beside(lowest, "isomers")
    for path in (lowest, isomers):
        if path not in (None, STDOUT):
            check_ours(path, formula, potential, wanted.force)
    return SearchFiles(lowest, None if wanted.no_db else wanted.db or Path(f"{formula}.minima.db"), isomers)


def beside(path: Path, what: str) -> Path:
    """A file next to that of the lowest minimum: Au13.isomers.xyz for Au13.min.xyz."""
    return path.with_name(f"{path.stem.removesuffix('.min')}.{what}{path.suffix}")


def check_ours(path: Path, name: str, potential: str, force: bool) -> None:
    """Raises UsageError where the file cannot be written, or exists and no search of that name by that potential has made it.

    With `force` any file may be replaced.
    """
    comment = _comment_of(path)
    ours = f" {OURS}={name} " in comment
    if ours and not force and " potential=" in comment and f" {_potential(potential)} " not in comment:
        raise UsageError(
            f"{path}: has the result of a search by another potential: name another file with --out (and --db for the "
            "minima), or overwrite it with --force"
        )
    check_writable(path, force or ours)


def _comment_of(path: Path) -> str:
    """The comment of the first frame, between blanks; empty where there is none."""
    if not path.is_file():  # a device may have no end, and a pipe no writer
        return ""
    try:
        with path.open(encoding="utf-8") as file:
            next(file)
            return f" {next(file).strip()} "
    except (OSError, UnicodeDecodeError, StopIteration):
        return ""


def _potential(name: str) -> str:
    """The name as files of structures have it."""
    from clusteropt.io.extxyz import pair_of

    return str(pair_of("potential", name))
