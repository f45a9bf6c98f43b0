"""Cuts files of text formats into records of one structure each.

ASE reads only the first structure of an SDF, MOL, GEN, VASP, CFG or XSF file, and ignores a PDB file after its last END. One bad
frame of a PDB, CIF or LAMMPS file makes ASE reject the whole file.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from clusteropt.errors import InputError

_SERIALS = 99_999  # atoms, after which their numbers start again
_INTEGER = re.compile(r"[+-]?\d+$")
_VELOCITIES = re.compile(
    r"c(art(esian)?)?|k|d(irect)?|lattice velocities.*", re.IGNORECASE
)  # a title such as Cu does not match
_PDB_NUMBERS = ("ANISOU", "SIGATM", "SIGUIJ", "ORIGX", "SCALE", "MTRIX", "CRYST1", "REMARK", "TVECT")


class Record(NamedTuple):
    """The lines of one structure."""

    lines: list[str]
    first: int  # the number of its first line in the file
    n_atoms: int | None = None  # the number of atoms that the record states, if any
    n_frames: int = 1
    problem: str = ""  # why it cannot be read


def _sdf(lines: list[str]) -> Iterator[Record]:
    """A record has three lines of header, the counts, atoms, bonds, `M  END`, perhaps data, and in SDF `$$$$`."""
    begin = 0
    for end, line in enumerate([*lines, "$$$$"]):
        if line.startswith(("$$$$", "M  END")):
            here = lines[begin : end + 1]
            content = [one for one in here if one.strip() and not one.startswith("$$$$")]
            if content and not content[0].startswith(">"):
                yield _sdf_record(here, begin)
            begin = end + 1


def _sdf_record(lines: list[str], begin: int) -> Record:
    counts = lines[3] if len(lines) > 3 else ""
    if "V3000" in counts:
        return _damaged(begin + 4, "a molfile of version V3000, which ASE does not read: export V2000")
    if sum(line.rstrip().endswith("V2000") for line in lines) > 1:
        return _damaged(begin + 1, "two molecules without an M  END between them: mend the file or export it again")
    if not re.fullmatch(r"\s*\d+\s*", counts[:3]):
        return _damaged(
            begin + 4, f"{counts.strip()[:20]!r} is not a number of atoms: mend the file or export it again"
        )
    return Record(lines, begin + 1, int(counts[:3]))


def _damaged(line: int, why: str) -> Record:
    return Record([], line, problem=f"cannot be read (line {line}: {why.replace(': ', '): ', 1)}")


def _gen(lines: list[str]) -> Iterator[Record]:
    """A record has the number of atoms and C, S or F; symbols; atoms; and unless C the origin and three vectors."""
    begin = 0
    while begin < len(lines):
        if not lines[begin].strip() or lines[begin].startswith("#"):
            begin += 1
            continue
        words = lines[begin].split()
        n_atoms = _count(words[0], begin + 1)
        end = begin + 2 + n_atoms + (4 if words[1:2] != ["C"] else 0)
        yield Record(lines[begin:end], begin + 1, n_atoms)
        begin = end


def _vasp(lines: list[str]) -> Iterator[Record]:
    """A record has a comment, scale, three vectors, symbols, counts, positions, perhaps velocities and other numbers."""
    begin = 0
    while begin < len(lines) and any(line.strip() for line in lines[begin:]):
        n_atoms, end = _vasp_body(lines, begin)
        if n_atoms is None:
            raise InputError(
                f"cannot be read from line {begin + 1} on (no numbers of atoms): mend the file or export it again"
            )
        following = end
        while following < len(lines) and not _is_poscar(lines, following) and _is_of_poscar(lines[following]):
            following += 1
        yield Record(lines[begin:following], begin + 1, n_atoms)
        begin = following
        if begin < len(lines) and not _is_poscar(lines, begin):
            raise InputError(
                f"cannot be read from line {begin + 1} on ({lines[begin].strip()[:40]!r} neither belongs to this "
                "structure nor begins another): mend the file"
            )


def _vasp_body(lines: list[str], begin: int) -> tuple[int | None, int]:
    """The number of atoms (None if it is missing), and the index of the line after their positions."""
    at = begin + 5
    if at < len(lines) and not _INTEGER.match((lines[at].split() or [""])[0]):
        at += 1
    words = lines[at].partition("!")[0].split() if at < len(lines) else []
    if not words or not all(map(_INTEGER.match, words)):
        return None, len(lines)
    n_atoms = sum(map(int, words))
    selective = lines[at + 1 : at + 2] and lines[at + 1].strip().lower().startswith("s")
    return n_atoms, at + 2 + bool(selective) + max(0, n_atoms)


def _is_poscar(lines: list[str], at: int) -> bool:
    """True where another structure begins at this line: scale, three vectors, and numbers of atoms follow."""
    head = [_numbers(line) or [] for line in lines[at + 1 : at + 5]]
    counts = [line.partition("!")[0].split() for line in lines[at + 5 : at + 7]]
    return (
        len(head) == 4
        and len(head[0]) in (1, 3)
        and all(len(vector) == 3 for vector in head[1:])
        and any(words and all(map(_INTEGER.match, words)) for words in counts)
    )


def _is_of_poscar(line: str) -> bool:
    """True where a line after the positions may belong to the velocities or be their heading."""
    return _numbers(line) is not None or _VELOCITIES.fullmatch(line.strip()) is not None


def _cfg(lines: list[str]) -> Iterator[Record]:
    """A record begins at a line with its number of particles."""
    starts = [k for k, line in enumerate(lines) if line.strip().startswith("Number of particles")]
    for begin, end in zip([0, *starts[1:]], [*starts[1:], len(lines)], strict=True):
        counts = re.findall(r"Number of particles\s*=\s*(\d+)", "\n".join(lines[begin:end]))
        yield Record(lines[begin:end], begin + 1, int(counts[0]) if counts else None)


def _xsf(lines: list[str]) -> Iterator[Record]:
    """A record is an animation with its number of steps, or one of several structures."""
    animated = any(line.strip().startswith("ANIMSTEPS") for line in lines)
    heads = ("ANIMSTEPS",) if animated else ("CRYSTAL", "SLAB", "POLYMER", "MOLECULE", "ATOMS")
    starts = [k for k, line in enumerate(lines) if line.strip().startswith(heads)]
    for begin, end in zip([0, *starts[1:]], [*starts[1:], len(lines)], strict=True):
        here = lines[begin:end]
        coordinates = sum(line.strip().startswith(("PRIMCOORD", "ATOMS")) for line in here)
        yield Record(here, begin + 1, n_frames=max(1, coordinates))


def _pdb(lines: list[str]) -> Iterator[Record]:
    """A record is a model up to END or ENDMDL. A box in the head of the file holds for all its models."""
    begin = 0
    box: list[str] = []
    for end, line in enumerate([*lines, "END"]):
        if not line.startswith("END"):
            continue
        own = [one for one in lines[begin:end] if one.startswith("CRYST1")]
        box = own or box
        yield from _model(lines[begin:end], box if not own else [], begin)
        begin = end + 1
        if line.split() == ["END"]:
            box = []


def _model(lines: list[str], box: list[str], begin: int) -> Iterator[Record]:
    """The record of the lines between two ends, if they hold a structure."""
    atoms = [line for line in lines if line.startswith(("ATOM", "HETATM"))]
    stray = next((k for k, line in enumerate(lines) if _is_stray_atom(line)), None)
    if stray is not None:
        yield _damaged(
            begin + stray + 1, f"coordinates of {lines[stray][:6]!r}, neither ATOM nor HETATM: mend the file"
        )
    elif _is_two_models(lines, atoms):
        yield _damaged(begin + 1, "two models without an ENDMDL between them: mend the file or export it again")
    elif atoms or any(line.startswith("MODEL") for line in lines):
        here = [line for line in [*box, *lines] if not _is_no_box(line)]
        yield Record([*here, "END"], begin + 1, len(atoms))


def _is_no_box(line: str) -> bool:
    """True for a CRYST1 line that means no box: all lengths are 1, or all are 0."""
    if not line.startswith("CRYST1"):
        return False
    lengths = {_number(line[k : k + 9]) for k in (6, 15, 24)}
    return lengths in ({1.0}, {0.0})


def _is_stray_atom(line: str) -> bool:
    """True where a line has coordinates but does not begin with ATOM or HETATM."""
    if line.startswith(("ATOM", "HETATM", *_PDB_NUMBERS)) or len(line) < 54:
        return False
    return all(_number(line[k : k + 8]) is not None and "." in line[k : k + 8] for k in (30, 38, 46))


def _is_two_models(lines: list[str], atoms: list[str]) -> bool:
    """True where the end of a model seems to be missing: there are two MODEL lines, or the atom numbers start again."""
    serials = [atom[6:11] for atom in atoms]
    again = len(set(serials)) > 1 and serials.count(serials[0]) > 1 and len(serials) < _SERIALS
    return again or sum(line.startswith("MODEL") for line in lines) > 1


def _cif(lines: list[str]) -> Iterator[Record]:
    """A record is a data block. A block without atoms and cell describes a publication and is skipped."""
    starts = [k for k, line in enumerate(lines) if line.lower().startswith("data_")]
    for begin, end in zip([0, *starts[1:]], [*starts[1:], len(lines)], strict=True):
        here = lines[begin:end]
        if any(line.strip().lower().startswith("_atom_site") for line in here):
            yield Record(here, begin + 1)
        elif any(line.strip().lower().startswith("_cell_length") for line in here):
            yield _damaged(begin + 1, "a structure without atoms: mend the file or export it again")


def _dump(lines: list[str]) -> Iterator[Record]:
    """A record begins at `ITEM: TIMESTEP`, which LAMMPS writes before each frame."""
    starts = [k for k, line in enumerate(lines) if line.startswith("ITEM: TIMESTEP")]
    for begin, end in zip([0, *starts[1:]], [*starts[1:], len(lines)], strict=True):
        here = lines[begin:end]
        at = next((k for k, line in enumerate(here) if line.startswith("ITEM: NUMBER OF ATOMS")), len(here)) + 1
        if at >= len(here) or not here[at].strip().isdigit():
            yield _damaged(begin + at, "no number of atoms: mend the file or export it again")
        else:
            yield from _dump_frame(here, begin, int(here[at]))


def _dump_frame(lines: list[str], begin: int, n_atoms: int) -> Iterator[Record]:
    """The record of a frame. Lines after its atoms are damage, except for the units and the time of the next frame."""
    head = next((k for k, line in enumerate(lines) if line.startswith("ITEM: ATOMS")), len(lines))
    if sum(line.startswith("ITEM: NUMBER OF ATOMS") for line in lines[:head]) > 1:
        yield _damaged(begin + 1, "two frames in one: mend the file or export it again")
        return
    end = head + 1 + n_atoms
    yield Record(lines[:end], begin + 1, n_atoms)
    rest = [line for line in lines[end:] if line.strip()]
    if len(rest) % 2 or not all(name.startswith(("ITEM: UNITS", "ITEM: TIME")) for name in rest[::2]):
        yield _damaged(begin + end + 1, "more lines than the atoms of the frame need: mend the file or export it again")


def _count(text: str, line: int) -> int:
    """The number of atoms in `text`. Raises InputError with the number of the line for any other text."""
    if not re.fullmatch(r"\d+", text):
        raise InputError(
            f"cannot be read from line {line} on (expected a number of atoms, got {text[:40]!r}): mend the file"
        )
    return int(text)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _numbers(line: str) -> list[float] | None:
    """The numbers of a line; None where it holds another word."""
    found = [_number(word) for word in line.split()]
    return None if None in found else [number for number in found if number is not None]


SPLITTERS: dict[str, Callable[[list[str]], Iterator[Record]]] = {
    "sdf": _sdf,
    "mol": _sdf,
    "gen": _gen,
    "vasp": _vasp,
    "cfg": _cfg,
    "xsf": _xsf,
    "proteindatabank": _pdb,
    "cif": _cif,
    "lammps-dump-text": _dump,
}
