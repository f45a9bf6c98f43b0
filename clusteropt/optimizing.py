"""An inner problem of one's own, minimized by any optimizer of the program."""

from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from clusteropt.engine import lanes
from clusteropt.engine.batches import at, take
from clusteropt.engine.lanes import Motion
from clusteropt.engine.step import NEVER
from clusteropt.optimizers.learned.weights import LearnedOptimizer, named
from clusteropt.optimizers.table import OptimizerChoice, learned_choice
from clusteropt.problems.base import Problem
from clusteropt.runtime import host, plugins


class Optimized(NamedTuple):
    """The instances of a batch where an optimizer has left them."""

    positions: np.ndarray  # (n_components, n_units, n_instances) float64
    outcomes: np.ndarray  # (n_instances,), what a meta-training would judge them by; by default the objective


def optimize(
    problem: Problem, starts: Any, optimizer: LearnedOptimizer | str | PathLike[str] = "network", *, n_steps: int = 200
) -> Optimized:
    """Moves the instances of a batch of the problem by `n_steps` evaluations each, in single precision.

    `starts`: a batch of numpy arrays, see `problems.base.Batch`. The optimizer is a learned one (an object, the name of a shipped
    one, or the path of a .h5 file), whose trajectory has this length, or a local one by its name. Raises UsageError for names
    that are neither.
    """
    host.start()
    chosen = _choice(optimizer, n_steps)
    n_instances = starts.mask.shape[-1]
    with host.double_precision():
        moved = lanes.move(starts, np.full(n_instances, n_steps), Motion(problem, chosen, NEVER, np.float32))
        there = at(take(starts, np.arange(n_instances)), moved.positions)
        energies = lanes.inspect(there, problem).energies
        return Optimized(moved.positions, np.asarray(problem.outcome(there, energies), np.float64))


def _choice(optimizer: LearnedOptimizer | str | PathLike[str], n_steps: int) -> OptimizerChoice:
    if not isinstance(optimizer, LearnedOptimizer):
        if plugins.is_known("optimizers", str(optimizer)):
            return OptimizerChoice(str(optimizer))
        optimizer = named(str(optimizer))
    return learned_choice(optimizer.theta, optimizer.settings, n_steps, (0, 1))
