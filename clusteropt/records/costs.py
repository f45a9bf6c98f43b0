"""Costs and errors: evaluations per hit on clusters, errors of networks, the course of a training, the parity of a fit."""

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

_SURE = 0.95


class Cost(NamedTuple):
    """The cost of a hit, for a method on a task."""

    task: str
    method: str
    n_hits: int
    n_evaluations: int
    seen: str = ""  # how much of the task was in training; empty where nothing is learned

    @property
    def per_hit(self) -> float:
        """Evaluations per hit; infinite without one."""
        return self.n_evaluations / self.n_hits if self.n_hits else math.inf

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the evaluations per hit, for hits that come by chance at a constant rate.

        F. Garwood, Biometrika 28, 437 (1936), doi:10.1093/biomet/28.3-4.437. Without a hit it has no upper end.
        """
        from scipy.stats import chi2

        aside = (1 - _SURE) / 2
        most = float(chi2.ppf(1 - aside, 2 * self.n_hits + 2)) / 2
        least = float(chi2.ppf(aside, 2 * self.n_hits)) / 2 if self.n_hits else 0.0
        return self.n_evaluations / most, self.n_evaluations / least if least else math.inf


class TrainingError(NamedTuple):
    """The training error of an optimizer on the weights of networks after so many steps."""

    task: str
    optimizer: str
    n_steps: int
    mean: float
    half: float  # of its 95 % interval


class Loss(NamedTuple):
    """The loss of a task at an outer step of a training."""

    task: str
    step: int
    loss: float


class HitRate(NamedTuple):
    """The share of hits on a task at an outer step."""

    task: str
    step: int
    share: float
    shipped: bool = False  # of the weights that were kept, on fresh starts


class Parity(NamedTuple):
    """Energies for each atom of one part of the structures of a fit: as given, and of the fit."""

    part: str
    given: "np.ndarray"  # (n,)
    fitted: "np.ndarray"  # (n,)


class Training(NamedTuple):
    """The course of a training."""

    losses: tuple[Loss, ...]
    hits: tuple[HitRate, ...]


class Costs(NamedTuple):
    """All that the scores of `evaluate --json` tell: those on clusters, or those on networks."""

    source: str
    clusters: tuple[Cost, ...] = ()
    networks: tuple[TrainingError, ...] = ()
