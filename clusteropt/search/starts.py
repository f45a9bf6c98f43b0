"""Random starting structures."""

import math
import re

import numpy as np
from ase import Atoms
from ase.formula import Formula

from clusteropt.clusters.arrays import random_positions
from clusteropt.clusters.symmetry import symmetric_positions
from clusteropt.errors import UsageError
from clusteropt.potentials import sets

_DENSITY = 0.7  # atoms per cubed length, of the starts of a search


def start_positions(rng: np.random.Generator, n_atoms: int, length: float, symmetric: bool) -> np.ndarray:
    """Positions (n_atoms, 3) from which to search: atoms anywhere in a sphere, or with the symmetry of some point group."""
    radius = length * (n_atoms / _DENSITY * 3 / (4 * math.pi)) ** (1 / 3)
    return symmetric_positions(rng, n_atoms, radius, length) if symmetric else random_positions(rng, n_atoms, radius)


def random_starts(formula: str, count: int, seed: int, density: float, potential: str | None = None) -> list[Atoms]:
    """`count` structures with atoms uniform in a sphere, of `density` atoms per cubed length of the potential.

    Structure k depends on the seed and k alone. Raises UsageError for text that is not a formula, or without a potential.
    """
    if not 0 < density < math.inf:
        raise UsageError(f"density must be a positive number, got {density}")
    symbols = symbols_of(formula)
    elements = tuple(sorted(set(symbols)))
    length = sets.potential_for(elements, potential).length
    radius = length * (len(symbols) / density * 3 / (4 * math.pi)) ** (1 / 3)
    starts = []
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        atoms = Atoms(symbols, positions=random_positions(rng, len(symbols), radius))
        atoms.info.update(start=k, seed=seed)
        starts.append(atoms)
    return starts


def symbols_of(formula: str) -> list[str]:
    """The atoms of a formula, in its order; LJ38 means X38. Raises UsageError for text that is not a formula."""
    known = re.sub(r"^LJ(?=\d*$)", "X", formula)
    try:
        symbols = Atoms(Formula(known)).get_chemical_symbols() if known else []
    except (ValueError, KeyError):
        symbols = []
    if not symbols:
        raise UsageError(f"'{formula}' is not a chemical formula: write one as Au38, Ag20Cu18 or X38")
    return symbols
