"""Files that are no database of minima, or cannot be used now: one line each, and nothing that was there is lost."""

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import tempfile
from pathlib import Path

import ase.db
import pytest
from ase import Atoms
from minima import SYMBOLS, filled, found, opened, told

from clusteropt.database.database import Database
from clusteropt.database.records import RunInfo
from clusteropt.errors import ClusterOptError, InputError, UsageError

INFO = RunInfo("a test", SYMBOLS, 0)


def refused(kind: type[ClusterOptError], path: Path, words: str, create: bool = False) -> None:
    """Opening the file raises an error of exactly that kind in one line, which begins with its name."""
    for action in (Database.open, opened) if create else (Database.open,):
        with pytest.raises(ClusterOptError, match=words) as raised:
            action(path)
        assert type(raised.value) is kind
        assert str(raised.value).startswith(f"{path}: ")
        assert "\n" not in str(raised.value)


def test_a_missing_file_a_folder_and_a_missing_folder(tmp_path):
    refused(InputError, tmp_path / "none.db", "no such file: check the name")
    assert not (tmp_path / "none.db").exists()
    refused(UsageError, tmp_path, "is a folder: name another file", create=True)
    with pytest.raises(UsageError, match=r"the folder .*none does not exist: make it first"):
        opened(tmp_path / "none" / "a.db")


def test_an_empty_file_is_no_database_yet_and_becomes_one(tmp_path):
    path = tmp_path / "a.db"
    path.touch()
    refused(InputError, path, "is empty: check the name")
    assert told(filled(path, [found(0)])) == {-20.0: 1}


@pytest.mark.parametrize("content", [b"no database at all\n" * 99, b"7\n", os.urandom(9000)])
def test_a_file_of_another_kind(tmp_path, content):
    (tmp_path / "a.db").write_bytes(content)
    refused(InputError, tmp_path / "a.db", "is not a database: check the name", create=True)
    assert (tmp_path / "a.db").read_bytes() == content


def test_a_database_of_ase_or_of_another_program(tmp_path):
    with ase.db.connect(tmp_path / "ase.db") as rows:
        rows.write(Atoms("X"))
    refused(InputError, tmp_path / "ase.db", "is a database of ASE without the tables of clusteropt", create=True)
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE books (title TEXT)")
    refused(InputError, tmp_path / "other.db", "is of another program: name another file", create=True)


def test_a_database_of_another_schema(tmp_path):
    path = filled(tmp_path / "a.db", [found(0)])
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("UPDATE clusteropt_meta SET value = '99' WHERE name = 'schema'")
        file.commit()
    refused(InputError, path, "is of schema 99, and this program knows schema 1: update clusteropt", create=True)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_a_file_that_was_cut_off(tmp_path, share):
    path = filled(tmp_path / "a.db", [found(k) for k in range(20)])
    os.truncate(path, int(share * path.stat().st_size))
    refused(InputError, path, "is damaged or cut off: use a copy|is not a database", create=True)


def test_a_file_with_a_damaged_page(tmp_path):
    path = filled(tmp_path / "a.db", [found(k) for k in range(40)])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))
    with pytest.raises(InputError, match="is damaged or cut off: use a copy"), Database.open(path) as database:
        database.minima()


def test_a_file_that_another_program_has_locked(tmp_path):
    path = filled(tmp_path / "a.db", [found(0)])
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other, opened(path, 0.1) as database:
        run = database.begin_run(INFO)
        other.execute("BEGIN EXCLUSIVE")
        for method in (lambda: database.keep(run, [found(1)]), database.entries):
            with pytest.raises(ClusterOptError, match=r"other programs have locked it for 0\.1 s: try again when they"):
                method()
        other.execute("ROLLBACK")
        assert database.keep(run, [found(1)]) == 1


@contextlib.contextmanager
def an_ordinary_user():
    """The rights of a user who is not root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("locked_folder", [False, True])
def test_a_file_that_may_only_be_read_is_read(locked_folder):
    folder = Path(tempfile.mkdtemp())
    try:
        path = filled(folder / "a.db", [found(0)])
        path.chmod(0o444)
        folder.chmod(0o555 if locked_folder else 0o755)
        with an_ordinary_user():
            assert told(path) == {-20.0: 1}
            with opened(path) as database, pytest.raises(UsageError, match="make file and folder writable, or name"):
                database.begin_run(INFO)
            if locked_folder:
                with pytest.raises(UsageError, match=r"b\.db: cannot be opened for writing: make file and folder"):
                    opened(folder / "b.db")
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_full_disk_costs_what_was_being_written_and_nothing_else(tmp_path):
    path = filled(tmp_path / "a.db", [found(0)])
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    many = [found(k) for k in range(60)]
    with opened(path) as database:
        run = database.begin_run(INFO)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 8192, before[1]))
        try:
            with pytest.raises(ClusterOptError, match="cannot be written: make room on the disk"):
                database.keep(run, many)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        assert told(path) == {-20.0: 1}
        assert database.keep(run, many) == 59, "with room, the same call goes on"
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(told(path)) == 60


def test_an_interruption_in_a_flush_leaves_all_of_it_or_nothing(tmp_path, monkeypatch):
    from clusteropt.database import keeping

    path = filled(tmp_path / "a.db", [found(0)])
    calls = iter(range(3))

    def interrupted(*given):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return whole(*given)

    whole = keeping.place
    monkeypatch.setattr(keeping, "place", interrupted)
    with opened(path) as database:
        run = database.begin_run(INFO)
        with pytest.raises(KeyboardInterrupt):
            database.keep(run, [found(k) for k in range(4)])
        assert told(path) == {-20.0: 1}
        monkeypatch.undo()
        assert database.keep(run, [found(k) for k in range(4)]) == 3
    assert told(path) == {-20.0: 2, -19.99: 1, -19.98: 1, -19.97: 1}
