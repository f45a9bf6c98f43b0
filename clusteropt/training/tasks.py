"""Tasks of a candidate theta: trajectories from random starts, or hops from a pool of minima.

A task is one object behind one protocol. `ClusterTask` and `HopTask` are named in the settings, as X13 and hop:X13;
`ProblemTask` is for any other inner problem.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from clusteropt.clusters.arrays import Structure, pack, padded_size
from clusteropt.engine.batches import at, in_single_precision
from clusteropt.errors import UsageError
from clusteropt.io.best_known import best_known
from clusteropt.io.structures import elements_of, to_structure
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.potentials import sets
from clusteropt.problems.base import Problem
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import plugins
from clusteropt.search import walk
from clusteropt.search.chains import Chains
from clusteropt.search.descents import by_learned, quenched
from clusteropt.search.hops import displaced
from clusteropt.search.policy import SearchPlan
from clusteropt.search.starts import random_starts, symbols_of
from clusteropt.search.walk import Walk
from clusteropt.training.meta_loss import Tryout
from clusteropt.training.settings import TrainSettings

HOP = "hop:"
_GENERATIONS = 40  # hops of a pool before it begins anew from random starts


class Ends(NamedTuple):
    """The quenched ends of theta's trajectories."""

    energies: np.ndarray  # (n_trajectories,), in the problem's unit; infinite for what fell apart
    n_units: int
    best_known: float | None  # the lowest energy that is known


class Task(Protocol):
    """One kind of trajectories of one problem."""

    @property
    def name(self) -> str:
        """The name in the settings."""
        ...

    @property
    def problem(self) -> Problem:
        """The problem; training uses its softened form."""
        ...

    reports: ClassVar[bool]  # True where `ends` gives ends, so that thetas can be compared

    def tryout(self, settings: TrainSettings, step: int, theta: np.ndarray, pool: Chains | None) -> tuple[Tryout, Any]:
        """The trajectories of an outer step, and the pool of chains that they start from; None where the task keeps none."""
        ...

    def next_pool(self, settings: TrainSettings, pool: Any, theta: np.ndarray) -> Any:
        """The pool after the step, by the new theta."""
        ...

    def ends(self, theta: np.ndarray, settings: TrainSettings, count: int, seed: int) -> Ends | None:
        """For reports: the ends of `count` trajectories from starts by that seed; None where the task has no reports."""
        ...


@dataclass(frozen=True)
class ProblemTask:
    """Trajectories from random starts of any problem."""

    name: str
    problem: Problem
    starts: Callable[[int, int], Any]  # count and seed -> a batch of numpy arrays, in double precision
    best_known: float | None = None

    reports: ClassVar[bool] = True

    def tryout(self, settings: TrainSettings, step: int, theta: np.ndarray, pool: Any) -> tuple[Tryout, None]:
        """Others at every step."""
        batch = in_single_precision(self.starts(settings.clusters, seed_of(settings, step)))
        return Tryout(batch, *numbers(np.zeros(settings.clusters), settings.trajectory, 0.0)), None

    def next_pool(self, settings: TrainSettings, pool: Any, theta: np.ndarray) -> None:
        """It keeps none."""

    def ends(self, theta: np.ndarray, settings: TrainSettings, count: int, seed: int) -> Ends:
        """Learned trajectories, then a quench."""
        batch, optimizer = self.starts(count, seed), LearnedOptimizer(theta, settings.network, {})
        there, _ = by_learned(batch, self.problem, optimizer, settings.trajectory, (0, 1))
        return Ends(quenched(there, self.problem)[1], batch.mask.shape[0], self.best_known)


@dataclass(frozen=True)
class ClusterTask:
    """Trajectories from random starts of a composition."""

    name: str
    formula: str
    problem: ClusterProblem

    reports: ClassVar[bool] = True

    def tryout(self, settings: TrainSettings, step: int, theta: np.ndarray, pool: Any) -> tuple[Tryout, None]:
        """Others at every step."""
        starts = _starts(self, settings.clusters, seed_of(settings, step), settings.density)
        batch = pack(starts, padded_size(len(starts[0].positions)), np.float32)
        return Tryout(batch, *numbers(np.zeros(len(starts)), settings.trajectory, 0.0)), None

    def next_pool(self, settings: TrainSettings, pool: Any, theta: np.ndarray) -> None:
        """It keeps none."""

    def ends(self, theta: np.ndarray, settings: TrainSettings, count: int, seed: int) -> Ends:
        """The first minima of a walk."""
        starts = _starts(self, count, seed, settings.density)
        plan = SearchPlan(LearnedOptimizer(theta, settings.network, {}), settings.trajectory)
        visits = next(walk.begin(starts, np.arange(count, dtype=np.uint64), self.problem, plan))
        symbols = symbols_of(self.formula)
        return Ends(visits.energy, len(symbols), best_known(self.problem.potential, symbols))


@dataclass(frozen=True)
class HopTask:
    """Hops from a pool of minima, which theta's trajectories have found."""

    name: str
    formula: str
    problem: ClusterProblem

    reports: ClassVar[bool] = False

    def tryout(
        self, settings: TrainSettings, step: int, theta: np.ndarray, pool: Chains | None
    ) -> tuple[Tryout, Chains]:
        """Trajectories from the displaced pool. After forty hops the pool begins anew from random starts."""
        if pool is None or pool.n_hops[0] >= _GENERATIONS:
            starts = _starts(self, settings.clusters, seed_of(settings, step), settings.density)
            keys = np.random.default_rng([settings.seed, step, 1]).integers(2**64, size=len(starts), dtype=np.uint64)
            pool = walk.begin(starts, keys, self.problem, _hopping(settings, theta)).chains
        moved = displaced(pool.clusters, pool.keys, pool.n_hops, self.problem, _hopping(settings, None))
        moved = at(moved, np.asarray(moved.positions, np.float32))
        before = np.where(np.isfinite(pool.energy), pool.energy, 0) / self.problem.scale.energy
        return Tryout(moved, *numbers(before, settings.hop_steps, settings.hop_begin)), pool

    def next_pool(self, settings: TrainSettings, pool: Chains, theta: np.ndarray) -> Chains:
        """The pool after a hop of each of its chains by theta."""
        onward = Walk(self.problem, _hopping(settings, theta), pool)
        next(onward)
        return onward.chains

    def ends(self, theta: np.ndarray, settings: TrainSettings, count: int, seed: int) -> None:
        """None: reports are about trajectories from random starts."""


_GIVEN: dict[str, Task] = {}  # tasks that a program has passed as objects, by name


def named_task(task: "Task | str") -> str:
    """The name by which settings know the task, from now on an object that a program passes as well."""
    if isinstance(task, str):
        return task
    _GIVEN[task.name] = task
    return task.name


def task_named(name: str) -> Task:
    """The task of that name: a given one, X13, hop:X13, or one of a plugin. Raises UsageError for other text."""
    return _GIVEN[name] if name in _GIVEN else _known(name)


@cache
def _known(name: str) -> Task:
    """The task X13, hop:X13, or one that another package registers under this name, or under the part before its colon.

    Raises UsageError for text that is not a formula, or without a potential.
    """
    kind = name.partition(":")[0]
    if kind != "hop" and plugins.is_known("tasks", kind):
        return plugins.load("tasks", kind)(name)
    formula = name.removeprefix(HOP)
    start = random_starts(formula, 1, 0, 1.0)[0]
    if len(start) < 2:
        raise UsageError(f"task '{name}': one atom has nothing to learn: name a formula of two or more")
    made = HopTask if name.startswith(HOP) else ClusterTask
    return made(name, formula, ClusterProblem(sets.potential_for(elements_of(start))))


def numbers(before: np.ndarray, n_steps: int, begin: float) -> tuple:
    return before.astype(np.float32), np.int32(n_steps), np.array([begin, 1], np.float32)


def seed_of(settings: TrainSettings, step: int) -> int:
    return int(np.random.default_rng([settings.seed, step]).integers(2**31))


def _starts(task: ClusterTask | HopTask, count: int, seed: int, density: float) -> list[Structure]:
    frames = random_starts(task.formula, count, seed, density)
    return [to_structure(atoms, task.problem.potential) for atoms in frames]


def _hopping(settings: TrainSettings, theta: np.ndarray | None) -> SearchPlan:
    """The search by which a pool begins and hops on."""
    optimizer = None if theta is None else LearnedOptimizer(theta, settings.network, {})
    steps, begin = settings.hop_steps, settings.hop_begin
    return SearchPlan(optimizer, settings.trajectory, hops=_GENERATIONS, hop_steps=steps, hop_begin=begin)
