"""Inner neural networks: the inner parameters are the weights of a multilayer perceptron, the objective is its error on examples.

Every evaluation draws a minibatch of the training examples, which follows from the instance's key and the number of the step. So
the objective is noisy, and a run can be repeated. `outcome`, by which a meta-training judges, is the error on held-out examples.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.problems.draws import scrambled
from clusteropt.problems.weights import Weights, WeightsProblem

ERRORS = ("cross-entropy", "squared")
_TINY = 1e-4  # an error so small is none


class Examples(NamedTuple):
    """Examples of one task."""

    inputs: Array  # (n_examples, n_inputs)
    targets: Array  # (n_examples, n_outputs): numbers, or 1 for the class and 0 elsewhere


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NetworkProblem(WeightsProblem):
    """The weights of a perceptron with hidden layers of these `widths` and tanh, on training and held-out examples.

    Of each layer the weights are its matrix, row by row, then its biases.
    """

    training: Examples
    held_out: Examples
    widths: tuple[int, ...] = field(metadata={"static": True})
    error: str = field(default="squared", metadata={"static": True})  # one of ERRORS
    n_batch: int = field(default=32, metadata={"static": True})  # examples in a minibatch

    ceiling = 7.0  # of the logarithm

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of values in every layer, inputs and outputs included."""
        return self.training.inputs.shape[1], *self.widths, self.training.targets.shape[1]

    @property
    def n_weights(self) -> int:
        """The number of inner parameters."""
        return sum(out * (width + 1) for width, out in zip(self.sizes[:-1], self.sizes[1:], strict=True))

    def energies_and_gradient(self, batch: Any) -> tuple[Array, Array]:
        """The error on a minibatch, as the energy of the first weight, and its gradient (1, n_weights, n_networks)."""
        inputs, targets = self._minibatch(batch.keys, batch.n_steps)
        weights = jnp.where(batch.mask, batch.positions[0], 0)
        errors, gradient = jax.vmap(jax.value_and_grad(self._error), -1, -1)(weights, inputs, targets)
        first = jnp.arange(weights.shape[0], dtype=jnp.int32)[:, None] == 0
        return jnp.where(first, errors, 0), gradient[None]

    def outcome(self, batch: Any, energies: Array) -> Array:
        """The logarithm of the error (n_networks,) on the held-out examples, so that tasks of all errors count alike."""
        return jnp.log(self.errors(batch.positions[0], self.held_out) + _TINY)

    def errors(self, weights: Array, examples: Examples) -> Array:
        """The error (n_networks,) of weights (n_weights, n_networks) on all of the examples."""
        return jax.vmap(lambda own: self._error(own, examples.inputs, examples.targets), -1)(weights)

    def hits(self, weights: Array, examples: Examples) -> Array:
        """The fraction (n_networks,) of examples whose class is the likeliest."""
        wanted = examples.targets.argmax(1)
        return jax.vmap(lambda own: (self.outputs(own, examples.inputs).argmax(1) == wanted).mean(), -1)(weights)

    def outputs(self, weights: Array, inputs: Array) -> Array:
        """The outputs (n_examples, n_outputs) of one network (n_weights,)."""
        x, first = inputs, 0
        for k, (width, out) in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True)):
            middle, last = first + out * width, first + out * (width + 1)
            x = (jnp.tanh(x) if k else x) @ weights[first:middle].reshape(out, width).T + weights[middle:last]
            first = last
        return x

    def _error(self, weights: Array, inputs: Array, targets: Array) -> Array:
        found = self.outputs(weights, inputs)
        if self.error == "cross-entropy":
            return -(jax.nn.log_softmax(found) * targets).sum(1).mean()
        return ((found - targets) ** 2).mean()

    def _minibatch(self, keys: Array, n_steps: Array) -> tuple[Array, Array]:
        """Inputs and targets (n_batch, ..., n_networks) that follow from key and step."""
        salts = jnp.arange(1, self.n_batch + 1, dtype=jnp.uint32)[:, None] * np.uint32(0x9E3779B9)
        root = scrambled(keys + n_steps.astype(jnp.uint32) * np.uint32(0x85EBCA6B))
        chosen = scrambled(root ^ salts) % np.uint32(self.training.inputs.shape[0])
        return tuple(jnp.moveaxis(jnp.asarray(a)[chosen], 1, -1) for a in self.training)  # type: ignore[return-value]


def first_networks(problem: NetworkProblem, count: int, seed: int) -> Weights:
    """Random networks: weights normal with the variance 1 / n_inputs of their layer, biases zero (numpy, float64).

    Network k follows from the seed and k alone.
    """
    columns, keys, pairs = [], [], list(zip(problem.sizes[:-1], problem.sizes[1:], strict=True))
    for k in range(count):
        rng, parts = np.random.default_rng([seed, k]), []
        for width, out in pairs:
            parts += [rng.normal(size=out * width) / np.sqrt(width), np.zeros(out)]
        columns.append(np.concatenate(parts))
        keys.append(rng.integers(2**32, dtype=np.uint32))
    positions = np.stack(columns, -1)[None]
    fan = np.concatenate([np.repeat([float(width), 0.0], [out * width, out]) for width, out in pairs])
    everywhere, fans = np.ones(positions.shape[1:], bool), np.repeat(fan[:, None], count, 1)
    return Weights(positions, everywhere, everywhere, np.array(keys), np.zeros(count, np.int32), fans)  # type: ignore[arg-type]
