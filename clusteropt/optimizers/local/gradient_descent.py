"""Gradient descent with the step length of J. Barzilai and J. M. Borwein, IMA J. Numer. Anal. 8, 141 (1988),
doi:10.1093/imanum/8.1.141: minus the gradient times s.s / s.y, from the last step s and gradient change y.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from clusteropt.optimizers.base import Optimizer, shortening
from clusteropt.problems.base import Batch, Scale
from clusteropt.problems.units import dot, over_units

_FIRST_STEP = 0.005  # of the gradient, in length^2/energy
_LONGEST = 0.1  # step of a unit, in lengths


class GradientDescentState(NamedTuple):
    step: Array  # (n_components, n_units, n_lanes), the last one
    gradient: Array  # (n_components, n_units, n_lanes), before it


def gradient_descent(scale: Scale) -> Optimizer:
    """Steepest descent; the step length comes from the last two gradients."""
    first = _FIRST_STEP * scale.length**2 / scale.energy

    def init(batch: Batch) -> GradientDescentState:
        zero = jnp.zeros_like(batch.positions)
        return GradientDescentState(zero, zero)

    def update(
        gradient: Array, state: GradientDescentState, batch: Batch, energies: Array
    ) -> tuple[Array, GradientDescentState]:
        def products(s: Array, old: Array, g: Array) -> tuple[Array, ...]:
            return dot(s, s, -2), dot(s, g - old, -2), dot(g, g, -2)

        ss, sy, longest2 = over_units(products, state.step, state.gradient, gradient, largest=1)
        convex = sy > 0
        rate = jnp.where(convex, ss / jnp.where(convex, sy, 1), first)
        step = -gradient * (rate * shortening(longest2 * rate * rate, _LONGEST * scale.length))
        return step, GradientDescentState(step, gradient)

    return Optimizer(init, update)
