"""How often trajectories from random starts end at the best-known minimum."""

import numpy as np

from clusteropt import chains, runtime
from clusteropt.best_known import best_known
from clusteropt.chains import Search
from clusteropt.starts import random_starts
from clusteropt.structures import to_structure
from clusteropt.training import tasks
from clusteropt.training.settings import TrainSettings
from clusteropt.weights import LearnedOptimizer

_CLOSE = 0.03  # energy scales above the best-known minimum: the quench of chains ends about 0.01 above a minimum
_FIRST_SEED = 2**32  # training's own starts have smaller seeds


def hit_rates(theta: np.ndarray, settings: TrainSettings, count: int) -> dict[str, float]:
    """The share of `count` trajectories that hit, by formula; of the tasks that run trajectories and have a known minimum."""
    search = Search(LearnedOptimizer(theta, settings.network, {}), settings.trajectory)
    rates = {}
    for task in map(tasks.task_named, dict.fromkeys(settings.tasks)):
        starts = random_starts(task.formula, count, _FIRST_SEED + settings.seed, settings.density)
        lowest = best_known(task.potential, starts[0].get_chemical_symbols())
        if task.hops or lowest is None:
            continue
        structures = [to_structure(atoms, task.potential) for atoms in starts]
        with runtime.double_precision():
            found = chains.begin(structures, np.arange(count, dtype=np.uint64), task.potential, search)
        rates[task.name] = float(np.mean(found.energy < lowest + _CLOSE * task.potential.energy))
    return rates
