"""The interface of strategies, the ways to find theta, as the outer loop uses it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class StrategyState(NamedTuple):
    """The state of a strategy between two steps."""

    theta: np.ndarray  # (n_numbers,) float32
    memory: Any  # pytree of arrays, or None


class Strategy(NamedTuple):
    """`ask` gives the candidates of a step, `tell` takes their losses. All that is random follows from the seed and the step."""

    init: Callable[[np.ndarray], StrategyState]
    ask: Callable[[StrategyState, int], np.ndarray]  # candidates (n_candidates, n_numbers) float32, the first is theta
    tell: Callable[[StrategyState, int, np.ndarray], StrategyState]  # with their losses (n_candidates,)


def perturbations(n_numbers: int, count: int, sigma: float, seed: int, step: int) -> np.ndarray:
    """(count, n_numbers) draws of N(0, sigma^2), which do not depend on the number of devices."""
    return (sigma * np.random.default_rng([seed, step]).normal(size=(count, n_numbers))).astype(np.float32)


def finite(losses: np.ndarray) -> np.ndarray:
    """The losses with the largest finite one in place of those that are not: infinities would make NaN of differences."""
    sound = np.isfinite(losses)
    return np.where(sound, losses, losses[sound].max() if sound.any() else 0.0)
