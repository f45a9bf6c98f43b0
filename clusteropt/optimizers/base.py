"""The interface of all optimizers: a pair of pure functions over a batch, in the manner of optax.

`init(batch)` gives a state; `update(gradient, state, batch, energies)` gives the displacement to make, shaped like the gradient
(n_components, n_units, n_lanes), and the next state. An optimizer reads a batch's `positions`, `mask` and `free`, see
`problems.base.Batch`. The energies (n_units, n_lanes) belong to the units, and cost nothing where they are not used. In a state,
the last axis of every array with axes counts lanes; arrays without axes are common to all lanes. So a lane can be handed to
another instance by writing the `init` of that instance into it, and no lane influences another.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.problems.base import Batch

if TYPE_CHECKING:
    import optax

OptimizerState = Any  # a pytree of arrays, each optimizer's own


class Optimizer(NamedTuple):
    """An update rule."""

    init: Callable[[Batch], OptimizerState]
    update: Callable[[Array, OptimizerState, Batch, Array], tuple[Array, OptimizerState]]


def shortening(longest_squared: Array, limit: float) -> Array:
    """The factor, at most 1, that brings a step of squared length `longest_squared` down to `limit`."""
    tiny = jnp.finfo(longest_squared.dtype).tiny
    return jnp.minimum(1, limit * jax.lax.rsqrt(jnp.maximum(longest_squared, tiny)))


def from_optax(transformation: "optax.GradientTransformation") -> Optimizer:
    """An elementwise optax optimizer (adam, rmsprop, ...), with counters of its own for every lane."""
    start, move = jax.vmap(transformation.init, -1, -1), jax.vmap(transformation.update, -1, -1)

    def init(batch: Batch) -> OptimizerState:
        return start(batch.positions)

    def update(gradient: Array, state: OptimizerState, batch: Batch, energies: Array) -> tuple[Any, OptimizerState]:
        return move(gradient, state, batch.positions)

    return Optimizer(init, update)
