"""The first weights of a network potential: the best pair potential, and a random perceptron beside it."""

import numpy as np

from clusteropt.fitting.samples import Examples
from clusteropt.fitting.shapes import Shapes, fans
from clusteropt.problems.weights import Weights, side_by_side

_SMALL = 0.1  # the first output of the perceptron, beside the pair potential
_RIDGE = 1e-6


def first_weights(given: dict[str, np.ndarray], shapes: Shapes, count: int, seed: int) -> Weights:
    """Networks (numpy, float64) of the `given` tables, random matrices and zeros; network k follows from the seed and k alone.

    Beside a pair potential the perceptron has a small output.
    """
    columns, keys = [], []
    for k in range(count):
        rng = np.random.default_rng([seed, 7, k])
        columns.append(_flat(rng, given, shapes))
        keys.append(rng.integers(2**32, dtype=np.uint32))
    return side_by_side(columns, keys, fans(shapes))


def _flat(rng: np.random.Generator, given: dict[str, np.ndarray], shapes: Shapes) -> np.ndarray:
    last = [name for name, _ in shapes if name.startswith("matrix")][-1]
    parts = []
    for name, shape in shapes:
        size = 1 / np.sqrt(shape[-1]) if name.startswith("matrix") else 0.0
        size *= _SMALL if name == last and "pair" in given else 1.0
        parts.append(given[name] if name in given else rng.normal(size=shape) * size)
    return np.concatenate([np.ravel(part) for part in parts])


def best_pair_potential(examples: Examples, shape: tuple[int, ...], force_weight: float) -> dict[str, np.ndarray]:
    """The pair part of that shape (n_elements, n_radial), and the offsets (n_elements,), with the least squared errors."""
    training = Examples(*map(np.asarray, examples))  # type: ignore[arg-type]
    n_elements, n_radial = shape
    mine = [(training.mask & (training.species == s)) for s in range(n_elements)]
    per_atom = 1 / training.mask.sum(1)
    sums = [np.einsum("na,nad->nd", m, training.x[:, :, :n_radial]) for m in mine]
    rows = np.concatenate([*sums, np.stack([m.sum(1) for m in mine], 1)], 1) * per_atom[:, None]
    targets = training.energies * per_atom
    if training.changes.shape[1] and force_weight and training.known.any():
        weight = np.sqrt(force_weight * per_atom / 3 / training.changes.shape[1]) * training.known
        slopes = [np.einsum("na,nrad->nrd", m, training.changes[..., :n_radial]) for m in mine]
        table = np.concatenate([*slopes, np.zeros((*slopes[0].shape[:2], n_elements))], 2) * weight[:, None, None]
        rows = np.concatenate([rows, table.reshape(-1, rows.shape[1])])
        targets = np.concatenate([targets, (training.slopes * weight[:, None]).ravel()])
    rows = rows.astype(np.float64)
    ridge = _RIDGE * np.trace(rows.T @ rows) / len(rows.T)
    found = np.linalg.solve(rows.T @ rows + ridge * np.eye(len(rows.T)), rows.T @ targets)
    return {"pair": found[:-n_elements].reshape(shape), "offset": found[-n_elements:]}
