"""What problems share whose inner parameters are the weights of a network: every step draws a minibatch."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from clusteropt.problems.base import Problem, Scale

_LENGTH = 0.1  # a usual weight, which sets the scale of steps
_USUAL = 3.0  # usual weights; 1 / sqrt(0.1 n_inputs) and the like lie near it


class Weights(NamedTuple):
    """The weights of networks side by side; the last axis counts networks. Weights are units of one component."""

    positions: Array  # (1, n_weights, n_networks)
    mask: Array  # (n_weights, n_networks) bool
    free: Array  # (n_weights, n_networks) bool
    keys: Array  # (n_networks,) uint32, of the minibatches
    n_steps: Array  # (n_networks,) int32, steps so far
    fan: Array  # (n_weights, n_networks), values that are added up where a weight acts; 0 for a bias


class WeightsProblem(Problem):
    """A problem of weights: a subclass gives the error on a minibatch and its gradient."""

    @property
    def scale(self) -> Scale:
        """Steps in a tenth; errors as they are, which is about 1 for first weights."""
        return Scale(_LENGTH, 1.0)

    def moved(self, batch: Any, displacement: Array, lanes: Array) -> Any:
        """The batch after a step; the next evaluation has another minibatch."""
        after = super().moved(batch, displacement, lanes)
        return after._replace(n_steps=batch.n_steps + lanes.astype(jnp.int32))

    def place(self, batch: Any) -> Array:
        """The weights, in usual weights."""
        return batch.positions / _LENGTH

    def radius(self, batch: Any) -> Array:
        """The usual size of weights, in these units."""
        return jnp.full(batch.mask.shape[-1], _USUAL, batch.positions.dtype)
