"""Morse: E = sum over pairs of epsilon x (x - 2), x = exp(rho (1 - r / r_e)).

P. M. Morse, Phys. Rev. 34, 57 (1929), doi:10.1103/PhysRev.34.57. epsilon is the depth of the minimum, r_e its
distance, and rho the inverse width in units of 1 / r_e. rho = 6 has the curvature of Lennard-Jones; rho = 14 has an attraction
as short-ranged as between C60 molecules (J. P. K. Doye and D. J. Wales, J. Chem. Soc., Faraday Trans. 93, 4233 (1997),
doi:10.1039/a706221d).
"""

import math
from functools import partial
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jax import Array

from clusteropt.errors import InputError
from clusteropt.potentials.form import ENERGY, LENGTH, NUMBER, REAL_UNITS, Form, Tables
from clusteropt.potentials.pairwise import pair_sums

if TYPE_CHECKING:
    from clusteropt.potentials.parameters import ParameterSet

_SMALLEST_RHO = math.log(16)  # below it the pair energy has a negative mean over space


def _checked(chosen: "ParameterSet") -> "ParameterSet":
    """Raises InputError for a repulsion so soft that many atoms would collapse into one point."""
    for (a, b), pair in chosen.pairs.items():
        if pair["rho"] < _SMALLEST_RHO:
            raise InputError(
                f"[pairs.{a}-{b}] rho must be at least ln 16 = {_SMALLEST_RHO:.4f}, got {pair['rho']}: "
                "with a softer repulsion large clusters collapse"
            )
    return chosen


def _tables(chosen: "ParameterSet", elements: tuple[str, ...]) -> Tables:
    epsilon, rho, r_e = (chosen.table(key, elements) for key in ("epsilon", "rho", "r_e"))
    return Tables({"epsilon": epsilon, "rho": rho, "decay": rho / r_e}, r_e.min(), epsilon.max())


def _pair_energy(r: Array, pair: dict[str, Array]) -> tuple[Array, Array]:
    x = jnp.exp(pair["rho"] - pair["decay"] * r)
    return pair["epsilon"] * x * (x - 2), -2 * pair["epsilon"] * pair["decay"] * x * (x - 1)


FORM = Form(
    name="morse",
    pair_keys={"epsilon": ENERGY, "rho": NUMBER, "r_e": LENGTH},
    units=(REAL_UNITS, {"energy": "epsilon", "length": "r_e"}),
    completed=_checked,
    tables=_tables,
    energy_and_gradient=partial(pair_sums, _pair_energy),
    cost=1.5,
)
