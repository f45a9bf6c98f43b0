"""Opens the file of a database, and says in words what is wrong with it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from clusteropt.database import store
from clusteropt.database.records import Origin, Scales, origin_of, scales_of
from clusteropt.database.rows import elements_of
from clusteropt.database.schema import ASE_TABLES, OWN_TABLES, VERSION
from clusteropt.errors import ClusterOptError, InputError, UsageError
from clusteropt.potentials.base import Potential

PATIENCE = 60.0  # seconds to wait for other programs that write
_ANOTHER = "name another file"
_OWN = "name another file for this one with --db FILE (in Python, database)"


def connected(path: Path, create: bool, patience: float = PATIENCE) -> sqlite3.Connection:
    """A connection to the file, which is made if it is not there and `create` is set.

    A transaction is durable when it has ended: SQLite's rollback journal, which network file systems bear, and a sync of file,
    journal and folder. Raises InputError for a file that is missing, UsageError for one that cannot be made.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder: {_ANOTHER}")
    if path.exists() and not path.is_file():  # a device or a pipe
        raise UsageError(f"{path}: is not a regular file: {_ANOTHER}")
    if not create and not path.exists():
        raise InputError(f"{path}: no such file: check the name")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: the folder {path.parent} does not exist: make it first")
    with in_words(path, patience):
        uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        connection = sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None)
        connection.execute("PRAGMA synchronous = EXTRA")
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Makes all changes of the block at once, or none of them. Nobody else writes meanwhile. Raises as `in_words`."""
    with in_words(path, patience):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # an error of the disk may have ended it
                connection.execute("ROLLBACK")
            raise


@contextmanager
def in_words(path: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Raises the errors of SQLite as UsageError, InputError or ClusterOptError that name the file, the problem and a cure."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):  # a fault of the program, not of the file
        raise
    except sqlite3.Error as problem:
        raise _in_words(problem, path, patience) from None


def _in_words(problem: sqlite3.Error, path: Path, patience: float) -> ClusterOptError:
    code = getattr(problem, "sqlite_errorcode", 0) & 0xFF  # the rest are details
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ClusterOptError(
            f"{path}: other programs have locked it for {patience:g} s: try again when they have ended, or {_ANOTHER}"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return UsageError(f"{path}: cannot be opened for writing: make file and folder writable, or {_ANOTHER}")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return ClusterOptError(f"{path}: cannot be written: make room on the disk; what it held before is still there")
    if code == sqlite3.SQLITE_CORRUPT:
        return InputError(
            f"{path}: is damaged or cut off: use a copy, rescue it with `sqlite3 {path} .recover`, or {_ANOTHER}"
        )
    if code == sqlite3.SQLITE_NOTADB:
        return InputError(f"{path}: is not a database: check the name, or {_ANOTHER}")
    return InputError(f"{path}: is not a database as this program writes it ({problem}): use a copy, or {_ANOTHER}")


def check_schema(connection: sqlite3.Connection, path: Path) -> bool:
    """True for a database of minima, False for a file without tables. Raises InputError for a database of another kind."""
    names = _tables(connection)
    if not names:
        return False
    if "clusteropt_meta" not in names:
        kind = "a database of ASE without the tables of clusteropt" if "systems" in names else "of another program"
        raise InputError(f"{path}: is {kind}: {_ANOTHER}")
    (version,) = connection.execute("SELECT value FROM clusteropt_meta WHERE name = 'schema'").fetchone() or ("0",)
    if int(version) != VERSION:
        raise InputError(
            f"{path}: is of schema {version}, and this program knows schema {VERSION}: update clusteropt, or {_ANOTHER}"
        )
    return True


def is_of_ase(path: Path) -> bool:
    """True for a file that is a database of ASE and not of minima; False for what is no database, or cannot be opened."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection,
    ):
        return {"systems"} == _tables(connection) & {"systems", "clusteropt_meta"}
    return False


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def make_tables(connection: sqlite3.Connection) -> None:
    """Makes all tables, within a transaction of the caller."""
    for statement in (*ASE_TABLES, *OWN_TABLES):
        connection.execute(statement)
    connection.execute("INSERT INTO clusteropt_meta VALUES ('schema', ?)", [str(VERSION)])


def prepare(connection: sqlite3.Connection, path: Path, origin: Origin | None, patience: float = PATIENCE) -> None:
    """Makes the tables for the potential `origin` where there are none. Raises InputError where there is no `origin` then."""
    with in_words(path, patience):
        there = check_schema(connection, path)
    if not there and origin is None:
        raise InputError(f"{path}: is empty: check the name")
    if not there and origin is not None:
        with transaction(connection, path, patience):
            if not check_schema(connection, path):  # another process may have been faster
                make_tables(connection)
                store.write_origin(connection, origin)


def renew(connection: sqlite3.Connection, path: Path, potential: Potential, patience: float = PATIENCE) -> None:
    """Gives a file without minima, whose searches have all ended, to this potential. No other file is changed."""
    try:
        with in_words(path, patience):
            check_potential(connection, path, potential)
    except UsageError:
        with transaction(connection, path, patience):
            if store.is_vacant(connection):
                store.forget_all(connection)
                store.write_origin(connection, origin_of(potential))


def check_potential(connection: sqlite3.Connection, path: Path, potential: Potential) -> None:
    """Raises UsageError where the minima are those of another potential, or of other numbers under its name."""
    check_origin(store.read_origin(connection), origin_of(potential), path, _OWN)
    check_scales(store.read_scales(connection), {elements_of(potential.elements): scales_of(potential)}, path, _OWN)


def check_origin(there: Origin, wanted: Origin, path: Path, cure: str = _ANOTHER) -> None:
    """Raises UsageError unless both are one potential."""
    if there != wanted:
        raise UsageError(f"{path}: holds minima of the potential {there.name}, not of {wanted.name}: {cure}")


def check_scales(there: dict[str, Scales], wanted: dict[str, Scales], path: Path, cure: str = _ANOTHER) -> None:
    """Raises UsageError where the potential has other numbers for the same elements."""
    for elements in there.keys() & wanted.keys():
        if there[elements].sha256 != wanted[elements].sha256:
            raise UsageError(
                f"{path}: its minima were found with other numbers of the potential for {elements}: {cure}"
            )
