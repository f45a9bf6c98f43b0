"""Problems whose inner parameters are the weights of a network: the objective is the error on examples.

Every evaluation draws a minibatch of the training examples, which follows from the instance's key and the number of the step. So
the objective is noisy, and a run can be repeated. `outcome`, by which a meta-training judges, is the error on held-out examples.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.problems.base import Problem, Scale

_LENGTH = 0.1  # the unit of weights, which sets the scale of steps
_RADIUS = 3.0  # in this unit, the usual size of a weight: 1 / sqrt(n_inputs) is 0.3 for eleven inputs
_TINY = 1e-4  # an error so small is none


class Weights(NamedTuple):
    """The weights of networks side by side; the last axis counts networks. Weights are units of one component."""

    positions: Array  # (1, n_weights, n_networks)
    mask: Array  # (n_weights, n_networks) bool
    free: Array  # (n_weights, n_networks) bool
    keys: Array  # (n_networks,) uint32, of the minibatches
    n_steps: Array  # (n_networks,) int32, steps so far
    fan: Array  # (n_weights, n_networks), values that are added up where a weight acts; 0 for a bias


def side_by_side(columns: list[np.ndarray], keys: list[np.integer], fan: np.ndarray) -> Weights:
    """Networks before their first step, from the weights (n_weights,) and the key of each; all have the same fan (n_weights,)."""
    positions, count = np.stack(columns, -1)[None], len(columns)
    everywhere, fans = np.ones(positions.shape[1:], bool), np.repeat(fan[:, None], count, 1)
    return Weights(positions, everywhere, everywhere, np.array(keys), np.zeros(count, np.int32), fans)  # type: ignore[arg-type]


class WeightsProblem(Problem):
    """A problem of weights. A subclass has examples, draws minibatches of them, and gives the error on examples."""

    training: Any  # examples, a pytree
    held_out: Any  # likewise

    ceiling = 7.0  # of the logarithm

    def minibatch(self, key: Array, n_steps: Array) -> Any:
        """The training examples that follow from key () uint32 and step () int32."""
        raise NotImplementedError

    def error_on(self, weights: Array, examples: Any) -> Array:
        """The error () of one network (n_weights,) on examples."""
        raise NotImplementedError

    def first(self, count: int, seed: int) -> Weights:
        """Random networks (numpy, float64). Network k follows from the seed and k alone."""
        raise NotImplementedError

    def hits(self, weights: Array, examples: Any) -> Array:
        """The fraction (n_networks,) of examples whose class is the likeliest; NaN where examples have no classes."""
        return jnp.full(weights.shape[-1], jnp.nan)

    def errors(self, weights: Array, examples: Any) -> Array:
        """The errors (n_networks,) of weights (n_weights, n_networks) on all of the examples."""
        return jax.vmap(lambda own: self.error_on(own, examples), -1)(weights)

    def energies_and_gradient(self, batch: Any) -> tuple[Array, Array]:
        """The error on a minibatch, as the energy of the first weight, and its gradient (1, n_weights, n_networks)."""
        weights = jnp.where(batch.mask, batch.positions[0], 0)

        def one(own: Array, key: Array, n_steps: Array) -> tuple[Array, Array]:
            return jax.value_and_grad(self.error_on)(own, self.minibatch(key, n_steps))

        errors, gradient = jax.vmap(one, (-1, 0, 0), (0, -1))(weights, batch.keys, batch.n_steps)
        first = jnp.arange(weights.shape[0], dtype=jnp.int32)[:, None] == 0
        return jnp.where(first, errors, 0), jnp.where(batch.mask, gradient, 0)[None]

    def outcome(self, batch: Any, energies: Array) -> Array:
        """The logarithm of the error (n_networks,) on the held-out examples, so that tasks of all errors count alike."""
        return jnp.log(self.errors(batch.positions[0], self.held_out) + _TINY)

    @property
    def scale(self) -> Scale:
        """Steps in a tenth; errors as they are, which is about 1 for first weights."""
        return Scale(_LENGTH, 1.0)

    def moved(self, batch: Any, displacement: Array, lanes: Array) -> Any:
        """The batch after a step; the next evaluation has another minibatch."""
        after = super().moved(batch, displacement, lanes)
        return after._replace(n_steps=batch.n_steps + lanes.astype(jnp.int32))

    def place(self, batch: Any) -> Array:
        """The weights, in tenths."""
        return batch.positions / _LENGTH

    def radius(self, batch: Any) -> Array:
        """The usual size of a weight, in tenths."""
        return jnp.full(batch.mask.shape[-1], _RADIUS, batch.positions.dtype)
