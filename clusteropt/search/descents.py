"""Two ways down from a start, for the instances of a batch side by side: a learned trajectory, and a rough quench."""

from typing import Any, NamedTuple

import numpy as np

from clusteropt.engine import lanes
from clusteropt.engine.batches import at, take
from clusteropt.engine.motions import Motion
from clusteropt.engine.step import NEVER, Criterion, Status
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.optimizers.table import OptimizerChoice, learned_choice
from clusteropt.problems.base import Inspection, Problem

_QUENCH = 0.3  # longest force at the end of a quench, in energy over length: about 0.01 energy scales above the minimum
_MOST_STEPS = 2000  # of a quench


def learned_motion(problem: Problem, optimizer: LearnedOptimizer, n_steps: int, span: tuple[float, float]) -> Motion:
    """The motion of a learned trajectory whose `n_steps` are this `span` of a full one."""
    choice = learned_choice(optimizer.theta, optimizer.settings, n_steps, span)
    return Motion(problem.softened(), choice, NEVER, np.float32)


def quench_motion(problem: Problem, fmax: float = _QUENCH) -> Motion:
    """L-BFGS until no force is longer than `fmax`, in the problem's energy over length."""
    tolerance = fmax * problem.scale.energy / problem.scale.length
    return Motion(problem.softened(), OptimizerChoice("lbfgs"), Criterion("fmax", tolerance), np.float32)


def by_learned(
    batch: Any, problem: Problem, optimizer: LearnedOptimizer, n_steps: int, span: tuple[float, float]
) -> tuple[Any, np.ndarray]:
    """The batch at the ends of its learned trajectories, and the evaluations (n_instances,) that they took.

    Instances whose trajectories are not finite stay at their starts.
    """
    n_instances = batch.mask.shape[-1]
    moved = lanes.move(batch, np.full(n_instances, n_steps), learned_motion(problem, optimizer, n_steps, span))
    finite = np.isfinite(moved.positions).all((0, 1))
    positions = np.where(batch.free & finite, moved.positions, batch.positions)
    return at(batch, positions), moved.n_evaluations.astype(np.int64)


class Quenched(NamedTuple):
    """Instances roughly at the minima below their starts."""

    batch: Any  # there
    energy: np.ndarray  # (n_instances,), infinite where an instance has fallen apart or is not finite
    seen: Inspection  # there
    n_evaluations: np.ndarray  # (n_instances,) int64


def quenched(batch: Any, problem: Problem, fmax: float = _QUENCH) -> Quenched:
    """The batch at the minima below, where no force is longer than `fmax`, in energy over length.

    The inspection counts as one evaluation, but for a calculator, which is not asked twice for the same positions.
    """
    return Quench(batch, problem, fmax).end()


class Quench:
    """The quench of a batch, under way; see `lanes.begin`."""

    def __init__(self, batch: Any, problem: Problem, fmax: float = _QUENCH) -> None:
        self._batch, self._problem = batch, problem
        self.course = lanes.begin(batch, np.full(batch.mask.shape[-1], _MOST_STEPS), quench_motion(problem, fmax))

    def end(self) -> Quenched:
        """The batch at the end."""
        moved, batch = self.course.end(), self._batch
        finite = np.isfinite(moved.positions).all((0, 1))
        there = at(batch, np.where(batch.free & finite, moved.positions, batch.positions))
        cut = (moved.status == Status.CALCULATOR_FAILED) | (moved.status == Status.INTERRUPTED)
        known = take(there, np.where(cut, -1, np.arange(len(cut)))) if cut.any() else there
        seen = lanes.inspect(known, self._problem)
        fine = seen.connected & finite & np.isfinite(seen.energy) & ~cut
        energy = np.where(fine, seen.energy, np.inf)
        return Quenched(there, energy, seen, moved.n_evaluations.astype(np.int64) + (not self._problem.hosted))
