"""The record of a potential form: the keys of its parameter files, checks, tables, kernel, cost and capabilities.

A form is one module that ends in such a record, and one line in the table of `runtime/plugins.py` or an entry point of
another package (docs/extending.md).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.errors import InputError, UsageError
from clusteropt.runtime import plugins

if TYPE_CHECKING:
    from clusteropt.potentials.parameters import ParameterSet

Kernel = Callable[[dict[str, Array], Clusters, float], tuple[Array, Array]]
REAL_UNITS = {"energy": "eV", "length": "angstrom"}
REDUCED_UNITS = {"energy": "epsilon", "length": "sigma"}


class Key(NamedTuple):
    """A key of a parameter file: a finite number, positive unless it is `signed`, or one of a few `words`."""

    dimension: str = "number"  # 'energy', 'length' or 'number'
    optional: bool = False
    signed: bool = False
    words: tuple[str, ...] = ()


ENERGY, LENGTH, NUMBER = Key("energy"), Key("length"), Key("number")


class Tables(NamedTuple):
    """The numbers of a potential for some elements; species are indices into these."""

    values: dict[str, np.ndarray]  # of the kernel, in most forms (n_species, n_species)
    length: float  # the shortest nearest-neighbour distance of its pairs
    energy: float  # the deepest pair (or bond) energy of its pairs
    cutoff: float | None = None  # beyond it everything vanishes; None without


def _as_given(chosen: "ParameterSet") -> "ParameterSet":
    return chosen


@dataclass(frozen=True)
class Form:
    """A potential form. Everything that the program knows of a form stands here."""

    name: str  # in parameter files
    pair_keys: dict[str, Key]
    tables: "Callable[[ParameterSet, tuple[str, ...]], Tables]"  # for some elements of a set
    # of tables as jax arrays, clusters and core, see `base.energy_and_gradient`; padding atoms may have any value
    energy_and_gradient: Kernel
    triple_keys: dict[str, Key] = field(default_factory=dict)  # for triples of elements, the centre first
    set_keys: dict[str, Key] = field(default_factory=dict)  # for the whole set; all optional
    units: tuple[dict[str, str], ...] = (REAL_UNITS, REDUCED_UNITS)  # that a set may have
    # fills in what follows from the rest; raises InputError for numbers that are not a potential
    completed: "Callable[[ParameterSet], ParameterSet]" = _as_given
    cost: float = 1.0  # time for a pair of atoms over that of Lennard-Jones
    directional: bool = False  # bonds have directions, so that the most neighbours are not the best place
    # the set of X with which a set for one element and without a cutoff agrees in reduced units; empty without such a set
    reduced_set: str = ""


def form_of(name: str) -> Form:
    """The form of that name. Raises UsageError where there is none."""
    form = plugins.load("potentials", name)
    if not isinstance(form, Form) or form.name != name:
        raise UsageError(
            f"the entry point '{name}' of clusteropt.potentials must be a Form of that name: correct its place"
        )
    return form


def check_switch(values: dict[str, float], where: str = "") -> None:
    """Raises InputError unless there is room between onset and cutoff for the energy to be switched off, or neither."""
    given = [key in values for key in ("onset", "cutoff")]
    if any(given) and not (all(given) and values["onset"] < (1 - 1e-3) * values["cutoff"]):
        raise InputError(f"{where}onset and cutoff go together, onset below cutoff")
