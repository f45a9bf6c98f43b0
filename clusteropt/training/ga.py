"""A genetic algorithm: perturb theta, try all candidates on the same batch, keep the best; theta is a candidate too."""

import numpy as np

from clusteropt.training.settings import TrainSettings
from clusteropt.training.strategy import Strategy, StrategyState, finite, perturbations


def ga(settings: TrainSettings) -> Strategy:
    """The strategy; its state is theta alone. It tries `2 pairs` candidates a step, as the evolution strategy does.

    Each candidate's perturbation has a spread of its own, between `sigma` and a thirtieth of it: large changes improve a poor
    theta, and small ones a good theta.
    """

    def ask(state: StrategyState, step: int) -> np.ndarray:
        eps = perturbations(state.theta.size, 2 * settings.pairs, settings.sigma, settings.seed, step)
        spread = np.geomspace(1, 1 / 30, 2 * settings.pairs, dtype=np.float32)
        return np.concatenate([state.theta[None], state.theta + eps * spread[:, None]])

    def tell(state: StrategyState, step: int, losses: np.ndarray) -> StrategyState:
        best = int(np.argmin(finite(losses)))  # the first of equals, which is theta itself
        return StrategyState(ask(state, step)[best], None)

    return Strategy(lambda theta: StrategyState(theta, None), ask, tell)
