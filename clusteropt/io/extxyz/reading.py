"""Reads frames of extended XYZ."""

import io
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import islice
from typing import Any, NamedTuple, TextIO

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols
from ase.io import read as ase_read
from ase.io.extxyz import XYZError
from ase.io.jsonio import object_hook

from clusteropt.io.extxyz.comments import MORE, NOT_INFO, Comment, comment_of

_MOST = 10**9  # the limit of atoms in a frame
_PLAIN = "species:S:1:pos:R:3"
_MARK = "\ufeff"  # byte order mark
_NUMBERED = re.compile(r"(?<=[A-Za-z])_?\d+$")
_FORTRAN = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:[dD]|(?=[+-]\d{3}$))([+-]?\d+)$")  # 1.0D+00, 1.0d0, 1.0-100


class Block(NamedTuple):
    """The lines of one frame."""

    n_atoms: int
    lines: list[str]  # the number of atoms, the comment, a row for each atom
    first: int = 1  # the number of its first line in the file


class UnknownSymbol(XYZError):
    """A frame has a label that does not name an element."""

    def __init__(self, symbol: str) -> None:
        super().__init__(f"{symbol} is not an element")
        self.symbol = symbol  # as the file has it


def blocks(file: TextIO) -> Iterator[Block]:
    """Cuts a file into the lines of its frames. Blank lines between frames are skipped.

    Raises XYZError with the number of the line where a number of atoms is missing, and where the file ends within a frame.
    """
    count = 0  # lines read so far
    line = file.readline()
    while line:
        count += 1
        head = _bare(line)
        if not head:
            line = file.readline()
            continue
        n_atoms, first = _n_atoms(head, count), count
        lines = [line, *islice(file, n_atoms + 1)]
        count += len(lines) - 1
        if len(lines) < n_atoms + 2:
            raise XYZError(f"line {first}: the last frame ends after {max(0, len(lines) - 2)} of {n_atoms} atoms")
        line = file.readline()
        while line.lstrip().startswith("VEC"):
            lines.append(line)
            count += 1
            line = file.readline()
        if not _is_number(_bare(line) or "0"):
            _check_join(count, file)
        yield Block(n_atoms, lines, first)


def _bare(line: str) -> str:
    """The line without surrounding white space and without byte order marks."""
    return line.replace(_MARK, "").strip() if _MARK in line else line.strip()


def _check_join(count: int, file: TextIO) -> None:
    """Raises XYZError where a frame is followed by a comment and an atom, without a number of atoms.

    This happens where joined files do not end with a line break. The number of atoms is then appended to the last coordinate
    of the frame, which is wrong. `count` is the number of the frame's last line. The comment has been read already.
    """
    if _looks_like_an_atom(file.readline()):
        raise XYZError(
            f"line {count}: the next frame has no number of atoms, which may stand at the end of this line: join files "
            "that end with a line break"
        )


def _looks_like_an_atom(row: str) -> bool:
    label, *numbers = row.split()[:4] or [""]
    return bool(label) and len(numbers) == 3 and all(map(_is_number, numbers))


def _is_number(word: str) -> bool:
    try:
        float(_FORTRAN.sub(r"\1e\2", word))
    except ValueError:
        return False
    return True


def _n_atoms(head: str, line: int) -> int:
    try:
        n_atoms = int(head)
    except ValueError:
        raise XYZError(f"line {line}: expected the number of atoms of a frame, got {head[:40]!r}") from None
    if not 0 <= n_atoms < _MOST:
        raise XYZError(f"line {line}: a frame of {n_atoms} atoms")
    return n_atoms


def atoms_of(block: Block, symbols: Mapping[str, str] | None = None) -> Atoms:
    """The frame of a block. `symbols` maps labels to elements, and takes precedence over `atomic_number`.

    Raises UnknownSymbol for an unknown label, XYZError or one of ASE's errors for a damaged frame.
    """
    number_of = atomic_number if symbols is None else partial(_mapped, symbols)
    vectors = block.lines[block.n_atoms + 2 :]
    line = block.lines[1].strip()
    comment = Comment({"comment": line}, {}) if vectors else comment_of(line)
    atoms = None if vectors else _plain(block, comment, number_of)
    if atoms is None:
        atoms = _by_ase(block, comment.info, vectors, number_of)
    if comment.words:
        atoms.info |= comment.words
    if MORE in comment.info:
        _put_back(atoms)
    return atoms


def _by_ase(block: Block, info: dict[str, Any], vectors: list[str], number_of: Callable[[str], int]) -> Atoms:
    properties = info.get("Properties", _PLAIN)
    if not isinstance(properties, str):
        raise XYZError(f"Properties={properties} does not say which columns there are")
    rows = _readable(block.lines[2 : block.n_atoms + 2], properties.split(":"), number_of)
    line = info["comment"] if vectors else "the comment has been read"
    text = "".join([f"{block.n_atoms}\n{line}\n", *rows, *vectors])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ase_read(io.StringIO(text), format="extxyz", properties_parser=lambda _: info)  # type: ignore[return-value]
    except ValueError:
        _find_damage(block, _kinds(properties.split(":")))
        raise


def _find_damage(block: Block, kinds: list[str]) -> None:
    """Raises XYZError with the number of the first row that has too few words, or a word in place of a number."""
    for number, row in enumerate(block.lines[2 : block.n_atoms + 2], block.first + 2):
        words = row.split()
        odd = [word for kind, word in zip(kinds, words, strict=False) if kind == "R" and not _is_number(word)]
        if odd or len(words) < len(kinds):
            what = f"{odd[0][:30]!r} is not a number" if odd else f"{len(words)} columns in place of {len(kinds)}"
            raise XYZError(f"line {number}: {what}") from None


def _put_back(atoms: Atoms) -> None:
    """Moves the entries under the key MORE to their place. They stay under it if another program has changed the frame."""
    more = atoms.info[MORE]
    try:
        more = json.loads(json.dumps(more), object_hook=object_hook)
        given = {name: np.asarray(array) for name, array in more.get("arrays", {}).items()}
        shaped = {name: atoms.arrays[name].reshape(-1, *shape) for name, shape in more.get("shapes", {}).items()}
        info = dict(more.get("info", {}))
    except (AttributeError, KeyError, TypeError, ValueError):
        return
    if all(array.shape[:1] == (len(atoms),) for array in (given | shaped).values()):
        del atoms.info[MORE]
        atoms.info |= info
        atoms.arrays |= given | shaped


@lru_cache(10_000)
def atomic_number(label: str) -> int:
    """The element of a label in any case, with or without a number behind it (Au, AU, au, Au1, X_12), or its atomic number.

    Raises UnknownSymbol.
    """
    if label.isdecimal():
        number = int(label)
        if number < len(chemical_symbols):
            return number
    else:
        symbol = _NUMBERED.sub("", label).capitalize()
        if symbol in atomic_numbers:
            return atomic_numbers[symbol]
    raise UnknownSymbol(label)


def _mapped(symbols: Mapping[str, str], label: str) -> int:
    """The atomic number of a label. An element in `symbols` stands for all spellings of its label."""
    if label in symbols:
        return atomic_number(symbols[label])
    number = atomic_number(label)
    return atomic_number(symbols.get(chemical_symbols[number], chemical_symbols[number]))


def _plain(block: Block, comment: Comment, number_of: Callable[[str], int]) -> Atoms | None:
    """The frame if it is plain, else None."""
    info = comment.info.copy()
    if info.pop("Properties", _PLAIN) != _PLAIN or np.any(info.pop("pbc", False)) or not NOT_INFO.isdisjoint(info):
        return None
    rows = block.lines[2:]
    words = " ".join(rows).split()
    if len(words) != 4 * block.n_atoms:
        return None
    try:
        if [row.split(None, 1)[0] for row in rows] != words[::4]:  # a row is short and another long
            return None
        columns = [[*map(float, words[k::4])] for k in (1, 2, 3)]
    except (ValueError, IndexError):
        return None
    return Atoms(numbers=[*map(number_of, words[::4])], positions=np.array(columns).T, info=info)


def _readable(rows: list[str], columns: list[str], number_of: Callable[[str], int]) -> Iterator[str]:
    """The rows with labels and numbers as ASE reads them; `columns` are names, types and widths in turn."""
    kinds = _kinds(columns)
    for row in rows:
        words = row.split()
        for k, (kind, word) in enumerate(zip(kinds, words, strict=False)):
            if kind == "species":
                words[k] = chemical_symbols[number_of(word)]
            elif kind == "R":
                words[k] = _FORTRAN.sub(r"\1e\2", word)
        yield " ".join(words) + "\n"


def _kinds(columns: list[str]) -> list[str]:
    """The type of every column, S, R, I or L, or 'species'; `columns` are names, types and widths in turn."""
    return [
        "species" if name == "species" else kind
        for name, kind, width in zip(columns[::3], columns[1::3], columns[2::3], strict=False)
        for _ in range(int(width))
    ]
