"""Pair potentials: from a function of one pair to the energies of all atoms and the gradient."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, lookup, neighbour_sums
from clusteropt.potentials.form import Core, softens

# (distance r, entries of the tables for the pair) -> (energy, dE/dr); the entries broadcast with r
PairEnergy = Callable[[Array, dict[str, Array]], tuple[Array, Array]]


def pair_sums(pair_energy: PairEnergy, tables: dict[str, Array], clusters: Clusters, core: Core) -> tuple[Array, Array]:
    """Energies of the atoms (n_atoms, n_clusters) and the gradient (3, n_atoms, n_clusters). An atom gets half of a pair energy.

    tables: each (n_species, n_species). `pair_energy` must be zero beyond its cutoff and at very large distances. Below the
    distance `core` the energy continues as a straight line in r^2.
    """
    core2 = square_of(core, clusters)
    one_species = all(table.shape[0] == 1 for table in tables.values())
    planes = () if one_species else (clusters.species,)

    def terms(pair: Pair) -> tuple[Array, ...]:
        r = distance(pair, core2)
        energy, slope = pair_energy(r, {name: entry(table, pair) for name, table in tables.items()})
        over_r = slope / r
        if softens(core2):
            energy = energy + over_r * (pair.r2 - squared(pair, core2)) / 2
        return energy / 2, *(over_r * d for d in pair.d)

    energy, *gradient = neighbour_sums(clusters, planes, 4, terms)
    return energy, jnp.stack(gradient)


def square_of(core: Core, clusters: Clusters) -> Core:
    """The square of the core, in the precision of the clusters, to be made once for all pairs; 0.0 without a core."""
    return jnp.asarray(core * core, clusters.positions.dtype) if softens(core) else 0.0


def distance(pair: Pair, core2: Core) -> Array:
    """The distance of the pair, or the core where that is larger, of which `core2` is the square; in length units."""
    return jnp.sqrt(squared(pair, core2))


def squared(pair: Pair, core2: Core) -> Array:
    """The square of `distance`, by selection, which is faster than a maximum. The square of the root would have other bits."""
    return jnp.where(pair.r2 < core2, core2, pair.r2) if softens(core2) else pair.r2


def entry(table: Array, pair: Pair) -> Array:
    """The entry of a table (n_species, n_species) for the pair. With several species, the pair's first plane is the species."""
    return table[0, 0] if table.shape[0] == 1 else lookup(table, pair.here[0], pair.there[0])
