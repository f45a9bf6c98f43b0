"""Radial symmetry functions of an atom's surroundings."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, neighbour_sums
from clusteropt.optimizers.learned.features.base import OTHERS, Feature, Scene
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.problems.base import Scale

_SINE_TERMS = 9


def radial_symmetry(
    clusters: Clusters, scale: Scale, pairs: tuple[tuple[float, float], ...]
) -> tuple[list[Array], list[Array]]:
    """The radial symmetry functions of every atom for like and (in alloys only) for unlike neighbours.

    phi_i = sum over j of exp(-eta d_ij^2) f_c(d_ij), f_c(d) = (1 + cos(pi d / c)) / 2 for d < c and 0 beyond, d in
    nearest-neighbour distances: G2 of J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007),
    doi:10.1103/PhysRevLett.98.146401. `pairs` are (c, eta); (n_atoms, n_clusters) for each, like and unlike.
    """
    alloy = scale.n_species > 1
    planes = (clusters.species,) if alloy else ()

    def terms(pair: Pair) -> tuple[Array, ...]:
        d2 = pair.r2 * (1 / scale.length**2)
        own = [_radial_term(d2, *one) for one in pairs]
        if not alloy:
            return tuple(own)
        alike = pair.here[0] == pair.there[0]
        return *(jnp.where(alike, t, 0) for t in own), *(jnp.where(alike, 0, t) for t in own)

    sums = list(neighbour_sums(clusters, planes, 2 * len(pairs) if alloy else len(pairs), terms))
    return sums[: len(pairs)], sums[len(pairs) :]


def close_packed(cutoff: float, eta: float) -> float:
    """A radial symmetry function of an atom inside a close-packed (fcc) solid, by which the network's input is divided."""
    most = math.ceil(cutoff * math.sqrt(2))
    grid = np.stack(np.meshgrid(*3 * [np.arange(-most, most + 1)]), -1).reshape(-1, 3)
    d2 = (grid[grid.sum(1) % 2 == 0] ** 2).sum(1) / 2
    with jax.ensure_compile_time_eval():  # a number, also while a program is being traced
        return float(_radial_term(d2[d2 > 0], cutoff, eta).sum())


def _radial_term(d2: Array | np.ndarray, cutoff: float, eta: float) -> Array:
    """The term of neighbours at squared distance `d2`, in nearest-neighbour distances.

    The fall-off is written as cos(x)^2 = 1 - sin(x)^2 with x = pi d / 2c, and the sine as its power series, which needs no root
    and vectorizes: the compiler's cosine takes ten times as long. On x from 0 to pi / 2 the series is exact to 1e-13.
    """
    x2 = jnp.minimum(d2 * (math.pi / (2 * cutoff)) ** 2, (math.pi / 2) ** 2)
    sinc = jnp.zeros_like(x2)  # sin(x) / x
    for k in range(_SINE_TERMS - 1, -1, -1):
        sinc = sinc * x2 + (-1) ** k / math.factorial(2 * k + 1)
    return jnp.where(d2 < cutoff**2, jnp.exp(-eta * d2) * (1 - x2 * sinc * sinc), 0)


def _inputs(which: str, settings: LearnedSettings) -> list[str]:
    """One for each function; its numbers are part of the name, because they say what theta has learned."""
    return [f"{which} radial {cutoff!r} {eta!r}" for cutoff, eta in settings.radial]


def _names(settings: LearnedSettings) -> list[str]:
    return [name for which in ("like", OTHERS) for name in _inputs(which, settings)]


def _values(scene: Scene) -> dict[str, Array]:
    pairs, seen = scene.settings.radial, {}
    for which, sums in zip(("like", OTHERS), radial_symmetry(scene.batch, scene.problem.scale, pairs), strict=True):
        named = zip(_inputs(which, scene.settings), sums, pairs, strict=False)
        seen |= {name: s * (1 / close_packed(*pair)) for name, s, pair in named}
    return seen


FEATURE = Feature(_names, _values, needs=("species", "cell"))
