"""Standard streams: results on stdout, messages for people on stderr."""

import io
import os
import sys
from typing import TextIO

from clusteropt.errors import ClusterOptError


def emit(text: str) -> None:
    """A result, on stdout; nothing where its reader has left, as `head` does.

    Raises ClusterOptError where it cannot be written, on a full disk for one.
    """
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:
        drop(sys.stdout)
    except OSError as problem:
        drop(sys.stdout)
        raise ClusterOptError(f"standard output: cannot be written: {problem.strerror}: make room") from None


def emit_frames(text: str) -> None:
    """Structures, on stdout, as UTF-8: with a terminal's encoding they would not read back as they were. Raises as `emit`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    emit(text.rstrip("\n"))


def drop(stream: TextIO) -> None:
    """Sends what is still in the buffer of the stream nowhere, and all that comes: at the end it would fail once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def hold_standard_streams() -> None:
    """Opens those that the caller has closed, to nowhere: a file opened later would get their numbers, and what is said."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)  # None where it was closed
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


class Messages:
    """Standard error as a file that never fails: where nobody reads it any more, the work goes on in silence."""

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
    """A message, on stderr."""
    print(message, file=Messages(sys.stderr), flush=True)


def warn(doubt: str, quiet: bool = False) -> None:
    """A doubt about what was asked for, on stderr, if there is any."""
    if doubt and not quiet:
        say(f"warning: {doubt}")


def complain(message: str) -> None:
    """An error or warning in one line, with the program's name, as other programs do it."""
    say(f"clusteropt: {message}")
