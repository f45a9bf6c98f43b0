"""From theta to an ordinary optimizer of the inner loop.

An atom's step is alpha d sigmoid(beta m + gamma), or alpha d sigmoid(beta m gamma), in lengths: |d| < 1 a direction and m a
magnitude, both from the network (patent application US 2022/0253704 A1; A. Merchant, L. Metz, S. Schoenholz and E. Cubuk,
Proc. 38th Int. Conf. on Machine Learning, 2021, arXiv:2107.09661). The direction is a sum of vectors that the network
weighs: unit vectors against the gradient and its moving averages and away from the centre, and a random vector. The network's
inputs do not change when the cluster is rotated, so the steps rotate with the cluster.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.optimizers.base import Optimizer
from clusteropt.optimizers.learned import inputs, network
from clusteropt.optimizers.learned.features.base import OTHERS, Scene
from clusteropt.optimizers.learned.momenta import Momenta, corrected, first_momenta, next_momenta
from clusteropt.optimizers.learned.network import softsign
from clusteropt.optimizers.learned.noise import between_one, random_bits
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.optimizers.learned.vectors import damped, length_of
from clusteropt.problems.base import Batch, Problem

_PASSED = 2.0  # by which a layer multiplies the direction that it passes on


def sizes(settings: LearnedSettings) -> tuple[int, int]:
    """Inputs and outputs of the network."""
    n_outputs = 2 if settings.network == "coordinate" else len(settings.decays) + 4
    return len(inputs.names(settings)), n_outputs


def first_theta(settings: LearnedSettings, seed: int) -> np.ndarray:
    """A random theta that begins near gradient descent, or near Adam's direction where the network sees it."""
    theta = network.first_theta(settings, *sizes(settings), seed)
    if "normalized" in settings.features:
        seen, layers = inputs.names(settings), network.layers_of(theta, network.shapes(settings, *sizes(settings)))
        kept = seen.index(f"normalized {len(settings.decays) // 2}")
        for matrix, biases in layers:  # views of theta: the first unit of every layer passes the direction on
            matrix[0], biases[0] = 0, 0
            matrix[0, kept], kept = _PASSED, 0
        layers[-1][0][0, 0] = -_PASSED
    return theta


def grown(theta: np.ndarray, old: LearnedSettings, new: LearnedSettings, seed: int) -> np.ndarray:
    """A theta for a network with other features and wider layers, which at first takes the same steps as the old one.

    The additions have no effect at first: new inputs have weight zero, and so have new hidden units in the next layer. The
    weights that lead to new hidden units are random. An input that the new network lacks is left out, as if it were always 0.
    """
    both = [name for name in inputs.names(old) if name in inputs.names(new)]
    kept, of_old = ([inputs.names(own).index(name) for name in both] for own in (new, old))
    before = network.layers_of(theta, network.shapes(old, *sizes(old)))
    after = network.layers_of(first_theta(new, seed), network.shapes(new, *sizes(new)))
    for (matrix, biases), (wider, more) in zip(before, after, strict=True):
        n_units = len(biases)
        wider[:n_units] = 0
        wider[:n_units, kept] = matrix[:, of_old]
        more[:n_units] = biases
        kept = of_old = list(range(n_units))
    flat = [part.ravel() for layer in after for part in layer]
    return np.concatenate([*flat, theta[len(theta) - len(old.learned) :]]).astype(np.float32)


def learned(theta: Array, n_steps: Array, span: Array, settings: LearnedSettings, problem: Problem) -> Optimizer:
    """The optimizer that theta makes, for trajectories of `n_steps` () steps which are a `span` of longer ones.

    `span` (2,) holds the fractions of the longer trajectory at which these begin and end: (0, 1) is all of it. The state does not
    depend on theta. After `n_steps` the optimizer goes on as at the end of the span.
    """
    names, layers, scale = inputs.names(settings), network.shapes(settings, *sizes(settings)), problem.scale
    unit = scale.length / scale.energy
    move = _by_coordinates if settings.network == "coordinate" else _by_units

    def init(batch: Batch) -> Momenta:
        return first_momenta(settings, batch)

    def update(gradient: Array, state: Momenta, batch: Batch, energies: Array) -> tuple[Array, Momenta]:
        progress = span[0] + (span[1] - span[0]) * jnp.minimum(state.n_steps / n_steps, 1).astype(gradient.dtype)
        gradient = damped(gradient, unit)
        state = next_momenta(state, gradient, settings.decays)
        whole = (n_steps / (span[1] - span[0])).astype(gradient.dtype)
        scene = Scene(problem, batch, energies, *corrected(state, settings.decays), progress, settings, whole)
        seen, directions = inputs.inputs_of(scene, gradient, state.styles)
        known = [k for k, name in enumerate(names) if name in seen or not name.startswith(OTHERS)]
        planes = jnp.stack([seen[names[k]] for k in known])
        outputs = network.apply(theta.astype(gradient.dtype), layers, planes, known)
        return scale.length * move(theta.astype(gradient.dtype), settings, outputs, directions, batch), state

    return Optimizer(init, update)


def _by_units(theta: Array, settings: LearnedSettings, weights: Array, directions: list[Array], batch: Batch) -> Array:
    *against, outward = directions
    step = weights[len(against)] * outward - sum(w * unit for w, unit in zip(weights, against, strict=False))
    if settings.noise:
        step = step + weights[len(directions)] * between_one(random_bits(batch.positions), step.dtype)
    return _bounded(theta, settings, step / (1 + length_of(step)), weights[-1])


def _by_coordinates(theta: Array, settings: LearnedSettings, outputs: Array, *_: object) -> Array:
    direction, magnitude = outputs
    return _bounded(theta, settings, softsign(direction), magnitude)


def _bounded(theta: Array, settings: LearnedSettings, direction: Array, magnitude: Array) -> Array:
    factors = network.learned_factors(theta, settings)
    forms: dict[str, Callable[[], Array]] = {
        "sum": lambda: factors["beta"] * magnitude + factors["gamma"],
        "product": lambda: factors["beta"] * magnitude * factors["gamma"],
    }
    return factors["alpha"] * direction * jax.nn.sigmoid(forms[settings.form]())
