"""Random structures with the symmetry of a point group.

Many of the best-known minima are symmetric, and far fewer minima can be reached from a random start that is symmetric
(M. T. Oakley, R. L. Johnston and D. J. Wales, Phys. Chem. Chem. Phys. 15, 3965 (2013), doi:10.1039/c3cp44332a).
"""

from functools import cache

import numpy as np

from clusteropt.clusters.arrays import random_positions

GROUPS = ("C2", "Cs", "C3", "C5", "C2v", "C3v", "C5v", "D2", "D3", "D5", "D3h", "D3d", "D5h", "D5d", "T", "Td", "O")
_TRIES = 48  # random points that are tried at a time
_CLOSEST = 0.9  # the smallest allowed distance of two atoms, in lengths of the potential
_WIDER, _WIDEST = 1.04, 1.12  # factor by which a full sphere grows, and the limit relative to `radius`


def symmetric_positions(rng: np.random.Generator, n_atoms: int, radius: float, length: float) -> np.ndarray:
    """(n_atoms, 3) points in a sphere of about `radius`, with the symmetry of a point group that is drawn from GROUPS.

    Orbits of the group are placed one after the other. Atoms that no fitting orbit is left for get random places.
    `radius` and `length` (the nearest-neighbour distance) share a unit with the result.
    """
    group, largest = operations(GROUPS[rng.integers(len(GROUPS))]), _WIDEST * radius
    nearest2 = (_CLOSEST * length) ** 2
    placed = np.zeros((0, 3))
    while len(placed) < n_atoms and radius < largest:
        orbits, n_equal = _orbits(group, random_positions(rng, _TRIES, radius), nearest2)
        sizes = np.where(n_equal > 0, len(group) // np.maximum(n_equal, 1), n_atoms + 1)
        sizes = np.where(_far(orbits[:, 0], placed, nearest2), sizes, n_atoms + 1)
        while (fitting := np.flatnonzero(sizes <= n_atoms - len(placed))).size:
            orbit = _distinct(orbits[fitting[0]], length)
            placed = np.concatenate([placed, orbit])
            sizes = np.where(_far(orbits[:, 0], orbit, nearest2), sizes, n_atoms + 1)
        radius *= _WIDER
    return np.concatenate([placed, random_positions(rng, n_atoms - len(placed), radius)])


def _orbits(group: np.ndarray, places: np.ndarray, nearest2: float) -> tuple[np.ndarray, np.ndarray]:
    """The images (n, n_operations, 3) of each point, and the number that coincide with it; 0 where two images are too close.

    A point with images close to it is moved to their middle, which lies on an axis or a mirror plane.
    """
    for _ in range(3):
        near = _squared(_images(group, places), places[:, None]) < nearest2
        places = (_images(group, places) * near[..., None]).sum(1) / near.sum(1)[:, None]
    images = _images(group, places)
    squared = _squared(images, places[:, None])
    equal = squared < 1e-8 * nearest2
    return images, np.where((equal | (squared >= nearest2)).all(1), equal.sum(1), 0)


def _images(group: np.ndarray, places: np.ndarray) -> np.ndarray:
    return (places @ group.transpose(0, 2, 1)).transpose(1, 0, 2)  # type: ignore[no-any-return]


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    d = a - b
    return d[..., 0] * d[..., 0] + d[..., 1] * d[..., 1] + d[..., 2] * d[..., 2]  # type: ignore[no-any-return]


def _far(places: np.ndarray, others: np.ndarray, nearest2: float) -> np.ndarray:
    return (_squared(places[:, None], others[None]) >= nearest2).all(axis=1)  # type: ignore[no-any-return]


def _distinct(images: np.ndarray, length: float) -> np.ndarray:
    same = _squared(images[:, None], images) < (1e-5 * length) ** 2
    return images[same.argmax(1) == np.arange(len(images))]


@cache
def operations(name: str) -> np.ndarray:
    """The matrices (n_operations, 3, 3) of a point group in Schoenflies' notation, main axis along z, identity first."""
    turn, mirror, z, x = _turn, _mirror, (0, 0, 1), (1, 0, 0)
    diagonal = turn((1, 1, 1), 3)
    if name in ("T", "Td", "O"):
        own = {"T": turn(z, 2), "Td": mirror((1, -1, 0)) @ turn(z, 2), "O": turn(z, 4)}[name]
        return _closed([diagonal, own, turn(z, 2)])
    if name == "Cs":
        return _closed([mirror(z)])
    order, ending = int(name[1]), name[2:]
    generators = [turn(z, order)] + ([turn(x, 2)] if name[0] == "D" else [])
    if ending in ("v", "h"):
        generators.append(mirror(x if ending == "v" else z))
    if ending == "d":
        generators.append(turn(z, 2 * order) @ mirror(z))
    return _closed(generators)


def _closed(generators: list[np.ndarray]) -> np.ndarray:
    found = [np.eye(3)]
    for known in found:  # the list grows during the loop
        for generator in generators:
            product = known @ generator
            if not any(np.allclose(product, other) for other in found):
                found.append(product)
    return np.array(found)


def _turn(axis: tuple[int, ...], order: int) -> np.ndarray:
    """The matrix (3, 3) of the rotation around `axis` by 2 pi / order."""
    a = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -a[2], a[1]], [a[2], 0, -a[0]], [-a[1], a[0], 0]])
    angle = 2 * np.pi / order
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _mirror(normal: tuple[int, ...]) -> np.ndarray:
    a = np.array(normal) / np.linalg.norm(normal)
    return np.eye(3) - 2 * np.outer(a, a)
