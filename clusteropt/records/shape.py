"""The shape of a cluster in numbers: distances between its atoms, neighbours, which atoms lie on its surface."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

_NEAR = 1.2  # nearest-neighbour distances, between the first shell of close-packed atoms at 1 and the second at 1.41
_TOUCHING = 0.9  # nearest-neighbour distances that an atom from outside keeps from all others
_DIRECTIONS = 200  # in which it may touch


def spacing(positions: np.ndarray) -> float:
    """The median over the atoms (n, 3) of the distance to the nearest other one, in their unit; 0 for a single atom."""
    return float(np.median(KDTree(positions).query(positions, k=2)[0][:, 1])) if len(positions) > 1 else 0.0


def coordination(positions: np.ndarray) -> np.ndarray:
    """(n,) numbers of neighbours within 1.2 of the median nearest-neighbour distance."""
    near = KDTree(positions).query_ball_point(positions, _NEAR * spacing(positions), return_length=True)
    return np.asarray(near) - 1


def on_surface(positions: np.ndarray) -> np.ndarray:
    """(n,) True for atoms that another atom could touch from outside, without coming nearer than 0.9 spacings to any other."""
    length = spacing(positions)
    if not length:
        return np.ones(len(positions), bool)
    around, tree, found = length * _sphere(_DIRECTIONS), KDTree(positions), []
    for k, near in enumerate(tree.query_ball_point(positions, (1 + _TOUCHING) * length)):
        others = positions[[other for other in near if other != k]]
        probes = positions[k] + around
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


def pair_distances(symbols: Sequence[str], positions: np.ndarray, reach: float) -> dict[str, np.ndarray]:
    """The distances of all pairs up to `reach` by their elements, such as Ag-Ag, Ag-Au and Au-Au; each pair once."""
    pairs, kinds = KDTree(positions).query_pairs(reach, output_type="ndarray"), np.array(symbols)
    first, second = np.sort(pairs, axis=1).T
    apart = np.linalg.norm(positions[first] - positions[second], axis=1)
    found = {}
    for a, b in combinations_with_replacement(sorted({*symbols}), 2):
        here = ((kinds[first] == a) & (kinds[second] == b)) | ((kinds[first] == b) & (kinds[second] == a))
        found[f"{a}-{b}"] = np.sort(apart[here])
    return {name: values for name, values in found.items() if len(values)}


def smoothed(distances: np.ndarray, grid: np.ndarray, width: float) -> np.ndarray:
    """(n_grid,) the number of distances for each unit of length: a Gaussian of that standard deviation for each of them."""
    counts, edges = np.histogram(distances, bins=2000, range=(0, float(grid[-1]) + 5 * width))
    places = (edges[1:] + edges[:-1]) / 2
    weights = np.exp(-0.5 * ((grid[:, None] - places) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return weights @ counts  # type: ignore[no-any-return]
