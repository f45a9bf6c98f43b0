"""The inner problem of a fit: its units are the weights of the network, its energy the error on a minibatch of structures.

Any optimizer of inner problems can drive it, also a learned one. Numbers are dimensionless: energies in bonds, for each atom,
and forces in bonds over the usual distance. Forces enter by their projections on a few directions, which cost one forward
derivative each instead of a second one of the whole network.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.fitting.samples import Examples
from clusteropt.fitting.shapes import Shapes, unflattened
from clusteropt.fitting.starting import best_pair_potential, first_weights
from clusteropt.potentials.forms.network import atomic_energies
from clusteropt.problems.weights import Weights, WeightsProblem


class Errors(NamedTuple):
    """Errors of structures, dimensionless."""

    energies: Array  # (n,), for each atom
    forces: Array  # (n,) mean squares of the components, from their projections; 0 where forces are not known


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class FitProblem(WeightsProblem):
    """The weights of a network potential, with the structures that it is fitted to."""

    training: Examples
    held_out: Examples
    force_weight: Array  # ()
    shapes: Shapes = field(metadata={"static": True})  # of the weights by name, in their order
    n_batch: int = field(metadata={"static": True})  # structures in a minibatch; all where there are not more
    paired: bool = field(default=True, metadata={"static": True})  # the first weights hold the best pair potential

    def first(self, count: int, seed: int) -> Weights:
        """Random perceptrons, and beside them the best pair potential by least squares, or none."""
        weight, shape = float(self.force_weight), dict(self.shapes)["pair"]
        pair = best_pair_potential(self.training, shape, weight) if self.paired else {}
        return first_weights(pair, self.shapes, count, seed)

    def error_on(self, weights: Array, examples: Examples) -> Array:
        """Mean squared error () of weights (n_weights,): that of energies, and that of forces by its weight."""
        found = self.by_structure(weights, examples)
        n_known = jnp.maximum(examples.known.sum(), 1)
        return (found.energies**2).mean() + self.force_weight * found.forces.sum() / n_known

    def by_structure(self, weights: Array, examples: Examples) -> Errors:
        """The errors of weights (n_weights,) on each structure."""
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

    def minibatch(self, key: Array, n_steps: Array) -> Examples:
        """`n_batch` structures; the minibatches of a round have none in common."""
        n = self.training.energies.shape[0]
        if self.n_batch >= n:
            return self.training
        in_a_round = n // self.n_batch
        order = jax.random.permutation(jax.random.fold_in(jax.random.key(key), n_steps // in_a_round), n)
        chosen = jax.lax.dynamic_slice_in_dim(order, (n_steps % in_a_round) * self.n_batch, self.n_batch)
        return jax.tree.map(lambda array: jnp.asarray(array)[chosen], self.training)
