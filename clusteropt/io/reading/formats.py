"""Reads the frames of a structure file in any format that ASE knows."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TextIO

from ase import Atoms
from ase.io import iread
from ase.io.extxyz import XYZError
from ase.io.formats import UnknownFileTypeError, extension2format, ioformats, match_magic
from ase.io.trajectory import TrajectoryReader

from clusteropt.errors import InputError
from clusteropt.io import extxyz
from clusteropt.io.extxyz import UnknownSymbol
from clusteropt.io.reading import sources
from clusteropt.io.reading.labels import Reader, Symbols, renamed
from clusteropt.io.reading.records import SPLITTERS, Record
from clusteropt.io.reading.relabelling import relabelled
from clusteropt.runtime.files import without_packing

XYZ = (".xyz", ".extxyz")
_FORMATS = {  # by ending, which takes precedence over the beginning of a name such as POSCAR
    ".cif": "cif",
    ".vasp": "vasp",
    ".poscar": "vasp",
    ".contcar": "vasp",
    ".traj": "traj",
    ".pdb": "proteindatabank",
    ".gen": "gen",
    ".xsf": "xsf",
    ".mol": "mol",
    ".sdf": "sdf",
    ".cfg": "cfg",
}
ENDINGS = (*XYZ, *_FORMATS)
_PEEK = 50_000  # bytes from which ASE recognizes the format
_FORTRAN = re.compile(r"(?<![\w.])([+-]?(?:\d+\.\d*|\.\d+))[dD]([+-]?\d+)(?![\w.])")  # 1.0D+00
_PDB = (b"ATOM  ", b"HETATM", b"CRYST1", b"MODEL ", b"HEADER")  # the beginning of a PDB file that comes without a name
_TRAJECTORY = b"- of UlmASE-Trajectory"
_HEAD = b'"ase_version"'  # stands in the first frame of each trajectory
_KEEP_BYTES = "surrogateescape"  # so that bytes that are not text spoil only their own frame
_NO_TEXT = "cannot be read: not text in UTF-8: convert it, or export it again"
_SINGLE_AS_WELL = ("xtd",)  # formats that ASE declares for several structures, although it reads only the first


def readers(path: Path, name: str) -> Iterator[Reader | str]:
    """For each record of a file, a function that reads it, or the problem with it as text.

    `path` is the file, `name` its name for the user. Raises InputError where the rest of the file cannot be read.
    """
    count = 0
    try:
        for reader in _readers(path, name):
            yield reader
            count += 1
    except XYZError as reason:
        raise InputError(f"{_cannot(count)} ({reason}): mend the file or export it again") from None
    except sources.DAMAGED as damage:
        raise InputError(f"{_cannot(count)}: {sources.why(damage)}") from None


def _cannot(count: int) -> str:
    return "cannot be read from here on" if count else "cannot be read"


def _readers(path: Path, name: str) -> Iterator[Reader | str]:
    if sources.inner_name(name).endswith(XYZ):
        yield from _xyz(path)
        return
    kind = _format_of(path, name)
    if kind in ("extxyz", "xyz"):
        yield from _xyz(path)
    elif kind in SPLITTERS:
        yield from _records(path, kind)
    else:
        with sources.unpacked(path) as file:
            yield from _trajectories(file) if kind == "traj" else _others(file, kind)


def _format_of(path: Path, name: str) -> str:
    """ASE's name of the format. Raises InputError for an unknown format."""
    inner = sources.inner_name(name)
    for ending, kind in _FORMATS.items():
        if inner.endswith(ending):
            return kind
    base = without_packing(path.name)
    for kind in ioformats.values():
        if kind.match_name(base):
            return kind.name
    with sources.opened(path) as file:
        head = file.read(_PEEK).removeprefix(b"\xef\xbb\xbf")
    try:
        return match_magic(head).name
    except UnknownFileTypeError:
        return _by_ending(inner, head, name)


def _by_ending(inner: str, head: bytes, name: str) -> str:
    if head.startswith(_PDB):
        return "proteindatabank"
    ending = inner.rpartition(".")[2] if "." in inner else ""
    if ending in extension2format:
        return extension2format[ending].name
    if ending in ioformats:
        return ending
    if head.split()[:1] and head.split(maxsplit=1)[0].isdigit() and len(head.lstrip().split(b"\n")[0].split()) == 1:
        return "extxyz"
    piped = sources.is_read_once(name)
    cure = "pipe extended XYZ, or a file with a known ending" if piped else "give it a known ending, such as .xyz"
    raise InputError(f"not a structure file that ASE knows: {cure}")


def _xyz(path: Path) -> Iterator[Reader | str]:
    with sources.opened(path) as contents, io.TextIOWrapper(contents, "utf-8-sig", _KEEP_BYTES) as file:
        for block in extxyz.blocks(file):
            yield partial(_of_block, block) if all(map(_is_text, block.lines)) else _NO_TEXT


def _is_text(line: str) -> bool:
    return line.isascii() or line.encode(errors="replace").decode() == line


def _of_block(block: extxyz.Block, symbols: Symbols | None) -> list[Atoms]:
    return [extxyz.atoms_of(block, symbols)]


def _records(path: Path, kind: str) -> Iterator[Reader | str]:
    with sources.opened(path) as contents:
        text = contents.read().decode("utf-8-sig", "replace")  # invalid bytes in titles do no harm
    lines = _FORTRAN.sub(r"\1e\2", text).splitlines()
    for record in SPLITTERS[kind](lines):
        yield record.problem or partial(_of_record, record, kind, str(path))


def _of_record(record: Record, kind: str, name: str, symbols: Symbols | None) -> list[Atoms]:
    """The frames of a record. Raises UnknownSymbol, and InputError where its counts do not match its contents."""
    if record.n_atoms is not None and record.n_atoms > len(
        record.lines
    ):  # checked before ASE allocates memory for the atoms
        raise _incomplete(record, f"{len(record.lines)} lines for {record.n_atoms} atoms")
    file = io.StringIO("\n".join([*relabelled(kind, record.lines, symbols), ""]))
    file.name = name  # type: ignore[attr-defined]  ASE's reader of VASP's files looks beside it for POTCAR
    found = [renamed(atoms, symbols) if kind == "cif" else atoms for atoms in _by_ase(file, kind)]
    if record.n_atoms is not None and any(len(atoms) != record.n_atoms for atoms in found):
        raise _incomplete(record, f"{len(found[0])} of {record.n_atoms} atoms")
    if len(found) != record.n_frames:
        raise _incomplete(record, f"{len(found)} of {record.n_frames} structures")
    return found


def _incomplete(record: Record, what: str) -> InputError:
    return InputError(f"cannot be read (from line {record.first}: {what}): mend the file or export it again")


def _trajectories(path: Path) -> Iterator[Reader | str]:
    """The frames of ASE's .traj files. Joined files are taken apart, because ASE reads only the first of them."""
    data = path.read_bytes()
    starts = {0, *(match.start() for match in re.finditer(re.escape(_TRAJECTORY), data))}
    for begin, end in pairwise([*sorted(starts), len(data)]):
        try:
            with _silent():
                trajectory = TrajectoryReader(io.BytesIO(data[begin:end]))
        except Exception as damage:  # noqa: BLE001  damaged files raise about ten kinds of exceptions
            yield f"cannot be read ({one_line(damage)}): mend the file or export it again"
            continue
        for k in range(len(trajectory)):
            yield partial(_of_trajectory, trajectory, k)
        if data.count(_HEAD, begin, end) > 1:
            yield "cannot be read: the beginning of the next trajectory is damaged: export it again"


def _of_trajectory(trajectory: TrajectoryReader, k: int, symbols: Symbols | None) -> list[Atoms]:
    with _silent():
        atoms = trajectory[k]
    assert isinstance(atoms, Atoms)
    return [renamed(atoms, symbols)]


def _others(path: Path, kind: str) -> Iterator[Reader]:
    if (ioformats[kind].single or kind in _SINGLE_AS_WELL) and not ioformats[kind].isbinary:
        _check_single(path, kind)
    frames = _by_ase(path, kind)
    while True:
        try:
            atoms = next(frames, None)
        except Exception as damage:  # noqa: BLE001
            raise InputError(f"cannot be read ({one_line(damage)}): mend the file or export it again") from None
        if atoms is None:
            return
        yield partial(_renamed, atoms)


def _renamed(atoms: Atoms, symbols: Symbols | None) -> list[Atoms]:
    return [renamed(atoms, symbols)]


def _by_ase(file: Path | TextIO, kind: str) -> Iterator[Atoms]:
    frames = iter(iread(file, index=":", format=kind, do_not_split_by_at_sign=True))
    while True:
        try:
            with _silent():  # only around ASE, so that warnings of the caller are shown
                atoms = next(frames)
        except StopIteration:
            return
        if isinstance(atoms, Atoms):
            yield atoms


@contextmanager
def _silent() -> Iterator[None]:
    """Silences the warnings of libraries inside this context."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_single(path: Path, kind: str) -> None:
    """Raises InputError where a file of a one-structure format repeats its first lines: ASE would read one of two structures."""
    lines = [line.strip() for line in path.read_text("utf-8-sig", "replace").splitlines()]
    worded = [line for line in lines if re.search("[A-Za-z]", line)]
    again = next((line for line in worded[:3] if worded.count(line) > 1), None)
    if again is not None:
        raise InputError(f"{again[:40]!r} occurs twice, and a file of format {kind} has one structure: split the file")


def one_line(problem: Exception) -> str:
    """The message of a reader's exception, in one short line."""
    text = " ".join(str(problem).split())
    if isinstance(problem, (InputError, UnknownSymbol)):
        return text
    if isinstance(problem, KeyError):
        return f"{text} is not a known element or column"
    return f"{type(problem).__name__}: {text[:160]}" if text else "does its ending match its contents?"
