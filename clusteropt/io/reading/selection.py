"""Selects the frames that the user named. Each gets a label for messages; a damaged frame gets its problem."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from clusteropt.errors import InputError
from clusteropt.io.reading import formats, sources
from clusteropt.io.reading.labels import AS_WRITTEN, Reader, Wishes, understood
from clusteropt.words import counted

Noted = tuple[Atoms, str]  # a frame, and a note on how it was understood
Found = tuple[int, Noted | str]  # index, and the frame or its problem


@dataclass(frozen=True)
class Frame:
    """A readable structure of a file."""

    source: str  # the file and index, as the user wrote them
    index: int  # in the file; among the selected frames where the user counted from the end
    label: str  # the name in messages and tables
    atoms: Atoms
    note: str = ""  # on how it was understood; printed once per file


@dataclass(frozen=True)
class Unreadable:
    """A damaged frame, or the unreadable rest of a file."""

    source: str
    index: int
    label: str
    problem: str  # with its cure


def frames(spec: str, wishes: Wishes = AS_WRITTEN, at: Path | None = None) -> Iterator[Frame | Unreadable]:
    """Yields the frames of a file as they are read: all of them, or those that `file@index` selects.

    `spec` is '-' for standard input. A damaged frame does not affect the others. An error that ends the reading, such as a
    missing file, comes last as an Unreadable; so at least one frame is yielded. `at` is a file with the contents of a pipe,
    which could be read only once.
    """
    found = _found(spec, wishes, at)
    before = next(found)
    single = True
    for after in found:
        yield _frame(spec, before, single=False)
        before, single = after, False
    yield _frame(spec, before, single)


def _frame(spec: str, found: Found, single: bool) -> Frame | Unreadable:
    index, content = found
    label = (spec or "''") if single else _label(spec, index)
    if isinstance(content, str):
        return Unreadable(spec, index, label, content)
    return Frame(spec, index, label, *content)


def _label(spec: str, index: int) -> str:
    name, wanted = _split(spec)
    return f"{name}@{index}" if name != spec and _is_counted(wanted) else f"{spec}:{index}"


def _found(spec: str, wishes: Wishes, at: Path | None) -> Iterator[Found]:
    """The selected frames. An error that ends the reading comes last."""
    index = 0
    try:
        name, wanted = _split(spec)
        with sources.at_hand(name) if at is None else nullcontext(at) as path:
            for index, content in _selected(_contents(path, name, wishes), wanted):
                yield index, content
                index += 1
    except InputError as problem:
        yield index, str(problem)


def _contents(path: Path, name: str, wishes: Wishes) -> Iterator[Noted | str]:
    """All frames of a file, each or its problem. Raises InputError where the rest of the file cannot be read."""
    for reader in formats.readers(path, name):
        yield from [reader] if isinstance(reader, str) else _of_record(reader, wishes)


def _of_record(reader: Reader, wishes: Wishes) -> list[Noted | str]:
    try:
        found, note = understood(reader, wishes)
    except InputError as problem:
        return [str(problem)]
    except Exception as damage:  # noqa: BLE001  damaged frames raise about ten kinds of exceptions
        return [f"cannot be read ({formats.one_line(damage)}): mend the frame or export it again"]
    return [(atoms, note) for atoms in found]


def _split(spec: str) -> tuple[str, slice]:
    """The file name and the slice of `file@index`, in Python's notation. An existing file may have an @ in its name."""
    if not spec:
        raise InputError("names no file: check the script's variables")
    name, at, text = spec.rpartition("@")
    if not at or "/" in text or os.path.exists(spec) or not os.path.exists(name) or os.path.isdir(name):
        return spec, slice(None)
    parts = text.split(":")
    try:
        numbers = [int(part) if part else None for part in parts]
    except ValueError:
        numbers = []
    if len(parts) == 1 and numbers and numbers[0] is not None:
        return name, slice(numbers[0], numbers[0] + 1 or None)
    if not 1 < len(numbers) <= 3 or (len(numbers) == 3 and numbers[2] == 0):
        raise InputError(f"'{text}' is not an index of frames: write {name}@3 for one, {name}@0:10 for some")
    return name, slice(*numbers)


def file_of(spec: str) -> str:
    """The file that `file@index` names. Raises InputError for an invalid index."""
    return _split(spec)[0]


def slice_of(spec: str) -> slice:
    """The frames that `file@index` names, or all. Raises InputError for an invalid index."""
    return _split(spec)[1]


def _is_counted(wanted: slice) -> bool:
    """True where the first selected frame does not depend on the number of frames in the file."""
    return (wanted.start or 0) >= 0 and (wanted.step or 1) > 0


def _selected(contents: Iterator[Noted | str], wanted: slice) -> Iterator[Found]:
    """The selected frames with their indices. Raises InputError where no frame is selected."""
    start, step = wanted.start or 0, wanted.step or 1
    if not _is_counted(wanted) or (wanted.stop or 0) < 0:
        everything = list(contents)
        chosen = everything[wanted]
        known = _is_counted(wanted)
        yield from ((start + k * step if known else k, one) for k, one in enumerate(chosen))
        n_read, any_chosen = len(everything), bool(chosen)
    else:
        n_read, any_chosen = 0, False
        for n_read, one in enumerate(contents, 1):
            index = n_read - 1
            if index >= start and (index - start) % step == 0 and (wanted.stop is None or index < wanted.stop):
                any_chosen = True
                yield index, one
            if any_chosen and wanted.stop is not None and n_read >= wanted.stop:
                break
    if not n_read:
        raise InputError("no frames: check the file")
    if not any_chosen:
        raise InputError(f"no frames at this index: the file has {counted(n_read, 'frame')}, the first is @0")
