"""Normal modes of a cluster: curvatures of the energy with rigid motions taken out, and harmonic frequencies.

E. B. Wilson, J. C. Decius and P. C. Cross, Molecular Vibrations (McGraw-Hill, 1955), chapter 2.
"""

from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.potentials.base import Potential
from clusteropt.potentials.form import REAL_UNITS

_DEPENDENT = 1e-5  # singular values below this, relative to the largest, belong to a motion that moves nothing


class Modes(NamedTuple):
    """The internal modes of a cluster, the lowest curvature first."""

    curvatures: np.ndarray  # (n_modes,) eigenvalues of the second derivatives, energy over length squared
    directions: np.ndarray  # (n_modes, n_atoms, 3) orthonormal; zero on fixed atoms


def modes_of(hessian: np.ndarray, structure: Structure) -> Modes:
    """The modes of the free atoms, without the motions of the cluster as a whole; hessian: (3 n_atoms, 3 n_atoms)."""
    free = np.repeat(structure.free, 3)
    own = _complement(rigid_motions(structure)[free])
    curvatures, vectors = np.linalg.eigh(own.T @ hessian[np.ix_(free, free)] @ own)
    directions = np.zeros((len(curvatures), len(free)))
    directions[:, free] = (own @ vectors).T
    return Modes(curvatures, directions.reshape(len(curvatures), len(structure.positions), 3))


def frequencies_of(hessian: np.ndarray, structure: Structure, masses: np.ndarray) -> np.ndarray:
    """The wavenumbers (n_modes,) in cm^-1, ascending, of a minimum; fixed atoms stay where they are.

    hessian: (3 n_atoms, 3 n_atoms) in eV/angstrom^2; masses: (n_atoms,) in atomic mass units. Negative curvatures count as zero.
    """
    from ase.units import _amu, _c, _e

    free = np.repeat(structure.free, 3)
    root = np.sqrt(np.repeat(masses, 3)[free])
    own = _complement(rigid_motions(structure)[free] * root[:, None])
    weighted = hessian[np.ix_(free, free)] / np.multiply.outer(root, root)
    squared = np.linalg.eigvalsh(own.T @ weighted @ own) * (_e * 1e20 / _amu)
    return np.sqrt(np.maximum(squared, 0)) / (2 * np.pi * _c * 100)  # type: ignore[no-any-return]


def zero_point_energy(frequencies: np.ndarray) -> float:
    """Half a quantum of each mode, in eV; frequencies in cm^-1."""
    from ase.units import invcm

    return float(frequencies.sum() * invcm / 2)


def masses_of(structure: Structure, potential: Potential) -> np.ndarray | None:
    """The standard atomic weights (n_atoms,); None for reduced units and for species that are no elements."""
    from ase.data import atomic_masses, atomic_numbers

    units = {"energy": potential.energy_unit, "length": potential.length_unit}
    numbers = [atomic_numbers.get(symbol, 0) for symbol in potential.elements]
    if units != REAL_UNITS or not all(numbers):
        return None
    return atomic_masses[numbers][structure.species]  # type: ignore[no-any-return]


def rigid_motions(structure: Structure) -> np.ndarray:
    """An orthonormal basis (3 n_atoms, n_motions) of the rigid motions that leave fixed atoms and the energy alone.

    Translations and, without a cell, rotations: six of them, five of a linear cluster, three of an atom.
    """
    n, places = len(structure.positions), structure.positions - structure.positions.mean(0)
    moves = [np.tile(axis, (n, 1)) for axis in np.eye(3)]
    if structure.cell is None:
        size = max(np.linalg.norm(places, axis=1).max(), np.finfo(float).tiny)
        moves += [np.cross(axis, places / size) for axis in np.eye(3)]
    motions = np.reshape(moves, (len(moves), -1)).T
    _, held, able = np.linalg.svd(motions[~np.repeat(structure.free, 3)])
    motions = motions @ able[(held > _DEPENDENT * np.sqrt(n)).sum() :].T
    basis, weights, _ = np.linalg.svd(motions, full_matrices=False)
    return basis[:, weights > _DEPENDENT * np.sqrt(n)]  # type: ignore[no-any-return]


def _complement(motions: np.ndarray) -> np.ndarray:
    """An orthonormal basis of everything normal to the columns of `motions` (n, n_motions): (n, n - n_motions)."""
    return np.linalg.qr(motions, mode="complete")[0][:, motions.shape[1] :]
