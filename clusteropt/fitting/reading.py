"""From ASE atoms to the samples of a fit, with the faults that make a set of structures unusable."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase import Atoms

from clusteropt.errors import InputError
from clusteropt.fitting.samples import Samples, distances
from clusteropt.io.structures import to_structure
from clusteropt.potentials.base import Potential
from clusteropt.potentials.form import REAL_UNITS, REDUCED_UNITS
from clusteropt.words import counted

_SAME = 1e-6  # in distances and energies, up to which two structures are the same
_LARGEST = 1e12  # of an energy or force; squares of larger ones do not fit into single precision
_NAMES = ("energy", "free_energy", "Energy")


class Given(NamedTuple):
    """All that the files hold."""

    samples: Samples
    elements: tuple[str, ...]
    units: dict[str, str]
    potentials: tuple[str, ...]  # that the structures name


def given(labelled: Sequence[tuple[str, Atoms]], cutoff: float) -> Given:
    """The samples of labelled atoms; `cutoff` in usual nearest-neighbour distances.

    Raises InputError for atoms that cannot be used, and for sets of structures to which no potential can be fitted.
    """
    _check_set(labelled)
    elements = _elements(labelled)
    units = REDUCED_UNITS if elements == ("X",) else REAL_UNITS
    potential = Potential({}, "network", "the fit", elements, units["energy"], units["length"], 1.0, 1.0, 1e-9)
    structures = [to_structure(atoms, potential) for _, atoms in labelled]
    samples = Samples(
        structures,
        np.array([_energy(label, atoms) for label, atoms in labelled]),
        [_forces(label, atoms) for label, atoms in labelled],
    )
    _check_samples(samples, [label for label, _ in labelled])
    _check_cells(labelled, samples, potential, cutoff)
    named = {str(atoms.info["potential"]) for _, atoms in labelled if "potential" in atoms.info}
    return Given(samples, elements, units, tuple(sorted(named)))


def _elements(labelled: Sequence[tuple[str, Atoms]]) -> tuple[str, ...]:
    """All elements, sorted. Raises InputError where X stands beside others."""
    first: dict[str, str] = {}
    for label, atoms in labelled:
        for symbol in set(atoms.get_chemical_symbols()):
            first.setdefault(symbol, label)
    if "X" in first and len(first) > 1:
        other = min(first.keys() - {"X"})
        raise InputError(
            f"{first['X']} has X, atoms in reduced units, and {first[other]} has {other}: fit them apart, or say what X is with "
            "--elements"
        )
    return tuple(sorted(first))


def _check_set(labelled: Sequence[tuple[str, Atoms]]) -> None:
    if len(labelled) < 2:
        raise InputError(f"{labelled[0][0]}: one structure is too little for a fit: give at least two, better hundreds")
    lonely = next((label for label, atoms in labelled if len(atoms) < 2), None)
    if lonely is not None:
        raise InputError(f"{lonely}: a structure of fewer than two atoms has no distances: leave it out")
    periodic = [bool(atoms.pbc.any()) for _, atoms in labelled]
    if any(periodic) and not all(periodic):
        one, other = (labelled[periodic.index(kind)][0] for kind in (True, False))
        raise InputError(f"{one} is periodic and {other} is not: fit them apart, or drop the cells with --no-box")


def _energy(label: str, atoms: Atoms) -> float:
    found = {} if atoms.calc is None else atoms.calc.results
    value = next((source[name] for source in (found, atoms.info) for name in _NAMES if name in source), None)
    if value is None:
        raise InputError(
            f"{label}: has no energy: compute it, as with `clusteropt energy --out`, or leave the structure out"
        )
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not abs(number) < _LARGEST:
        raise InputError(
            f"{label}: its energy is {value}, no finite number below {_LARGEST:g}: leave the structure out"
        )
    return number


def _forces(label: str, atoms: Atoms) -> np.ndarray | None:
    found = {} if atoms.calc is None else atoms.calc.results
    forces = found.get("forces", atoms.arrays.get("forces"))
    if forces is None:
        return None
    forces = np.asarray(forces, float)
    if forces.shape != (len(atoms), 3) or not (abs(forces) < _LARGEST).all():
        raise InputError(f"{label}: a force is no finite number below {_LARGEST:g}: leave the structure out")
    return forces


def _check_samples(samples: Samples, labels: Sequence[str]) -> None:
    marks = []
    for label, structure, energy in zip(labels, samples.structures, samples.energies, strict=True):
        r = distances(structure)
        if not np.isfinite(structure.positions).all() or not r.min() > _SAME:
            raise InputError(
                f"{label}: two atoms are at one place, or a coordinate is no number: leave the structure out"
            )
        marks.append((len(r), energy, np.where(np.isfinite(r), r, 0).sum()))
    (size, energy, total), others = marks[0], marks[1:]
    near = [abs(energy - e) < _SAME * max(1, abs(e)) and abs(total - t) < _SAME * t for n, e, t in others if n == size]
    if len(near) == len(others) and all(near):
        raise InputError(f"all {counted(len(labels), 'structure')} are the same: give structures that differ")


def _check_cells(labelled: Sequence[tuple[str, Atoms]], samples: Samples, potential: Potential, cutoff: float) -> None:
    if not labelled[0][1].pbc.any():
        return
    length = np.median(np.concatenate([distances(s).min(1) for s in samples.structures]))
    full = Potential(**{**vars(potential), "cutoff": float(cutoff * length)})
    for label, atoms in labelled:
        try:
            to_structure(atoms, full)
        except InputError as problem:
            raise InputError(f"{label}: {problem}, or take a smaller --cutoff") from None
