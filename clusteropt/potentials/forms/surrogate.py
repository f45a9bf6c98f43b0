"""The form of a surrogate: Gupta's, with two more terms of the density, and with directions of bonds.

    E = sum_i [ repulsion_i - sqrt(rho_i) (1 + v_s v_i . v_i + t_s (t_i : t_i - 1/3)) + b_s rho_i + c_s rho_i^(3/4) ],

where s is the element of atom i. Repulsion and density rho_i are those of `forms/gupta.py`. The vector v_i and the matrix t_i
are the means of the directions e and of their products e e over the neighbours, each weighted by its part of the density. So
a flat or an open cluster may lie lowest, as bonds of gold or silicon ask for; without the additional terms none does. Partial
densities with directions: M. I. Baskes, Phys. Rev. B 46, 2727 (1992), doi:10.1103/PhysRevB.46.2727.
"""

from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, choose, neighbour_sums
from clusteropt.errors import InputError
from clusteropt.potentials.form import Core, Form, Tables, softens
from clusteropt.potentials.forms.gupta import decaying
from clusteropt.potentials.pairwise import distance, square_of, squared

if TYPE_CHECKING:
    from clusteropt.potentials.parameters import ParameterSet

_COMPONENTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # of a symmetric matrix


def energy_and_gradient(tables: dict[str, Array], clusters: Clusters, core: Core) -> tuple[Array, Array]:
    """See `base.energy_and_gradient`. tables: those of `gupta.tables_from`, and `terms` (4, n_species): b, c, v and t."""
    core2 = square_of(core, clusters)
    species = () if tables["terms"].shape[1] == 1 else (clusters.species,)
    repulsion, *sums = neighbour_sums(clusters, species, 14, partial(_sums, tables, core2))
    push, density = sums[:3], sums[3:]

    def bands(*density: Array) -> Array:
        return _band(tables["terms"], clusters.species, density)

    found, pull = jax.vjp(bands, *density)
    slopes = pull(jnp.ones_like(found))
    drawn = neighbour_sums(clusters, (*species, *slopes), 3, partial(_slopes, tables, core2))
    return repulsion + found, jnp.stack(push) + jnp.stack(drawn)


def _band(terms: Array, species: Array, sums: tuple[Array, ...]) -> Array:
    """Energies of atoms from density, vector (3) and symmetric matrix (6), all (n_atoms, n_clusters)."""
    b, c, v, t = (choose(list(row), species) if row.shape[0] > 1 else row[0] for row in terms)
    bonded = sums[0] > 0
    rho = jnp.where(bonded, sums[0], 1)
    vector, matrix = [x / rho for x in sums[1:4]], [x / rho for x in sums[4:]]
    flat = sum(x * x for x in matrix[:3]) + 2 * sum(x * x for x in matrix[3:]) - 1 / 3
    root = jnp.sqrt(rho)
    energy = b * rho + c * root * jnp.sqrt(root) - root * (1 + v * sum(x * x for x in vector) + t * flat)
    return jnp.where(bonded, energy, 0)


def _sums(tables: dict[str, Array], core2: Core, pair: Pair) -> tuple[Array, ...]:
    """Repulsion, its gradient (3), density, and its sums over directions (3) and their products (6)."""
    r = distance(pair, core2)
    inverse = 1 / r
    repulsion, slope = decaying(tables, "repulsion", pair, r)
    part, _ = _density(tables, core2, pair, r, inverse)
    if softens(core2):  # inside the core, repulsion and density continue as straight lines in r^2
        repulsion = repulsion + slope * (pair.r2 - squared(pair, core2)) * (inverse / 2)
    e = [d * inverse for d in pair.d]
    along = [part * x for x in e]
    push = 2 * slope * inverse
    return repulsion, *(push * d for d in pair.d), part, *along, *(along[a] * e[b] for a, b in _COMPONENTS)


def _density(tables: dict[str, Array], core2: Core, pair: Pair, r: Array, inverse: Array) -> tuple[Array, Array]:
    """The pair's part of the density, and its slope over the distance."""
    hopping, slope = decaying(tables, "hopping", pair, r)
    part, rate = hopping * hopping, 2 * hopping * slope * inverse
    return (part + rate * (pair.r2 - squared(pair, core2)) / 2 if softens(core2) else part), rate


def _slopes(tables: dict[str, Array], core2: Core, pair: Pair) -> tuple[Array, ...]:
    """The gradient of the bands; the last planes of the pair are their slopes in density, vector and matrix."""
    r = distance(pair, core2)
    inverse = 1 / r
    part, rate = _density(tables, core2, pair, r, inverse)
    e = [d * inverse for d in pair.d]
    own, other = pair.here[-10:], pair.there[-10:]
    vector = [x - y for x, y in zip(own[1:4], other[1:4], strict=True)]  # seen from the neighbour, e points back
    xx, yy, zz, xy, xz, yz = (x + y for x, y in zip(own[4:], other[4:], strict=True))
    turned = [
        xx * e[0] + (xy * e[1] + xz * e[2]) / 2,
        yy * e[1] + (xy * e[0] + yz * e[2]) / 2,
        zz * e[2] + (xz * e[0] + yz * e[1]) / 2,
    ]
    along = sum(x * y for x, y in zip(vector, e, strict=True))
    twice = sum(x * y for x, y in zip(turned, e, strict=True))
    push = rate * (own[0] + other[0] + along + twice)
    radial = along + 2 * twice
    if softens(core2):  # inside the core, e grows with the distance
        radial = (pair.r2 >= squared(pair, core2)) * radial
    sideways = part * inverse
    return tuple(
        push * d + sideways * (v + 2 * t - radial * x) for d, v, t, x in zip(pair.d, vector, turned, e, strict=True)
    )


def _refuse(chosen: "ParameterSet") -> "ParameterSet":
    raise InputError("a parameter file cannot name a surrogate, which a search fits for itself: name another form")


def _tables(chosen: "ParameterSet", elements: tuple[str, ...]) -> Tables:
    raise InputError("a surrogate has no parameter file")


FORM = Form(
    name="surrogate",
    pair_keys={},
    completed=_refuse,
    tables=_tables,
    energy_and_gradient=energy_and_gradient,
    cost=7.0,
    many_body=True,
)
