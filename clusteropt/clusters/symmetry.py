"""The point groups of random symmetric structures, as matrices."""

from functools import cache

import numpy as np

GROUPS = ("C2", "Cs", "C3", "C5", "C2v", "C3v", "C5v", "D2", "D3", "D5", "D3h", "D3d", "D5h", "D5d", "T", "Td", "O")


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
