"""Clusters of atoms under a potential: the inner problem that the program exists for."""

from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.cohesion import cohesion
from clusteropt.potentials.base import CORE, Potential, energy_and_gradient
from clusteropt.problems.base import Inspection, Problem, Scale
from clusteropt.problems.units import over_units

_SAME_PLACE = 1e-6  # distance, in lengths


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ClusterProblem(Problem):
    """The potential energy of clusters; units are atoms, and batches are `Clusters`."""

    potential: Potential
    core: float = field(default=0.0, metadata={"static": True})  # distance below which the potential is softened

    ceiling: ClassVar[float] = 0.0  # the energy of atoms far apart

    @property
    def scale(self) -> Scale:
        """The potential's shortest nearest-neighbour distance and deepest pair energy."""
        return Scale(self.potential.length, self.potential.energy, len(self.potential.elements))

    def softened(self) -> "ClusterProblem":
        """With a core that pushes atoms apart by a bounded force, so that any start will do."""
        return ClusterProblem(self.potential, CORE * self.potential.length)

    def energies_and_gradient(self, batch: Clusters) -> tuple[Array, Array]:
        """See `potentials.base.energy_and_gradient`."""
        return energy_and_gradient(self.potential, batch, self.core)

    def place(self, batch: Clusters) -> Array:
        """The atoms' positions seen from their centre (3, n_atoms, n_clusters), in lengths."""
        (total,) = over_units(lambda x, here: (jnp.where(here, x, 0),), batch.positions, batch.mask)
        n_atoms = jnp.maximum(batch.mask.sum(0), 1)
        return (batch.positions - (total / n_atoms)[:, None]) * (1 / self.potential.length)

    def radius(self, batch: Clusters) -> Array:
        """The cube root of the number of atoms (n_clusters,): in lengths, about the radius of a compact cluster."""
        return jnp.cbrt(jnp.maximum(batch.mask.sum(0), 1).astype(batch.positions.dtype))

    def inspect(self, batch: Clusters) -> Inspection:
        """Energies and forces, whether two atoms coincide, and whether the atoms hang together."""
        near = jnp.asarray(_SAME_PLACE * self.potential.length, batch.positions.dtype)
        distance = jnp.asarray(self.potential.cohesion_distance, batch.positions.dtype)
        coincident, connected = cohesion(batch, near, distance)
        return super().inspect(batch)._replace(coincident=coincident, connected=connected)
