"""Inner neural networks: the inner parameters are the weights of a multilayer perceptron, the objective its error on examples."""

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.problems.draws import scrambled
from clusteropt.problems.weights import Weights, WeightsProblem, side_by_side


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
    error: str = field(default="squared", metadata={"static": True})  # or "cross-entropy"
    n_batch: int = field(default=32, metadata={"static": True})  # examples in a minibatch

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of values in every layer, inputs and outputs included."""
        return self.training.inputs.shape[1], *self.widths, self.training.targets.shape[1]

    @property
    def n_weights(self) -> int:
        """The number of inner parameters."""
        return sum(out * (width + 1) for width, out in zip(self.sizes[:-1], self.sizes[1:], strict=True))

    def hits(self, weights: Array, examples: Examples) -> Array:
        """The fraction (n_networks,) of examples whose class is the likeliest; NaN where targets are no classes."""
        if self.error != "cross-entropy":
            return super().hits(weights, examples)
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

    def error_on(self, weights: Array, examples: Examples) -> Array:
        """The mean squared error, or the mean cross-entropy ()."""
        found, targets = self.outputs(weights, examples.inputs), examples.targets
        if self.error == "cross-entropy":
            return -(jax.nn.log_softmax(found) * targets).sum(1).mean()
        return ((found - targets) ** 2).mean()

    def minibatch(self, key: Array, n_steps: Array) -> Examples:
        """`n_batch` examples, drawn with replacement."""
        salts = jnp.arange(1, self.n_batch + 1, dtype=jnp.uint32) * np.uint32(0x9E3779B9)
        root = scrambled(key + n_steps.astype(jnp.uint32) * np.uint32(0x85EBCA6B))
        chosen = scrambled(root ^ salts) % np.uint32(self.training.inputs.shape[0])
        return jax.tree.map(lambda array: jnp.asarray(array)[chosen], self.training)

    def first(self, count: int, seed: int) -> Weights:
        """Weights normal with the variance 1 / n_inputs of their layer, biases zero."""
        columns, keys, pairs = [], [], list(zip(self.sizes[:-1], self.sizes[1:], strict=True))
        for k in range(count):
            rng, parts = np.random.default_rng([seed, k]), []
            for width, out in pairs:
                parts += [rng.normal(size=out * width) / np.sqrt(width), np.zeros(out)]
            columns.append(np.concatenate(parts))
            keys.append(rng.integers(2**32, dtype=np.uint32))
        fan = np.concatenate([np.repeat([float(width), 0.0], [out * width, out]) for width, out in pairs])
        return side_by_side(columns, keys, fan)
