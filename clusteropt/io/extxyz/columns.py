"""The columns of extended XYZ: arrays with an entry per atom, written with all digits, so that ASE reads them back."""

import math
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_properties
from ase.constraints import FixAtoms, FixCartesian

DIGITS = "%24.17g"  # reads back to the same double
_TAKEN = frozenset(
    {"species", "symbols", "pos", "positions", "numbers", "Z", "charge", "move_mask", "", *all_properties}
)
_INTEGERS = np.iinfo(np.int32)  # the integers of ASE's reader


class Property(NamedTuple):
    """A property of extended XYZ: one or more columns under one name."""

    name: str
    kind: str  # R (real), I (integer), L (logical) or S (string)
    width: int
    rows: list[list[Any]]  # (n_atoms, width)

    @property
    def fields(self) -> set[str]:
        """The names that ASE's reader gives the columns. They must be unique in a frame."""
        return {self.name} if self.width == 1 else {f"{self.name}{k}" for k in range(self.width)}

    @property
    def format(self) -> str:
        return {"R": DIGITS, "I": "%8d", "L": "%s", "S": "%-2s"}[self.kind]


class Table(NamedTuple):
    """The columns of a frame, and the arrays that columns cannot hold."""

    columns: list[Property]
    shapes: dict[str, list[int]]  # the shape of an array's entry per atom, where the columns do not tell it
    rest: dict[Any, np.ndarray]  # the arrays that ASE would not read back from columns


def table_of(atoms: Atoms, results: dict[str, np.ndarray]) -> Table:
    """The table of a frame: symbols, positions, fixed atoms, arrays, then `results` by their names in extended XYZ."""
    columns = [
        Property("species", "S", 1, [[symbol] for symbol in atoms.symbols]),
        Property("pos", "R", 3, atoms.positions.tolist()),
        *_mask(atoms),
    ]
    last = [_property(name, values) for name, values in results.items()]
    taken = {field for column in [*columns, *filter(None, last)] for field in column.fields} | {"move_mask"}
    shapes, rest = {}, {}
    for name, values in atoms.arrays.items():
        if name in ("numbers", "positions"):
            continue
        column = None if name in _TAKEN else _property(name, values)
        if column is None or taken & column.fields or (name == "initial_charges" and values.ndim > 1):
            rest[name] = values
            continue
        taken |= column.fields
        columns.append(column)
        if values.shape[1:] != (() if column.width == 1 else (column.width,)):
            shapes[name] = list(values.shape[1:])
    return Table([*columns, *filter(None, last)], shapes, rest)


def _mask(atoms: Atoms) -> list[Property]:
    """The property `move_mask`, per atom or per coordinate, if constraints fix any; else empty."""
    free = np.ones((len(atoms), 3), bool)
    for constraint in atoms.constraints:
        if isinstance(constraint, FixAtoms):
            free[constraint.index] = False
        elif isinstance(constraint, FixCartesian):
            free[constraint.index] &= ~np.asarray(constraint.mask)
    if free.all():
        return []
    by_coordinate = any(isinstance(constraint, FixCartesian) for constraint in atoms.constraints)
    mask = free if by_coordinate else free[:, :1]
    return [Property("move_mask", "L", mask.shape[1], _letters(mask))]


def _property(name: Any, values: np.ndarray) -> Property | None:
    """An array as a property; None where ASE would read back something else."""
    if not isinstance(name, str) or not name.isprintable() or ":" in name or 0 in values.shape[1:]:
        return None
    width = math.prod(values.shape[1:])
    flat = values.reshape(len(values), width)
    if values.dtype.kind == "f":
        return Property(name, "R", width, flat.tolist())
    if values.dtype.kind in "iu" and (
        not values.size or _INTEGERS.min <= values.min() <= values.max() <= _INTEGERS.max
    ):
        return Property(name, "I", width, flat.tolist())
    if values.dtype.kind == "b":
        return Property(name, "L", width, _letters(flat))
    if values.dtype.kind in "UO" and all(map(_is_word, flat.ravel())):
        return Property(name, "S", width, flat.tolist())
    return None


def _letters(values: np.ndarray) -> list[list[str]]:
    return np.where(values, "T", "F").tolist()


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable() and value.split() == [value]


def lines_of(columns: list[Property], n_atoms: int) -> str:
    """The lines of a frame, one per atom."""
    row = " ".join(column.format for column in columns for _ in range(column.width)) + "\n"
    return "".join(row % tuple(value for column in columns for value in column.rows[k]) for k in range(n_atoms))


def properties_of(columns: list[Property]) -> str:
    """The value of `Properties` in the comment, such as species:S:1:pos:R:3."""
    return ":".join(f"{column.name}:{column.kind}:{column.width}" for column in columns)
