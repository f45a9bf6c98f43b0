"""Where the bytes of a structure file come from: a file, perhaps packed, or standard input, which can be read only once."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clusteropt.errors import InputError

STDIN = "-"


@contextmanager
def at_hand(name: str) -> Iterator[Path]:
    """The file, or a temporary one with what standard input has. Raises InputError where there is nothing to be read."""
    if name != STDIN:
        check(name)
        yield Path(name)
        return
    with tempfile.TemporaryDirectory(prefix="clusteropt-") as folder:
        path = Path(folder) / "stdin"
        path.write_bytes(b"" if sys.stdin is None else sys.stdin.buffer.read())
        check(str(path))
        yield path


def check(name: str) -> None:
    """Raises InputError unless there is something to be read."""
    if not os.path.exists(name):
        raise InputError("no such file: check the name")
    if os.path.isdir(name):
        raise InputError(f"a folder, not a file: name the files in it, as {name.rstrip('/')}/*.xyz")
    try:
        with open(name, "rb") as file:
            head = file.read(4096)
    except OSError as problem:
        raise InputError(f"cannot be read: {problem.strerror}") from None
    if not head.strip():
        raise InputError("the file is empty: export the structure again")
