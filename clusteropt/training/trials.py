"""The quality of a theta: the ends of its trajectories from random starts."""

from typing import NamedTuple

import numpy as np

from clusteropt.runtime import host
from clusteropt.training import tasks
from clusteropt.training.settings import TrainSettings

_CLOSE = 0.03  # energy scales above the best-known minimum: the quench of chains ends about 0.01 above a minimum
_REPORT, _VALIDATION = 2**32, 2**33  # added to the seed of the starts; the seeds of training starts are below both
_CHANCE = 2.0  # standard errors that a difference must exceed to count


class Trial(NamedTuple):
    """The ends of a theta's trajectories, quenched, by task."""

    energies: dict[str, np.ndarray]  # (n_trajectories,) per atom, in energy scales; the ceiling for what fell apart
    hits: dict[str, np.ndarray]  # (n_trajectories,) bool, of the tasks whose best-known minimum is in the table

    @property
    def hit_rates(self) -> dict[str, float]:
        return {name: float(hit.mean()) for name, hit in self.hits.items()}

    @property
    def rank(self) -> tuple[float, float]:
        """Larger is better: the hit rate, then the negative energy, both averaged over the tasks."""
        hits, energies = (sum(float(one.mean()) for one in by_task.values()) for by_task in (self.hits, self.energies))
        return hits / max(len(self.hits), 1), -energies / max(len(self.energies), 1)


def reported(theta: np.ndarray, settings: TrainSettings, count: int) -> Trial:
    """`count` trajectories for each task, from the same starts at every report of a run."""
    return _trial(theta, settings, count, _REPORT)


def validated(theta: np.ndarray, settings: TrainSettings, count: int) -> Trial:
    """`count` trajectories for each task, from fresh starts that neither training nor a report has used."""
    return _trial(theta, settings, count, _VALIDATION)


def better(one: Trial, other: Trial) -> bool:
    """True where `one`, from the same starts as `other`, has distinctly more hits, or as many and distinctly lower energies.

    A difference is distinct when it exceeds two standard errors of paired differences without a trend (for hits
    that is McNemar's test, Psychometrika 12, 153 (1947)).
    """
    more_hits = _significance(one.hits, other.hits)
    if abs(more_hits) > _CHANCE:
        return more_hits > 0
    return _significance(other.energies, one.energies) > _CHANCE


def _significance(some: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> float:
    differences = np.concatenate([np.zeros(1), *(some[name].astype(float) - others[name] for name in some)])
    spread = float(np.sqrt((differences**2).sum()))
    return float(differences.sum()) / spread if spread else 0.0


def _trial(theta: np.ndarray, settings: TrainSettings, count: int, stream: int) -> Trial:
    energies, hits = {}, {}
    for task in map(tasks.task_named, dict.fromkeys(settings.tasks)):
        with host.double_precision():
            ends = task.ends(theta, settings, count, stream + settings.seed)
        if ends is None:
            continue
        scale, ceiling = task.problem.scale.energy, task.problem.ceiling * task.problem.scale.energy
        sound = np.where(np.isfinite(ends.energies), np.minimum(ends.energies, ceiling), ceiling)
        energies[task.name] = sound / (scale * ends.n_units)
        if ends.best_known is not None:
            hits[task.name] = ends.energies < ends.best_known + _CLOSE * scale
    return Trial(energies, hits)
