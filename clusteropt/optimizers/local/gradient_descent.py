"""Gradient descent with the step length of J. Barzilai and J. M. Borwein, IMA J. Numer. Anal. 8, 141 (1988),
doi:10.1093/imanum/8.1.141: minus the gradient times s.s / s.y, from the last step s and gradient change y.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.optimizers.base import Optimizer, Scale, dot, over_atoms, shortening

_FIRST_STEP = 0.005  # of the gradient, in length^2/energy
_LONGEST = 0.1  # step of an atom, in lengths


class GradientDescentState(NamedTuple):
    step: Array  # (3, n_atoms, n_clusters), the last one
    gradient: Array  # (3, n_atoms, n_clusters), before it


def gradient_descent(scale: Scale) -> Optimizer:
    """Steepest descent; the step length comes from the last two gradients."""
    first = _FIRST_STEP * scale.length**2 / scale.energy

    def init(clusters: Clusters) -> GradientDescentState:
        zero = jnp.zeros_like(clusters.positions)
        return GradientDescentState(zero, zero)

    def update(
        gradient: Array, state: GradientDescentState, clusters: Clusters, energies: Array
    ) -> tuple[Array, GradientDescentState]:
        def products(s: Array, old: Array, g: Array) -> tuple[Array, ...]:
            return dot(s, s), dot(s, g - old), dot(g, g)

        ss, sy, longest2 = over_atoms(products, state.step, state.gradient, gradient, largest=1)
        convex = sy > 0
        rate = jnp.where(convex, ss / jnp.where(convex, sy, 1), first)
        step = -gradient * (rate * shortening(longest2 * rate * rate, _LONGEST * scale.length))
        return step, GradientDescentState(step, gradient)

    return Optimizer(init, update)
