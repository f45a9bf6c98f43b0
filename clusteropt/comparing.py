"""Two structures compared, from Python: `clusteropt.compare(a, b)`."""

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from scipy.spatial import KDTree

from clusteropt.clusters.sameness import Comparison, Tolerance, compared
from clusteropt.errors import InputError, UsageError
from clusteropt.settings.config import CompareSettings


def compare(a: Atoms, b: Atoms, mirror: bool = True, tolerance: float = CompareSettings.tolerance) -> Comparison:
    """Lays structure b on structure a, and says whether they are the same but for rotation, shift and order of like atoms.

    mirror: mirror images count as the same. tolerance: the largest displacement of an atom up to which they are the same, in
    nearest-neighbour distances. Distances of the result are in the unit of the positions; both are infinite for other
    compositions. Raises UsageError for another argument, InputError for a periodic, empty or damaged structure.
    """
    chosen = CompareSettings(mirror, tolerance)
    for name, atoms in (("a", a), ("b", b)):
        if not isinstance(atoms, Atoms):
            raise UsageError(f"{name} must be ASE Atoms, got {type(atoms).__name__}: read files with ase.io.read")
        problem = fault(atoms)
        if problem:
            raise InputError(f"{name}: {problem}")
    length = neighbour_distance(a, b)
    limits = Tolerance().scaled(chosen.tolerance)
    return compared(a.positions, b.positions, a.numbers, b.numbers, length, chosen.mirror, limits)


def fault(atoms: Atoms) -> str:
    """Why a structure cannot be compared, with the cure; empty where it can."""
    if not len(atoms):
        return "a structure without atoms: remove it"
    if atoms.pbc.any():
        return "in a periodic box, and clusters are compared: drop the box with --no-box, or pbc = False in Python"
    if not np.isfinite(atoms.positions).all():
        return "positions that are not finite: export the structure again"
    if len(atoms) > 1 and not np.median(_nearest(atoms)) > 0:
        return "most atoms lie on top of another: export the structure again"
    return ""


def neighbour_distance(a: Atoms, b: Atoms) -> float:
    """The median distance of the atoms of both structures to their nearest neighbours; 1 for single atoms."""
    distances = np.concatenate([_nearest(a), _nearest(b)])
    return float(np.median(distances)) if distances.size else 1.0


def _nearest(atoms: Atoms) -> np.ndarray:
    """(n_atoms,), or none for a single atom."""
    return KDTree(atoms.positions).query(atoms.positions, 2)[0][:, 1] if len(atoms) > 1 else np.zeros(0)


def aligned(b: Atoms, comparison: Comparison) -> Atoms:
    """Structure b laid on a, its atoms in the order of a. It keeps its info and energy, and loses forces, which would turn."""
    order = comparison.order
    moved = b.positions[order] @ comparison.rotation.T + comparison.translation
    atoms = Atoms(numbers=b.numbers[order], positions=moved, info=dict(b.info))
    energy = None if b.calc is None else b.calc.results.get("energy")
    if energy is not None:
        atoms.calc = SinglePointCalculator(atoms, energy=energy)
    return atoms
