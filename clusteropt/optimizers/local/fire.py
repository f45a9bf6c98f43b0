"""FIRE: E. Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006), doi:10.1103/PhysRevLett.97.170201.

Molecular dynamics whose velocity is turned towards the force, v <- (1 - alpha) v + alpha |v| F/|F|. The time step grows while
F.v > 0; elsewhere the velocity is set to zero. Mass one; velocities before positions (semi-implicit Euler).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from clusteropt.optimizers.base import Optimizer, shortening
from clusteropt.problems.base import Batch, Scale
from clusteropt.problems.units import dot, over_units

_FIRST_DT, _LONGEST_DT = 0.02, 0.2  # of length / sqrt(energy)
_ALPHA, _ALPHA_FACTOR = 0.1, 0.99
_FASTER, _SLOWER, _PATIENCE = 1.1, 0.5, 5
_LONGEST = 0.1  # step of a unit, in lengths


class FireState(NamedTuple):
    velocity: Array  # (n_components, n_units, n_lanes)
    dt: Array  # (n_lanes,)
    alpha: Array  # (n_lanes,)
    downhill: Array  # (n_lanes,) int32, updates in a row with F.v > 0


def fire(scale: Scale) -> Optimizer:
    """FIRE with the constants of the paper."""
    time = scale.length / scale.energy**0.5

    def init(batch: Batch) -> FireState:
        positions = batch.positions
        lanes = jnp.zeros(positions.shape[-1], positions.dtype)
        return FireState(
            jnp.zeros_like(positions), lanes + _FIRST_DT * time, lanes + _ALPHA, jnp.zeros_like(lanes, jnp.int32)
        )

    def update(gradient: Array, state: FireState, batch: Batch, energies: Array) -> tuple[Array, FireState]:
        slope, speed2, force2 = over_units(
            lambda g, v: (dot(g, v, -2), dot(v, v, -2), dot(g, g, -2)), gradient, state.velocity
        )
        downhill = slope < 0
        n_downhill = jnp.where(downhill, state.downhill + 1, 0)
        patient = n_downhill > _PATIENCE
        turn = state.alpha * jnp.sqrt(speed2 / jnp.where(force2 > 0, force2, 1))
        velocity = jnp.where(downhill, (1 - state.alpha) * state.velocity - turn * gradient, 0)
        dt = jnp.where(patient, jnp.minimum(state.dt * _FASTER, _LONGEST_DT * time), state.dt)
        dt = jnp.where(downhill, dt, dt * _SLOWER)
        alpha = jnp.where(patient, state.alpha * _ALPHA_FACTOR, state.alpha)
        alpha = jnp.where(downhill, alpha, _ALPHA)
        velocity = velocity - dt * gradient
        (fastest2,) = over_units(lambda v: (dot(v, v, -2),), velocity, largest=1)
        step = velocity * (dt * shortening(fastest2 * dt * dt, _LONGEST * scale.length))
        return step, FireState(velocity, dt, alpha, n_downhill)

    return Optimizer(init, update)
