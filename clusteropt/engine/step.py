"""The inner loop: one update rule, many instances of a problem, resumable.

`step` is the one step that everything takes: minimization, learned trajectories and meta-training. Around it,
`begin_trajectories` puts instances into lanes, `advance` moves them by some steps until each is judged finished, and `refill`
hands the lanes of finished instances to others. Every lane stops by itself; its instance does not move afterwards.
"""

from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.optimizers.base import Optimizer, OptimizerState
from clusteropt.problems.base import Problem


class Status(IntEnum):
    """The status of a structure. Every result in every format carries one of these words."""

    RUNNING = 0
    CONVERGED = 1
    NOT_CONVERGED = 2  # the step limit came first
    NON_FINITE = 3  # an energy or force overflowed; overrides every other status
    FRAGMENTED = 4  # the atoms do not hang together; overrides CONVERGED
    INVALID_STRUCTURE = 5  # the input has two atoms at one place, or a coordinate that is not finite
    EVALUATED = 6  # only energy and forces were asked for
    IDLE = 7  # a lane without a cluster
    NO_POTENTIAL = 8  # there is none for these elements
    UNREADABLE = 9  # a file, or one frame of it
    OUT_OF_MEMORY = 10
    INTERRUPTED = 11  # a signal or the time limit came first; it can go on
    CALCULATOR_FAILED = 12  # a calculator gave no energy and forces, twice in a row

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")


class Criterion(NamedTuple):
    """An instance has converged when the `norm` of the forces on its free units is below `tolerance`."""

    norm: str  # 'fmax' or 'rms', see `Problem.norm`
    tolerance: Array | float  # in the problem's energy over length


NEVER = Criterion("fmax", -1.0)  # a trajectory that ends with its steps


class Trajectories(NamedTuple):
    """Instances on their way, one in each lane."""

    batch: Any  # of the problem
    state: OptimizerState  # of the optimizer
    status: Array  # (n_lanes,) int32, values of Status
    n_evaluations: Array  # (n_lanes,) int32, of the gradient
    limit: Array  # (n_lanes,) int32, evaluations allowed
    force: Array  # (n_lanes,), the criterion's norm at the last evaluation; of a stopped lane, at its positions


def step(
    problem: Problem,
    optimizer: Optimizer,
    batch: Any,
    state: OptimizerState,
    judge: Callable[[Array, Array], tuple[Array, Any]],
    values: tuple[Array, Array] | None = None,
) -> tuple[Any, OptimizerState, Any]:
    """The batch and the optimizer's state after one evaluation and one move, and what `judge` has noted.

    Before the move, `judge(energies, gradient)` sees the units' energies (n_units, n_lanes) and the gradient (n_components,
    n_units, n_lanes), which is zero on held units. It returns the lanes that move (n_lanes,) bool, and any arrays. The
    `values` are energies and gradient of the batch, where the problem cannot compute them.
    """
    energies, gradient = problem.energies_and_gradient(batch) if values is None else values
    gradient = jnp.where(batch.free, gradient, 0)
    moving, noted = judge(energies, gradient)
    displacement, state = optimizer.update(gradient, state, batch, energies)
    return problem.moved(batch, displacement, moving), state, noted


def begin_trajectories(batch: Any, limit: Array, optimizer: Optimizer) -> Trajectories:
    """Trajectories that have not moved yet; lanes without units are idle. `limit` (n_lanes,) counts evaluations."""
    force = jnp.zeros(batch.mask.shape[-1], batch.positions.dtype)
    status = jnp.where(batch.mask.any(0), Status.RUNNING, Status.IDLE).astype(jnp.int32)
    return Trajectories(batch, optimizer.init(batch), status, jnp.zeros_like(status), limit, force)


def refill(old: Trajectories, fresh: Trajectories, lanes: Array, blank: Array) -> Trajectories:
    """The old trajectories, where `fresh` ones take over the `lanes` (n_lanes,) bool.

    Arrays that all lanes share are the old ones, unless these are `blank` () bool, which is before the first step.
    """
    return jax.tree.map(lambda a, b: jnp.where(lanes if a.ndim else blank, b, a), old, fresh)


def advance(
    problem: Problem, optimizer: Optimizer, criterion: Criterion, now: Trajectories, n_steps: Array | int
) -> Trajectories:
    """The trajectories after up to `n_steps` more evaluations in every lane that is still running."""

    def unfinished(carry: tuple[Array, Trajectories]) -> Array:
        return (carry[0] < n_steps) & (carry[1].status == Status.RUNNING).any()

    def one(carry: tuple[Array, Trajectories]) -> tuple[Array, Trajectories]:
        return carry[0] + 1, judged_step(problem, optimizer, criterion, carry[1])

    return jax.lax.while_loop(unfinished, one, (jnp.int32(0), now))[1]


def judged_step(
    problem: Problem,
    optimizer: Optimizer,
    criterion: Criterion,
    now: Trajectories,
    values: tuple[Array, Array] | None = None,
) -> Trajectories:
    """The trajectories after one evaluation, unless `values` are given, and one step where the criterion does not hold yet."""
    judge = partial(_judge, problem, criterion, now)
    batch, state, (status, n_evaluations, force) = step(problem, optimizer, now.batch, now.state, judge, values)
    return Trajectories(batch, state, status, n_evaluations, now.limit, force)


def _judge(
    problem: Problem, criterion: Criterion, now: Trajectories, _: Array, gradient: Array
) -> tuple[Array, tuple[Array, Array, Array]]:
    """The lanes that go on, and the status, evaluations and force of every lane."""
    running = now.status == Status.RUNNING
    force = problem.norm(criterion.norm, gradient, now.batch.free)
    n_evaluations = now.n_evaluations + running
    verdict = jnp.where(n_evaluations >= now.limit, Status.NOT_CONVERGED, Status.RUNNING)
    verdict = jnp.where(force <= criterion.tolerance, Status.CONVERGED, verdict)
    verdict = jnp.where(jnp.isfinite(force), verdict, Status.NON_FINITE)
    status = jnp.where(running, verdict, now.status).astype(jnp.int32)
    return status == Status.RUNNING, (status, n_evaluations, jnp.where(running, force, now.force))
