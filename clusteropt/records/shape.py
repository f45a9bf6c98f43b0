"""What a cluster looks like in numbers: distances between its atoms, neighbours, which atoms lie on its surface."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from scipy.spatial.distance import cdist, pdist, squareform

_NEAR = 1.2  # nearest-neighbour distances, between the first shell of close-packed atoms at 1 and the second at 1.41
_TOUCHING = 0.9  # nearest-neighbour distances that an atom from outside keeps from all others
_DIRECTIONS = 200  # in which it may touch


def spacing(positions: np.ndarray) -> float:
    """The median over the atoms (n, 3) of the distance to the nearest other one, in their unit; 0 for a single atom."""
    if len(positions) < 2:
        return 0.0
    apart = squareform(pdist(positions))
    np.fill_diagonal(apart, np.inf)
    return float(np.median(apart.min(1)))


def coordination(positions: np.ndarray) -> np.ndarray:
    """(n,) numbers of neighbours within 1.2 of the median nearest-neighbour distance."""
    apart = squareform(pdist(positions))
    return (apart < _NEAR * spacing(positions)).sum(1) - 1


def on_surface(positions: np.ndarray) -> np.ndarray:
    """(n,) True for atoms that another atom could touch from outside, without coming nearer than 0.9 spacings to any other."""
    length = spacing(positions)
    if not length:
        return np.ones(len(positions), bool)
    around, found = length * _sphere(_DIRECTIONS), []
    for k, place in enumerate(positions):
        others = np.delete(positions, k, axis=0)
        others = others[np.linalg.norm(others - place, axis=1) < (1 + _TOUCHING) * length]
        probes = place + around
        found.append(len(others) == 0 or bool((cdist(probes, others).min(1) >= _TOUCHING * length).any()))
    return np.array(found)


def _sphere(count: int) -> np.ndarray:
    """(count, 3) unit vectors, spread evenly over a sphere along a spiral."""
    heights = 1 - (2 * np.arange(count) + 1) / count
    turns = np.pi * (1 + 5**0.5) * np.arange(count)
    radii = np.sqrt(1 - heights**2)
    return np.stack([radii * np.cos(turns), radii * np.sin(turns), heights], axis=1)


def from_centre(positions: np.ndarray) -> np.ndarray:
    """(n,) distances of the atoms from their centroid."""
    return np.linalg.norm(positions - positions.mean(0), axis=1)


def pair_distances(symbols: Sequence[str], positions: np.ndarray) -> dict[str, np.ndarray]:
    """The distances of all pairs by their elements, such as Ag-Ag, Ag-Au and Au-Au; each pair once."""
    kinds, apart = np.array(symbols), squareform(pdist(positions))
    found = {}
    for a, b in combinations_with_replacement(sorted({*symbols}), 2):
        block = apart[np.ix_(kinds == a, kinds == b)]
        found[f"{a}-{b}"] = block[np.triu_indices(len(block), 1)] if a == b else block.ravel()
    return {name: values for name, values in found.items() if len(values)}


def smoothed(distances: np.ndarray, grid: np.ndarray, width: float) -> np.ndarray:
    """(n_grid,) the number of distances for each unit of length: a Gaussian of that standard deviation for each of them."""
    counts, edges = np.histogram(distances, bins=2000, range=(0, float(grid[-1]) + 5 * width))
    places = (edges[1:] + edges[:-1]) / 2
    weights = np.exp(-0.5 * ((grid[:, None] - places) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return weights @ counts  # type: ignore[no-any-return]
