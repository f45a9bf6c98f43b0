"""The bytes of a structure file: from a file, which may be compressed, or from a pipe, which can be read only once."""

import bz2
import gzip
import lzma
import os
import select
import shutil
import stat
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from clusteropt.console import say
from clusteropt.errors import InputError, UsageError
from clusteropt.runtime.files import without_packing
from clusteropt.search.starts import symbols_of

STDIN = "-"
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, UnicodeDecodeError)  # the errors that reading bytes may raise
_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_UNTOLD = 2.0  # seconds of waiting before a message
_PATIENCE = 60.0  # seconds within which a program must open the other end of a pipe


@contextmanager
def at_hand(name: str) -> Iterator[Path]:
    """The path of the file; for standard input, a pipe or a terminal, a temporary file with all its contents.

    Raises InputError where the file is missing, empty or unreadable.
    """
    if is_read_once(name):
        with tempfile.TemporaryDirectory(prefix="clusteropt-") as folder:
            yield kept(name, Path(folder))
        return
    _check(Path(name), name)
    yield Path(name)


def is_read_once(name: str) -> bool:
    """True for standard input, a pipe or a device."""
    return name == STDIN or (os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name))


def kept(name: str, folder: Path) -> Path:
    """A file in `folder` with the contents of a pipe. Raises InputError for an empty pipe, and for an endless device."""
    path = folder / (Path(name).name if name != STDIN else "stdin")
    with path.open("wb") as file:
        if name == STDIN:
            shutil.copyfileobj(_standard_input(), file)
        else:
            _drain(name, file)
    _check(path, name)
    return path


def _standard_input() -> IO[bytes]:
    return open(os.devnull, "rb") if sys.stdin is None else sys.stdin.buffer


def _drain(name: str, file: BinaryIO) -> None:
    try:
        with open(os.open(name, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as pipe:
            mode = os.fstat(pipe.fileno()).st_mode
            if not (stat.S_ISFIFO(mode) or pipe.isatty() or os.path.samefile(name, os.devnull)):
                raise InputError("a device, not a file: name a file or a pipe")
            if stat.S_ISFIFO(mode):
                _await_writer(pipe.fileno(), name)
            os.set_blocking(pipe.fileno(), True)
            shutil.copyfileobj(pipe, file)
    except OSError as problem:
        raise InputError(f"cannot be read: {problem.strerror}") from None


def _await_writer(pipe: int, name: str) -> None:
    """Waits until a program writes to the pipe. Raises InputError where none does within a minute."""
    end, told = time.monotonic() + _PATIENCE, time.monotonic() + _UNTOLD
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while not poll.poll(100):
        if time.monotonic() > told:
            say(f"{name}: waiting for a program to write to this pipe")
            told = end + _PATIENCE
        if time.monotonic() > end:
            raise InputError(f"no program has written to this pipe for {_PATIENCE:.0f} s: start the program first")


def _check(path: Path, name: str) -> None:
    """Raises InputError where the file is missing, a folder, unreadable or empty."""
    if not os.path.exists(path):
        raise InputError(f"no such file: {_cure(name)}")
    if os.path.isdir(path):
        raise InputError(f"a folder, not a file: name the files in it, as {name.rstrip('/')}/*.xyz")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as problem:
        raise InputError(f"cannot be read: {problem.strerror}") from None
    if not head.removeprefix(b"\xef\xbb\xbf").strip():
        raise InputError("the file is empty: export the structure again")


def _cure(name: str) -> str:
    host = "@" in name and any(mark in name.partition("@")[2] for mark in "/:")
    if _is_formula(name):
        return f"check the name; `clusteropt search {name}` searches for the lowest minima of a composition"
    return "copy a file of another host to this machine first" if host else "check the name"


def _is_formula(name: str) -> bool:
    try:
        return len(symbols_of(name)) > 1
    except UsageError:
        return False


def inner_name(name: str) -> str:
    """The name of a file in lower case, without the endings of compressed files."""
    return without_packing(os.path.basename(name).lower())


def opened(path: Path) -> IO[bytes]:
    """Opens the file; a compressed one is unpacked while it is read."""
    with path.open("rb") as file:
        begin = file.read(6)
    opener = next((opener for magic, opener in _OPENERS.items() if begin.startswith(magic)), None)
    return path.open("rb") if opener is None else opener(path, "rb")  # type: ignore[return-value]


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A file with the unpacked contents, for readers that need a path."""
    with opened(path) as contents, tempfile.TemporaryDirectory(prefix="clusteropt-") as folder:
        if not isinstance(contents, (gzip.GzipFile, bz2.BZ2File, lzma.LZMAFile)):
            yield path
            return
        copy = Path(folder) / Path(inner_name(path.name))
        with copy.open("wb") as file:
            shutil.copyfileobj(contents, file)
        yield copy


def why(damage: Exception) -> str:
    """The error that has ended the reading as a message, with its cure."""
    if isinstance(damage, UnicodeDecodeError):
        return "not text in UTF-8: convert it, or export it again"
    if isinstance(damage, OSError) and damage.strerror:
        return f"{damage.strerror}: check the disk"
    return f"{' '.join(str(damage).split()) or type(damage).__name__}: pack it again"
