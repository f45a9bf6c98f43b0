"""Results of any kind: the kind is found from the file itself."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from clusteropt.database.opening import is_of_ase
from clusteropt.errors import ClusterOptError, InputError, UsageError, unexpected
from clusteropt.gathering import batches, databases, printed, structures
from clusteropt.io.reading import wishes_of
from clusteropt.records.batches import Batch
from clusteropt.records.costs import Costs
from clusteropt.records.minima import Minima
from clusteropt.settings.config import ReadingSettings

Results = Minima | Batch | Costs
R = TypeVar("R")
_AS_WRITTEN = ReadingSettings()
_SQLITE = b"SQLite format 3\0"
_DATABASES = (".db",)


def read(name: str, formula: str | None, n_models: int, reading: ReadingSettings = _AS_WRITTEN) -> Results:
    """The results in a database of minima, the folder of a batch, a file of structures, or the JSON that a command has printed.

    `formula` chooses among those of minima; of each composition the lowest `n_models` structures are read; `reading` says how a
    file of structures is to be understood. Raises UsageError or InputError, in one line, for what cannot be used.
    """
    path = Path(name)
    if _is_of_structures(path):
        return _in_words(name, lambda: structures.minima_of(name, formula, n_models, wishes_of(reading, None)))
    if reading != _AS_WRITTEN:
        raise UsageError(f"{name}: --elements and --no-box are for files of structures: drop them")
    if path.is_dir():
        return _in_words(name, lambda: batches.batch_of(path, n_models))
    if is_database(path):
        return _in_words(name, lambda: databases.minima_of(path, formula, n_models))
    return _in_words(name, lambda: printed.read(path))


def _is_of_structures(path: Path) -> bool:
    """True for what is neither a folder, nor a database of minima, nor JSON."""
    return not (path.is_dir() or is_database(path) or _head(path).lstrip()[:1] in (b"[", b"{"))


def is_database(path: Path) -> bool:
    """True for a database of minima, and for what ends in .db and is no database; one of ASE's own is a file of structures.

    Raises InputError for a file that cannot be opened.
    """
    if _head(path).startswith(_SQLITE):
        return not is_of_ase(path)
    return path.suffix in _DATABASES


def _head(path: Path) -> bytes:
    try:
        if path.is_file():
            with path.open("rb") as file:
                return file.read(64)
    except OSError as problem:
        raise InputError(f"{path}: cannot be read: {problem.strerror}: check its permissions") from None
    return b""


def _in_words(name: str, gather: Callable[[], R]) -> R:
    """The result of `gather`. Raises InputError, one line, for whatever foreign or damaged files make it raise."""
    try:
        return gather()
    except ClusterOptError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, OSError) as damage:
        raise InputError(
            f"{name}: is damaged or foreign ({unexpected(damage)}): make it again, or use a copy"
        ) from None
