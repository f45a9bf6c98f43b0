"""The protocol of inner problems: what the inner loop minimizes, for many independent instances at once.

A *batch* holds the instances side by side, one in each lane. Its inner parameters are `positions`: of atoms in space, or any
other numbers. A *unit* is what an optimizer moves as one thing, an atom of three components or a single number. A problem
computes the energy and the gradient of a batch. Everything else (optimizers, queues, training) is written once, for all problems.
"""

from typing import Any, ClassVar, NamedTuple, Protocol

import jax.numpy as jnp
from jax import Array

from clusteropt.problems.units import dot, over_units


class Batch(Protocol):
    """A pytree, in practice a NamedTuple, whose arrays all end in lanes. It may hold more than these three."""

    @property
    def positions(self) -> Array:
        """(n_components, n_units, n_lanes), the inner parameters, in the problem's length unit."""
        ...

    @property
    def mask(self) -> Array:
        """(n_units, n_lanes) bool, False on padding."""
        ...

    @property
    def free(self) -> Array:
        """(n_units, n_lanes) bool, False on padding and on units that are held."""
        ...

    def _replace(self, **fields: Any) -> "Batch": ...


class Scale(NamedTuple):
    """The problem's own units, in which step lengths are set and inputs of networks are dimensionless."""

    length: float  # in a program a traced number, as the energy
    energy: float  # of the objective
    n_species: int = 1


AnyArray = Any  # jax's in a program, numpy's on the host


class Inspection(NamedTuple):
    """Energies, forces and cohesion of the instances of a batch, at their present positions."""

    energies: AnyArray  # (n_units, n_lanes), the parts of the energy that belong to the units
    gradient: AnyArray  # (n_components, n_units, n_lanes), held units included
    energy: AnyArray  # (n_lanes,), the objective
    fmax: AnyArray  # (n_lanes,), the longest force on a free unit
    coincident: AnyArray  # (n_lanes,) bool, True where two units coincide and this makes the instance unusable
    connected: AnyArray  # (n_lanes,) bool, False where an instance has fallen apart


class Problem:
    """An inner problem. A subclass is a pytree (its numbers are traced) and gives `scale`, `energies_and_gradient` and `place`.

    The objective is called an energy and minus its gradient a force, whatever they are.
    """

    @property
    def hosted(self) -> bool:
        """True where no program computes energies and gradient: a pool answers the `question` of an instance by its `values`."""
        return False

    @property
    def pool(self) -> Any:
        """Of a hosted problem: a `potentials.calculators.pool.Pool`, or what does the same."""
        raise NotImplementedError

    def prepared(self, batch: Any) -> Any:
        """Of a hosted problem: the batch as it may begin to move; by default as it is."""
        return batch

    def question(self, batch: Any, k: int) -> Any:
        """Of a hosted problem: what its pool is asked about instance `k` of a batch of numpy's arrays."""
        raise NotImplementedError

    def values(self, batch: Any, k: int, answer: Any, bound: bool = False) -> tuple[Any, Any, float]:
        """Of a hosted problem: energies (n_units,) and gradient (n_components, n_units) of instance `k`, and the objective.

        NaN for an answer that is a text about a failure. With `bound` the energies are those of the bonds alone, as optimizers
        see them.
        """
        raise NotImplementedError

    ceiling: ClassVar[float] = 1e6
    """In energy scales. Meta-training counts a trajectory that ends higher, or at no finite energy, with this value."""

    @property
    def scale(self) -> Scale:
        """The problem's units."""
        raise NotImplementedError

    def softened(self) -> "Problem":
        """The problem to explore from any start in single precision; its minima are those of this one, or nearly."""
        return self

    def energies_and_gradient(self, batch: Any) -> tuple[Array, Array]:
        """Energies of the units (n_units, n_lanes), and the gradient of their sum (n_components, n_units, n_lanes).

        The sum of the energies is the objective. Both are zero on padding.
        """
        raise NotImplementedError

    def outcome(self, batch: Any, energies: Array) -> Array:
        """The numbers (n_lanes,) by which meta-training judges: by default sums of the `energies` (n_units, n_lanes)."""
        return energies.sum(0)

    def place(self, batch: Any) -> Array:
        """Positions of the units (n_components, n_units, n_lanes), dimensionless, from the instance's natural origin."""
        raise NotImplementedError

    def place_and_unit(self, batch: Any) -> tuple[Array, Array | float]:
        """`place` as an array, and the number () by which it is yet to be multiplied, perhaps together with other numbers."""
        return self.place(batch), 1.0

    def radius(self, batch: Any) -> Array:
        """The usual distance of units from the origin (n_lanes,), dimensionless."""
        return jnp.ones(batch.mask.shape[-1], batch.positions.dtype)

    def moved(self, batch: Any, displacement: Array, lanes: Array) -> Any:
        """The batch after a step (n_components, n_units, n_lanes) of the free units in those `lanes` (n_lanes,) bool."""
        moves = lanes & batch.free
        return batch._replace(positions=jnp.where(moves, batch.positions + displacement, batch.positions))

    def norm(self, kind: str, gradient: Array, free: Array) -> Array:
        """The size of the forces (n_lanes,) over the free units; zero where no unit is free. Held units' gradient must be zero.

        'fmax' is the longest force on a unit, 'rms' the root mean square of all components.
        """
        if kind == "fmax":
            return jnp.sqrt(over_units(lambda g: (dot(g, g, -2),), gradient, largest=1)[0])
        (squared,) = over_units(lambda g: (dot(g, g, -2),), gradient)
        n_components = gradient.shape[0]
        return jnp.sqrt(squared / jnp.maximum(n_components * free.sum(0), 1).astype(squared.dtype))

    def inspect(self, batch: Any) -> Inspection:
        """Energies and forces, and what follows from them."""
        return self.inspection(batch, *self.energies_and_gradient(batch))

    def inspection(self, batch: Any, energies: Array, gradient: Array) -> Inspection:
        """The inspection that follows from energies and gradient. By default every instance is usable and in one piece."""
        (energy,) = over_units(lambda e: (e,), energies)
        fmax = self.norm("fmax", jnp.where(batch.free, gradient, 0), batch.free)
        return Inspection(energies, gradient, energy, fmax, jnp.zeros(energy.shape, bool), jnp.ones(energy.shape, bool))
