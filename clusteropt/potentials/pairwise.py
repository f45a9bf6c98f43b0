"""Sums over pairs: from the energy of one pair to those of the atoms and the gradient; the distance, and entries of tables."""

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, lookup, neighbour_sums

# of the distance r and of the tables' entries for the pair, both of a shape that broadcasts with r: energy and dE/dr
PairEnergy = Callable[[Array, dict[str, Array]], tuple[Array, Array]]


def pair_sums(
    pair_energy: PairEnergy, tables: dict[str, Array], clusters: Clusters, core: float
) -> tuple[Array, Array]:
    """Energies of the atoms (n_atoms, n_clusters), half of each pair's, and the gradient (3, n_atoms, n_clusters).

    tables: each (n_species, n_species). Beyond any cutoff, and at very large distances, `pair_energy` must give zeros. Inside
    the core, the energy goes on as a straight line in r^2.
    """
    one_species = all(table.shape[0] == 1 for table in tables.values())
    planes = () if one_species else (clusters.species,)

    def terms(pair: Pair) -> tuple[Array, ...]:
        r = distance(pair, core)
        energy, slope = pair_energy(r, {name: entry(table, pair) for name, table in tables.items()})
        over_r = slope / r
        if core:
            energy = energy + over_r * (pair.r2 - r * r) / 2
        return energy / 2, *(over_r * d for d in pair.d)

    energy, *gradient = neighbour_sums(clusters, planes, 4, terms)
    return energy, jnp.stack(gradient)


def distance(pair: Pair, core: float) -> Array:
    """The distance of the pair, or the core where that is larger."""
    return jnp.sqrt(jnp.maximum(pair.r2, core * core) if core else pair.r2)


def entry(table: Array, pair: Pair) -> Array:
    """The entry of a table (n_species, n_species) for the pair; of several species, the first plane is the species."""
    return table[0, 0] if table.shape[0] == 1 else lookup(table, pair.here[0], pair.there[0])
