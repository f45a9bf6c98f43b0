"""Doubts whether the user means this: units, boxes, and minima that are none."""

import warnings
from collections.abc import Iterable

import numpy as np
from ase import Atoms

from clusteropt.clusters.boxes import vacuum
from clusteropt.potentials.base import Potential

# typical distance to the nearest neighbour, in the potential's lengths, beyond which it is worth a word; and the same where all
# atoms have theirs at about one distance, as in a cluster that was relaxed
_FAR = (0.33, 3.0)
_ORDERED_FAR = (0.57, 1.75)
_SPREAD = 1.2  # quotient of a large and a small nearest-neighbour distance below which that is so
_FLAT = 1e-3  # root mean square distance of atoms from a line or plane, in lengths, below which they lie in it
_MOST_IN_A_BOX = 1000  # atoms of a box that is looked at, pair by pair
_FEWEST = 5  # atoms of such a cluster


def warn_caller(doubt: str) -> None:
    """A Python warning of it, if there is any, to whoever called the function that calls this."""
    if doubt:
        warnings.warn(doubt, stacklevel=3)


def of_saddles(who: str, count: int, kinds: Iterable[str]) -> str:
    """A word on so many structures that have converged in a plane or on a line; `kinds` are planar and linear."""
    what = f"{' or '.join(sorted(kinds))} and may be"
    if count == 1:
        return f"{who} is {what} a saddle point: --perturb 0.05 leaves it"
    return f"{who} are {what} saddle points: --perturb 0.05 leaves them"


def of_units(atoms: Atoms, potential: Potential) -> str:
    """A doubt where the distances of the atoms are not those of the potential: about half, about twice, or further off.

    Random starts have neighbours at any distance, and half the usual one at high density; so they get more leeway.
    """
    distances = _nearest(atoms)
    if not distances.any():
        return ""
    low, typical, high = np.quantile(distances, [0.1, 0.5, 0.9])
    ordered = len(atoms) >= _FEWEST and high < _SPREAD * low
    least, most = (limit * potential.length for limit in (_ORDERED_FAR if ordered else _FAR))
    if least < typical < most:
        return ""
    return (
        f"neighbours are typically {typical:.3g} {potential.length_unit} apart, and {potential.name} has a length of "
        f"{potential.length:.3g}: are the units right?"
    )


def of_box(atoms: Atoms, potential: Potential) -> str:
    """A remark on a structure in a periodic box that was to be searched; empty without a box."""
    if not atoms.pbc.all():
        return ""
    wide = vacuum(np.array(atoms.positions), np.array(atoms.cell)) > (potential.cutoff or potential.cohesion_distance)
    cure = "; the vacuum in it is wider than the interaction: --no-box searches the cluster" if wide else ""
    return f"periodic box: local minimization only{cure}"


def of_shape(positions: np.ndarray, length: float) -> str:
    """'linear' for three or more atoms on a line, 'planar' for four or more in a plane, else empty; `length` between neighbours.

    Local minimization does not leave a line or a plane in which it starts, and what it finds there is mostly a saddle point.
    """
    if len(positions) < 3 or not np.isfinite(positions).all():
        return ""
    extent = np.linalg.svd(positions - positions.mean(0), compute_uv=False) / np.sqrt(len(positions))
    dimensions = int((extent > _FLAT * length).sum())
    return "linear" if dimensions < 2 else "planar" if dimensions == 2 and len(positions) > 3 else ""


def _nearest(atoms: Atoms) -> np.ndarray:
    """(n_atoms,) distances to the nearest neighbour; none for one atom, for no numbers, and in large boxes."""
    from scipy.spatial import KDTree

    positions = np.array(atoms.positions)
    if len(positions) < 2 or not np.isfinite(positions).all():
        return np.zeros(0)
    if not atoms.pbc.all():
        return KDTree(positions).query(positions, 2)[0][:, 1]
    if len(positions) > _MOST_IN_A_BOX or not abs(np.linalg.det(np.array(atoms.cell))) > 0:
        return np.zeros(0)
    distances = atoms.get_all_distances(mic=True)
    np.fill_diagonal(distances, np.inf)
    return distances.min(1)
