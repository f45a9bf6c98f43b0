"""The record of a potential form: the keys of its parameter files, checks, tables, kernel, cost and capabilities.

A form is one module that ends in such a record. Shipped forms have a line in the table of `runtime/plugins.py`; forms of other
packages are entry points (docs/extending.md).
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

Core = float | Array  # a distance; the number zero where there is no core, and a traced one in a program that has one
Kernel = Callable[[dict[str, Array], Clusters, Core], tuple[Array, Array]]
REAL_UNITS = {"energy": "eV", "length": "angstrom"}
REDUCED_UNITS = {"energy": "epsilon", "length": "sigma"}
SECONDS_PER_PAIR = 5e-10  # of one core, for a Lennard-Jones pair and evaluation in single precision


class Key(NamedTuple):
    """A key of a parameter file: a finite number, positive unless it is `signed`, or one of a few `words`."""

    dimension: str = "number"  # 'energy', 'length' or 'number'
    optional: bool = False
    signed: bool = False
    words: tuple[str, ...] = ()


ENERGY, LENGTH, NUMBER = Key("energy"), Key("length"), Key("number")


class Tables(NamedTuple):
    """The numbers of a potential for some elements; a species is the index of an element."""

    values: dict[str, np.ndarray]  # the tables of the kernel, in most forms (n_species, n_species)
    length: float  # the shortest nearest-neighbour distance of its pairs
    energy: float  # the deepest pair (or bond) energy of its pairs
    cutoff: float | None = None  # energies and forces vanish beyond it; None without a cutoff


def _as_given(chosen: "ParameterSet") -> "ParameterSet":
    return chosen


@dataclass(frozen=True)
class Form:
    """A potential form: everything that the program knows about it."""

    name: str  # the name in parameter files
    pair_keys: dict[str, Key]
    tables: "Callable[[ParameterSet, tuple[str, ...]], Tables]"  # the tables for some elements of a set
    # of (tables as jax arrays, clusters, core), see `base.energy_and_gradient`; its values at padding atoms are ignored
    energy_and_gradient: Kernel
    triple_keys: dict[str, Key] = field(default_factory=dict)  # for triples of elements, the centre first
    set_keys: dict[str, Key] = field(default_factory=dict)  # keys of the whole set; all are optional
    units: tuple[dict[str, str], ...] = (REAL_UNITS, REDUCED_UNITS)  # the units that a set may have
    # adds the numbers that follow from others; raises InputError for numbers that do not make a potential
    completed: "Callable[[ParameterSet], ParameterSet]" = _as_given
    cost: float = 1.0  # time per pair of atoms, relative to Lennard-Jones
    directional: bool = False  # bonds have directions: the place with the most neighbours is not the best one
    many_body: bool = False  # the energy is no sum over pairs, and bonds have no directions, as in metals
    # of the tables: the shortest and the longest distance that the numbers were fitted to; None where a formula holds everywhere
    seen: Callable[[dict[str, np.ndarray]], tuple[float, float]] | None = None
    # the set of X that equals every set of one element without a cutoff, in reduced units; empty without such a set
    reduced_set: str = ""


def form_of(name: str) -> Form:
    """The form of that name. Raises UsageError for an unknown name, and for an entry point that is not a Form of that name."""
    form = plugins.load("potentials", name)
    if not isinstance(form, Form) or form.name != name:
        raise UsageError(
            f"the entry point '{name}' of clusteropt.potentials must lead to a Form of that name: correct it in the package"
        )
    return form


def softens(core: Core) -> bool:
    """True unless the core is the number zero, which means the true potential."""
    return isinstance(core, Array) or core != 0


def check_switch(values: dict[str, float], where: str = "") -> None:
    """Raises InputError unless `values` has neither onset nor cutoff, or both with the onset below the cutoff."""
    given = [key in values for key in ("onset", "cutoff")]
    if any(given) and not (all(given) and values["onset"] < (1 - 1e-3) * values["cutoff"]):
        raise InputError(f"{where}onset and cutoff go together, onset below cutoff")
