"""How well theta optimizes: the energies of trajectories, in the potential's energy scale and per atom."""

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters import Clusters
from clusteropt.optimizers.base import Scale
from clusteropt.optimizers.learned.rule import learned
from clusteropt.potentials.base import CORE, Potential, energy_and_gradient
from clusteropt.training.settings import TrainSettings

_CEILING = 0.0  # energy that a cluster is counted with which ends above it, or nowhere


def meta_loss(theta: Array, potential: Potential, clusters: Clusters, settings: TrainSettings) -> Array:
    """The loss () of one candidate on a batch of starts."""
    scale = Scale(potential.length, potential.energy, len(potential.elements))
    rule = learned(theta, jnp.float32(settings.trajectory), settings.network, scale)
    core = CORE * potential.length

    def look(clusters: Clusters) -> tuple[Array, Array, Array]:
        energies, gradient = energy_and_gradient(potential, clusters, core)
        total = energies.sum(0) / potential.energy
        finite = jnp.isfinite(total)
        return energies, gradient, jnp.where(finite, jnp.minimum(total, _CEILING), _CEILING)

    def step(_: Array, carry: tuple) -> tuple:
        clusters, state, total = carry
        energies, gradient, energy = look(clusters)
        move, state = rule.update(gradient, state, clusters, energies)
        positions = jnp.where(clusters.free, clusters.positions + move, clusters.positions)
        return clusters._replace(positions=positions), state, total + energy

    zero = jnp.zeros(clusters.mask.shape[-1], clusters.positions.dtype)
    n_steps = jnp.int32(settings.trajectory)
    clusters, _, total = jax.lax.fori_loop(jnp.int32(0), n_steps, step, (clusters, rule.init(clusters), zero))
    energy = total / settings.trajectory if settings.loss == "mean" else look(clusters)[2]
    if settings.loss == "soft-min":
        lowest, tau = energy.min(), settings.temperature
        return lowest - tau * jnp.log(jnp.exp(-(energy - lowest) / tau).mean())
    return energy.mean()
