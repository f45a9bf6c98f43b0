"""The point group of a cluster, and the cluster made exactly symmetric.

The operations that a cluster has within a tolerance are accepted only if they are closed. Their matrices are then made to
multiply exactly, the atoms are averaged over their images, and the group is named by counting its operations. So a symbol
always holds, and `PointGroup.tolerance` says how well.
"""

from typing import NamedTuple

import numpy as np

from clusteropt.clusters.operations import Operations, closest_rotations, operations_of, products

TOLERANCE = 1e-3  # in lengths: atoms of a converged minimum are closer to their symmetric places
LOOSE = 0.1  # in lengths: atoms that a quench may bring to their symmetric places
_EXACT = 1e-9  # of the largest coordinate: the error of symmetric places
_CUBIC = {(12, 3): "T", (24, 4): "O", (60, 5): "I"}  # by number of rotations and highest order
_ROUNDS = 5  # of making the matrices multiply exactly; each squares the error


class PointGroup(NamedTuple):
    """A point group, and how well a cluster has it."""

    symbol: str  # in Schoenflies' notation: 'Ih', 'D5h', 'C1'; 'Dinfh' and 'Cinfv' of linear clusters, 'Kh' of one atom
    order: int | None  # the number of operations; None where they are infinitely many
    tolerance: float  # the largest displacement of an atom from its symmetric place, in the unit of the positions


class _Symmetric(NamedTuple):
    """A group, and the places (n_atoms, 3), seen from the centre, that have it exactly."""

    group: PointGroup
    places: np.ndarray


def point_group(positions: np.ndarray, species: np.ndarray, length: float, tolerance: float = TOLERANCE) -> PointGroup:
    """The largest point group whose symmetric places no atom is farther from than `tolerance` lengths.

    positions (n_atoms, 3) and `length`, the nearest-neighbour distance, share a unit; species (n_atoms,) are any numbers.
    """
    return _symmetric(positions, species, length, tolerance).group


def symmetrized(positions: np.ndarray, species: np.ndarray, length: float, tolerance: float = LOOSE) -> np.ndarray:
    """The positions (n_atoms, 3), moved to the symmetric places of the largest group within `tolerance` lengths.

    Positions without symmetry stay the same to the last bit. The arguments are those of `point_group`.
    """
    found = _symmetric(positions, species, length, tolerance)
    return positions.copy() if found.group.symbol == "C1" else found.places + positions.mean(0)


def _symmetric(positions: np.ndarray, species: np.ndarray, length: float, tolerance: float) -> _Symmetric:
    places, most = positions - positions.mean(0), tolerance * length
    if len(places) == 1:
        return _Symmetric(PointGroup("Kh", None, 0.0), places)
    straight = _linear(places, species, most)
    if straight.group.tolerance <= most:
        return straight
    return _largest(places, operations_of(places, species, length, most), most)


def _linear(places: np.ndarray, species: np.ndarray, most: float) -> _Symmetric:
    """The cluster with its atoms moved onto a line, and to equal distances from the centre where that moves none too far."""
    axis = np.linalg.svd(places, full_matrices=False)[2][0]
    along = places @ axis
    order = np.argsort(along)
    even = np.empty_like(along)
    even[order] = (along[order] - along[order][::-1]) / 2
    alike = bool((species[order] == species[order][::-1]).all())
    options = [("Dinfh", even), ("Cinfv", along)] if alike else [("Cinfv", along)]
    found = [_made(symbol, None, places, there[:, None] * axis) for symbol, there in options]
    return next((one for one in found if one.group.tolerance <= most), found[-1])


def _made(symbol: str, order: int | None, given: np.ndarray, places: np.ndarray) -> _Symmetric:
    return _Symmetric(PointGroup(symbol, order, float(np.linalg.norm(places - given, axis=1).max())), places)


def _largest(places: np.ndarray, found: Operations, most: float) -> _Symmetric:
    """The group of as many of the operations as are closed and move no atom by more than `most`, the most exact ones first."""
    table = products(found)
    last = np.maximum.accumulate(np.maximum.accumulate(table, 0), 1).diagonal()  # needed by the products of the first
    sizes = np.flatnonzero(last <= np.arange(len(table)))[::-1] + 1  # ends with 1, the identity alone
    groups = (_averaged(places, found.matrices[:n], found.images[:n], table[:n, :n]) for n in sizes)
    return next(one for one, uneven in groups if one.group.tolerance <= most and uneven <= _EXACT)


def _averaged(
    places: np.ndarray, matrices: np.ndarray, images: np.ndarray, table: np.ndarray
) -> tuple[_Symmetric, float]:
    """The cluster averaged over the group, and how far it then is from having it exactly, relative to its size."""
    matrices = _exact(matrices, table)
    there = (places[images] @ matrices).mean(0)
    uneven = np.abs(there @ matrices.transpose(0, 2, 1) - there[images]).max() / np.abs(places).max()
    return _made(named(matrices, table), len(table), places, there), float(uneven)


def _exact(matrices: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The matrices (n, 3, 3), moved so that they multiply exactly as in `table` (n, n).

    Each becomes the mean of what the others say of it (K. Grove, H. Karcher and E. A. Ruh, Math. Ann. 211, 7 (1974),
    doi:10.1007/BF01344138).
    """
    determinants, n = np.linalg.det(matrices), len(matrices)
    for _ in range(_ROUNDS):
        inverses = matrices.transpose(0, 2, 1).reshape(3 * n, 3)
        said = [matrices[row].transpose(1, 0, 2).reshape(3, 3 * n) @ inverses for row in table]
        matrices = closest_rotations(np.array(said), determinants)
    return matrices


def named(matrices: np.ndarray, table: np.ndarray) -> str:
    """The Schoenflies symbol of a finite group, from its matrices (n, 3, 3) and its multiplication table (n, n)."""
    proper = np.linalg.det(matrices) > 0
    n_mirrors = int((~proper & (np.abs(np.trace(matrices, axis1=1, axis2=2) - 1) < 1e-3)).sum())
    inverts = bool((np.trace(matrices, axis1=1, axis2=2) < -3 + 1e-3).any())
    n, axis = int(proper.sum()), int(_orders(table)[proper].max())
    improper = not proper.all()
    if (n, axis) in _CUBIC:
        letter = _CUBIC[n, axis]
        return letter + (("h" if inverts else "d") if improper else "")
    if n == axis:
        return _about_one_axis(axis, n_mirrors, inverts) if improper else f"C{axis}"
    return f"D{axis}" + (("h" if n_mirrors > axis else "d") if improper else "")


def _about_one_axis(axis: int, n_mirrors: int, inverts: bool) -> str:
    """The symbol of a group with improper operations and no rotations but those about one axis."""
    if axis == 1:
        return "Ci" if inverts else "Cs"
    if n_mirrors == 0:
        return f"S{2 * axis}"
    return f"C{axis}" + ("v" if n_mirrors == axis else "h")


def _orders(table: np.ndarray) -> np.ndarray:
    """How often each operation (n,) must be repeated to give the identity."""
    own = np.arange(len(table))
    identity = int(np.flatnonzero((table == own[:, None]).all(0))[0])  # the one whose products change nothing
    power, orders = own.copy(), np.zeros(len(table), int)
    for k in range(1, len(table) + 1):
        orders = np.where((orders == 0) & (power == identity), k, orders)
        power = table[power, own]
    return orders
