"""Standard streams: results on stdout, messages for people on stderr."""

import io
import os
import sys
from typing import TextIO

from clusteropt.errors import ClusterOptError


def emit(text: str) -> None:
    """Prints a result on stdout. Prints nothing where the reader of a pipe has left, as `head` does.

    Raises ClusterOptError where stdout cannot be written, for instance on a full disk.
    """
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:
        drop(sys.stdout)
    except OSError as problem:
        drop(sys.stdout)
        raise ClusterOptError(f"standard output: cannot be written: {problem.strerror}: make room") from None


def emit_frames(text: str) -> None:
    """Prints structures on stdout as UTF-8, so that a file made from them reads back unchanged. Raises as `emit`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    emit(text.rstrip("\n"))


def drop(stream: TextIO) -> None:
    """Discards the stream's buffer and all later output. Otherwise Python's flush at exit would fail again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def hold_standard_streams() -> None:
    """Opens the null device for each standard stream that the caller has closed.

    Otherwise a file opened later would get the stream's number, and with it our messages.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)  # Python sets None where it was closed
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


class Messages:
    """Standard error as a file that never fails: once its reader has left, messages are discarded and the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:
        return self._stream.encoding or "utf-8"

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError:
            drop(self._stream)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            drop(self._stream)


def say(message: str) -> None:
    """Prints a message on stderr."""
    print(message, file=Messages(sys.stderr), flush=True)


def warn(doubt: str, quiet: bool = False) -> None:
    """Prints a warning on stderr, unless `doubt` is empty or `quiet` is set."""
    if doubt and not quiet:
        say(f"warning: {doubt}")


def complain(message: str) -> None:
    """Prints an error or warning in one line, which begins with the program's name."""
    say(f"clusteropt: {message}")
