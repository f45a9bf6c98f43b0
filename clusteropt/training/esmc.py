"""Evolution strategies with meta-loss clipping.

    gradient ~ mean over eps of (min(L(theta), L(theta + eps)) - min(L(theta), L(theta - eps))) / (2 sigma^2) eps

The unperturbed loss is a ceiling: only improvements teach, and a candidate that explodes counts as nothing
(A. Merchant, L. Metz, S. Schoenholz and E. Cubuk, Proc. 38th Int. Conf. on Machine Learning, 2021, arXiv:2107.09661).
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

from clusteropt.training.settings import TrainSettings
from clusteropt.training.strategy import Strategy, StrategyState, finite, perturbations

_OUTER: dict[str, Callable[[Any], optax.GradientTransformation]] = {
    "adam": optax.adam,
    "rmsprop": optax.rmsprop,
    "adafactor": lambda rate: optax.adafactor(rate, multiply_by_parameter_scale=False),
    "sgd": optax.sgd,
}


def esmc(settings: TrainSettings) -> Strategy:
    """The strategy; its state holds theta and what the outer optimizer remembers."""
    outer = _OUTER[settings.outer](optax.linear_schedule(settings.rate, settings.rate / 10, settings.schedule))

    def init(theta: np.ndarray) -> StrategyState:
        return StrategyState(theta, outer.init(jnp.asarray(theta)))

    def eps_of(state: StrategyState, step: int) -> np.ndarray:
        return perturbations(state.theta.size, settings.pairs, sigma_at(settings, step), settings.seed, step)

    def ask(state: StrategyState, step: int) -> np.ndarray:
        eps = eps_of(state, step)
        return np.concatenate([state.theta[None], state.theta + eps, state.theta - eps])

    def tell(state: StrategyState, step: int, losses: np.ndarray) -> StrategyState:
        slope = estimate(losses, eps_of(state, step), sigma_at(settings, step))
        # scaled to unit length per number: losses of different tasks have different sizes
        slope = slope * np.float32(np.sqrt(slope.size) / max(float(np.linalg.norm(slope)), 1e-12))
        theta = jnp.asarray(state.theta)
        move, memory = outer.update(jnp.asarray(slope), state.memory, theta)
        return StrategyState(np.asarray(optax.apply_updates(theta, move), np.float32), memory)

    return Strategy(init, ask, tell)


def sigma_at(settings: TrainSettings, step: int) -> float:
    """The spread of the perturbations: falls in a straight line to `sigma_end` of `sigma`, and stays there."""
    return settings.sigma * (1 - (1 - settings.sigma_end) * min(step, settings.schedule) / settings.schedule)


def estimate(losses: np.ndarray, eps: np.ndarray, sigma: float) -> np.ndarray:
    """The gradient's estimate (n_numbers,) float32 from the losses (2 pairs + 1,) of theta, theta + eps and theta - eps."""
    pairs = len(eps)
    losses = finite(losses)
    up, down = np.minimum(losses[0], losses[1 : pairs + 1]), np.minimum(losses[0], losses[pairs + 1 :])
    slopes = (up - down) / (2 * sigma**2)
    return (slopes[:, None] * eps).mean(0).astype(np.float32)
