"""The symmetry operations of a cluster: all rotations and reflections that map it onto itself, within a tolerance.

An operation about the centre is known from the images of two atoms that do not lie on one line with it, and from its
determinant. So two atoms with few possible images are chosen, and all pairs of images at the same distance are tried.
"""

from typing import NamedTuple

import numpy as np

_WIDE = 0.3  # an atom that a first guess of an operation maps farther away than this has no image, in lengths
_BROAD = 0.3  # the least area that the two atoms span with the centre, relative to the largest
_AT_ONCE = 2**17  # distances of mapped atoms that are in memory at a time


class Operations(NamedTuple):
    """Operations of a cluster, the one with the smallest error first."""

    matrices: np.ndarray  # (n_operations, 3, 3) orthogonal
    images: np.ndarray  # (n_operations, n_atoms) int, the atom that each atom is mapped onto
    errors: np.ndarray  # (n_operations,) largest distance of a mapped atom from its image
    frame: tuple[int, int]  # two atoms whose images, with the determinant, tell the operations apart


def operations_of(places: np.ndarray, species: np.ndarray, length: float, tolerance: float) -> Operations:
    """All operations that map atoms onto atoms of their species, none farther from its image than three times the `tolerance`.

    places: (n_atoms, 3), seen from their centre and not all on one line; `length` is the nearest-neighbour distance. Atoms that
    are each `tolerance` away from their symmetric places are up to twice as far from images, and the fit adds to that.
    """
    radii = np.linalg.norm(places, axis=1)
    alike = (species[:, None] == species) & (np.abs(radii[:, None] - radii) <= 2 * tolerance)
    frame = _frame(places, alike.sum(1))
    guesses = _guesses(places, alike, frame, 4 * tolerance)
    others = np.where(species[:, None] == species, (places * places).sum(-1), np.inf)
    block = max(1, _AT_ONCE // len(places) ** 2)
    found = [
        _fitted(guesses[k : k + block], places, others, _WIDE * length, 3 * tolerance)
        for k in range(0, len(guesses), block)
    ]
    matrices, images, errors = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(errors, kind="stable")
    return _distinct(Operations(matrices[order], images[order], errors[order], frame))


def _frame(places: np.ndarray, n_alike: np.ndarray) -> tuple[int, int]:
    """The two atoms with the fewest possible images among those that span a broad triangle with the centre."""
    area2 = (np.cross(places[:, None], places) ** 2).sum(-1)
    work = np.where(area2 >= _BROAD**2 * area2.max(), np.multiply.outer(n_alike, n_alike).astype(float), np.inf)
    a, b = np.unravel_index(np.argmin(work), work.shape)
    return int(a), int(b)


def _guesses(places: np.ndarray, alike: np.ndarray, frame: tuple[int, int], slack: float) -> np.ndarray:
    """The matrices (n_guesses, 3, 3) that take the frame to two atoms as far apart, one of each determinant."""
    a, b = frame
    apart = np.linalg.norm(places[a] - places[b])
    first, second = (np.flatnonzero(alike[k]) for k in frame)
    distances = np.linalg.norm(places[first][:, None] - places[second], axis=-1)
    i, j = np.nonzero(np.abs(distances - apart) <= slack)
    pairs = np.stack([places[first[i]], places[second[j]]], 1)
    area = np.linalg.norm(np.cross(pairs[:, 0], pairs[:, 1]), axis=-1)
    pairs = pairs[area > 0.1 * np.linalg.norm(np.cross(places[a], places[b]))]
    start, ends = _axes(places[[a, b]][None])[0], _axes(pairs)
    mirrored = ends * np.array([1, 1, -1])  # columns are axes
    return np.concatenate([ends @ start.T, mirrored @ start.T])


def _axes(pairs: np.ndarray) -> np.ndarray:
    """Orthonormal axes (n, 3, 3), in columns, of pairs (n, 2, 3) of places: the last is normal to both."""
    a, b = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (pairs[:, 0], pairs[:, 1]))
    x, y = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (a + b, a - b))  # so both share the error
    return np.stack([x, y, np.cross(x, y)], -1)


def _fitted(
    guesses: np.ndarray, places: np.ndarray, others: np.ndarray, wide: float, most: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Matrices, images and errors of the guesses that are operations, each fitted to all atoms."""
    images, errors = _matched(guesses, places, others)
    near = errors <= wide
    matrices = closest_rotations(_overlaps(places, images[near]), np.linalg.det(guesses[near]))
    images, errors = _matched(matrices, places, others)
    whole = (np.sort(images, axis=1) == np.arange(len(places))).all(1) & (errors <= wide)
    matrices = closest_rotations(_overlaps(places, images[whole]), np.linalg.det(matrices[whole]))
    errors = _errors(matrices, places, images[whole])
    good = errors <= most
    return matrices[good], images[whole][good], errors[good]


def _matched(matrices: np.ndarray, places: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each matrix the nearest atom of its species to every mapped atom, and the largest of these distances."""
    mapped = -2 * (places @ matrices.transpose(0, 2, 1))
    distances = others + mapped[..., :1] * places[:, 0]  # squared, but for a number that is the same for an atom
    for k in (1, 2):
        distances += mapped[..., k : k + 1] * places[:, k]
    images = distances.argmin(-1)
    return images, _errors(matrices, places, images)


def _errors(matrices: np.ndarray, places: np.ndarray, images: np.ndarray) -> np.ndarray:
    mapped = places @ matrices.transpose(0, 2, 1)
    return np.sqrt(((mapped - places[images]) ** 2).sum(-1).max(-1, initial=0))  # type: ignore[no-any-return]


def _overlaps(places: np.ndarray, images: np.ndarray) -> np.ndarray:
    return places[images].transpose(0, 2, 1) @ places  # type: ignore[no-any-return]


def closest_rotations(matrices: np.ndarray, determinants: np.ndarray) -> np.ndarray:
    """The orthogonal matrices (n, 3, 3) of the given determinants' signs that are closest to the `matrices` (n, 3, 3).

    W. Kabsch, Acta Cryst. A 32, 922 (1976), doi:10.1107/S0567739476001873.
    """
    u, _, vt = np.linalg.svd(matrices)
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt) * determinants)[:, None]
    return u @ vt  # type: ignore[no-any-return]


def products(found: Operations) -> np.ndarray:
    """The number (n, n) of the operation that equals operation g after operation h; n where that is not among them."""
    own, order = _keys(found), np.argsort(_keys(found))
    a, b = (found.images[:, k] for k in found.frame)
    proper = np.linalg.det(found.matrices) > 0
    wanted = _key(found.images[:, a], found.images[:, b], proper[:, None] == proper)
    places = np.minimum(np.searchsorted(own[order], wanted), len(own) - 1)
    return np.where(own[order][places] == wanted, order[places], len(own))


def _keys(found: Operations) -> np.ndarray:
    """A number for each operation, by which they differ."""
    a, b = (found.images[:, k] for k in found.frame)
    return _key(a, b, np.linalg.det(found.matrices) > 0)


def _key(first: np.ndarray, second: np.ndarray, proper: np.ndarray) -> np.ndarray:
    return (first * 2**30 + second) * 2 + proper  # type: ignore[no-any-return]


def _distinct(found: Operations) -> Operations:
    _, first = np.unique(_keys(found), return_index=True)
    first = np.sort(first)
    return Operations(found.matrices[first], found.images[first], found.errors[first], found.frame)
