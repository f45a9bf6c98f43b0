"""From theta to an ordinary optimizer of the inner loop.

An atom's step is alpha d sigmoid(beta m + gamma), or alpha d sigmoid(beta m gamma), in lengths: |d| < 1 a direction and m a
magnitude, both from the network (patent application US 2022/0253704 A1; A. Merchant, L. Metz, S. Schoenholz and E. Cubuk,
Proc. 38th Int. Conf. on Machine Learning, 2021, arXiv:2107.09661). The direction is a sum, weighed by the network, of the unit
vectors against the gradient and its moving averages, away from the centre, and of a random one; what the network sees does
not change when the cluster is turned. So the optimizer turns with the cluster.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters import Clusters
from clusteropt.optimizers.base import Optimizer, Scale
from clusteropt.optimizers.learned import features, network
from clusteropt.optimizers.learned.features import Momenta, dot_first, length_of, softsign
from clusteropt.optimizers.learned.settings import LearnedSettings


def sizes(settings: LearnedSettings) -> tuple[int, int]:
    """Inputs and outputs of the network."""
    n_averages, common = len(settings.decays), 2 * len(features.SHELLS) + 4 + settings.styles
    if settings.network == "coordinate":
        return 3 + 2 * n_averages + common, 2
    n_vectors = 1 + n_averages
    n_cosines = n_vectors * (n_vectors + 1) // 2  # among themselves, and with the outward direction
    return n_vectors + n_cosines + 3 + common, n_vectors + 3


def learned(theta: Array, n_steps: Array, begin: Array, settings: LearnedSettings, scale: Scale) -> Optimizer:
    """The optimizer that theta makes, for trajectories of `n_steps` () steps, seen as the last part of a longer one.

    `begin` () is the share of that one that is over at the first step: 0 for a whole trajectory. Its state does not depend on
    theta. After `n_steps` it goes on as at the end of a trajectory.
    """
    look = _coordinate if settings.network == "coordinate" else _vector

    def init(clusters: Clusters) -> Momenta:
        return features.first_momenta(len(settings.decays), settings.styles, clusters)

    def update(gradient: Array, state: Momenta, clusters: Clusters, energies: Array) -> tuple[Array, Momenta]:
        dtype = gradient.dtype
        gradient = features.tamed(gradient * (scale.length / scale.energy))
        progress = (begin + (1 - begin) * jnp.minimum(state.n_steps / n_steps, 1)).astype(dtype)
        state, averages = features.next_momenta(state, gradient, settings.decays)
        same = (*_schedule(progress), *state.styles.astype(dtype))
        step = look(
            theta.astype(dtype), [gradient, *averages], clusters, energies / scale.energy, same, settings, scale
        )
        return scale.length * step, state

    return Optimizer(init, update)


def _vector(
    theta: Array,
    vectors: list[Array],
    clusters: Clusters,
    energies: Array,
    same: tuple[Array, ...],
    settings: LearnedSettings,
    scale: Scale,
) -> Array:
    out = features.outward(clusters, scale.length)
    lengths = [length_of(v) for v in vectors]
    units = [v / n for v, n in zip(vectors, lengths, strict=True)]
    distance = length_of(out)
    out = out / distance
    radius = _radius(clusters)
    seen = [jnp.log(n + 1e-3) / 4 for n in lengths]
    seen += [dot_first(units[i], units[j]) for i in range(len(units)) for j in range(i)]
    seen += [dot_first(unit, out) for unit in units]
    seen += [softsign(energies / 10), distance / radius, jnp.broadcast_to(radius / 4, distance.shape)]
    seen += features.neighbours(clusters, scale)
    seen += [jnp.broadcast_to(p, distance.shape) for p in same]
    weights = _outputs(theta, settings, jnp.stack(seen))
    step = sum((-w * unit for w, unit in zip(weights, units, strict=False)), weights[len(units)] * out)
    if settings.noise:
        step = step + weights[len(units) + 1] * features.between_one(
            features.random_bits(clusters.positions), step.dtype
        )
    return _bounded(theta, settings, step / (1 + length_of(step)), weights[-1])


def _coordinate(
    theta: Array,
    vectors: list[Array],
    clusters: Clusters,
    energies: Array,
    same: tuple[Array, ...],
    settings: LearnedSettings,
    scale: Scale,
) -> Array:
    place = features.outward(clusters, scale.length) / _radius(clusters)
    shape = place.shape

    def every(plane: Array) -> Array:
        return jnp.broadcast_to(plane, shape)

    seen = [place, vectors[0], *vectors[1:], *(v * v for v in vectors[1:]), jnp.log(jnp.abs(vectors[0]) + 1e-3) / 4]
    seen += [every(n) for n in features.neighbours(clusters, scale)]
    seen += [every(p) for p in same]
    direction, magnitude = _outputs(theta, settings, jnp.stack(seen))
    return _bounded(theta, settings, softsign(direction), magnitude)


def _outputs(theta: Array, settings: LearnedSettings, seen: Array) -> Array:
    """The network's outputs (n_outputs, ...) for inputs (n_inputs, ...)."""
    n_inputs, n_outputs = sizes(settings)
    layers = network.shapes(settings, n_inputs, n_outputs)
    return network.apply(theta, layers, seen.reshape(n_inputs, -1)).reshape(n_outputs, *seen.shape[1:])


def _bounded(theta: Array, settings: LearnedSettings, direction: Array, magnitude: Array) -> Array:
    factors = network.learned_factors(theta, settings)
    forms: dict[str, Callable[[], Array]] = {
        "sum": lambda: factors["beta"] * magnitude + factors["gamma"],
        "product": lambda: factors["beta"] * magnitude * factors["gamma"],
    }
    return factors["alpha"] * direction * jax.nn.sigmoid(forms[settings.form]())


def _radius(clusters: Clusters) -> Array:
    """The cube root of the number of atoms (n_clusters,): in lengths, about the radius of a compact cluster."""
    return jnp.cbrt(jnp.maximum(clusters.mask.sum(0), 1).astype(clusters.positions.dtype))


def _schedule(progress: Array) -> tuple[Array, ...]:
    """Functions of the share of the trajectory that is over, by which the network can anneal; (n_clusters,) each."""
    return progress, progress * progress, jnp.sin(jnp.pi * progress), jnp.exp(-5 * progress)
