"""Learned optimizers on the weights of small networks, beside Adam, momentum and RMSProp with rates tuned for each task.

A baseline gets the best of ten constant rates, chosen by its training error on other seeds, for each number of steps anew.
"""

from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from clusteropt.engine.batches import in_single_precision
from clusteropt.errors import UsageError
from clusteropt.evaluation.settings import NETWORK_TASK
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.problems.weights import Weights, WeightsProblem
from clusteropt.training.networks import task, trained_networks

STEPS = (100, 200, 1000)
BASELINES = ("adam", "momentum", "rmsprop")
RATES = tuple(float(rate) for rate in np.geomspace(1e-3, 1, 10))
_CHOOSING = 4  # networks on which a rate is chosen
_OTHERS = 10_000  # added to the seed for them
_SURE = 1.96  # standard errors on either side of a mean


class Errors(NamedTuple):
    """The errors of some networks after so many steps, an entry for each seed."""

    training: np.ndarray
    held_out: np.ndarray
    accuracy: np.ndarray  # on the held-out examples; NaN where these are not classes


class NetworkScore(NamedTuple):
    """An optimizer on a task after so many steps."""

    task: str
    optimizer: str
    n_steps: int
    rate: float | None  # of a baseline
    errors: Errors
    seen: bool  # the optimizer was trained on the data

    @property
    def training(self) -> tuple[float, float]:
        """The mean training error, and half its 95 % interval over the seeds."""
        return _mean(self.errors.training)

    @property
    def held_out(self) -> tuple[float, float]:
        """The same of the error on held-out examples."""
        return _mean(self.errors.held_out)

    @property
    def accuracy(self) -> tuple[float, float]:
        """The same of the fraction of held-out examples whose class is found."""
        return _mean(self.errors.accuracy)


def check(optimizers: dict[str, LearnedOptimizer], tasks: Sequence[str], unseen: bool) -> None:
    """Raises UsageError for optimizers of atoms, tasks of clusters and, where all must be `unseen`, tasks of the training."""
    for name in tasks:
        if not name.startswith(NETWORK_TASK):
            raise UsageError(f"task '{name}': formulas and net: tasks are measured apart: give one kind at a time")
        for own, theta in optimizers.items():
            if theta.settings.network != "coordinate":
                raise UsageError(f"'{own}' moves atoms, and cannot move the weights of '{name}': name one for networks")
            if unseen and _seen(name, theta):
                raise UsageError(f"{name}: the data was in the training of {own}, which --test refuses: leave it out")


def scores(
    optimizers: dict[str, LearnedOptimizer], tasks: Sequence[str], n_seeds: int, seed: int, alone: bool
) -> Iterator[NetworkScore]:
    """Scores by task, optimizer and number of steps."""
    for name in tasks:
        problem = task(name).problem
        for optimizer in () if alone else BASELINES:
            yield from _of_baseline(name, optimizer, problem, n_seeds, seed)
        for own, theta in optimizers.items():
            yield from _of_learned(name, own, theta, problem, n_seeds, seed)


def _of_learned(
    name: str, own: str, optimizer: LearnedOptimizer, problem: WeightsProblem, n_seeds: int, seed: int
) -> Iterator[NetworkScore]:
    starts = in_single_precision(problem.first(n_seeds, seed))
    for n_steps in STEPS:
        after = trained_networks(optimizer.settings, optimizer.theta, problem, starts, np.int32(n_steps))
        yield NetworkScore(name, own, n_steps, None, _errors(problem, after.positions[0]), _seen(name, optimizer))


def _seen(name: str, optimizer: LearnedOptimizer) -> bool:
    """True where the optimizer was trained on the data of the task."""
    trained = [str(other).split(":") for other in optimizer.card.get("tasks", ())]
    return name.split(":")[:2] in [other[:2] for other in trained]


def _of_baseline(name: str, optimizer: str, problem: WeightsProblem, n_seeds: int, seed: int) -> Iterator[NetworkScore]:
    choosing = in_single_precision(problem.first(_CHOOSING, seed + _OTHERS))
    rates = np.repeat(np.array(RATES, np.float32), _CHOOSING)
    several = jax.tree.map(lambda a: np.concatenate([a] * len(RATES), -1), choosing)
    tried = [_errors(problem, weights).training for weights in _walked(problem, optimizer, several, rates)]
    starts = in_single_precision(problem.first(n_seeds, seed))
    means = [np.where(np.isfinite(errors), errors, np.inf).reshape(len(RATES), -1).mean(1) for errors in tried]
    best = [RATES[int(own.argmin())] for own in means]
    walks = {rate: _walked(problem, optimizer, starts, np.full(n_seeds, rate, np.float32)) for rate in {*best}}
    for k, n_steps in enumerate(STEPS):
        yield NetworkScore(name, optimizer, n_steps, best[k], _errors(problem, walks[best[k]][k]), seen=False)


def _walked(problem: WeightsProblem, optimizer: str, starts: Weights, rates: np.ndarray) -> list[np.ndarray]:
    """The weights (n_weights, n_networks) after every number of STEPS."""
    batch, state, found, before = starts, _rule(optimizer).init(starts.positions), [], 0  # type: ignore[arg-type]
    for n_steps in STEPS:
        batch, state = _advanced(optimizer, problem, batch, state, rates, np.int32(n_steps - before))
        found.append(np.asarray(batch.positions[0]))
        before = n_steps
    return found


@cache
def _rule(optimizer: str) -> optax.GradientTransformation:
    """The direction of a step of length 1: each is elementwise, so one state serves networks side by side."""
    return {"adam": optax.scale_by_adam(), "momentum": optax.trace(0.9), "rmsprop": optax.scale_by_rms()}[optimizer]


@partial(jax.jit, static_argnums=0)
def _advanced(optimizer: str, problem: WeightsProblem, batch: Any, state: Any, rates: Any, n_steps: Any) -> tuple:
    def one(_: Any, carry: tuple) -> tuple:
        batch, state = carry
        direction, state = _rule(optimizer).update(problem.energies_and_gradient(batch)[1], state)
        return problem.moved(batch, -rates * direction, jnp.ones(rates.shape, bool)), state  # type: ignore[operator]

    return jax.lax.fori_loop(0, n_steps, one, (batch, state))


def _errors(problem: WeightsProblem, weights: Any) -> Errors:
    training, held_out = (np.asarray(_errors_on(problem, weights, own)) for own in (problem.training, problem.held_out))
    return Errors(training, held_out, np.asarray(problem.hits(weights, problem.held_out)))


@jax.jit
def _errors_on(problem: WeightsProblem, weights: Any, examples: Any) -> Any:
    return problem.errors(weights, examples)


def _mean(values: np.ndarray) -> tuple[float, float]:
    spread = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return float(values.mean()), float(_SURE * spread)
