"""The motion of a batch, as its callers ask for it and as it ends."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from clusteropt.engine.step import Criterion
from clusteropt.optimizers.table import OptimizerChoice
from clusteropt.problems.base import Problem

Watch = Callable[[int, int, np.ndarray], None]


class Motion(NamedTuple):
    """The motion of a batch: an optimizer on a problem, until a criterion holds."""

    problem: Problem
    choice: OptimizerChoice
    criterion: Criterion
    dtype: type  # np.float32 or np.float64

    @property
    def tolerance(self) -> np.ndarray:
        """() the criterion's tolerance as a number that the type can hold."""
        return np.asarray(min(self.criterion.tolerance, float(np.finfo(self.dtype).max)), self.dtype)


class Moved(NamedTuple):
    """The instances of a batch after moving, a column or entry each."""

    positions: np.ndarray  # (n_components, n_units, n_instances) float64
    status: np.ndarray  # (n_instances,) int32, values of Status
    n_evaluations: np.ndarray  # (n_instances,) int32
    faults: np.ndarray  # (n_instances,) texts: why an instance has CALCULATOR_FAILED; empty for all others


def no_faults(n_instances: int) -> np.ndarray:
    """(n_instances,) empty texts."""
    return np.full(n_instances, "", object)
