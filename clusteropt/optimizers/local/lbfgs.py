"""L-BFGS: J. Nocedal, Math. Comput. 35, 773 (1980), doi:10.1090/S0025-5718-1980-0572855-7.

The direction is the one of the two-loop recursion over the last steps s and gradient changes y. There is no line search but
a check: where the energy rose by more than a tolerance, the step is taken back to a third of its length, from where it
started. The rise is judged from the slopes at both ends of the step, (g_old + g_new).s / 2, which unlike a difference of
energies loses no digits near the minimum (W. W. Hager and H. Zhang, SIAM J. Optim. 16, 170 (2005), doi:10.1137/030601880,
their approximate Wolfe condition) and spares the computation of energies. One update is one evaluation of the gradient.

The history is a ring with one slot for all lanes: each update writes one slot in place. A lane that has nothing to remember
(it just started, its step was taken back, or the curvature s.y was not positive) writes weight zero and the recursion passes
over the slot. The recursion itself runs on scalar products (s.y, y.y, s.g, y.g) and not on vectors, so an update reads the
history twice, not four times (W. Chen, Z. Wang and J. Zhou, NIPS 27, 1332 (2014)).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.optimizers.base import Optimizer, shortening
from clusteropt.problems.base import Batch, Scale
from clusteropt.problems.units import dot, over_units

MEMORY = 5
_FIRST_STEP = 0.02  # of the gradient, in length^2/energy
_LONGEST = 0.1  # step of a unit, in lengths
_SHRINK = 0.3
_STIFFEST = 1e-6  # s.y / y.y, in length^2/energy: two atoms at nearly the same place must not stop all the others
_RISE = 1e-2  # of the energy scale


class History(NamedTuple):
    """The ring; `memory` is the first axis of all."""

    steps: Array  # (memory, n_components, n_units, n_lanes), s
    changes: Array  # (memory, n_components, n_units, n_lanes), y
    weights: Array  # (memory, n_lanes), 1/(s.y), zero in unused slots
    sy: Array  # (memory, memory, n_lanes), s_i.y_j where j is not older than i; the recursion reads only these
    yy: Array  # (memory, memory, n_lanes), y_i.y_j


class LbfgsState(NamedTuple):
    """Positions minus `step` is the last accepted point, to which `gradient` belongs."""

    started: Array  # (n_lanes,) bool
    step: Array  # (n_components, n_units, n_lanes)
    gradient: Array  # (n_components, n_units, n_lanes)
    slope: Array  # (n_lanes,), gradient.step
    curvature: Array  # (n_lanes,), s.y / y.y of the newest pair
    history: History
    slot: Array  # (), the ring's next slot, common to all lanes


def lbfgs(scale: Scale, memory: int = MEMORY) -> Optimizer:
    """L-BFGS with a history of `memory` steps."""

    def init(batch: Batch) -> LbfgsState:
        positions = batch.positions
        zero = jnp.zeros_like(positions)
        lanes = jnp.zeros(positions.shape[-1], positions.dtype)
        vectors = jnp.zeros((memory, *positions.shape), positions.dtype)
        products = jnp.zeros((memory, memory, lanes.size), lanes.dtype)
        history = History(vectors, vectors, products[0], products, products)
        first = lanes + _FIRST_STEP * scale.length**2 / scale.energy
        return LbfgsState(lanes > 0, zero, zero, lanes, first, history, jnp.int32(0))

    def update(gradient: Array, state: LbfgsState, batch: Batch, energies: Array) -> tuple[Array, LbfgsState]:
        put, old, slot = jax.lax.dynamic_update_index_in_dim, state.history, state.slot
        change = gradient - state.gradient
        steps, changes = put(old.steps, state.step, slot, 0), put(old.changes, change, slot, 0)
        sg, yg, sy_new, yy_new = over_units(_products, steps, changes, gradient, change)
        too_high = state.started & ~((state.slope + sg[slot]) / 2 <= _RISE * scale.energy)
        useful = state.started & ~too_high & (sy_new[slot] > 0)
        weight = jnp.where(useful, 1 / jnp.where(useful, sy_new[slot], 1), 0)
        curvature = jnp.where(useful, sy_new[slot] / jnp.where(useful, yy_new[slot], 1), state.curvature)
        sy = put(old.sy, sy_new, slot, 1)
        yy = put(put(old.yy, yy_new, slot, 1), yy_new, slot, 0)
        curvature = jnp.maximum(curvature, _STIFFEST * scale.length**2 / scale.energy)
        history = History(steps, changes, put(old.weights, weight, slot, 0), sy, yy)
        direction = _direction(gradient, history, curvature, sg, yg, slot)
        slope, longest = over_units(lambda d, g: (dot(d, g, -2), dot(d, d, -2)), direction, gradient, largest=1)
        factor = jnp.where(slope > 0, -1, 1) * shortening(longest, _LONGEST * scale.length)
        step = jnp.where(too_high, _SHRINK * state.step, factor * direction)
        return jnp.where(too_high, step - state.step, step), LbfgsState(
            started=jnp.ones_like(state.started),
            step=step,
            gradient=jnp.where(too_high, state.gradient, gradient),
            slope=jnp.where(too_high, _SHRINK * state.slope, factor * slope),
            curvature=curvature,
            history=history,
            slot=(slot + 1) % memory,
        )

    return Optimizer(init, update)


def _products(s: Array, y: Array, g: Array, y_new: Array) -> tuple[Array, ...]:
    """Scalar products of one unit's vectors with all slots of the history, each (memory, n_lanes)."""
    return dot(s, g, -2), dot(y, g, -2), dot(s, y_new, -2), dot(y, y_new, -2)


def _direction(gradient: Array, history: History, curvature: Array, sg: Array, yg: Array, newest: Array) -> Array:
    """Minus the inverse Hessian's estimate times the gradient, (n_components, n_units, n_lanes)."""
    memory = sg.shape[0]
    order = (newest - jnp.arange(memory, dtype=jnp.int32)) % memory  # newest first
    weights, sg, yg = history.weights[order], sg[order], yg[order]
    sy, yy = history.sy[order][:, order], history.yy[order][:, order]
    alphas: list[Array] = []
    for i in range(memory):
        product = sg[i] - sum((alphas[j] * sy[i, j] for j in range(i)), jnp.zeros_like(sg[0]))
        alphas.append(weights[i] * product)
    others = [curvature * (yg[i] - sum(a * yy[i, j] for j, a in enumerate(alphas))) for i in range(memory)]
    along_s: list[Array] = [jnp.zeros_like(sg[0])] * memory
    for i in reversed(range(memory)):
        product = others[i] + sum((along_s[j] * sy[j, i] for j in range(i + 1, memory)), jnp.zeros_like(sg[0]))
        along_s[i] = alphas[i] - weights[i] * product

    def combined(newest: int) -> Array:
        direction = curvature * gradient
        for k in range(memory):
            slot = (newest - k) % memory
            direction = direction + (along_s[k] * history.steps[slot] - (curvature * alphas[k]) * history.changes[slot])
        return -direction

    # by age, not by slot: the bits must not depend on when the lane was filled; a branch for each slot, because with an index
    # that is only known at run time the sum does not vectorize (measured: a third slower altogether)
    return jax.lax.switch(newest, [partial(combined, slot) for slot in range(memory)])
