"""Extended XYZ, frame by frame: plain frames fast, all others by ASE, and all digits when writing.

A frame is plain where it has symbols and positions and nothing else for its atoms, no cell and no fixed atoms. ASE takes two to
three times as long for it, which is more than its minimization. With ASE's eight decimals a minimum that is read
back has forces of up to 1e-6 again, and fixed atoms have moved.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import islice
from typing import Any, NamedTuple, TextIO

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_properties
from ase.data import atomic_numbers, chemical_symbols
from ase.io import read as ase_read
from ase.io import write as ase_write
from ase.io.extxyz import XYZError, key_val_dict_to_str, key_val_str_to_dict

_MOST = 10**9  # atoms of a frame
_PLAIN = "species:S:1:pos:R:3"
_NOT_INFO = {*all_properties, "Lattice", "virial"}  # what ASE takes out of the comment
_MARK = "\ufeff"  # byte order mark
_NUMBERED = re.compile(r"(?<=[A-Za-z])_?\d+$")
_FORTRAN = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))(?:[dD]|(?=[+-]\d{3}$))([+-]?\d+)$")  # 1.0D+00, 1.0d0, 1.0-100
_OPEN = 'pbc="F F F"'
_DELIMITERS = frozenset("\"'{}[]\\,")
_DIGITS = "%24.17g"  # reads back to the same bits


class Block(NamedTuple):
    """The lines of one frame."""

    n_atoms: int
    lines: list[str]  # the number of atoms, the comment, a row for each atom
    first: int = 1  # the number of its first line in the file


class UnknownSymbol(XYZError):
    """A frame has a label that is no element."""

    def __init__(self, symbol: str) -> None:
        super().__init__(f"{symbol} is no element")
        self.symbol = symbol  # as the file has it


def blocks(file: TextIO) -> Iterator[Block]:
    """The frames of a file, unread; blank lines between them are skipped.

    Raises XYZError, with the number of the line, where a number of atoms is expected and something else stands, and where
    the file ends within a frame.
    """
    count = 0  # of lines read
    line = file.readline()
    while line:
        count += 1
        head = line.replace(_MARK, "").strip()
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
        yield Block(n_atoms, lines, first)


def _n_atoms(head: str, line: int) -> int:
    try:
        n_atoms = int(head)
    except ValueError:
        raise XYZError(f"line {line}: expected the number of atoms of a frame, got {head[:40]!r}") from None
    if not 0 <= n_atoms < _MOST:
        raise XYZError(f"line {line}: a frame of {n_atoms} atoms")
    return n_atoms


def atoms_of(block: Block, symbols: Mapping[str, str] | None = None) -> Atoms:
    """The frame; `symbols` says which elements the labels of the file stand for, and comes before `atomic_number`.

    Raises UnknownSymbol for a label that is no element, and what ASE raises where the frame cannot be read otherwise.
    """
    number_of = atomic_number if symbols is None else partial(_mapped, symbols)
    plain = _plain(block, number_of)
    if plain is not None:
        return plain
    n_rows = block.n_atoms + 2
    vectors = block.lines[n_rows:]
    info = {} if vectors else _info(block.lines[1].strip())
    rows = _readable(block.lines[2:n_rows], str(info.get("Properties", _PLAIN)).split(":"), number_of)
    text = "".join([f"{block.n_atoms}\n", block.lines[1], *rows, *vectors])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ase_read(io.StringIO(text), format="extxyz", properties_parser=lambda _: info)  # type: ignore[return-value]


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
    """The atomic number of a label; names of its element in `symbols` count for all its spellings."""
    if label in symbols:
        return atomic_number(symbols[label])
    number = atomic_number(label)
    return atomic_number(symbols.get(chemical_symbols[number], chemical_symbols[number]))


def _plain(block: Block, number_of: Callable[[str], int]) -> Atoms | None:
    """The frame, if it is a plain one."""
    if len(block.lines) != block.n_atoms + 2:
        return None
    info = _info(block.lines[1].strip())
    if info.pop("Properties", _PLAIN) != _PLAIN or np.any(info.pop("pbc", False)) or not _NOT_INFO.isdisjoint(info):
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
    kinds = [
        "species" if name == "species" else kind
        for name, kind, width in zip(columns[::3], columns[1::3], columns[2::3], strict=False)
        for _ in range(int(width))
    ]
    for row in rows:
        words = row.split()
        for k, (kind, word) in enumerate(zip(kinds, words, strict=False)):
            if kind == "species":
                words[k] = chemical_symbols[number_of(word)]
            elif kind == "R":
                words[k] = _FORTRAN.sub(r"\1e\2", word)
        yield " ".join(words) + "\n"


def _info(comment: str) -> dict[str, Any]:
    """What ASE makes of a comment; word by word where no word has quotes, brackets, escapes or commas."""
    words = comment.removesuffix(f" {_OPEN}").split()
    if not _DELIMITERS.isdisjoint("".join(words)) or any(word[0] == "=" or word[-1] == "=" for word in words):
        return key_val_str_to_dict(comment) if comment else {}
    return {key: value for word in words for key, value in _of_word(word).items()}


@lru_cache(10_000)
def _of_word(word: str) -> dict[str, Any]:
    return key_val_str_to_dict(word)


def is_plain(atoms: Atoms) -> bool:
    """Whether symbols, positions and what `plain_text` writes is all that there is to the frame."""
    more = atoms.arrays.keys() - {"numbers", "positions"} or atoms.constraints or atoms.pbc.any()
    more = more or np.any(np.array(atoms.cell))
    results = {} if atoms.calc is None else atoms.calc.results
    return len(atoms) > 0 and not more and results.keys() <= {"energy", "free_energy", "energies", "forces"}


def text_of(frames: Iterable[Atoms]) -> str:
    """The frames as extended XYZ, as ASE writes it but with all digits of positions, energies and forces."""
    return "".join(map(_text, frames))


def _text(atoms: Atoms) -> str:
    if is_plain(atoms):
        return plain_text(atoms.numbers, atoms.positions, atoms.info, {} if atoms.calc is None else atoms.calc.results)
    text = io.StringIO()
    ase_write(text, atoms, format="extxyz")
    lines = text.getvalue().removesuffix("\n").split("\n")
    columns = re.search(r"Properties=(\S+)", lines[1])
    if columns is not None:
        lines[2:] = _with_all_digits(lines[2:], columns[1].split(":"), atoms)
    return "\n".join(lines) + "\n"


def plain_text(numbers: np.ndarray, positions: np.ndarray, info: dict[str, Any], results: dict[str, Any]) -> str:
    """A plain frame, with the energy, free energy, energies and forces that `results` has."""
    n_atoms = len(numbers)
    columns = {"pos": positions} | {key: results[key] for key in ("energies", "forces") if key in results}
    tables = [np.reshape(values, (n_atoms, -1)) for values in columns.values()]
    properties = "".join(f":{name}:R:{table.shape[1]}" for name, table in zip(columns, tables, strict=True))
    more = info | {key: results[key] for key in ("energy", "free_energy") if key in results}
    comment = f"Properties=species:S:1{properties} {key_val_dict_to_str(more)}".rstrip()
    values = np.concatenate(tables, 1)
    rows = _rows(np.asarray(numbers, np.int32).tobytes(), values.shape[1]) % tuple(values.ravel().tolist())
    return f"{n_atoms}\n{comment} {_OPEN}\n{rows}"


@lru_cache(1000)
def _rows(numbers: bytes, n_columns: int) -> str:
    """The rows of a frame with places for numbers."""
    symbols = [chemical_symbols[number] for number in np.frombuffer(numbers, np.int32)]
    return "".join(f"{symbol:2s}{(' ' + _DIGITS) * n_columns}\n" for symbol in symbols)


def _with_all_digits(rows: list[str], properties: list[str], atoms: Atoms) -> list[str]:
    """The rows with positions, energies and forces in a form that reads back to the same bits."""
    results = {} if atoms.calc is None else atoms.calc.results
    exact = {"pos": atoms.positions} | {key: results[key] for key in ("energies", "forces") if key in results}
    fields = [row.split() for row in rows]
    first = 0
    for name, _, count in zip(properties[::3], properties[1::3], map(int, properties[2::3]), strict=True):
        if name in exact and all(len(field) >= first + count for field in fields):
            for field, values in zip(fields, np.reshape(exact[name], (len(rows), count)).tolist(), strict=True):
                field[first : first + count] = [_DIGITS % value for value in values]
        first += count
    return [" ".join(field) for field in fields]
