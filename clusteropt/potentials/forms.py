"""From parameters to the tables of the kernels, and to the length and energy scale of a potential."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from clusteropt.potentials import gupta
from clusteropt.potentials.base import Potential

if TYPE_CHECKING:
    from clusteropt.potentials.parameters import ParameterSet


def build(chosen: "ParameterSet", elements: tuple[str, ...]) -> Potential:
    """The potential for clusters of these elements, all of which the set has."""
    return _BUILDERS[chosen.form](chosen, elements)


def gupta_bond(A: float | np.ndarray, xi: float | np.ndarray) -> Any:
    """Energy scale of Gupta's form: a twelfth of the bulk's cohesive energy among nearest neighbours, twice over."""
    return (np.sqrt(12) * xi - 12 * A) / 6


def _lennard_jones(chosen: "ParameterSet", elements: tuple[str, ...]) -> Potential:
    epsilon, r_min = chosen.table("epsilon", elements), 2 ** (1 / 6) * chosen.table("sigma", elements)
    tables = {"epsilon": epsilon, "r_min": r_min}
    if chosen.cutoff is not None:
        tables |= {"onset": np.array(chosen.onset), "cutoff": np.array(chosen.cutoff)}
    return _finish(chosen, elements, tables, r_min.min(), epsilon.max(), chosen.cutoff)


def _gupta(chosen: "ParameterSet", elements: tuple[str, ...]) -> Potential:
    r0, xi, A = (chosen.table(key, elements) for key in ("r0", "xi", "A"))
    tables = gupta.tables_from(A, xi, chosen.table("p", elements), chosen.table("q", elements), r0)
    cutoff = None
    if "cutoff" in chosen.pairs[elements[0], elements[0]]:
        cutoffs = chosen.table("cutoff", elements)
        tables = tables | gupta.cutoff_tables(tables, chosen.table("onset", elements), cutoffs)
        cutoff = cutoffs.max()
    return _finish(chosen, elements, tables, r0.min(), gupta_bond(A, xi).max(), cutoff)


def _stillinger_weber(chosen: "ParameterSet", elements: tuple[str, ...]) -> Potential:
    epsilon, sigma, a = (chosen.table(key, elements) for key in ("epsilon", "sigma", "a"))
    triple = [[[chosen.triples[i, j, k] for k in elements] for j in elements] for i in elements]
    angular = np.array([[[t["lambda"] * t["epsilon"] for t in row] for row in plane] for plane in triple])
    tables = {
        "strength": chosen.table("A", elements) * epsilon,
        "B": chosen.table("B", elements),
        "sigma": sigma,
        "gamma": chosen.table("gamma", elements),
        "cutoff": a * sigma,
        "angular": angular,
        "cos_theta0": np.array(triple[0][0][0]["cos_theta0"]),
    }
    return _finish(chosen, elements, tables, 2 ** (1 / 6) * sigma.min(), epsilon.max(), (a * sigma).max())


def _finish(
    chosen: "ParameterSet", elements: tuple[str, ...], tables: dict, length: float, energy: float, cutoff: float | None
) -> Potential:
    return Potential(
        parameters=tables,
        form=chosen.form,
        name=chosen.shown_name,
        elements=elements,
        energy_unit=chosen.units["energy"],
        length_unit=chosen.units["length"],
        length=float(length),
        energy=float(energy),
        cutoff=None if cutoff is None else float(cutoff),
    )


_BUILDERS: dict[str, Callable[["ParameterSet", tuple[str, ...]], Potential]] = {
    "lennard-jones": _lennard_jones,
    "gupta": _gupta,
    "stillinger-weber": _stillinger_weber,
}
