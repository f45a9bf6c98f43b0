"""The steps of a fit: an optimizer moves the weights, and every so often the validation structures judge them."""

import math
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from clusteropt.engine.step import step
from clusteropt.fitting.problem import FitProblem
from clusteropt.fitting.settings import FitSettings
from clusteropt.fitting.setup import Setup
from clusteropt.optimizers.base import Optimizer, from_optax
from clusteropt.optimizers.table import OptimizerChoice, make
from clusteropt.problems.weights import Weights

_CHECK_EVERY = {"lbfgs": 5}  # steps, of which each takes all structures
_USUAL = 100  # steps between checks of the others


class Best(NamedTuple):
    """The weights with the lowest validation error so far."""

    weights: np.ndarray  # (n_weights,)
    error: float
    step: int


class Progress(NamedTuple):
    """A fit under way: all that it needs to go on as if it had never stopped."""

    state: Any  # weights and the optimizer's memory, a pytree
    step: int
    best: Best
    stale: int  # checks in a row without a lower error
    error: float  # on the validation structures, at the last check
    diverged: bool = False


class Plan(NamedTuple):
    """How a fit steps."""

    kind: str  # 'adam', 'lbfgs' or 'learned'
    n_steps: int
    rate: float
    choice: OptimizerChoice | None = None  # of a learned optimizer

    @property
    def interval(self) -> int:
        """Steps from check to check."""
        return _CHECK_EVERY.get(self.kind, _USUAL)


def begin(setup: Setup, plan: Plan) -> Progress:
    """The fit before its first step."""
    first = setup.first
    state = jax.jit(partial(_started, plan.kind, plan.n_steps))(setup.problem, first, plan.choice, plan.rate)
    weights = np.asarray(first.positions)[0, :, 0]
    error = float(_judged(setup.problem, weights))
    return Progress(state, 0, Best(weights, error, 0), 0, error)


def check(setup: Setup, plan: Plan, now: Progress) -> None:
    """Traces a step without computing it. Raises UsageError for an optimizer that needs what only atoms have."""
    jax.eval_shape(partial(_run, plan.kind, plan.n_steps), setup.problem, now.state, 1, plan.choice, plan.rate)


def advanced(setup: Setup, plan: Plan, now: Progress) -> Progress:
    """The fit at its next check. After a step to weights without a finite error it has `diverged`, and keeps its best."""
    until = min(now.step + plan.interval, plan.n_steps)
    run = _runs(plan.kind, plan.n_steps)
    state = run(setup.problem, now.state, jnp.int32(until - now.step), plan.choice, plan.rate)
    weights = np.asarray(state[0].positions)[0, :, 0]
    error = float(_judged(setup.problem, weights))
    if not math.isfinite(error):
        return now._replace(step=until, error=error, diverged=True)
    if error < now.best.error:
        return Progress(state, until, Best(weights, error, until), 0, error)
    return Progress(state, until, now.best, now.stale + 1, error)


def finished(settings: FitSettings, plan: Plan, now: Progress) -> bool:
    """True after the last step, a divergence, or as many checks without progress as the settings allow."""
    return now.diverged or now.step >= plan.n_steps or 0 < settings.patience <= now.stale


@jax.jit
def _judged(problem: FitProblem, weights: Array) -> Array:
    return problem.error_on(weights, problem.held_out)


def _optimizer(n_steps: int, problem: FitProblem, choice: OptimizerChoice | None, rate: Any) -> Optimizer:
    if choice is not None:
        return make(choice, problem)

    def falling(count: Any) -> Any:
        return rate * (1 + jnp.cos(jnp.pi * jnp.minimum(count / n_steps, 1))) / 2

    return from_optax(optax.adam(falling))


def _started(
    kind: str, n_steps: int, problem: FitProblem, first: Weights, choice: OptimizerChoice | None, rate: Any
) -> Any:
    if kind == "lbfgs":
        return first, optax.lbfgs().init(first.positions[0, :, 0])
    return first, _optimizer(n_steps, problem, choice, rate).init(first)


@cache
def _runs(kind: str, n_steps: int) -> Any:
    return jax.jit(partial(_run, kind, n_steps))


def _run(
    kind: str, n_steps: int, problem: FitProblem, state: Any, count: Array, choice: OptimizerChoice | None, rate: Any
) -> Any:
    """The state after `count` more steps."""
    if kind == "lbfgs":
        return jax.lax.fori_loop(0, count, lambda _, now: _lbfgs_step(problem, now), state)
    optimizer = _optimizer(n_steps, problem, choice, rate)

    def one(_: Array, now: Any) -> Any:
        batch, memory = now
        return step(problem, optimizer, batch, memory, lambda energies, gradient: (jnp.ones(1, bool), ()))[:2]

    return jax.lax.fori_loop(0, count, one, state)


def _lbfgs_step(problem: FitProblem, now: Any) -> Any:
    """A step of L-BFGS with a line search, on all structures."""
    batch, memory = now
    weights = batch.positions[0, :, 0]
    target = partial(problem.error_on, examples=problem.training)
    value, slope = optax.value_and_grad_from_state(target)(weights, state=memory)
    update, memory = optax.lbfgs().update(slope, memory, weights, value=value, grad=slope, value_fn=target)
    moved: Any = optax.apply_updates(weights, update)
    return batch._replace(positions=moved[None, :, None], n_steps=batch.n_steps + 1), memory
