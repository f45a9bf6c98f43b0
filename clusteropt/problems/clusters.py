"""Clusters of atoms under a potential: the inner problem that the program exists for."""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from ase.data import atomic_numbers
from jax import Array

from clusteropt.clusters.apart import pushed_apart
from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.cohesion import cohesion
from clusteropt.clusters.pairs import neighbour_sums
from clusteropt.potentials.base import CORE, Potential, energy_and_gradient
from clusteropt.potentials.calculators import known
from clusteropt.potentials.calculators.memory import Answer, Question
from clusteropt.potentials.calculators.pool import Pool
from clusteropt.potentials.form import Core, softens
from clusteropt.problems.base import Inspection, Problem, Scale
from clusteropt.problems.units import over_units

SAME_PLACE = 1e-6  # distance, in lengths, below which atoms are on top of each other
_TOUCHING = 1.25  # lengths within which atoms are neighbours
_OF_NEIGHBOUR = 0.4  # energy scales, by which one neighbour less makes an atom looser


@dataclass(frozen=True)
class ClusterProblem(Problem):
    """The potential energy of clusters; units are atoms, and batches are `Clusters`.

    Its numbers are traced. Of the core a program knows only whether there is one.
    """

    potential: Potential
    core: Core = 0.0  # distance below which the potential is softened

    ceiling: ClassVar[float] = 0.0  # the energy of atoms far apart

    @property
    def scale(self) -> Scale:
        """The potential's shortest nearest-neighbour distance and deepest pair energy."""
        return Scale(self.potential.length, self.potential.energy, len(self.potential.elements))

    @property
    def hosted(self) -> bool:
        """True where the potential is a calculator."""
        return bool(self.potential.calculator)

    @property
    def pool(self) -> Pool:
        """The pool of the calculator."""
        return known.pool_of(self.potential.calculator)

    @property
    def numbers(self) -> np.ndarray:
        """(n_elements,) int32, the atomic numbers of the potential's elements."""
        return np.array([atomic_numbers[element] for element in self.potential.elements], np.int32)

    def prepared(self, batch: Clusters) -> Clusters:
        """The clusters, any two atoms as far apart as the core: few calculators bear atoms on top of each other."""
        return batch._replace(positions=pushed_apart(batch, float(self.core)))  # type: ignore[arg-type]  numpy

    def question(self, batch: Clusters, k: int) -> Question:
        """The atomic numbers and positions of a cluster. An array of the batch ends in clusters, perhaps after a single lane."""
        mask, species, positions = (np.asarray(a)[..., k] for a in (batch.mask, batch.species, batch.positions))
        inside = mask.ravel()
        initial = None if batch.initial is None else np.asarray(batch.initial)[..., k].reshape(2, -1)[:, inside].T
        return self.question_of(positions.reshape(3, -1)[:, inside].T, species.ravel()[inside], initial)

    def question_of(self, positions: np.ndarray, species: np.ndarray, initial: np.ndarray | None = None) -> Question:
        """About a cluster at positions (n_atoms, 3), of these species (n_atoms,); `initial` as of a `Structure`."""
        begun = initial if initial is None or not initial.any() else np.ascontiguousarray(initial, np.float64)
        return Question(self.numbers[species], np.ascontiguousarray(positions, np.float64), begun)

    def values(self, batch: Clusters, k: int, answer: Answer | str, bound: bool = False) -> tuple[Any, Any, float]:
        """See `Problem.values`. The atoms share the energy equally."""
        inside = np.asarray(batch.mask)[..., k].ravel()
        energies, gradient = np.zeros(len(inside)), np.zeros((3, len(inside)))
        energy, forces = (np.nan, np.nan) if isinstance(answer, str) else (answer.energy, answer.forces.T)
        own = np.asarray(batch.species)[..., k].ravel()[inside]
        alone = np.asarray(self.potential.free_atoms)[own].sum() if bound else 0.0
        energies[inside], gradient[:, inside] = (energy - alone) / inside.sum(), -np.asarray(forces)
        return energies, gradient, float(energy)

    def _looseness(self, batch: Clusters) -> Array:
        """Energies (n_atoms, n_clusters), zero in sum: high for atoms with fewer neighbours than the others."""
        near2 = jnp.asarray((_TOUCHING * self.potential.length) ** 2, batch.positions.dtype)
        (count,) = neighbour_sums(batch, (), 1, lambda pair: (jnp.exp(-((pair.r2 / near2) ** 4)),))
        count = jnp.where(batch.mask, count, 0)
        (total,) = over_units(lambda c: (c,), count)
        usual = total / jnp.maximum(batch.mask.sum(0), 1)
        return jnp.where(batch.mask, (_OF_NEIGHBOUR * self.potential.energy) * (usual - count), 0)

    def softened(self) -> "ClusterProblem":
        """With a core that pushes atoms apart by a bounded force, so that any start will do."""
        return ClusterProblem(self.potential, CORE * self.potential.length)

    def energies_and_gradient(self, batch: Clusters) -> tuple[Array, Array]:
        """See `potentials.base.energy_and_gradient`."""
        return energy_and_gradient(self.potential, batch, self.core)

    def place(self, batch: Clusters) -> Array:
        """The atoms' positions seen from their centre (3, n_atoms, n_clusters), in lengths."""
        place, unit = self.place_and_unit(batch)
        return place * unit

    def place_and_unit(self, batch: Clusters) -> tuple[Array, Array | float]:
        """See `Problem.place_and_unit`."""
        (total,) = over_units(lambda x, here: (jnp.where(here, x, 0),), batch.positions, batch.mask)
        n_atoms = jnp.maximum(batch.mask.sum(0), 1)
        return batch.positions - (total / n_atoms)[:, None], 1 / self.potential.length

    def radius(self, batch: Clusters) -> Array:
        """The cube root of the number of atoms (n_clusters,): in lengths, about the radius of a compact cluster."""
        return jnp.cbrt(jnp.maximum(batch.mask.sum(0), 1).astype(batch.positions.dtype))

    def inspection(self, batch: Clusters, energies: Array, gradient: Array) -> Inspection:
        """With whether two atoms coincide, and whether the atoms hang together.

        A calculator gives no energies of atoms; there their parts of the energy follow from their numbers of neighbours.
        """
        near = jnp.asarray(SAME_PLACE * self.potential.length, batch.positions.dtype)
        distance = jnp.asarray(self.potential.cohesion_distance, batch.positions.dtype)
        coincident, connected = cohesion(batch, near, distance)
        if self.hosted:
            energies = energies + self._looseness(batch)
        seen = super().inspection(batch, energies, gradient)
        return seen._replace(coincident=coincident, connected=connected)


def _flattened(problem: ClusterProblem) -> tuple[tuple[Any, ...], None]:
    return (problem.potential, problem.core if softens(problem.core) else None), None


def _unflattened(_: None, children: tuple[Any, ...]) -> ClusterProblem:
    potential, core = children
    return ClusterProblem(potential, 0.0 if core is None else core)


jax.tree_util.register_pytree_node(ClusterProblem, _flattened, _unflattened)
