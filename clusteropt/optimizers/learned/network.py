"""The network: a multilayer perceptron that treats every atom (or coordinate) by itself, with the same numbers theta.

theta is one vector, so that evolution strategies can perturb it; `shapes` says how it is laid out. Features come first and
lanes last, so that a layer is one matrix product for all atoms of all clusters.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.optimizers.learned.features import softsign
from clusteropt.optimizers.learned.settings import LearnedSettings

_LAST = 0.3  # spread of the first weights of the last layer, over that of the others: theta starts near plain descent


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


def apply(theta: Array, layers: list[tuple[int, int]], inputs: Array) -> Array:
    """Outputs (n_outputs, n_columns) for inputs (n_inputs, n_columns)."""
    x, first = inputs, 0
    for k, (out, width) in enumerate(layers):
        weights = jax.lax.dynamic_slice_in_dim(theta, first, out * width).reshape(out, width)
        biases = jax.lax.dynamic_slice_in_dim(theta, first + out * width, out)
        first += out * (width + 1)
        x = weights @ x + biases[:, None]
        if k < len(layers) - 1:
            x = softsign(x)
    return x


def learned_factors(theta: Array, settings: LearnedSettings) -> dict[str, Array | float]:
    """alpha, beta and gamma: as set, times the exponential of their number in theta where they are learned."""
    values: dict[str, Array | float] = {name: getattr(settings, name) for name in ("alpha", "beta", "gamma")}
    for k, name in enumerate(settings.learned):
        values[name] = values[name] * jnp.exp(theta[theta.shape[0] - len(settings.learned) + k])
    return values
