"""The outer loop: ask the strategy for candidates, compute their losses on a task, tell the strategy.

Everything random follows from the seed and the number of the step, so a run that was stopped goes on as if it had not been.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import PartitionSpec

from clusteropt.errors import ClusterOptError, UsageError
from clusteropt.optimizers.learned import weights
from clusteropt.optimizers.learned.rule import first_theta, grown
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.problems.base import Problem
from clusteropt.runtime import devices, host, plugins, processes
from clusteropt.search.walk import Chains
from clusteropt.training import tasks
from clusteropt.training.meta_loss import Tryout, meta_loss
from clusteropt.training.settings import TrainSettings
from clusteropt.training.strategy import Strategy, StrategyState


class TrainingState(NamedTuple):
    """A training run after some steps."""

    step: int
    strategy_state: StrategyState
    pools: dict[str, Chains]  # by task, for tasks that hop
    loss: float  # of the unperturbed theta at the last step
    task: str  # of the last step
    lowest: dict[str, float]  # lowest loss so far, by task
    lowered: int  # the last step at which one of the lowest losses fell
    earlier: tuple[str, ...] = ()  # tasks of the weights that the run began with

    @property
    def theta(self) -> np.ndarray:
        return self.strategy_state.theta


def begin(settings: TrainSettings) -> TrainingState:
    """The first theta and a fresh strategy. Raises UsageError for an unknown task, and all that `weights.named` raises."""
    for name in settings.tasks:
        tasks.task_named(name)
    earlier: tuple[str, ...] = ()
    if settings.warm_start:
        there = _optimizer(settings.warm_start, settings.network)
        theta = grown(there.theta, there.settings, settings.network, settings.seed)
        earlier = tuple(there.card.get("tasks", ()))
    else:
        theta = first_theta(settings.network, settings.seed)
    return TrainingState(0, _strategy(settings).init(theta), {}, float("nan"), "", {}, 0, earlier)


def _optimizer(name: str, wanted: LearnedSettings) -> weights.LearnedOptimizer:
    optimizer = weights.named(name)
    old = optimizer.settings
    for key, value in asdict(old).items():
        if key not in ("widths", "features", "radial") and value != getattr(wanted, key):
            raise UsageError(
                f"warm_start '{name}' has {key} {value}, not {getattr(wanted, key)}: ask for the same network"
            )
    if len(old.widths) != len(wanted.widths) or any(a > b for a, b in zip(old.widths, wanted.widths, strict=True)):
        own, asked = (",".join(map(str, settings.widths)) for settings in (old, wanted))
        raise UsageError(f"warm_start '{name}' has widths {own}, not {asked}: ask for these, or as many that are wider")
    if "radial" in wanted.features and not set(old.radial) <= set(wanted.radial):
        raise UsageError(f"warm_start '{name}' has radial {old.radial}: ask for these pairs, or more")
    return optimizer


def train(settings: TrainSettings, state: TrainingState) -> Iterator[TrainingState]:
    """Yields the state after every outer step, until the run is finished.

    Raises ClusterOptError where no candidate has a finite loss.
    """
    strategy = _strategy(settings)
    while not finished(settings, state):
        with host.double_precision():
            state = _step(settings, strategy, state)
        yield state


def finished(settings: TrainSettings, state: TrainingState) -> bool:
    """True where all steps are done, or patience has run out."""
    waited = state.step - state.lowered
    return state.step >= settings.steps or 0 < settings.patience <= waited


def _strategy(settings: TrainSettings) -> Strategy:
    return plugins.load("strategies", settings.strategy)(settings)


def _step(settings: TrainSettings, strategy: Strategy, state: TrainingState) -> TrainingState:
    task = tasks.task_named(settings.tasks[state.step % len(settings.tasks)])
    pools = state.pools
    tryout, pool = task.tryout(settings, state.step, state.theta, pools.get(task.name))
    candidates = strategy.ask(state.strategy_state, state.step)
    losses = _losses(candidates, task.problem.softened(), tryout, settings)
    if not np.isfinite(losses).any():
        raise ClusterOptError(
            f"step {state.step + 1}, task {task.name}: no candidate has a finite loss: try a smaller sigma or rate"
        )
    strategy_state = strategy.tell(state.strategy_state, state.step, losses)
    if pool is not None:
        pools = pools | {task.name: task.next_pool(settings, pool, strategy_state.theta)}
    step, loss = state.step + 1, float(losses[0])
    lowest, lowered = state.lowest, state.lowered
    if loss < lowest.get(task.name, np.inf):
        lowest, lowered = lowest | {task.name: loss}, step
    return TrainingState(step, strategy_state, pools, loss, task.name, lowest, lowered, state.earlier)


def _losses(candidates: np.ndarray, problem: Problem, tryout: Tryout, settings: TrainSettings) -> np.ndarray:
    """The losses (n_candidates,); the processes and their devices share the candidates."""
    n_devices, n_processes = devices.n_devices(), processes.n_processes()
    n_own = -(-len(candidates) // (n_devices * n_processes)) * n_devices
    own = candidates[(processes.process() * n_own + np.arange(n_own)) % len(candidates)]
    program = _program(settings.network, settings.loss, settings.temperature, n_devices)
    losses = np.asarray(program(own, problem, tryout), np.float32)
    return processes.gathered(losses).ravel().astype(np.float64)[: len(candidates)]


@cache
def _program(network: LearnedSettings, loss: str, temperature: float, n_devices: int) -> Callable:
    mesh = devices.mesh(n_devices)

    def losses(candidates: jax.Array, problem: Problem, tryout: Tryout) -> jax.Array:
        def one_device(own: jax.Array) -> jax.Array:
            return jax.lax.map(lambda theta: meta_loss(theta, problem, tryout, network, loss, temperature), own)

        split = PartitionSpec("lanes")
        return jax.shard_map(one_device, mesh=mesh, in_specs=(split,), out_specs=split, check_vma=False)(candidates)

    return jax.jit(losses, compiler_options=devices.compiler_options())
