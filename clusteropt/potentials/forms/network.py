"""A network potential: the energy of each atom is a small network's output on symmetry functions of its surroundings.

    E = sum_i [ e_s + w_s . radial_i + perceptron_s(descriptors_i) ] + repulsion,

where s is the element of atom i. The perceptron has hidden layers of tanh; the sum over the radial functions that stands beside
it is a pair potential. J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007), doi:10.1103/PhysRevLett.98.146401. The
descriptors and the repulsion below the shortest distance seen are those of `potentials.symmetry_functions`. Numbers of
`clusteropt fit` are in HDF5 files (`potentials.fitted`), not in TOML.
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.errors import InputError
from clusteropt.potentials.form import Core, Form, Tables
from clusteropt.potentials.symmetry_functions import (
    Counts,
    counts_of,
    descriptors,
    gradient,
    members,
    sums_over_neighbours,
)

if TYPE_CHECKING:
    from clusteropt.potentials.parameters import ParameterSet


def layers_of(tables: dict) -> list[tuple[Array, Array]]:
    """Matrices (n_elements, n_out, n_in) and biases (n_elements, n_out) of the perceptron, layer by layer."""
    n_layers = sum(name.startswith("matrix") for name in tables)
    return [(tables[f"matrix {k}"], tables[f"biases {k}"]) for k in range(n_layers)]


def atomic_energies(tables: dict[str, Array], species: Array, x: Array) -> Array:
    """Energies (n,) of atoms of these `species` (n,) with descriptors `x` (n_descriptors, n), without the repulsion."""
    pair, offset = tables["pair"], tables["offset"]
    linear = _chosen(pair[:, None], offset[:, None], species, x[: pair.shape[1]])
    layers = layers_of(tables)
    for matrix, biases in layers[:-1]:
        x = jnp.tanh(_chosen(matrix, biases, species, x))
    matrix, biases = layers[-1]
    return (linear + _chosen(matrix, biases, species, x))[0]


def _chosen(matrix: Array, biases: Array, species: Array, x: Array) -> Array:
    """The layer of each atom's own element (n_out, n)."""
    n_elements, n_out, n_in = matrix.shape
    every = (matrix.reshape(-1, n_in) @ x).reshape(n_elements, n_out, -1) + biases[:, :, None]
    found = every[0]
    for s in range(1, n_elements):
        found = jnp.where(species == s, every[s], found)
    return found


def energy_and_gradient(tables: dict[str, Array], clusters: Clusters, core: Core) -> tuple[Array, Array]:
    """See `base.energy_and_gradient`. tables: those of `tables_for`."""
    counts = counts_of(tables)
    repulsion, *sums = sums_over_neighbours(tables, clusters, core)

    def energies(*sums: Array) -> Array:
        x = descriptors(counts, sums)
        return atomic_energies(tables, clusters.species.ravel(), x.reshape(len(x), -1)).reshape(clusters.mask.shape)

    found, pull = jax.vjp(energies, *sums)
    slopes = pull(clusters.mask.astype(found.dtype))
    return repulsion + found, gradient(tables, clusters, core, slopes)


def tables_for(tables: dict[str, np.ndarray], chosen: list[int]) -> dict[str, np.ndarray]:
    """The tables for some of the elements, by index, in ascending order."""
    counts = Counts(len(tables["offset"]), len(tables["radial"]), len(tables["angular"]))
    kept = [k for k, about in enumerate(members(counts)) if set(about) <= set(chosen)]
    out = {name: table[chosen] if _is_by_element(name) else table for name, table in tables.items()}
    n_radial = counts.elements * counts.radial
    out["pair"] = out["pair"][:, [k for k in kept if k < n_radial]]
    out["matrix 0"] = out["matrix 0"][:, :, kept]
    return out


def _is_by_element(name: str) -> bool:
    return name in ("offset", "pair") or name.startswith(("matrix", "biases"))


def _tables(chosen: "ParameterSet", elements: tuple[str, ...]) -> Tables:
    fitted = chosen.options["fit"]
    values = tables_for(fitted.tables, [chosen.elements.index(element) for element in elements])
    return Tables(values, fitted.length, fitted.energy, float(fitted.tables["cutoff"]))


def _refuse(chosen: "ParameterSet") -> "ParameterSet":
    raise InputError(
        f"the numbers of form {chosen.form} are in .h5 files, which `clusteropt fit` writes: name such a file"
    )


def _seen(tables: dict[str, np.ndarray]) -> tuple[float, float]:
    return float(tables["closest"]), float(tables["farthest"])


FORM = Form(
    name="network",
    pair_keys={},
    completed=_refuse,
    tables=_tables,
    energy_and_gradient=energy_and_gradient,
    cost=20.0,
    many_body=True,
    seen=_seen,
)
