"""Tasks of a candidate theta: trajectories from random starts, or hops from a pool of minima."""

from functools import cache
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Structure, pack, padded_size
from clusteropt.errors import UsageError
from clusteropt.io.structures import elements_of, to_structure
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.search import chains
from clusteropt.search.chains import Chains, Search
from clusteropt.search.starts import random_starts
from clusteropt.training.meta_loss import Batch
from clusteropt.training.settings import TrainSettings

HOP = "hop:"
_GENERATIONS = 40  # hops of a pool before it begins anew from random starts


class Task(NamedTuple):
    """One kind of problem."""

    name: str
    potential: Potential
    formula: str
    hops: bool


@cache
def task_named(name: str) -> Task:
    """X13 or hop:X13. Raises UsageError for a formula that is none or has no potential."""
    formula = name.removeprefix(HOP)
    start = random_starts(formula, 1, 0, 1.0)[0]
    if len(start) < 2:
        raise UsageError(f"task '{name}': one atom has nothing to learn: name a formula of two or more")
    elements = elements_of(start)
    return Task(name, sets.potential_for(elements), formula, name.startswith(HOP))


def trajectories(task: Task, settings: TrainSettings, step: int) -> Batch:
    """Random starts, others for every step."""
    starts = _starts(task, settings, step)
    batch = pack(starts, padded_size(len(starts[0].positions)), np.float32)
    return Batch(batch, *_numbers(np.zeros(len(starts)), settings.trajectory, 0.0))


def pool(task: Task, settings: TrainSettings, step: int, theta: np.ndarray, old: Chains | None) -> Chains:
    """The minima to hop from: the old ones, or new ones, which theta's trajectories have found."""
    if old is not None and old.n_hops[0] < _GENERATIONS:
        return old
    starts = _starts(task, settings, step)
    keys = np.random.default_rng([settings.seed, step, 1]).integers(2**64, size=len(starts), dtype=np.uint64)
    return chains.begin(starts, keys, task.potential, _search(settings, theta))


def hops(task: Task, settings: TrainSettings, pool: Chains) -> Batch:
    """The pool, displaced."""
    moved = chains.displaced(pool, task.potential, _search(settings, None))
    moved = moved._replace(positions=np.asarray(moved.positions, np.float32))  # type: ignore[arg-type]
    before = np.where(np.isfinite(pool.energy), pool.energy, 0) / task.potential.energy
    return Batch(moved, *_numbers(before, settings.hop_steps, settings.hop_begin))


def next_pool(task: Task, settings: TrainSettings, pool: Chains, theta: np.ndarray) -> Chains:
    """The pool after a hop of each member by theta."""
    return chains.hop(pool, task.potential, _search(settings, theta))


def _numbers(before: np.ndarray, n_steps: int, begin: float) -> tuple:
    return before.astype(np.float32), np.int32(n_steps), np.array([begin, 1], np.float32)


def _starts(task: Task, settings: TrainSettings, step: int) -> list[Structure]:
    seed = int(np.random.default_rng([settings.seed, step]).integers(2**31))
    frames = random_starts(task.formula, settings.clusters, seed, settings.density)
    return [to_structure(atoms, task.potential) for atoms in frames]


def _search(settings: TrainSettings, theta: np.ndarray | None) -> Search:
    optimizer = None if theta is None else LearnedOptimizer(theta, settings.network, {})
    return Search(optimizer, settings.trajectory, hops=1, hop_steps=settings.hop_steps, hop_begin=settings.hop_begin)
