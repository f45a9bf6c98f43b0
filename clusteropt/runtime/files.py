"""Output files: checked before the computation starts, and written completely or not at all."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from clusteropt.errors import ClusterOptError, UsageError

PACKED = (".gz", ".bz2", ".xz")
_OTHER_FORMATS = {".traj", ".cif", ".json", ".db", ".pdb", ".vasp", ".gen", ".xsf", ".mol", ".gz", ".bz2"}
_LONGEST_NAME = 255  # bytes, the limit of all common file systems


def check_writable(path: Path, force: bool, option: str = "--out") -> None:
    """Raises UsageError where `path` cannot be written, or where its ending belongs to another format."""
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise UsageError(f"{path}: the name is too long for a file: choose a shorter one with {option}")
    if os.path.isdir(path):
        raise UsageError(f"{path}: is a folder: name a file")
    if os.path.exists(path) and not os.path.isfile(path):
        raise UsageError(f"{path}: is not a regular file: name another, or '-' for standard output")
    if path.suffix in _OTHER_FORMATS:
        raise UsageError(
            f"{path}: results are extended XYZ, and this ending belongs to another format: end the name in .xyz"
        )
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path}: exists already: choose another name with {option}, or overwrite it with --force")
    if not os.path.isdir(path.parent):
        raise UsageError(f"{path}: the folder {path.parent} does not exist: make it first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path}: the folder {path.parent} is not writable: choose another with {option}")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes the whole file, or nothing; text as UTF-8. Raises ClusterOptError as `writing` does."""
    with writing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def without_packing(name: str) -> str:
    """The name without the endings of compressed files, such as .gz."""
    for ending in PACKED:
        name = name.removesuffix(ending)
    return name


def stem_of(name: str) -> str:
    """The name without its ending. A name with CAR becomes lower case, because ASE would take it for a VASP file."""
    stem = Path(without_packing(name)).stem
    return stem.lower() if "CAR" in stem else stem


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file beside `path` for writing. It is renamed to `path` at the end, unless an error occurred.

    Raises ClusterOptError with the name of the file where writing fails, for instance on a full disk.
    """
    target = Path(os.path.realpath(path))  # a symbolic link stays one
    tag = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]
    temporary = target.with_name(
        f".{tag}.{os.urandom(6).hex()}.tmp"
    )  # random, because processes on two hosts may share a number
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as problem:
        reason = problem.strerror
        raise ClusterOptError(f"{path}: cannot be written: {reason}: make room or choose another folder") from None
    finally:  # also after Ctrl-C; the file is renamed already where writing succeeded
        with suppress(OSError):
            temporary.unlink()
