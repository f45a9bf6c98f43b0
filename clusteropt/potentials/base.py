"""The interface of all potentials: a record of parameters and scales, and one function of a batch of clusters."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.potentials.form import Core, form_of

# elements whose bonds have directions, for calculators, which do not say
_COVALENT = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Ge", "As", "Se", "Br", "Te", "I"})
_COHESION = 3.0  # lengths of the potential; a shorter cutoff takes precedence
CORE = 0.7  # in lengths of the potential: the distance below which exploration softens the repulsion


class Kind(NamedTuple):
    """Beside numbers, and whether there is a cutoff, all that a program knows of a potential: one kind shares its programs."""

    form: str
    n_species: int
    hosted: bool


@dataclass(frozen=True)
class Potential:
    """A parameter set, ready to compute. Tables are over pairs (or triples) of species.

    To jax it is a `Kind` with the numbers of `parameters`, `length`, `energy` and `cutoff`, which are traced. A program sees
    nothing else: names, elements and units are empty in it, and so they are after any mapping by `jax.tree`.
    """

    parameters: dict[str, np.ndarray]  # each form documents its tables
    form: str  # the name of the form (form.py)
    name: str  # the name of the parameter set
    elements: tuple[str, ...]  # symbols; species are indices into it
    energy_unit: str
    length_unit: str
    length: float  # the shortest nearest-neighbour distance of its pairs
    energy: float  # the deepest pair (or bond) energy of its pairs
    cutoff: float | None  # no interaction beyond it; None without a cutoff
    calculator: str = ""  # that gives the values, by name; empty for a kernel
    free_atoms: tuple[float, ...] = ()  # by a calculator, an atom of each element

    @property
    def force_unit(self) -> str:
        return f"{self.energy_unit}/{self.length_unit}"

    @property
    def cohesion_distance(self) -> float:
        """The distance up to which two atoms count as connected, in length units. See `clusters.cohesion`."""
        far = _COHESION * self.length
        if self.cutoff is None:
            return far
        return jnp.minimum(far, self.cutoff) if isinstance(far, Array) else min(far, self.cutoff)  # type: ignore[return-value]

    @property
    def directional(self) -> bool:
        """True where bonds have directions, so that an atom's best place is not the one with the most neighbours."""
        return form_of(self.form).directional or (bool(self.calculator) and not _COVALENT.isdisjoint(self.elements))

    @property
    def many_body(self) -> bool:
        """True where the energy is no sum over pairs, and bonds have no directions, as in metals."""
        return form_of(self.form).many_body and not self.directional

    @property
    def fingerprint(self) -> str:
        """A hash of form, elements, units and the numbers to twelve digits, so that all machines agree; not of the name."""
        told: list = [self.form, self.elements, self.energy_unit, self.length_unit]
        told += [self.calculator] if self.calculator else []
        numbers = {name: [f"{v:.12g}" for v in np.ravel(table).tolist()] for name, table in self.parameters.items()}
        return hashlib.sha256(json.dumps([told, numbers], sort_keys=True).encode()).hexdigest()

    @property
    def reduced_set(self) -> str:
        """The set of X with the same energy in units of `energy` and `length`, for any element; empty without such a set."""
        return form_of(self.form).reduced_set if len(self.elements) == 1 and self.cutoff is None else ""


def _flattened(potential: Potential) -> tuple[tuple[Any, ...], Kind]:
    kind = Kind(potential.form, len(potential.elements), bool(potential.calculator))
    return (potential.parameters, potential.length, potential.energy, potential.cutoff), kind


def _unflattened(kind: Kind, numbers: tuple[Any, ...]) -> Potential:
    parameters, length, energy, cutoff = numbers
    elements, calculator = ("",) * kind.n_species, "some" if kind.hosted else ""
    return Potential(parameters, kind.form, "", elements, "", "", length, energy, cutoff, calculator)


jax.tree_util.register_pytree_node(Potential, _flattened, _unflattened)


def energy_and_gradient(potential: Potential, clusters: Clusters, core: Core = 0.0) -> tuple[Array, Array]:
    """Energies of the atoms (n_atoms, n_clusters) and the gradient (3, n_atoms, n_clusters).

    The sum of the atoms' energies is the potential energy; the gradient is its derivative with respect to the positions,
    in energy unit over length unit. Padding atoms have zero in both.

    `core` is a distance in length units. Below it the repulsive force stops growing, and the energy continues so that the
    gradient remains its derivative. The number zero means the true potential, see `form.softens`.
    """
    dtype = clusters.positions.dtype
    tables = {name: jnp.asarray(table, dtype) for name, table in potential.parameters.items()}
    energies, gradient = form_of(potential.form).energy_and_gradient(tables, clusters, core)
    zero = jnp.zeros((), dtype)
    return jnp.where(clusters.mask, energies, zero), jnp.where(clusters.mask, gradient, zero)
