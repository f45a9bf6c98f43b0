"""Lennard-Jones: E = sum over pairs of epsilon [(r_min/r)^12 - 2 (r_min/r)^6], r_min = 2^(1/6) sigma.

The same as 4 epsilon [(sigma/r)^12 - (sigma/r)^6]; J. E. Jones, Proc. R. Soc. A 106, 463 (1924), doi:10.1098/rspa.1924.0082.
There is no cutoff, as usual for clusters, unless the parameter set names one. Then each pair energy is multiplied by

    S(r) = (c^2 - r^2)^2 (c^2 + 2 r^2 - 3 o^2) / (c^2 - o^2)^3   for o < r < c, 1 below the onset o, 0 beyond the cutoff c

(B. R. Brooks et al., J. Comput. Chem. 4, 187 (1983), doi:10.1002/jcc.540040211).
"""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, lookup, neighbour_sums
from clusteropt.potentials.form import ENERGY, LENGTH, Core, Form, Key, Tables, check_switch, softens
from clusteropt.potentials.pairwise import squared

if TYPE_CHECKING:
    from clusteropt.potentials.parameters import ParameterSet


def _completed(chosen: "ParameterSet") -> "ParameterSet":
    """With `mixing`, adds the missing pairs: arithmetic mean of sigma, geometric mean of epsilon."""
    check_switch(chosen.options)
    pairs = dict(chosen.pairs)
    for a in chosen.elements if "mixing" in chosen.options else ():
        for b in chosen.elements:
            if (a, b) not in pairs:
                one, two = pairs[a, a], pairs[b, b]
                sigma, epsilon = (one["sigma"] + two["sigma"]) / 2, math.sqrt(one["epsilon"] * two["epsilon"])
                pairs[a, b] = pairs[b, a] = {"sigma": sigma, "epsilon": epsilon}
    return replace(chosen, pairs=pairs)


def _tables(chosen: "ParameterSet", elements: tuple[str, ...]) -> Tables:
    epsilon, r_min = chosen.table("epsilon", elements), 2 ** (1 / 6) * chosen.table("sigma", elements)
    switch = {key: np.array(chosen.options[key]) for key in ("onset", "cutoff") if key in chosen.options}
    values = {"epsilon": epsilon, "r_min": r_min, **switch}
    return Tables(values, r_min.min(), epsilon.max(), chosen.options.get("cutoff"))


def energy_and_gradient(tables: dict[str, Array], clusters: Clusters, core: Core) -> tuple[Array, Array]:
    """See `base.energy_and_gradient`. tables: epsilon, r_min (n_species, n_species); onset, cutoff () if the set has them."""
    length = tables["r_min"][0, 0]  # in units of r_min the pair terms lose three multiplications
    scaled = clusters._replace(
        positions=clusters.positions / length, cell=None if clusters.cell is None else clusters.cell / length
    )
    epsilon, r_min2 = tables["epsilon"], (tables["r_min"] / length) ** 2
    one_species = epsilon.shape[0] == 1
    core2 = (core / length) ** 2
    steepest = core2**-4 * (1 - core2**-3) if softens(core) else 0

    def terms(pair: Pair) -> tuple[Array, ...]:
        r2 = squared(pair, core2) if softens(core) else pair.r2
        depth, own_r_min2 = 1, 1
        if not one_species:
            depth, own_r_min2 = (lookup(table, pair.here[0], pair.there[0]) for table in (epsilon, r_min2))
        i2 = own_r_min2 / r2
        i6 = i2 * i2 * i2
        energy, slope = i6 * (i6 - 2), i6 * i2 * (1 - i6)  # slope: dE/d(r^2) over 6 epsilon / r_min^2
        if not one_species:
            energy, slope = energy * depth, slope * depth / own_r_min2
        if softens(core):  # inside the core, the energy continues as a straight line in r^2
            energy = energy + 6 * (steepest if one_species else slope) * (pair.r2 - r2)
        if "cutoff" in tables:
            onset2, cutoff2 = (tables["onset"] / length) ** 2, (tables["cutoff"] / length) ** 2
            energy, slope = _switched(energy, slope, r2, onset2, cutoff2)
        return energy, *(slope * d for d in pair.d)

    planes = () if one_species else (clusters.species,)
    energy, *gradient = neighbour_sums(scaled, planes, 4, terms)
    scale = epsilon[0, 0] if one_species else 1
    return energy * (0.5 * scale), jnp.stack(gradient) * (12 * scale / length)


def _switched(energy: Array, slope: Array, r2: Array, onset2: Array, cutoff2: Array) -> tuple[Array, Array]:
    """Energy and slope times the switching function; the slope is in units of 6 dE/d(r^2)."""
    width3 = (cutoff2 - onset2) ** 3
    beyond = r2 >= cutoff2
    inside = jnp.clip(r2, onset2, cutoff2)
    switch = (cutoff2 - inside) ** 2 * (cutoff2 + 2 * inside - 3 * onset2) / width3
    fall = 6 * (cutoff2 - inside) * (onset2 - inside) / width3
    zero = jnp.zeros_like(r2)
    return jnp.where(beyond, zero, energy * switch), jnp.where(beyond, zero, slope * switch + energy * fall / 6)


FORM = Form(
    name="lennard-jones",
    pair_keys={"epsilon": ENERGY, "sigma": LENGTH},
    set_keys={"mixing": Key(words=("lorentz-berthelot",)), "onset": LENGTH, "cutoff": LENGTH},
    completed=_completed,
    tables=_tables,
    energy_and_gradient=energy_and_gradient,
    reduced_set="lj",
)
