"""Stillinger-Weber, in the form and with the parameter names of LAMMPS:

    E = sum_{i<j} A eps [B (sigma/r)^4 - 1] exp(sigma / (r - a sigma))
      + sum_i sum_{j<k} lambda eps_ijk [cos theta_jik - cos theta_0]^2 h_ij h_ik,   h = exp(gamma sigma / (r - a sigma))

F. H. Stillinger and T. A. Weber, Phys. Rev. B 31, 5262 (1985), doi:10.1103/PhysRevB.31.5262. Both terms vanish beyond the
cutoff a sigma.

There is no triple loop. With u the unit vector between i and its neighbour j and the moments of i's surroundings
T0 = sum h, T1 = sum h u, T2 = sum h u u^T, kept for each species of neighbour,

    sum over all ordered j, k of h_ij h_ik (cos theta - c)^2 = T2:T2 - 2 c T1.T1 + c^2 T0^2

and j = k contributes (1 - c)^2 sum h^2, which is taken off; the potential's sum over j < k is half of the rest.
"""

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, choose, lookup, neighbour_sums
from clusteropt.errors import InputError
from clusteropt.potentials.form import ENERGY, LENGTH, NUMBER, Core, Form, Key, Tables, softens
from clusteropt.potentials.pairwise import distance, entry, square_of, squared

if TYPE_CHECKING:
    from clusteropt.potentials.parameters import ParameterSet

_XY = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # the six independent elements of a symmetric matrix
_WEIGHT = (1, 1, 1, 2, 2, 2)
_MOMENTS = 10  # one for T0, three for T1, six for T2
_SMALLEST_GAMMA = 0.1  # below it, the three-body function does not vanish at the cutoff in floating-point numbers


def _checked(chosen: "ParameterSet") -> "ParameterSet":
    for (a, b), values in chosen.pairs.items():
        if values["gamma"] < _SMALLEST_GAMMA:
            raise InputError(f"[pairs.{a}-{b}] gamma must be at least {_SMALLEST_GAMMA}, got {values['gamma']}")
    for key, values in chosen.triples.items():
        if values["lambda"] < 0 or abs(values["cos_theta0"]) > 1:
            where = f"[triples.{'-'.join(key)}]"
            raise InputError(f"{where} lambda must not be negative, and cos_theta0 must be between -1 and 1")
    if len({values["cos_theta0"] for values in chosen.triples.values()}) > 1:
        raise InputError("all triples must have the same cos_theta0")
    return chosen


def _tables(chosen: "ParameterSet", elements: tuple[str, ...]) -> Tables:
    epsilon, sigma, a = (chosen.table(key, elements) for key in ("epsilon", "sigma", "a"))
    values = {
        "strength": chosen.table("A", elements) * epsilon,
        "B": chosen.table("B", elements),
        "sigma": sigma,
        "gamma": chosen.table("gamma", elements),
        "cutoff": a * sigma,
        "angular": chosen.triple_table("lambda", elements) * chosen.triple_table("epsilon", elements),
        "cos_theta0": np.array(chosen.triple_table("cos_theta0", elements)[0, 0, 0]),
    }
    return Tables(values, 2 ** (1 / 6) * sigma.min(), epsilon.max(), (a * sigma).max())


class _Bonds(NamedTuple):
    """Functions of the distance between every atom and one neighbour, each (n_atoms, n_clusters).

    Inside the core, the two-body energy continues as a straight line in r^2, and h keeps its value at the core's edge.
    """

    r: Array
    r2: Array
    two_body: Array
    two_body_slope: Array
    h: Array
    h_slope: Array


def energy_and_gradient(tables: dict[str, Array], clusters: Clusters, core: Core) -> tuple[Array, Array]:
    """See `base.energy_and_gradient`.

    tables: strength (A eps), B, sigma, gamma, cutoff (a sigma): (n_species, n_species), symmetric; angular (lambda eps)
    (n_species, n_species, n_species), the centre first, symmetric in the other two; cos_theta0 ().
    """
    core2 = square_of(core, clusters)
    n_species = tables["sigma"].shape[0]
    planes = () if n_species == 1 else (clusters.species,)
    own = (1 - tables["cos_theta0"]) ** 2 / 2  # the factor of the terms j = k
    n_sums = 1 + _MOMENTS * n_species
    energy, *sums = neighbour_sums(clusters, planes, n_sums, partial(_energy_terms, tables, own, core2))
    moments = [sums[s * _MOMENTS : (s + 1) * _MOMENTS] for s in range(n_species)]
    fields = [_field(tables, moments, s, clusters.species) for s in range(n_species)]
    energy = energy + sum(_energy_of(m, f) for m, f in zip(moments, fields, strict=True))
    flat = tuple(f for field in fields for f in field)
    gradient = neighbour_sums(clusters, (*planes, *flat), 3, partial(_gradient_terms, tables, own, core2))
    return energy, jnp.stack(gradient)


def _energy_terms(tables: dict[str, Array], own: Array, core2: Core, pair: Pair) -> tuple[Array, ...]:
    """The energy of the pair with the terms j = k, then the moments for each species of neighbour in turn."""
    n_species = tables["sigma"].shape[0]
    r, r2, two_body, _, h, _ = _bonds(tables, core2, pair)
    here, there = (pair.here[0], pair.there[0]) if n_species > 1 else (None, None)
    energy = two_body / 2 - own * _self_strength(tables, here, there) * h * h
    over_r = h / r
    over_r2 = h / r2
    moments = (h, *(over_r * d for d in pair.d), *(over_r2 * pair.d[a] * pair.d[b] for a, b in _XY))
    if there is None:
        return energy, *moments
    return energy, *(jnp.where(there == s, m, 0) for s in range(n_species) for m in moments)


def _gradient_terms(tables: dict[str, Array], own: Array, core2: Core, pair: Pair) -> tuple[Array, ...]:
    """The gradient of the pair: the derivatives with respect to r, and to the direction, which h does not depend on."""
    r, _, _, two_body_slope, h, h_slope = _bonds(tables, core2, pair)
    f0, f1, f2, both = _fields_of(tables, pair)
    i_r = 1 / r
    u = [d * i_r for d in pair.d]
    along1 = f1[0] * u[0] + f1[1] * u[1] + f1[2] * u[2]
    turned = [
        f2[0] * u[0] + f2[3] * u[1] + f2[4] * u[2],
        f2[3] * u[0] + f2[1] * u[1] + f2[5] * u[2],
        f2[4] * u[0] + f2[5] * u[1] + f2[2] * u[2],
    ]
    along2 = turned[0] * u[0] + turned[1] * u[1] + turned[2] * u[2]
    radial = two_body_slope + h_slope * (f0 + along1 + along2) - 2 * own * both * h * h_slope
    # the division keeps the compiler from computing this three times over
    turning = h * i_r * (along1 + 2 * along2)
    if softens(core2):  # inside the core, u is not a unit vector and has no direction to change
        turning = jnp.where(pair.r2 < core2, 0, turning)
    radial_over_r = (radial - turning) / r
    h_over_r = h / r
    return tuple(radial_over_r * d + h_over_r * (f + 2 * t) for d, f, t in zip(pair.d, f1, turned, strict=True))


def _bonds(tables: dict[str, Array], core2: Core, pair: Pair) -> _Bonds:
    r = distance(pair, core2)
    r2 = squared(pair, core2) if softens(core2) else r * r
    sigma, gamma = entry(tables["sigma"], pair), entry(tables["gamma"], pair)
    # within a thousandth of sigma from the cutoff, and beyond it, exp(-1000) is zero in any precision
    gap = 1 / jnp.maximum(entry(tables["cutoff"], pair) - r, sigma / 1000)
    sigma_gap = sigma * gap
    ratio2 = sigma * sigma / r2
    attraction = entry(tables["strength"], pair) * jnp.exp(-sigma_gap)
    b4 = entry(tables["B"], pair) * ratio2 * ratio2
    h = jnp.exp(-gamma * sigma_gap)
    two_body = attraction * (b4 - 1)
    two_body_slope = -attraction * (4 * b4 / r + (b4 - 1) * sigma_gap * gap)
    h_slope = -gamma * sigma_gap * gap * h
    if softens(core2):
        two_body = two_body + two_body_slope * (pair.r2 - r2) / (2 * r)
        h_slope = jnp.where(pair.r2 < core2, 0, h_slope)
    return _Bonds(r, r2, two_body, two_body_slope, h, h_slope)


def _self_strength(tables: dict[str, Array], centre: Array | None, neighbour: Array | None) -> Array:
    """The angular strength of a triple whose two neighbours are the same atom."""
    diagonal = jnp.stack([tables["angular"][:, b, b] for b in range(tables["sigma"].shape[0])], 1)
    return diagonal[0, 0] if centre is None or neighbour is None else lookup(diagonal, centre, neighbour)


def _fields_of(tables: dict[str, Array], pair: Pair) -> tuple[Array, list[Array], list[Array], Array]:
    """The sums over both atoms of a pair of their fields for T0, T1 and T2, and of their self strengths.

    The planes of the pair are the species, if there are several, then the fields for each species of neighbour.
    """
    if tables["sigma"].shape[0] > 1:
        here, there = pair.here[0], pair.there[0]
        f_here = [choose(pair.here[1 + k :: _MOMENTS], there) for k in range(_MOMENTS)]
        f_there = [choose(pair.there[1 + k :: _MOMENTS], here) for k in range(_MOMENTS)]
        both = _self_strength(tables, here, there) + _self_strength(tables, there, here)
    else:
        f_here, f_there = pair.here, pair.there
        both = 2 * _self_strength(tables, None, None)
    f0 = f_here[0] + f_there[0]
    f1 = [f_here[k] - f_there[k] for k in (1, 2, 3)]  # the direction is reversed as seen from j
    f2 = [f_here[k] + f_there[k] for k in range(4, _MOMENTS)]
    return f0, f1, f2, both


def _field(tables: dict[str, Array], moments: list, s: int, species: Array) -> list[Array]:
    """The derivative of the angular energy with respect to the moments of neighbours of species s."""
    n_species, angular, c = len(moments), tables["angular"], tables["cos_theta0"]
    out = []
    for k in range(_MOMENTS):
        factor = c * c if k == 0 else (-2 * c if k < 4 else 1)
        total = jnp.zeros_like(moments[0][0])
        for b in range(n_species):
            strength = (
                angular[0, 0, 0] if n_species == 1 else choose([angular[a, s, b] for a in range(n_species)], species)
            )
            total = total + strength * factor * moments[b][k]
        out.append(total)
    return out


def _energy_of(moments: list[Array], field: list[Array]) -> Array:
    """Half of moments times field: T2 counts its off-diagonal elements twice."""
    weights = (1, 1, 1, 1, *_WEIGHT)
    return sum(w * m * f for w, m, f in zip(weights, moments, field, strict=True)) / 2  # type: ignore[return-value]


FORM = Form(
    name="stillinger-weber",
    pair_keys={"epsilon": ENERGY, "sigma": LENGTH, "a": NUMBER, "gamma": NUMBER, "A": NUMBER, "B": NUMBER},
    triple_keys={"epsilon": ENERGY, "lambda": Key(signed=True), "cos_theta0": Key(signed=True)},
    completed=_checked,
    tables=_tables,
    energy_and_gradient=energy_and_gradient,
    cost=4.0,
    directional=True,
)
