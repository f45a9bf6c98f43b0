"""Frames of files: those that the user named, with what messages call them, and what is wrong with those that are damaged."""

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

Noted = tuple[Atoms, str]  # a frame, and what is to be said of how it was understood
Found = tuple[int, Noted | str]  # index, and the frame or what is wrong with it


@dataclass(frozen=True)
class Frame:
    """One structure of one file."""

    source: str  # the file and index, as the user wrote them
    index: int  # of the frame in the file; among those read where the user counted from its end
    label: str  # what messages and tables call it
    atoms: Atoms
    note: str = ""  # on how it was understood, to be said once for each file


@dataclass(frozen=True)
class Unreadable:
    """A frame that is damaged, or a file of which nothing more can be read."""

    source: str
    index: int
    label: str
    problem: str  # and its cure


def frames(spec: str, wishes: Wishes = AS_WRITTEN, at: Path | None = None) -> Iterator[Frame | Unreadable]:
    """All frames of a file, or those that `file@index` names, or of standard input for '-'; as they are read.

    A frame that cannot be read costs no other. What ends the reading, such as a file that does not exist, comes last, as one
    more that is unreadable; so there is one at least. `at` is a file with the contents, where they have been kept because they
    can be read only once.
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
    """The frames that the user named; what ends the reading comes last."""
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
    """All frames, or what is wrong with one. Raises InputError where nothing more can be read."""
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
    """File name and frames of `file@index`, in Python's notation; an existing file may have an @ in its name."""
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
        raise InputError(f"'{text}' is no index of frames: write {name}@3 for one, {name}@0:10 for some")
    return name, slice(*numbers)


def file_of(spec: str) -> str:
    """The file that `file@index` names. Raises InputError where the index is none."""
    return _split(spec)[0]


def _is_counted(wanted: slice) -> bool:
    """True where the place of the first frame does not depend on how many there are."""
    return (wanted.start or 0) >= 0 and (wanted.step or 1) > 0


def _selected(contents: Iterator[Noted | str], wanted: slice) -> Iterator[Found]:
    """Those that are wanted, with their index. Raises InputError where there are none."""
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
