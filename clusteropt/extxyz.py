"""Extended XYZ, frame by frame: plain frames fast, all others by ASE, and all digits when writing.

A frame is plain where it has symbols and positions and nothing else for its atoms, no cell and no fixed atoms. ASE takes two to
three times as long for it, which is more than its minimization. With ASE's eight decimals a minimum that is read
back has forces of up to 1e-6 again, and fixed atoms have moved.
"""

import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TextIO

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_properties
from ase.data import atomic_numbers
from ase.io import read as ase_read
from ase.io import write as ase_write
from ase.io.extxyz import XYZError, key_val_dict_to_str, key_val_str_to_dict

_PLAIN = "species:S:1:pos:R:3"
_NOT_INFO = {*all_properties, "Lattice", "virial"}  # what ASE takes out of the comment
_DIGITS = "%24.17g"  # reads back to the same bits


class Block(NamedTuple):
    """The lines of one frame."""

    n_atoms: int
    lines: list[str]  # the number of atoms, the comment, a row for each atom


def blocks(file: TextIO) -> Iterator[Block]:
    """The frames of a file, unread. Raises XYZError at a line that should be a number of atoms, or an end too early."""
    line = file.readline()
    while line.strip():
        try:
            n_atoms = int(line)
        except ValueError:
            raise XYZError(f"expected the number of atoms of a frame, got {line.strip()[:40]!r}") from None
        if n_atoms < 0:
            raise XYZError(f"a frame of {n_atoms} atoms")
        lines = [line, *islice(file, n_atoms + 1)]
        if len(lines) < n_atoms + 2:
            raise XYZError(f"the last frame ends after {max(0, len(lines) - 2)} of {n_atoms} atoms")
        line = file.readline()
        while line.lstrip().startswith("VEC"):
            lines.append(line)
            line = file.readline()
        yield Block(n_atoms, lines)


def atoms_of(block: Block) -> Atoms:
    """The frame. Raises what ASE raises where it cannot be read."""
    plain = _plain(block)
    return ase_read(io.StringIO("".join(block.lines)), format="extxyz") if plain is None else plain  # type: ignore[return-value]


def _plain(block: Block) -> Atoms | None:
    """The frame, if it is a plain one."""
    comment = block.lines[1].strip()
    info = key_val_str_to_dict(comment) if comment else {}
    if info.pop("Properties", _PLAIN) != _PLAIN or np.any(info.pop("pbc", False)) or not _NOT_INFO.isdisjoint(info):
        return None
    words = " ".join(block.lines[2:]).split()
    if len(words) != 4 * block.n_atoms:
        return None
    try:
        numbers = [atomic_numbers[symbol.capitalize()] for symbol in words[::4]]
        columns = [[*map(float, words[k::4])] for k in (1, 2, 3)]
    except (KeyError, ValueError):
        return None
    return Atoms(numbers=numbers, positions=np.array(columns).T, info=info)


def text_of(frames: Iterable[Atoms]) -> str:
    """The frames as extended XYZ, as ASE writes it but with all digits of positions, energies and forces."""
    return "".join(map(_text, frames))


def _text(atoms: Atoms) -> str:
    results = {} if atoms.calc is None else atoms.calc.results
    more = atoms.arrays.keys() - {"numbers", "positions"} or atoms.constraints or np.any(np.array(atoms.cell))
    if len(atoms) and not more and results.keys() <= {"energy", "free_energy", "energies", "forces"}:
        return _text_of_plain(atoms, results)
    text = io.StringIO()
    ase_write(text, atoms, format="extxyz")
    lines = text.getvalue().removesuffix("\n").split("\n")
    columns = re.search(r"Properties=(\S+)", lines[1])
    if columns is not None:
        lines[2:] = _with_all_digits(lines[2:], columns[1].split(":"), atoms)
    return "\n".join(lines) + "\n"


def _text_of_plain(atoms: Atoms, results: dict) -> str:
    columns = {"pos": atoms.positions} | {key: results[key] for key in ("energies", "forces") if key in results}
    tables = [np.reshape(values, (len(atoms), -1)) for values in columns.values()]
    properties = "".join(f":{name}:R:{table.shape[1]}" for name, table in zip(columns, tables, strict=True))
    info = atoms.info | {key: results[key] for key in ("energy", "free_energy") if key in results}
    comment = f"Properties=species:S:1{properties} {key_val_dict_to_str(info)}".rstrip() + ' pbc="F F F"'
    numbers = np.concatenate(tables, 1)
    rows = f"%-2s{(' ' + _DIGITS) * numbers.shape[1]}\n" * len(atoms)
    symbols, values = atoms.get_chemical_symbols(), numbers.tolist()
    cells = [cell for symbol, row in zip(symbols, values, strict=True) for cell in (symbol, *row)]
    return f"{len(atoms)}\n{comment}\n{rows % tuple(cells)}"


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
