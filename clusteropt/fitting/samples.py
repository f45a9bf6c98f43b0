"""The data of a fit: structures with energies and forces, their split, and the scales that follow from them."""

from typing import NamedTuple

import numpy as np
from jax import Array

from clusteropt.clusters.arrays import Structure

_BOND = 1.3  # usual nearest-neighbour distances, up to which two atoms count as bonded in the scale of energy


class Samples(NamedTuple):
    """Structures with energies, and forces where they are known."""

    structures: list[Structure]  # lengths as given
    energies: np.ndarray  # (n_structures,)
    forces: list[np.ndarray | None]  # each (n_atoms, 3)

    def taken(self, chosen: np.ndarray) -> "Samples":
        """Those samples, by index (n,)."""
        return Samples([self.structures[k] for k in chosen], self.energies[chosen], [self.forces[k] for k in chosen])


class Examples(NamedTuple):
    """Structures with their targets; the first axis counts structures."""

    x: Array  # (n, n_atoms, n_descriptors), each descriptor with mean 0 and variance 1
    changes: Array  # (n, n_directions, n_atoms, n_descriptors)
    species: Array  # (n, n_atoms) int32
    mask: Array  # (n, n_atoms) bool
    energies: Array  # (n,), without the atoms' own
    slopes: Array  # (n, n_directions), of the energy along the directions; 0 where forces are not known
    known: Array  # (n,) 1 where forces are known, else 0


class Scales(NamedTuple):
    """Units that follow from the structures."""

    length: float  # the median distance to the nearest neighbour
    energy: float  # of a bond
    offsets: np.ndarray  # (n_elements,) energy of an atom of each element, by least squares
    closest: float  # the shortest distance of two atoms
    farthest: float  # the longest


def distances(structure: Structure) -> np.ndarray:
    """The distances of all pairs of atoms (n_atoms, n_atoms), infinite on the diagonal; nearest images in a periodic cell."""
    d = structure.positions[:, None] - structure.positions
    if structure.cell is not None:
        fraction = d @ np.linalg.inv(structure.cell)
        d = (fraction - np.round(fraction)) @ structure.cell
    r = np.sqrt((d * d).sum(-1))
    np.fill_diagonal(r, np.inf)
    return r


def split(n: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the validation structures, each at least one and sorted; both follow from the seed."""
    order = np.random.default_rng([seed, n]).permutation(n)
    n_validation = min(max(round(share * n), 1), n - 1)
    return np.sort(order[n_validation:]), np.sort(order[:n_validation])


def compositions(samples: Samples, n_elements: int) -> np.ndarray:
    """The number of atoms of each element (n_structures, n_elements)."""
    return np.array([np.bincount(s.species, minlength=n_elements) for s in samples.structures], float)


def scales_of(samples: Samples, n_elements: int) -> Scales:
    """The scales of the samples. Those of length and energy have three digits, so that similar fits share compiled programs."""
    pairs = [distances(s) for s in samples.structures]
    length = _rounded(np.median(np.concatenate([r.min(1) for r in pairs])))
    counted = compositions(samples, n_elements)
    per_atom = 1 / counted.sum(1)
    offsets = np.linalg.lstsq(counted * per_atom[:, None], samples.energies * per_atom, rcond=1e-6)[0]
    bonds = np.array([(r < _BOND * length).sum() / 2 for r in pairs])
    finite = [r[np.isfinite(r)] for r in pairs]
    energy = _rounded(_bond_energy(samples.energies, counted, bonds, offsets))
    return Scales(length, energy, offsets, min(r.min() for r in finite), max(r.max() for r in finite))


def _bond_energy(energies: np.ndarray, counted: np.ndarray, bonds: np.ndarray, offsets: np.ndarray) -> float:
    """The energy of a bond by least squares of energies on atoms and bonds; without a sensible answer, the energies' spread."""
    per_atom = 1 / counted.sum(1)
    table = np.concatenate([counted, -bonds[:, None]], 1) * per_atom[:, None]
    found, _, rank, _ = np.linalg.lstsq(table, energies * per_atom, rcond=1e-6)
    spread = (energies - counted @ offsets).std()
    sensible = rank == table.shape[1] and found[-1] > 0
    return float(found[-1] if sensible else spread or abs(energies).max() or 1.0)


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def directions(samples: Samples, seed: int, count: int) -> list[np.ndarray]:
    """Random directions (count, n_atoms, 3) in which the forces of each structure are compared.

    The components are normal, so that the squared error of a projection has the squared error of all forces as its mean.
    """
    return [
        np.random.default_rng([seed, k]).normal(size=(count, *s.positions.shape))
        for k, s in enumerate(samples.structures)
    ]
