"""The compiled programs of the inner loop of hosted problems, which `hosted` calls with values from the host."""

from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh

from clusteropt.engine import programs
from clusteropt.engine.batches import take
from clusteropt.engine.motions import Motion
from clusteropt.engine.step import Criterion, Trajectories, begin_trajectories, judged_step
from clusteropt.optimizers.table import OptimizerChoice, make
from clusteropt.problems.base import Problem
from clusteropt.runtime import devices

# Instances that step together, at most. Few are ready at a time, and empty places cost: a step of L-BFGS for a single cluster of
# 13 atoms, its state copied, took 0.5 ms with 8 or 16 places and 0.8 ms with 64.
WIDTH = 8


class Given(NamedTuple):
    """Instances and the values at their positions. Every array ends in instances, after one lane for each."""

    now: Trajectories
    energies: Array  # (n_units, 1, n_instances)
    gradient: Array  # (n_components, n_units, 1, n_instances)


def foresee(sample: Any, motion: Motion) -> bool:
    """`lanes.foresee` of a hosted problem, for any number of instances."""
    lanes = take(sample, np.full(WIDTH, -1), motion.dtype)
    limit = np.zeros((1, lanes.mask.shape[-1]), np.int32)
    common, mesh = (motion.problem, motion.choice), devices.mesh(1)
    first = programs.request(begun, common, (single(lanes), limit), mesh=mesh, in_place=False)
    given = blank(motion, lanes)
    return first | programs.request(
        stepped, common, given, motion.tolerance, mesh=mesh, in_place=True, norm=motion.criterion.norm
    )


def begun(common: tuple[Problem, OptimizerChoice], fresh: tuple[Any, Array], *, mesh: Mesh) -> tuple[Array, ...]:
    """The program: the arrays of trajectories that have not moved yet, from a batch and the evaluations allowed."""
    problem, choice = common
    optimizer = make(choice, problem)
    return tuple(jax.tree.leaves(jax.vmap(lambda b, n: begin_trajectories(b, n, optimizer), -1, -1)(*fresh)))


def stepped(common: tuple[Problem, OptimizerChoice], given: Given, tolerance: Array, *, mesh: Mesh, norm: str) -> Given:
    """The program: every instance judged, and one step further where it is not finished."""
    problem, choice = common
    optimizer, criterion = make(choice, problem), Criterion(norm, tolerance)

    def one(own: Given) -> Given:
        return own._replace(now=judged_step(problem, optimizer, criterion, own.now, (own.energies, own.gradient)))

    return jax.vmap(one, -1, -1)(given)


def inspected(problem: Problem, batch: tuple[Any, Array, Array], *, mesh: Mesh) -> tuple[Array, ...]:
    """The program: the inspection of a batch with its energies and gradient."""
    return tuple(problem.inspection(*batch))


def single(batch: Any) -> Any:
    """The batch with a lane for each instance: arrays (..., 1, n_instances)."""
    return jax.tree.map(lambda a: np.asarray(a)[..., None, :], batch)


def blank(motion: Motion, lanes: Any) -> Given:
    """The shapes of what `stepped` takes, as zeros."""
    forms = _forms(motion.problem, motion.choice, single(lanes))
    now = jax.tree.map(lambda form: np.zeros(form.shape, form.dtype), forms)
    shape = np.shape(now.batch.positions)
    return Given(now, np.zeros(shape[1:], motion.dtype), np.zeros(shape, motion.dtype))  # type: ignore[arg-type]


def _forms(problem: Problem, choice: OptimizerChoice, batch: Any) -> Trajectories:
    """Shapes and types of trajectories from a batch with a lane for each instance."""
    _, tree, shapes = programs.flattened((problem, choice, batch))
    return _forms_of(tree, shapes)


@cache
def _forms_of(tree: Any, shapes: tuple[programs.Leaf, ...]) -> Trajectories:
    problem, choice, batch = jax.tree.unflatten(tree, [leaf.argument for leaf in shapes])
    limit = jax.ShapeDtypeStruct((1, batch.mask.shape[-1]), np.int32)

    def begin(problem: Problem, choice: OptimizerChoice, batch: Any, limit: Array) -> Trajectories:
        return jax.vmap(lambda b, n: begin_trajectories(b, n, make(choice, problem)), -1, -1)(batch, limit)

    return jax.eval_shape(begin, problem, choice, batch, limit)
