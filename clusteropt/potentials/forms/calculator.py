"""The form `calculator`: energies and forces come from a calculator of ASE in worker processes, not from a kernel."""

from typing import TYPE_CHECKING

from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.errors import InputError
from clusteropt.potentials.form import REAL_UNITS, Core, Form, Tables

if TYPE_CHECKING:
    from clusteropt.potentials.parameters import ParameterSet


def energy_and_gradient(tables: dict[str, Array], clusters: Clusters, core: Core) -> tuple[Array, Array]:
    """There is no kernel: whoever calls it has not asked `Problem.hosted`."""
    raise NotImplementedError("a calculator's values come from its pool")


def _completed(chosen: "ParameterSet") -> "ParameterSet":
    raise InputError("a parameter file cannot name a calculator: give it to --calculator")


def _tables(chosen: "ParameterSet", elements: tuple[str, ...]) -> Tables:
    raise InputError("a calculator has no tables")


FORM = Form(
    name="calculator",
    pair_keys={},
    tables=_tables,
    energy_and_gradient=energy_and_gradient,
    units=(REAL_UNITS,),
    completed=_completed,
    cost=1e4,
    many_body=True,
)
