"""The network: a multilayer perceptron that treats every atom (or coordinate) by itself, with the same numbers theta.

theta is one vector, so that evolution strategies can perturb it; `shapes` says how it is laid out. Inputs come first and
lanes last, so that a layer is one matrix product for all atoms of all clusters.
"""

from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.optimizers.learned.settings import LearnedSettings

_Numbers = TypeVar("_Numbers", Array, np.ndarray)
_LAST = 0.3  # spread of the last layer's first weights, relative to other layers: theta starts near gradient descent


def shapes(settings: LearnedSettings, n_inputs: int, n_outputs: int) -> list[tuple[int, int]]:
    """(outputs, inputs) of every layer; each has as many biases as outputs."""
    sizes = [n_inputs, *settings.widths, n_outputs]
    return list(zip(sizes[1:], sizes[:-1], strict=True))


def n_numbers(settings: LearnedSettings, n_inputs: int, n_outputs: int) -> int:
    """The length of theta."""
    return sum(out * (inputs + 1) for out, inputs in shapes(settings, n_inputs, n_outputs)) + len(settings.learned)


def first_theta(settings: LearnedSettings, n_inputs: int, n_outputs: int, seed: int) -> np.ndarray:
    """A random theta whose first output, the step against the gradient, is biased to 1."""
    rng, parts = np.random.default_rng(seed), []
    layers = shapes(settings, n_inputs, n_outputs)
    for k, (out, inputs) in enumerate(layers):
        last = k == len(layers) - 1
        parts.append(rng.normal(size=out * inputs) / np.sqrt(inputs) * (_LAST if last else 1))
        parts.append(np.eye(1, out)[0] if last else np.zeros(out))
    return np.concatenate([*parts, np.zeros(len(settings.learned))]).astype(np.float32)


def apply(theta: Array, layers: list[tuple[int, int]], seen: Array, columns: list[int]) -> Array:
    """Outputs (n_outputs, ...) for the values `seen` (n_columns, ...) of the inputs `columns`; all other inputs are zero."""
    (matrix, biases), *others = layers_of(theta, layers)
    # row by row in memory: chosen by `matrix[:, columns]` they would be transposed, and the product slow
    matrix = matrix.ravel()[np.arange(len(biases))[:, None] * matrix.shape[1] + np.array(columns)]
    x = matrix @ seen.reshape(len(columns), -1) + biases[:, None]
    for matrix, biases in others:
        x = matrix @ softsign(x) + biases[:, None]
    return x.reshape(-1, *seen.shape[1:])


def layers_of(theta: _Numbers, layers: list[tuple[int, int]]) -> list[tuple[_Numbers, _Numbers]]:
    """The weights (outputs, inputs) and the biases (outputs,) of every layer."""
    found, first = [], 0
    for out, width in layers:
        middle, last = first + out * width, first + out * (width + 1)
        found.append((theta[first:middle].reshape(out, width), theta[middle:last]))
        first = last
    return found


def softsign(x: Array) -> Array:
    """The activation: x / (1 + |x|)."""
    return x / (1 + jnp.abs(x))


def learned_factors(theta: Array, settings: LearnedSettings) -> dict[str, Array | float]:
    """alpha, beta and gamma: as set, times the exponential of their number in theta where they are learned."""
    values: dict[str, Array | float] = {name: getattr(settings, name) for name in ("alpha", "beta", "gamma")}
    for k, name in enumerate(settings.learned):
        values[name] = values[name] * jnp.exp(theta[theta.shape[0] - len(settings.learned) + k])
    return values
