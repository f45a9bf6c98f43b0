"""What a command says: results on stdout, messages for people on stderr."""

import os
import sys

from clusteropt.errors import ClusterOptError


def emit(text: str) -> None:
    """A result, on stdout. Raises ClusterOptError where that cannot be written, on a full disk for one."""
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:  # the reader has left, as `head` does: no failure, and `main` ends quietly
        raise
    except OSError as problem:
        drop_stdout()
        raise ClusterOptError(f"standard output: cannot be written: {problem.strerror}: make room") from None


def drop_stdout() -> None:
    """Sends what is left in the buffer of stdout nowhere: at the end of the process it would fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(message: str) -> None:
    """A message, on stderr."""
    print(message, file=sys.stderr, flush=True)  # noqa: T201


def complain(message: str) -> None:
    """An error or warning in one line, with the program's name, as other programs do it."""
    say(f"clusteropt: {message}")
