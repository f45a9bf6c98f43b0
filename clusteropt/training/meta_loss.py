"""How well theta optimizes: the energies of trajectories, in the potential's energy scale."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.optimizers.base import Scale
from clusteropt.optimizers.learned.rule import learned
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.potentials.base import CORE, Potential, energy_and_gradient

_CEILING = 0.0  # energy that a cluster is counted with which ends above it, or nowhere


class Batch(NamedTuple):
    """The trajectories that all candidates of an outer step are tried on."""

    starts: Clusters
    before: Array  # (n_clusters,), energies that are subtracted, in energy scales: of the minima before a hop, or zero
    n_steps: Array  # () int32
    part: Array  # (2,), where in a whole trajectory these begin and end


def meta_loss(
    theta: Array, potential: Potential, batch: Batch, network: LearnedSettings, loss: str, temperature: float
) -> Array:
    """The loss () of one candidate; infinite where no cluster ends with a finite energy."""
    scale = Scale(potential.length, potential.energy, len(potential.elements))
    rule = learned(theta, batch.n_steps.astype(jnp.float32), batch.part, network, scale)
    core = CORE * potential.length

    def look(clusters: Clusters) -> tuple[Array, Array, Array]:
        energies, gradient = energy_and_gradient(potential, clusters, core)
        return energies, gradient, energies.sum(0) / potential.energy

    def counted(energy: Array) -> Array:
        return jnp.where(jnp.isfinite(energy), jnp.minimum(energy, _CEILING), _CEILING) - batch.before

    def step(_: Array, carry: tuple) -> tuple:
        clusters, state, total = carry
        energies, gradient, energy = look(clusters)
        move, state = rule.update(gradient, state, clusters, energies)
        positions = jnp.where(clusters.free, clusters.positions + move, clusters.positions)
        total = total + counted(energy) if loss == "mean" else total  # or the sum over the atoms is made for nothing
        return clusters._replace(positions=positions), state, total

    zero = jnp.zeros(batch.before.shape, batch.starts.positions.dtype)
    first = (batch.starts, rule.init(batch.starts), zero)
    clusters, _, total = jax.lax.fori_loop(jnp.int32(0), batch.n_steps, step, first)
    end = look(clusters)[2]
    energy = total / batch.n_steps if loss == "mean" else counted(end)
    value = _soft_minimum(energy, temperature) if loss == "soft-min" else energy.mean()
    return jnp.where(jnp.isfinite(end).any(), value, jnp.inf)


def _soft_minimum(energy: Array, temperature: float) -> Array:
    lowest = energy.min()
    return lowest - temperature * jnp.log(jnp.exp(-(energy - lowest) / temperature).mean())
