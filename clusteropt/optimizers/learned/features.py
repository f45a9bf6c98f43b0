"""What the network sees: dimensionless, in the potential's own units, and the same for every orientation of the cluster."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.clusters import Clusters
from clusteropt.optimizers.base import Scale, over_atoms
from clusteropt.potentials.pairs import Pair, neighbour_sums

_TINY = 1e-6  # of a vector's length, below which it has no direction
# Radial symmetry functions, in nearest-neighbour distances: 1 inside the first radius, falling as a square to 0 at the second
SHELLS = ((0.8, 1.25), (1.1, 1.6), (1.4, 2.2))
_USUAL = (6.0, 9.0, 15.0)  # neighbours that they count in a compact cluster


class Momenta(NamedTuple):
    """Moving averages of the gradient, and what else a trajectory remembers."""

    averages: Array  # (n_decays, 3, n_atoms, n_clusters)
    n_steps: Array  # (n_clusters,), of the averages
    styles: Array  # (n_styles, n_clusters), between -1 and 1, drawn once


def first_momenta(n_decays: int, n_styles: int, clusters: Clusters) -> Momenta:
    positions = clusters.positions
    zero = jnp.zeros((n_decays, *positions.shape), positions.dtype)
    return Momenta(zero, jnp.zeros(positions.shape[-1], positions.dtype), _styles(n_styles, clusters))


def _styles(n_styles: int, clusters: Clusters) -> Array:
    """(n_styles, n_clusters) numbers that follow from where the trajectory starts, and look random."""
    mixed = jnp.where(clusters.mask, random_bits(clusters.positions)[0], 0).sum(0, dtype=jnp.uint32)
    salts = jnp.arange(1, n_styles + 1, dtype=jnp.uint32)[:, None] * np.uint32(0x9E3779B9)
    return between_one(scrambled(mixed ^ salts), clusters.positions.dtype)


def random_bits(positions: Array) -> Array:
    """(3, n_atoms, n_clusters) uint32 from the last bits of every atom's own coordinates.

    They look random, cost a few integer operations, and depend on nothing but where the atom is: not on its lane.
    """
    bits = jax.lax.bitcast_convert_type(positions.astype(jnp.float32), jnp.uint32)
    salt = jnp.array([0x9E3779B9, 0x85EBCA6B, 0xC2B2AE35], jnp.uint32)[:, None, None]
    mixed = (bits[0] * np.uint32(73856093)) ^ (bits[1] * np.uint32(19349663)) ^ (bits[2] * np.uint32(83492791)) ^ salt
    return scrambled(mixed)


def scrambled(mixed: Array) -> Array:
    """Every bit of the result depends on every bit given."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 0x27D4EB2F)):
        mixed = (mixed ^ (mixed >> shift)) * np.uint32(factor)
    return mixed ^ (mixed >> 15)


def between_one(bits: Array, dtype: np.dtype) -> Array:
    """Numbers between -1 and 1 from random bits."""
    return (bits >> 8).astype(dtype) * np.asarray(2.0**-23, dtype) - 1


def next_momenta(momenta: Momenta, gradient: Array, decays: tuple[float, ...]) -> tuple[Momenta, list[Array]]:
    """The averages with one gradient more, and each divided by the sum of its weights (bias correction)."""
    n_steps = momenta.n_steps + 1
    averages = [d * m + (1 - d) * gradient for d, m in zip(decays, momenta.averages, strict=True)]
    corrected = [m / (1 - d**n_steps) for d, m in zip(decays, averages, strict=True)]
    return momenta._replace(averages=jnp.stack(averages), n_steps=n_steps), corrected


def tamed(gradient: Array) -> Array:
    """The gradient with lengths g turned into g / (1 + g/20): overlapping atoms do not drown the averages."""
    return gradient / (1 + jnp.sqrt(dot_first(gradient, gradient)) / 20)


def dot_first(a: Array, b: Array) -> Array:
    """The scalar product of vectors (3, n_atoms, n_clusters)."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def length_of(a: Array) -> Array:
    return jnp.sqrt(dot_first(a, a) + _TINY**2)


def outward(clusters: Clusters, length: float) -> Array:
    """The atoms' positions seen from their centre (3, n_atoms, n_clusters), in lengths."""
    (centre,) = over_atoms(lambda x, here: (jnp.where(here, x, 0),), clusters.positions, clusters.mask)
    n_atoms = clusters.mask.sum(0)
    return (clusters.positions - (centre / jnp.maximum(n_atoms, 1))[:, None]) / length


def neighbours(clusters: Clusters, scale: Scale) -> list[Array]:
    """How many neighbours every atom has within each shell, over the usual number, and how many of another element.

    (n_atoms, n_clusters) each. After J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007),
    doi:10.1103/PhysRevLett.98.146401, with squares in place of the Gaussian and the cosine, which cost a tenth.
    """
    alloy = scale.n_species > 1
    planes = (clusters.species,) if alloy else ()

    def terms(pair: Pair) -> tuple[Array, ...]:
        s = pair.r2 / scale.length**2
        fading = [jnp.clip((outer**2 - s) / (outer**2 - inner**2), 0, 1) for inner, outer in SHELLS]
        counts = [t * t for t in fading]
        return (*counts, *(jnp.where(pair.here[0] != pair.there[0], t, 0) for t in counts)) if alloy else tuple(counts)

    sums = neighbour_sums(clusters, planes, (1 + alloy) * len(SHELLS), terms)
    all_kinds = [count / usual - 1 for count, usual in zip(sums, _USUAL, strict=False)]
    others = [count / usual for count, usual in zip(sums[len(SHELLS) :], _USUAL, strict=True)] if alloy else []
    return all_kinds + (others or [jnp.zeros_like(all_kinds[0])] * len(SHELLS))


def softsign(x: Array) -> Array:
    return x / (1 + jnp.abs(x))
