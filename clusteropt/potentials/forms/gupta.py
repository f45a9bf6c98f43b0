"""Gupta, or second-moment tight binding:

    E = sum_i [ sum_{j != i} A exp(-p (r_ij/r_0 - 1)) - sqrt( sum_{j != i} xi^2 exp(-2 q (r_ij/r_0 - 1)) ) ]

R. P. Gupta, Phys. Rev. B 23, 6265 (1981), doi:10.1103/PhysRevB.23.6265; F. Cleri and V. Rosato, Phys. Rev. B 48, 22 (1993),
doi:10.1103/PhysRevB.48.22. The repulsion counts every ordered pair, 2A for each pair of atoms. (Some papers write a factor
1/2 before the repulsion, and then A is twice ours; others write U_n/2 (A sum - sqrt(sum)), where our A is U_n A / 2 and our
xi is U_n / 2.) Parameter files use the form above.

With a cutoff (only in the sets whose fit had one), both exponentials A exp(..) and xi exp(..) are replaced between the onset o
and the cutoff c by polynomials a3 (r-c)^3 + a4 (r-c)^4 + a5 (r-c)^5 that meet them with two derivatives at o
(F. Baletto et al., J. Chem. Phys. 116, 3856 (2002), doi:10.1063/1.1448484).
"""

from functools import partial
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, neighbour_sums
from clusteropt.errors import InputError
from clusteropt.potentials.form import ENERGY, LENGTH, NUMBER, Core, Form, Key, Tables, check_switch, softens
from clusteropt.potentials.pairwise import distance, entry, square_of, squared

if TYPE_CHECKING:
    from clusteropt.potentials.parameters import ParameterSet


def _checked(chosen: "ParameterSet") -> "ParameterSet":
    for (a, b), values in chosen.pairs.items():
        check_switch(values, f"[pairs.{a}-{b}] ")
        if _bond(values["A"], values["xi"]) <= 0:
            raise InputError(
                f"[pairs.{a}-{b}] does not bind: if A is from a convention that counts each pair once, halve it"
            )
    if len({"cutoff" in values for values in chosen.pairs.values()}) > 1:
        raise InputError("some pairs have a cutoff and others do not: give it to every pair, or to none")
    return chosen


def _bond(A: float | np.ndarray, xi: float | np.ndarray) -> Any:
    """The energy scale: a sixth of the cohesive energy per atom of an fcc bulk with nearest neighbours only."""
    return (np.sqrt(12) * xi - 12 * A) / 6


def _tables(chosen: "ParameterSet", elements: tuple[str, ...]) -> Tables:
    r0, xi, A = (chosen.table(key, elements) for key in ("r0", "xi", "A"))
    values = tables_from(A, xi, chosen.table("p", elements), chosen.table("q", elements), r0)
    cutoff = None
    if "cutoff" in chosen.pairs[elements[0], elements[0]]:
        cutoffs = chosen.table("cutoff", elements)
        values |= cutoff_tables(values, chosen.table("onset", elements), cutoffs)
        cutoff = cutoffs.max()
    return Tables(values, r0.min(), _bond(A, xi).max(), cutoff)


def tables_from(A: np.ndarray, xi: np.ndarray, p: np.ndarray, q: np.ndarray, r0: np.ndarray) -> dict[str, np.ndarray]:
    """The kernel's tables: A exp(-p (r/r0 - 1)) = exp(repulsion_log - repulsion_decay r), and the hopping likewise.

    All arguments and results have shape (n_species, n_species).
    """
    return {
        "repulsion_log": np.log(A) + p,
        "repulsion_decay": p / r0,
        "hopping_log": np.log(xi) + q,
        "hopping_decay": q / r0,
    }


def cutoff_tables(tables: dict[str, np.ndarray], onset: np.ndarray, cutoff: np.ndarray) -> dict[str, np.ndarray]:
    """Onset, cutoff and the coefficients a3, a4, a5 of both polynomials, each (n_species, n_species)."""
    out = {"onset": onset, "cutoff": cutoff}
    for kind in ("repulsion", "hopping"):
        value = np.exp(tables[f"{kind}_log"] - tables[f"{kind}_decay"] * onset)
        first, second = -tables[f"{kind}_decay"] * value, tables[f"{kind}_decay"] ** 2 * value
        t = onset - cutoff
        matrix = np.stack([np.stack([t**3, t**4, t**5]), np.stack([3 * t**2, 4 * t**3, 5 * t**4])])
        matrix = np.concatenate([matrix, np.stack([6 * t, 12 * t**2, 20 * t**3])[None]])  # (3, 3, n, n)
        a = np.linalg.solve(np.moveaxis(matrix, (0, 1), (-2, -1)), np.stack([value, first, second], -1)[..., None])
        for power in range(3):
            out[f"{kind}_a{power + 3}"] = a[..., power, 0]
    return out


def energy_and_gradient(tables: dict[str, Array], clusters: Clusters, core: Core) -> tuple[Array, Array]:
    """See `base.energy_and_gradient`. tables: the results of `tables_from`, and with a cutoff of `cutoff_tables`."""
    core2 = square_of(core, clusters)
    planes = () if tables["repulsion_log"].shape[0] == 1 else (clusters.species,)
    repulsion, density, *push = neighbour_sums(clusters, planes, 5, partial(_density_terms, tables, core2))
    bonded = density > 0  # an atom without neighbours has no band energy, and the square root no slope
    band = jnp.sqrt(jnp.where(bonded, density, 1))
    inverse = jnp.where(bonded, 1 / band, 0)
    pull = neighbour_sums(clusters, (*planes, inverse), 3, partial(_band_terms, tables, core2))
    return repulsion - jnp.where(bonded, band, 0), jnp.stack(push) + jnp.stack(pull)


def _density_terms(tables: dict[str, Array], core2: Core, pair: Pair) -> tuple[Array, ...]:
    """The repulsion, the density (the sum under the square root), and the gradient of the repulsion."""
    r = distance(pair, core2)
    repulsion, slope = decaying(tables, "repulsion", pair, r)
    hopping, hopping_slope = decaying(tables, "hopping", pair, r)
    push, density = 2 * slope / r, hopping * hopping
    if softens(core2):  # inside the core, repulsion and density continue as straight lines in r^2
        inside = (pair.r2 - squared(pair, core2)) / (2 * r)
        repulsion, density = repulsion + slope * inside, density + 2 * hopping * hopping_slope * inside
    return repulsion, density, *(push * d for d in pair.d)


def _band_terms(tables: dict[str, Array], core2: Core, pair: Pair) -> tuple[Array, ...]:
    """The gradient of the band energy; the last plane of the pair is the inverse square root of the density."""
    r = distance(pair, core2)
    hopping, slope = decaying(tables, "hopping", pair, r)
    pull = -(pair.here[-1] + pair.there[-1]) * hopping * slope / r
    return tuple(pull * d for d in pair.d)


def decaying(tables: dict[str, Array], kind: str, pair: Pair, r: Array) -> tuple[Array, Array]:
    """The exponential `kind` (repulsion or hopping) at the distance r, and its derivative."""

    def table(name: str) -> Array:
        return entry(tables[name], pair)

    value = jnp.exp(table(f"{kind}_log") - table(f"{kind}_decay") * r)
    slope = -table(f"{kind}_decay") * value
    if "cutoff" not in tables:
        return value, slope
    t = jnp.minimum(r - table("cutoff"), 0)
    a3, a4, a5 = (table(f"{kind}_a{power}") for power in (3, 4, 5))
    near = r < table("onset")
    return (
        jnp.where(near, value, t * t * t * (a3 + t * (a4 + t * a5))),
        jnp.where(near, slope, t * t * (3 * a3 + t * (4 * a4 + t * (5 * a5)))),
    )


_END = Key("length", optional=True)
FORM = Form(
    name="gupta",
    pair_keys={"A": ENERGY, "xi": ENERGY, "p": NUMBER, "q": NUMBER, "r0": LENGTH, "onset": _END, "cutoff": _END},
    completed=_checked,
    tables=_tables,
    energy_and_gradient=energy_and_gradient,
    cost=2.5,
    many_body=True,
)
