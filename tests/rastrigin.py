"""A second inner problem: Rastrigin's function in d dimensions, L. A. Rastrigin, Systems of Extremal Control, Nauka (1974).

f(x) = sum over the coordinates of 10 + x^2 - 10 cos(2 pi x); the lowest of its many minima is f = 0 at the origin.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from clusteropt.problems.base import Problem, Scale
from clusteropt.training.tasks import ProblemTask


class Points(NamedTuple):
    positions: np.ndarray  # (1, d, n_points)
    mask: np.ndarray  # (d, n_points) bool
    free: np.ndarray  # (d, n_points) bool


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rastrigin(Problem):
    @property
    def scale(self):
        return Scale(1.0, 10.0)

    def energies_and_gradient(self, batch):
        x = jnp.where(batch.mask, batch.positions, 0)
        values = 10 + x * x - 10 * jnp.cos(2 * jnp.pi * x)
        return values[0], 2 * x + 20 * jnp.pi * jnp.sin(2 * jnp.pi * x)

    def place(self, batch):
        return batch.positions


def points(positions: np.ndarray) -> Points:
    """A batch of the columns of positions (d, n_points)."""
    everywhere = np.ones(positions.shape, bool)
    return Points(positions[None], everywhere, everywhere)


def starts(count: int, seed: int) -> Points:
    """Points of two coordinates between -2.5 and 2.5."""
    return points(np.random.default_rng(seed).uniform(-2.5, 2.5, (2, count)))


def task(name: str) -> ProblemTask:
    """As `training.tasks` asks for it by name."""
    return ProblemTask(name, Rastrigin(), starts, best_known=0.0)
