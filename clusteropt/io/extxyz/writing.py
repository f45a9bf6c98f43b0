"""Writes frames of extended XYZ with all digits and all entries, in a form that ASE reads too."""

import json
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_properties
from ase.data import chemical_symbols
from ase.stress import voigt_6_to_full_3x3_stress

from clusteropt.io.extxyz.columns import DIGITS, lines_of, properties_of, table_of
from clusteropt.io.extxyz.comments import MORE, OPEN
from clusteropt.io.extxyz.pairs import as_json, pair_of, pairs_of, word

_PER_ATOM = {
    "energies": "energies",
    "forces": "forces",
    "charges": "charge",
    "magmoms": "magmoms",
    "stresses": "stresses",
}


def is_plain(atoms: Atoms) -> bool:
    """True where the frame has nothing but symbols, positions and what `plain_text` writes."""
    more = atoms.arrays.keys() - {"numbers", "positions"} or atoms.constraints or atoms.pbc.any()
    more = more or np.any(np.array(atoms.cell))
    results = {} if atoms.calc is None else atoms.calc.results
    return len(atoms) > 0 and not more and results.keys() <= {"energy", "free_energy", "energies", "forces"}


def text_of(frames: Iterable[Atoms]) -> str:
    """The frames as extended XYZ. Warns of entries that a file cannot hold, such as Python objects in `info`."""
    return "".join(map(_text, frames))


def _text(atoms: Atoms) -> str:
    results = {} if atoms.calc is None else atoms.calc.results
    if is_plain(atoms):
        return plain_text(atoms.numbers, atoms.positions, atoms.info, results)
    per_atom = {_PER_ATOM[key]: np.asarray(results[key]) for key in results if key in _PER_ATOM}
    table = table_of(atoms, per_atom)
    others = {
        key: _written(key, value) for key, value in results.items() if key in all_properties and key not in _PER_ATOM
    }
    cell = np.array(atoms.cell)
    lattice = f'Lattice="{" ".join(map(str, cell.ravel().tolist()))}"' if cell.any() else ""
    boundaries = f'pbc="{" ".join("FT"[int(periodic)] for periodic in atoms.pbc)}"'
    parts = [
        lattice,
        f"Properties={word(properties_of(table.columns))}",
        _comment(atoms.info, others, table.shapes, table.rest),
        boundaries,
    ]
    return f"{len(atoms)}\n{' '.join(filter(None, parts))}\n{lines_of(table.columns, len(atoms))}"


def _written(key: str, value: Any) -> Any:
    """A result in the shape that ASE's reader expects: stress as a (3, 3) matrix."""
    return voigt_6_to_full_3x3_stress(value) if key == "stress" and np.shape(value) == (6,) else value


def plain_text(numbers: np.ndarray, positions: np.ndarray, info: dict[str, Any], results: dict[str, Any]) -> str:
    """A plain frame as text, with those of energy, free_energy, energies and forces that `results` holds.

    numbers: (n_atoms,); positions: (n_atoms, 3).
    """
    n_atoms = len(numbers)
    columns = {"pos": positions} | {key: results[key] for key in ("energies", "forces") if key in results}
    tables = [np.reshape(values, (n_atoms, -1)) for values in columns.values()]
    properties = "".join(f":{name}:R:{table.shape[1]}" for name, table in zip(columns, tables, strict=True))
    energies = {key: results[key] for key in ("energy", "free_energy") if key in results}
    comment = f"Properties=species:S:1{properties} {_comment(info, energies)}".rstrip()
    values = np.concatenate(tables, 1)
    rows = _rows(np.asarray(numbers, np.int32).tobytes(), values.shape[1]) % tuple(values.ravel().tolist())
    return f"{n_atoms}\n{comment} {OPEN}\n{rows}"


@lru_cache(1000)
def _rows(numbers: bytes, n_columns: int) -> str:
    """The rows of a frame as a format string: the symbols, and a placeholder for each number."""
    symbols = [chemical_symbols[number] for number in np.frombuffer(numbers, np.int32)]
    return "".join(f"{symbol:2s}{(' ' + DIGITS) * n_columns}\n" for symbol in symbols)


def _comment(
    info: dict[Any, Any],
    results: dict[str, Any],
    shapes: dict[str, list[int]] | None = None,
    arrays: dict[Any, np.ndarray] | None = None,
) -> str:
    """The comment with info and results. Under the key MORE it holds all entries that ASE would not read back."""
    pairs, rest = pairs_of(info)
    lost = []
    for key, value in results.items():
        pair = pair_of(key, value)
        if pair is None:
            lost.append(key)
        else:
            pairs.append(pair)
    if rest or shapes or arrays:
        kept, lost_info = _kept(rest, info)
        ours, lost_arrays = _kept(arrays or {}, {})
        more = {name: part for name, part in (("info", kept), ("arrays", ours), ("shapes", shapes)) if part}
        lost += lost_info + lost_arrays
        pairs += [f"{MORE}={word(f'_JSON {json.dumps(more)}')}"] if more else []
    if lost:
        names = ", ".join(map(repr, lost))
        warnings.warn(f"{names}: left out, because extended XYZ cannot hold it", UserWarning, stacklevel=4)
    return " ".join(pairs)


def _kept(rest: dict[Any, Any], others: dict[Any, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The entries that JSON can hold under a new text key, and the keys of the others, which are lost."""
    kept: dict[str, Any] = {}
    lost = []
    for key, value in rest.items():
        try:
            if not isinstance(key, str) and str(key) in others:
                raise ValueError("another entry has the same name")
            kept[str(key)] = as_json(value)
        except ValueError:
            lost.append(key)
    return kept, lost
