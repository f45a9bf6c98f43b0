"""Doubts about a structure: wrong units, a periodic box around a cluster, a saddle point in place of a minimum."""

import warnings
from collections.abc import Iterable

import numpy as np
from ase import Atoms

from clusteropt.clusters.boxes import vacuum
from clusteropt.potentials.base import Potential
from clusteropt.potentials.form import form_of
from clusteropt.problems.clusters import SAME_PLACE

# The limits of the median nearest-neighbour distance, in lengths of the potential, beyond which the units are doubtful. The
# closer limits hold where all atoms have about the same nearest-neighbour distance, as in a relaxed cluster.
_FAR = (0.33, 3.0)
_ORDERED_FAR = (0.57, 1.75)
_SPREAD = 1.2  # quotient of the 90 % and 10 % quantiles of that distance, below which a cluster counts as relaxed
_FLAT = 1e-3  # root mean square distance of the atoms from a line or plane, in lengths, below which they lie in it
_MOST_IN_A_BOX = 1000  # atoms of the largest box that is checked, because the check visits every pair
_FEWEST = 5  # atoms that a relaxed cluster has at least


def warn_caller(doubt: str) -> None:
    """Warns the caller of the calling function (a Python warning), unless `doubt` is empty."""
    if doubt:
        warnings.warn(doubt, stacklevel=3)


def of_saddles(who: str, count: int, kinds: Iterable[str]) -> str:
    """A warning about `count` structures that have converged planar or linear, as `kinds` says; `who` names them."""
    what = f"{' or '.join(sorted(kinds))} and may be"
    if count == 1:
        return f"{who} is {what} a saddle point: --perturb 0.05 leaves it"
    return f"{who} are {what} saddle points: --perturb 0.05 leaves them"


def of_units(atoms: Atoms, potential: Potential) -> str:
    """A doubt where the nearest-neighbour distances are about half or twice the potential's length, or further off.

    Empty otherwise, and where two atoms are at one place. Random starts get wider limits, because their neighbours have any
    distance.
    """
    distances = _nearest(atoms)
    if not distances.size or distances.min() < SAME_PLACE * potential.length:
        return ""
    low, typical, high = np.quantile(distances, [0.1, 0.5, 0.9])
    ordered = len(atoms) >= _FEWEST and high < _SPREAD * low
    least, most = (limit * potential.length for limit in (_ORDERED_FAR if ordered else _FAR))
    if least < typical < most:
        return ""
    return (
        f"neighbours are typically {typical:.3g} {potential.length_unit} apart, but {potential.name} has a length of "
        f"{potential.length:.3g}: check the units"
    )


def of_distances(positions: np.ndarray, potential: Potential) -> str:
    """A doubt where distances lie outside the range that the numbers of the potential were fitted to; empty otherwise.

    positions: (n_atoms, 3). Distances beyond the cutoff do not count; nor do periodic images.
    """
    seen = form_of(potential.form).seen
    if seen is None or not 2 <= len(positions) <= _MOST_IN_A_BOX or not np.isfinite(positions).all():
        return ""
    from scipy.spatial.distance import pdist

    (closest, farthest), cutoff, found = seen(potential.parameters), potential.cutoff or np.inf, pdist(positions)
    unit, slack = potential.length_unit, 1e-3 * potential.length
    range_of = f"{potential.name} was fitted to distances of {closest:.3f} to {farthest:.3f} {unit}"
    if found.min() < closest - slack:
        return f"two atoms are {found.min():.3f} {unit} apart, and {range_of}"
    inside = found[found < cutoff]
    if farthest < cutoff and inside.size and inside.max() > farthest + slack:
        return f"atoms are {inside.max():.3f} {unit} apart, and {range_of}"
    return ""


def in_one_line(found: Iterable[tuple[str, str]]) -> list[str]:
    """A warning with the first of the doubts of `of_distances`, each with its structure, and their number; empty without any."""
    doubtful = [(label, doubt) for label, doubt in found if doubt]
    return [outside(*doubtful[0], len(doubtful))] if doubtful else []


def outside(label: str, doubt: str, count: int) -> str:
    """A warning that `count` structures lie outside the distances of a fit; the first has that label and doubt."""
    others = f" ({count - 1} more likewise)" if count > 1 else ""
    return f"warning: {label}: {doubt}{others}: check the result, or fit to such structures too"


def of_box(atoms: Atoms, potential: Potential) -> str:
    """A remark that a structure in a periodic box is not searched; empty without a box."""
    if not atoms.pbc.all():
        return ""
    wide = vacuum(np.array(atoms.positions), np.array(atoms.cell)) > (potential.cutoff or potential.cohesion_distance)
    cure = "; the vacuum in it is wider than the interaction: --no-box searches the cluster" if wide else ""
    return f"periodic box: local minimization only{cure}"


def of_shape(positions: np.ndarray, length: float) -> str:
    """'linear' for three or more atoms on a line, 'planar' for four or more in a plane, else empty.

    positions: (n_atoms, 3); `length` is the nearest-neighbour distance in the same unit. Local minimization never leaves a line
    or plane, and mostly ends at a saddle point there.
    """
    if len(positions) < 3 or not np.isfinite(positions).all():
        return ""
    extent = np.linalg.svd(positions - positions.mean(0), compute_uv=False) / np.sqrt(len(positions))
    dimensions = int((extent > _FLAT * length).sum())
    return "linear" if dimensions < 2 else "planar" if dimensions == 2 and len(positions) > 3 else ""


def _nearest(atoms: Atoms) -> np.ndarray:
    """(n_atoms,) distances to the nearest neighbour. Empty for one atom, for positions not finite, and in large boxes."""
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
