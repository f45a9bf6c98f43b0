"""The orientation of a cluster in a picture: the same for the same shape, so that clusters side by side can be compared."""

import numpy as np
from ase.utils import rotate

TILT = "12x,-16y"  # towards the viewer, so that atoms in line do not hide each other
_EQUAL = 0.02  # extents whose squares differ by less than this part of the largest are equal
_EVEN = 1e-3  # third moments below this part of the absolute ones are zero


def oriented(positions: np.ndarray) -> np.ndarray:
    """The cluster (n, 3) around its centroid, with its longest principal axis along x and its shortest one along z.

    Axes that symmetry leaves open go through the outermost atoms. Handedness is kept.
    """
    x = np.asarray(positions, float) - np.mean(positions, axis=0)
    return x @ _axes(x).T


def turned(positions: np.ndarray, rotations: str) -> np.ndarray:
    """The positions (n, 3) after rotations one after the other, as ASE writes them: '10x,-20y', degrees around fixed axes.

    Raises ValueError for other text.
    """
    matrix = rotate(rotations) if rotations else np.eye(3)
    if not np.isfinite(matrix).all():
        raise ValueError(f"not angles: {rotations}")
    return positions @ matrix  # type: ignore[no-any-return]


def _axes(x: np.ndarray) -> np.ndarray:
    """The axes, as rows (3, 3)."""
    squares, columns = np.linalg.eigh(x.T @ x)
    long, middle, short = columns.T[::-1]
    equal = np.diff(squares) <= _EQUAL * squares[2]
    if equal.all():  # as in an icosahedron: its outermost atom points upwards
        middle = _outermost(x, np.zeros(3), middle)
        long = _outermost(x, middle, long)
    elif equal[0]:  # a rod
        middle = _outermost(x, long, middle)
    elif equal[1]:  # a disc
        middle = _outermost(x, short, middle)
        long = np.cross(middle, short)
    long, middle = _signed(x, long), _signed(x, middle)
    return np.array([long, middle, np.cross(long, middle)])


def _outermost(x: np.ndarray, axis: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """The direction, across the unit vector `axis`, of the atom that is farthest from it."""
    across = x - np.outer(x @ axis, axis)
    squared = (across * across).sum(1)
    first = across[np.argmax(squared > 0.999 * squared.max())]
    length = np.sqrt(first @ first)
    own = first / length if length > 1e-6 * np.sqrt((x * x).sum()) else otherwise - (otherwise @ axis) * axis
    return own / np.sqrt(own @ own)


def _signed(x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The axis or its opposite: the tail of the atoms, or else the first atom that is off the middle, lies on its side."""
    along = x @ axis
    lean = (along**3).sum()
    if abs(lean) <= _EVEN * (np.abs(along) ** 3).sum():
        lean = along[np.argmax(np.abs(along) > 0.1 * np.abs(along).max())]
    return axis if lean >= 0 else -axis
