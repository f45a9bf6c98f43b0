"""Converts ASE atoms to a checked `Structure`, and results back to ASE atoms or extended XYZ."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_properties
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms

from clusteropt import __version__
from clusteropt.clusters.arrays import Structure
from clusteropt.clusters.boxes import vacuum
from clusteropt.errors import InputError
from clusteropt.io import extxyz
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.potentials.calculators.known import electron_fault
from clusteropt.potentials.scope import offered
from clusteropt.search.minimum import Minimum

REACHED = "chains_reached"  # the key in the info of the answer of a search: "5 of 16"


def to_structure(atoms: Atoms, potential: Potential) -> Structure:
    """The structure with species as indices of `potential.elements`, lengths unchanged.

    Raises InputError for unsupported constraints, boundaries or cells.
    """
    if atoms.pbc.any() and not atoms.pbc.all():
        raise InputError("partly periodic boundaries are not supported: set pbc='T T T' or 'F F F'")
    if potential.calculator and (fault := electron_fault(potential.calculator, atoms.numbers.tolist())):
        raise InputError(fault)
    species = np.array([potential.elements.index(s) for s in atoms.get_chemical_symbols()], np.int32)
    cell = np.array(atoms.cell) if atoms.pbc.all() else None
    if cell is not None:
        _check_cell(np.array(atoms.positions), cell, potential)
    initial = _initial(atoms) if potential.calculator else None
    return Structure(np.array(atoms.positions), species, _free(atoms), cell, initial)


def _initial(atoms: Atoms) -> np.ndarray | None:
    """Initial magnetic moments and charges (n_atoms, 2), for a calculator; None where there are none.

    Raises InputError for moments that are vectors.
    """
    moments, charges = atoms.get_initial_magnetic_moments(), atoms.get_initial_charges()
    if moments.ndim > 1:
        raise InputError("initial magnetic moments that are vectors are not supported: give one number for each atom")
    return np.stack([moments, charges], 1) if moments.any() or charges.any() else None


def _check_cell(positions: np.ndarray, cell: np.ndarray, potential: Potential) -> None:
    """Raises InputError unless the minimum-image convention is exact: the cutoff is at most half the smallest height."""
    volume = abs(np.linalg.det(cell))
    areas = [np.linalg.norm(np.cross(cell[(k + 1) % 3], cell[(k + 2) % 3])) for k in range(3)]
    if not volume > 1e-9:
        raise InputError("the periodic cell has no volume: give three independent cell vectors or pbc='F F F'")
    if potential.cutoff is None:
        drop = "drop the box with --no-box"
        if potential.calculator:
            raise InputError(f"periodic boundaries are not supported with a calculator: {drop}, or set pbc='F F F'")
        isolated = vacuum(positions, cell) > potential.cohesion_distance
        others = _with_cutoff(potential.elements)
        cure = f"{drop}, because the vacuum in it is wide, or {others}" if isolated else f"{others}, or {drop}"
        raise InputError(f"periodic boundaries need a potential with a cutoff, and '{potential.name}' has none: {cure}")
    height = volume / max(areas)
    if potential.cutoff > height / 2:
        raise InputError(
            f"the periodic cell is too small: its smallest height is {height:.3f} {potential.length_unit}, and the cutoff "
            f"{potential.cutoff:.3f} needs at least twice as much: repeat the cell"
        )


def _with_cutoff(elements: tuple[str, ...]) -> str:
    """The cure for a potential without a cutoff: the shipped sets with one for these elements."""
    covering = [chosen for chosen in map(sets.load, sets.names()) if chosen.covers(elements)]
    able = [offered(chosen, elements) for chosen in covering if chosen.potential(elements).cutoff is not None]
    return (
        f"name another with --potential ({', '.join(able)})"
        if able
        else "name a parameter file with a cutoff, with --potential"
    )


def _free(atoms: Atoms) -> np.ndarray:
    free = np.ones(len(atoms), bool)
    for constraint in atoms.constraints:
        if not isinstance(constraint, FixAtoms):
            raise InputError(f"constraint {type(constraint).__name__} is not supported, only FixAtoms: remove it")
        free[constraint.index] = False
    return free


def elements_of(atoms: Atoms) -> tuple[str, ...]:
    """The distinct elements, sorted by symbol."""
    return tuple(sorted(set(atoms.get_chemical_symbols())))


def result_atoms(atoms: Atoms, minimum: Minimum, potential: Potential | None, optimizer: str) -> Atoms:
    """A copy of the input frame at its minimum, with energy, forces, status and optimizer. It keeps its info and arrays."""
    out = atoms.copy()
    out.info = _info(atoms, minimum, potential, optimizer)
    if not minimum.is_usable:
        return out
    out.set_positions(minimum.positions, apply_constraint=False)
    values = _values(minimum)
    if values:
        given = (
            {} if atoms.calc is None else atoms.calc.results
        )  # where ASE's readers put the columns charges and magmoms
        values |= {key: given[key] for key in ("charges", "magmoms") if key in given}
        out.calc = SinglePointCalculator(out, **values)
    return out


def result_text(atoms: Atoms, minimum: Minimum, potential: Potential | None, optimizer: str) -> str:
    """`result_atoms` as extended XYZ. For plain frames it is written without an Atoms object, which is faster."""
    if not extxyz.is_plain(atoms):
        return extxyz.text_of([result_atoms(atoms, minimum, potential, optimizer)])
    positions = minimum.positions if minimum.is_usable else atoms.positions
    return extxyz.plain_text(atoms.numbers, positions, _info(atoms, minimum, potential, optimizer), _values(minimum))


def _info(atoms: Atoms, minimum: Minimum, potential: Potential | None, optimizer: str) -> dict[str, Any]:
    """The info of the frame with the entries of the result: status, potential, optimizer, evaluations, version."""
    another = {*all_properties, REACHED}  # energies that another program has written under the names of ours
    own = {key: value for key, value in atoms.info.items() if key not in another}
    chains = {REACHED: f"{minimum.n_reached} of {minimum.n_chains}"} if minimum.n_chains else {}
    told = {
        "status": minimum.status.label,
        "potential": "none" if potential is None else potential.name,
        "optimizer": optimizer,
        "evaluations": minimum.n_evaluations,
        "clusteropt_version": __version__,
    }
    return own | chains | told | ({"problem": minimum.problem} if minimum.problem and minimum.is_usable else {})


def _values(minimum: Minimum) -> dict[str, Any]:
    """Energies and forces by ASE's names; empty where they are not finite, and for an unusable structure."""
    if not minimum.is_usable or not (np.isfinite(minimum.energy) and np.isfinite(minimum.forces).all()):
        return {}
    return minimum.values
