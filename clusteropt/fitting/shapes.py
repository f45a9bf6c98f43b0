"""The weights of a network potential by name: as one vector, and as tables."""

from itertools import pairwise

import numpy as np
from jax import Array

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


def unflattened(weights: Array, shapes: Shapes) -> dict[str, Array]:
    """The weights (n_weights,) as tables by name."""
    found, first = {}, 0
    for name, shape in shapes:
        size = int(np.prod(shape))
        found[name] = weights[first : first + size].reshape(shape)
        first += size
    return found


def fans(shapes: Shapes) -> np.ndarray:
    """`Weights.fan` of one network (n_weights,)."""
    sums = {"pair": 1, "matrix": 2}  # axes of a table that name elements or outputs, before those that are added up
    return np.concatenate(
        [
            np.full(int(np.prod(shape)), float(np.prod(shape[sums[kind] :])) if kind in sums else 0.0)
            for kind, shape in ((name.split()[0], shape) for name, shape in shapes)
        ]
    )


def shapes_of(n_elements: int, n_radial: int, n_descriptors: int, widths: tuple[int, ...]) -> Shapes:
    """The tables of weights: the pair part, offsets, and the perceptron, see `potentials.forms.network`."""
    sizes = (n_descriptors, *widths, 1)
    found: list[tuple[str, tuple[int, ...]]] = [("pair", (n_elements, n_radial)), ("offset", (n_elements,))]
    for k, (width, out) in enumerate(pairwise(sizes)):
        found += [(f"matrix {k}", (n_elements, out, width)), (f"biases {k}", (n_elements, out))]
    return tuple(found)
