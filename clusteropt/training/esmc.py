"""Evolution strategies with meta-loss clipping.

    gradient ~ mean over eps of (min(L(theta), L(theta + eps)) - min(L(theta), L(theta - eps))) / (2 sigma^2) eps

The unperturbed loss is a ceiling: only improvements teach, and a candidate that explodes counts as nothing
(A. Merchant, L. Metz, S. Schoenholz and E. Cubuk, Proc. 38th Int. Conf. on Machine Learning, 2021, arXiv:2107.09661).
"""

import jax.numpy as jnp
import numpy as np
from jax import Array


def perturbations(n_numbers: int, pairs: int, sigma: float, seed: int, step: int) -> np.ndarray:
    """(pairs, n_numbers) draws of N(0, sigma^2), the same for any number of devices."""
    return (sigma * np.random.default_rng([seed, step]).normal(size=(pairs, n_numbers))).astype(np.float32)


def ask(theta: Array, eps: Array) -> Array:
    """The candidates (2 pairs + 1, n_numbers): theta, then theta + eps, then theta - eps."""
    return jnp.concatenate([theta[None], theta + eps, theta - eps])


def tell(losses: Array, eps: Array, sigma: float) -> Array:
    """The gradient's estimate (n_numbers,) from the losses (2 pairs + 1,) of the candidates, in their order."""
    pairs = eps.shape[0]
    ceiling, up, down = losses[0], losses[1 : pairs + 1], losses[pairs + 1 :]
    slopes = (jnp.minimum(ceiling, up) - jnp.minimum(ceiling, down)) / (2 * sigma**2)
    return (slopes[:, None] * eps).mean(0)
