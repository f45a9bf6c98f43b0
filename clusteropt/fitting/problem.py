"""The inner problem of a fit: its units are the weights of the network, its energy the error on a minibatch of structures.

Any optimizer of inner problems can drive it, also a learned one. Numbers are dimensionless: energies in bonds, for each atom,
and forces in bonds over the usual distance. Forces enter by their projections on a few directions, which cost one forward
derivative each instead of a second one of the whole network.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.potentials.forms.network import atomic_energies
from clusteropt.problems.weights import Weights, WeightsProblem

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


class Examples(NamedTuple):
    """Structures with their targets; the first axis counts structures."""

    x: Array  # (n, n_atoms, n_descriptors), each descriptor with mean 0 and variance 1
    changes: Array  # (n, n_directions, n_atoms, n_descriptors)
    species: Array  # (n, n_atoms) int32
    mask: Array  # (n, n_atoms) bool
    energies: Array  # (n,), without the atoms' own
    slopes: Array  # (n, n_directions), of the energy along the directions; 0 where forces are not known
    known: Array  # (n,) 1 where forces are known, else 0


class Errors(NamedTuple):
    """Errors of structures, dimensionless."""

    energies: Array  # (n,), for each atom
    forces: Array  # (n,) mean squares of the components, from their projections; 0 where forces are not known


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FitProblem(WeightsProblem):
    """The weights of a network potential, with the structures that it is fitted to."""

    examples: Examples
    force_weight: Array  # ()
    shapes: Shapes = field(metadata={"static": True})  # of the weights by name, in their order
    n_batch: int = field(metadata={"static": True})  # structures in a minibatch; all where there are not more

    ceiling = 1e3

    def energies_and_gradient(self, batch: Weights) -> tuple[Array, Array]:
        """The error on a minibatch, as the energy of the first weight, and its gradient (1, n_weights, 1)."""
        chosen = self._minibatch(batch.keys[0], batch.n_steps[0])
        error, gradient = jax.value_and_grad(self.error)(batch.positions[0, :, 0], chosen)
        energies = jnp.zeros(batch.mask.shape, error.dtype).at[0, 0].set(error)
        return energies, gradient[None, :, None]

    def error(self, weights: Array, examples: Examples) -> Array:
        """Mean squared error () of weights (n_weights,): that of energies, and that of forces by its weight."""
        found = self.errors(weights, examples)
        n_known = jnp.maximum(examples.known.sum(), 1)
        return (found.energies**2).mean() + self.force_weight * found.forces.sum() / n_known

    def errors(self, weights: Array, examples: Examples) -> Errors:
        """The errors of each structure."""
        tables = unflattened(weights, self.shapes)
        n, n_ways, n_atoms, width = examples.changes.shape
        species, inside = examples.species.ravel(), examples.mask

        def energies(x: Array) -> Array:
            of_atoms = atomic_energies(tables, species, x.reshape(-1, width).T).reshape(n, n_atoms)
            return jnp.where(inside, of_atoms, 0).sum(1)

        def slopes(way: Array) -> Array:
            return jax.jvp(energies, (examples.x,), (way,))[1]

        per_atom = 1 / inside.sum(1).astype(weights.dtype)
        off = (energies(examples.x) - examples.energies) * per_atom
        if not n_ways:
            return Errors(off, jnp.zeros_like(off))
        missing = (jax.vmap(slopes, 1, 1)(examples.changes) - examples.slopes) * examples.known[:, None]
        return Errors(off, (missing**2).mean(1) * per_atom / 3)

    def _minibatch(self, key: Array, step: Array) -> Examples:
        """`n_batch` structures that follow from key and step; no step of a round through them meets one twice."""
        n = self.examples.energies.shape[0]
        if self.n_batch >= n:
            return self.examples
        in_a_round = n // self.n_batch
        order = jax.random.permutation(jax.random.fold_in(jax.random.key(key), step // in_a_round), n)
        chosen = jax.lax.dynamic_slice_in_dim(order, (step % in_a_round) * self.n_batch, self.n_batch)
        return jax.tree.map(lambda array: array[chosen], self.examples)


def unflattened(weights: Array, shapes: Shapes) -> dict[str, Array]:
    """The weights (n_weights,) as tables by name."""
    found, first = {}, 0
    for name, shape in shapes:
        size = int(np.prod(shape))
        found[name] = weights[first : first + size].reshape(shape)
        first += size
    return found


def fans(shapes: Shapes) -> np.ndarray:
    """(n_weights, 1) of `Weights.fan`."""
    sums = {"pair": 1, "matrix": 2}  # axes of a table that name elements or outputs, before those that are added up
    return np.concatenate(
        [
            np.full((int(np.prod(shape)), 1), float(np.prod(shape[sums[kind] :])) if kind in sums else 0.0)
            for kind, shape in ((name.split()[0], shape) for name, shape in shapes)
        ]
    )


def shapes_of(n_elements: int, n_radial: int, n_descriptors: int, widths: tuple[int, ...]) -> Shapes:
    """The tables of weights: the pair part, offsets, and the perceptron, see `potentials.forms.network`."""
    sizes = (n_descriptors, *widths, 1)
    found: list[tuple[str, tuple[int, ...]]] = [("pair", (n_elements, n_radial)), ("offset", (n_elements,))]
    for k, (width, out) in enumerate(pairwise(sizes)):
        found += [(f"matrix {k}", (n_elements, out, width)), (f"biases {k}", (n_elements, out))]
    return tuple(found)
