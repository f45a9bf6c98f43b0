"""The loss of a theta: the energies of its trajectories, in the problem's energy scale."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.engine.step import step
from clusteropt.optimizers.learned.rule import learned
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.problems.base import Problem


class Tryout(NamedTuple):
    """The trajectories that all candidates of an outer step are tried on."""

    starts: Any  # a batch of the problem
    before: Array  # (n_lanes,), energies that are subtracted, in energy scales: of the minima before a hop, or zero
    n_steps: Array  # () int32
    span: Array  # (2,), the fractions of a full trajectory at which these begin and end


def meta_loss(
    theta: Array, problem: Problem, tryout: Tryout, network: LearnedSettings, loss: str, temperature: float
) -> Array:
    """The loss () of one candidate; infinite where no trajectory ends with a finite energy."""
    optimizer = learned(theta, tryout.n_steps.astype(jnp.float32), tryout.span, network, problem)

    def outcome_of(batch: Any, energies: Array) -> Array:
        return problem.outcome(batch, energies) / problem.scale.energy

    def bounded(energy: Array) -> Array:
        ceiling = problem.ceiling
        return jnp.where(jnp.isfinite(energy), jnp.minimum(energy, ceiling), ceiling) - tryout.before

    def one(_: Array, carry: tuple) -> tuple:
        batch, state, total = carry

        def judge(energies: Array, _: Array) -> tuple[Array, Array]:
            """Lets all lanes move. Notes their outcomes if the loss is a mean over the steps, and else spares that sum."""
            return jnp.array(True), bounded(outcome_of(batch, energies)) if loss == "mean" else total

        batch, state, noted = step(problem, optimizer, batch, state, judge)
        return batch, state, total + noted if loss == "mean" else total

    zero = jnp.zeros(tryout.before.shape, tryout.starts.positions.dtype)
    first = (tryout.starts, optimizer.init(tryout.starts), zero)
    batch, _, total = jax.lax.fori_loop(jnp.int32(0), tryout.n_steps, one, first)
    end = outcome_of(batch, problem.energies_and_gradient(batch)[0])
    energy = total / tryout.n_steps if loss == "mean" else bounded(end)
    value = _soft_minimum(energy, temperature) if loss == "soft-min" else energy.mean()
    return jnp.where(jnp.isfinite(end).any(), value, jnp.inf)


def _soft_minimum(energy: Array, temperature: float) -> Array:
    lowest = energy.min()
    return lowest - temperature * jnp.log(jnp.exp(-(energy - lowest) / temperature).mean())
