"""Random starting structures."""

import math
import re

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from ase.formula import Formula

from clusteropt.clusters.arrays import random_positions
from clusteropt.clusters.symmetry import GROUPS
from clusteropt.errors import UsageError
from clusteropt.potentials import sets
from clusteropt.search.draws import uniforms
from clusteropt.search.symmetric import N_DRAWS, in_sphere, symmetric_positions

_DENSITY = 0.7  # atoms per cubed length, of the starts of a search
_MOST = 1_000_000  # atoms


def start_positions(
    keys: np.ndarray, n_atoms: int, length: float, symmetric: np.ndarray, together: int = 0
) -> np.ndarray:
    """Positions (3, n_atoms, n_chains) from which to search: atoms anywhere in a sphere, or in orbits of a random point group.

    Each follows from its key (n_chains,) uint64 alone; `symmetric` (n_chains,) bool. `length` is the nearest-neighbour distance.
    A program is compiled for as many devices as `together` chains fill, if these are more.
    """
    radius = length * (n_atoms / _DENSITY * 3 / (4 * math.pi)) ** (1 / 3)
    positions, own = np.zeros((3, n_atoms, len(keys))), np.flatnonzero(symmetric)
    anywhere = np.flatnonzero(~symmetric)
    draws = uniforms(keys[anywhere], _numbers(len(anywhere)), 3 * n_atoms)
    positions[..., anywhere] = in_sphere(draws.reshape(3, n_atoms, -1)) * radius
    if own.size:
        draws = uniforms(keys[own], _numbers(len(own)), 1 + N_DRAWS + 3 * n_atoms)
        groups = (draws[0] * len(GROUPS)).astype(np.int32)
        positions[..., own] = symmetric_positions(groups, draws[1:], n_atoms, radius, length, together)
    return positions


def _numbers(n: int) -> np.ndarray:
    """The counters (n,) of the numbers that chains draw before they have hopped; hops count from 0."""
    return np.full(n, 2**63, np.uint64)


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
    known = _parsed(formula)
    if known is None:
        near = re.sub("[A-Za-z]+", _capital, formula)
        meant = f"did you mean {near}? " if _parsed(near) else ""
        raise UsageError(f"'{formula}' is not a chemical formula: {meant}write one as Au38, Ag20Cu18 or X38")
    if sum(known.count().values()) > _MOST:
        raise UsageError(f"{formula} has more than {_MOST:,} atoms: ask for fewer")
    return Atoms(known).get_chemical_symbols()


def _parsed(formula: str) -> Formula | None:
    """The formula, LJ meaning X; None for text that is none, and for one without atoms."""
    try:
        known = Formula(re.sub(r"^LJ(?=\d*$)", "X", formula))
        counts = known.count()
        return known if sum(counts.values()) and {*counts} <= {*chemical_symbols} else None
    except (ValueError, KeyError):
        return None


def _capital(letters: re.Match) -> str:
    return "LJ" if letters[0].lower() == "lj" else letters[0].capitalize()
