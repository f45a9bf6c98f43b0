"""A minimum as a row of ASE's tables, and back."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers, chemical_symbols
from ase.db.core import bytes_to_object, object_to_bytes
from ase.symbols import Symbols

from clusteropt.database.records import CONVERGED, Entry, Hit, Origin, nature_in
from clusteropt.engine.step import Status
from clusteropt.search.minimum import Minimum

COLUMNS = "s.numbers, s.positions, s.energy, s.forces, s.fmax, s.data"  # what `minimum_of` takes
ENTRY = "s.id, m.formula, s.energy, s.fmax, s.key_value_pairs"  # what `entry_of` takes


def numbers_of(symbols: Sequence[str]) -> np.ndarray:
    """(n_atoms,) int32 atomic numbers; X is 0."""
    return np.array([atomic_numbers[symbol] for symbol in symbols], np.int32)


def formula_of(symbols: Sequence[str]) -> str:
    """The chemical formula as ASE writes it: Ag20Cu18, X38."""
    return Symbols(numbers_of(symbols)).get_chemical_formula()


def elements_of(symbols: Sequence[str]) -> str:
    """The distinct elements, sorted and joined: Ag-Cu."""
    return "-".join(sorted(set(symbols)))


def columns_of(symbols: Sequence[str], minimum: Minimum, origin: Origin) -> dict[str, Any]:
    """The columns of the table `systems` that describe the atoms and their energy."""
    numbers = numbers_of(symbols)
    return {
        "numbers": _bytes(numbers),
        "positions": _bytes(minimum.positions),
        "cell": _bytes(np.zeros((3, 3))),
        "pbc": 0,
        "calculator": "clusteropt",
        "calculator_parameters": json.dumps({"potential": origin.name}),
        "energy": float(minimum.energy),
        "forces": _bytes(minimum.forces),
        "data": object_to_bytes({"energies": np.asarray(minimum.energies, float)}),
        "natoms": len(numbers),
        "fmax": float(minimum.fmax),
        "mass": float(atomic_masses[numbers].sum()),
        "charge": 0.0,
    }


def species_of(symbols: Sequence[str]) -> list[tuple[int, int]]:
    """Atomic number and count of every element."""
    return [(atomic_numbers[symbol], count) for symbol, count in Counter(symbols).items()]


def pairs_of(symbols: Sequence[str], minimum: Minimum, origin: Origin) -> dict[str, str | float]:
    """The key-value pairs of a minimum that do not depend on who has found it."""
    atoms = Atoms(numbers=numbers_of(symbols), positions=minimum.positions)
    moments = {f"inertia_{k}": float(moment) for k, moment in enumerate(atoms.get_moments_of_inertia(), 1)}
    return {"potential": origin.name, "energy_unit": origin.energy_unit, "length_unit": origin.length_unit, **moments}


def first_of(hits: Iterable[Hit]) -> Hit:
    """The first of the hits of several runs; there must be one."""
    return min(hits, key=lambda hit: (hit.seen, hit.n_evaluations, hit.origin, hit.version))


def history_of(hits: Sequence[Hit]) -> dict[str, str | float]:
    """The key-value pairs that tell of the runs which have come to a minimum, at least one."""
    first = first_of(hits)
    return {
        "times_reached": sum(hit.n_reached for hit in hits),
        "origin": first.origin,
        "first_seen": first.seen,
        "evaluations": first.n_evaluations,
        "seconds": first.seconds,
        "version": first.version,
    }


def minimum_of(values: Sequence[Any]) -> tuple[tuple[str, ...], Minimum]:
    """The symbols and the minimum from the values of COLUMNS."""
    numbers, positions, energy, forces, fmax, data = values
    symbols = tuple(chemical_symbols[number] for number in np.frombuffer(numbers, "<i4"))
    energies = np.array(bytes_to_object(data)["energies"])
    at, forced = (np.frombuffer(each, "<f8").reshape(-1, 3).copy() for each in (positions, forces))
    return symbols, Minimum(Status.CONVERGED, at, energy, energy, energies, forced, fmax, 0)


def entry_of(values: Sequence[Any], hits: Collection[Hit]) -> Entry:
    """The entry from the values of ENTRY and the hits of all runs, at least one."""
    number, formula, energy, fmax, text = values
    pairs: Mapping[str, Any] = json.loads(text or "{}")  # a user may have deleted some with ASE
    inertia = tuple(pairs[key] for key in ("inertia_1", "inertia_2", "inertia_3") if key in pairs)
    first, nature = first_of(hits), nature_in(pairs)
    told = sum(hit.n_reached for hit in hits), first.origin, first.seen, first.n_evaluations, first.version
    return Entry(number, formula, energy, fmax, nature.point_group, *told, inertia, nature.status or CONVERGED)


def _bytes(values: np.ndarray) -> bytes:
    """The values as ASE keeps them: little-endian, whole numbers in four bytes, others in eight."""
    kind = "<i4" if np.issubdtype(np.asarray(values).dtype, np.integer) else "<f8"
    return np.ascontiguousarray(values, kind).tobytes()
