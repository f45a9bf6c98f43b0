"""A search on a Dask worker. The module imports little, because the process must be set up before jax is imported."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from clusteropt.commands.search_files import SearchFiles
from clusteropt.errors import ClusterOptError
from clusteropt.hosts.worker import at_work, check_alike, use_calculator, wanted
from clusteropt.runtime.files import write_atomically
from clusteropt.settings.exploration import ExplorationSettings

if TYPE_CHECKING:
    import numpy as np

    from clusteropt.exploration.limits import Progress
    from clusteropt.finding.result import SearchResult
    from clusteropt.finding.under_way import Task
    from clusteropt.potentials.calculators.recipe import Recipe

_EVERY = 5.0  # seconds between two copies of the database of a search under way


class Request(NamedTuple):
    """A search as a client asks for it."""

    formula: str
    settings: ExplorationSettings
    seconds: float | None  # None for no limit
    given: list["np.ndarray"]  # positions (n_atoms, 3) from which to start
    command: str
    best_known: float | None
    content: bytes  # of the database from which the search goes on; empty for none
    saved: Path  # where a copy of its database is while it runs, if this host has that folder
    calculator: "Recipe | None" = None  # in the place of a potential


class Answer(NamedTuple):
    """All that a worker has found."""

    result: "SearchResult"
    content: bytes  # of the database: that of the request, and the search
    whole: bool = True  # all is in the content
    problem: ClusterOptError | None = None  # the error that has ended the search


class Saver:
    """Copies the database of a search under way now and then; a context manager, as a display is.

    SQLite works on a disk of this host only; the copy, which may be on a network file system, is there whole or not at all.
    """

    def __init__(self, database: Path, copy: Path, wanted: Callable[[], bool]) -> None:
        self._database, self._copy, self._wanted = database, copy, wanted
        self._at = -_EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Removes the copy, unless the client has left: then the copy is all that the client gets."""
        if self._wanted():
            with suppress(OSError):
                self._copy.unlink(missing_ok=True)

    def show(self, progress: "Progress") -> None:
        """Copies the database if it is time. Raises KeyboardInterrupt where no client waits for the search any longer."""
        if not self._wanted():
            raise KeyboardInterrupt
        if progress.n_distinct and time.monotonic() - self._at >= _EVERY:
            with suppress(ClusterOptError):  # the folder may be on the client's host only
                write_atomically(self._copy, content_of(self._database))
            self._at = time.monotonic()


def search(request: Request, common: dict[str, Any]) -> Answer:
    """Searches on as many cores as the worker has threads; one search at a time.

    `common` is the result of `contents_for` on the client. Raises UsageError where this worker has another version of clusteropt,
    or where its files that the settings name have other contents.
    """
    with at_work(), TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        use_calculator(request.calculator)
        check_alike(contents_for(request.settings), common)
        path = Path(folder) / "found.db"
        if request.content:
            path.write_bytes(request.content)
        return _searched(request, path)


def contents_for(settings: ExplorationSettings) -> dict[str, Any]:
    """All that searches with these settings depend on besides their compositions. Raises as `identity.contents`."""
    from dataclasses import asdict

    from clusteropt.hosts.identity import contents
    from clusteropt.settings.exploration import NONE

    return contents(asdict(settings), None if settings.optimizer == NONE else settings.optimizer, settings.potential)


def content_of(path: Path) -> bytes:
    """The bytes of the database in the file. Raises as `Database`."""
    from clusteropt.database.database import Database

    with Database.open(path) as database:
        return database.content


def _searched(request: Request, path: Path) -> Answer:
    from clusteropt.commands.search_run import searched, told
    from clusteropt.commands.search_tasks import Work

    work = Work(_task(request), SearchFiles(None, path), announced=False)
    done = searched(work, True, None, Saver(path, request.saved, wanted()))
    return Answer(done.result, content_of(path), done.whole, None if done.problem is None else told(done))


def _task(request: Request) -> "Task":
    from clusteropt.exploration.composition import Kit
    from clusteropt.finding.searching import composition_of, optimizer_of
    from clusteropt.finding.under_way import Task

    settings = request.settings
    kit = Kit(composition_of(request.formula, settings.potential), optimizer_of(settings), settings.seed)
    return Task(kit, settings, request.seconds, request.given, request.command, request.best_known)
