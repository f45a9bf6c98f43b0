"""Queues on the devices: waiting instances take over lanes that become free, without a return to the host.

Each device runs its own queue until the queue is empty or a number of steps is done. A program depends on the problem, the
padded size, the optimizer and the kind of criterion. It does not depend on the instances.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from clusteropt.engine.programs import Leaf, flattened, lanes_last
from clusteropt.engine.step import Criterion, Status, Trajectories, advance, begin_trajectories, refill
from clusteropt.optimizers.base import Optimizer
from clusteropt.optimizers.table import OptimizerChoice, make
from clusteropt.problems.base import Inspection, Problem
from clusteropt.runtime.backend import backend, n_lanes


class Queue(NamedTuple):
    """Instances that wait for a lane, the lanes, and the results of those that are done.

    Every array's last axis counts instances (n_queue), lanes (n_lanes) or devices, and is split over the devices.
    """

    waiting: Any  # a batch of n_queue instances; on the device, where they ended, once they are done
    limit: jax.Array  # (n_queue,) int32, evaluations allowed
    lanes: Trajectories
    seats: jax.Array  # (n_lanes,) int32, which instance is in the lane; n_queue of the device for none
    next: jax.Array  # (n_devices,) int32, the first instance that has had no lane yet
    status: jax.Array  # (n_queue,) int32, RUNNING until finished
    n_evaluations: jax.Array  # (n_queue,) int32


def new_queue(problem: Problem, choice: OptimizerChoice, waiting: Any, limit: np.ndarray, n_devices: int) -> Queue:
    """A queue of numpy arrays in which no instance has a lane yet; its lanes are blank until the first instances come."""
    size, n_queue = waiting.mask.shape
    lanes = n_lanes(size) * n_devices
    _, tree, shapes = flattened((problem, choice, waiting))
    blank = jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), _form_of_lanes(tree, shapes, lanes))
    idle, running = np.int32(Status.IDLE), np.int32(Status.RUNNING)
    status = np.where(waiting.mask.any(0), running, idle)
    return Queue(
        waiting=waiting,
        limit=limit,  # type: ignore[arg-type]  numpy, here and below
        lanes=blank._replace(status=np.full(lanes, idle)),
        seats=np.full(lanes, n_queue // n_devices, np.int32),  # type: ignore[arg-type]
        next=np.zeros(n_devices, np.int32),  # type: ignore[arg-type]
        status=status,  # type: ignore[arg-type]
        n_evaluations=np.zeros_like(status),  # type: ignore[arg-type]
    )


@cache
def _form_of_lanes(tree: Any, shapes: tuple[Leaf, ...], lanes: int) -> Trajectories:
    """Shapes and types of the lanes' arrays, from the shapes and types of problem, optimizer and batch."""
    problem, choice, waiting = jax.tree.unflatten(tree, [leaf.argument for leaf in shapes])
    batch = jax.tree.map(lambda a: jax.ShapeDtypeStruct((*a.shape[:-1], lanes), a.dtype), waiting)
    limit = jax.ShapeDtypeStruct((lanes,), np.int32)
    return jax.eval_shape(lambda p, c, b, n: begin_trajectories(b, n, make(c, p)), problem, choice, batch, limit)


def _on_lanes(mesh: Mesh, function: Callable, batch: object, result: object) -> object:
    """Applies `function` to a batch, every device to its own share. `result` has the shapes of the outcome."""
    specs, out = jax.tree.map(lambda a: lanes_last(a.ndim), (batch, result))
    return jax.shard_map(function, mesh=mesh, in_specs=(specs,), out_specs=out, check_vma=False)(batch)


def advance_queue(
    common: tuple[Problem, OptimizerChoice],
    queue: Queue,
    tolerance: jax.Array,
    n_steps: jax.Array,
    between: jax.Array,
    *,
    mesh: Mesh,
    norm: str,
) -> Queue:
    """The queue after up to `n_steps` more evaluations in every lane; free lanes are filled every `between` of them."""
    problem, choice = common
    optimizer, criterion = make(choice, problem), Criterion(norm, tolerance)

    def unfinished(carry: tuple[jax.Array, Queue]) -> jax.Array:
        return (carry[0] < n_steps) & (carry[1].status == Status.RUNNING).any()

    def turn(carry: tuple[jax.Array, Queue]) -> tuple[jax.Array, Queue]:
        queue = _fill(carry[1], optimizer)
        queue = queue._replace(lanes=advance(problem, optimizer, criterion, queue.lanes, between))
        return carry[0] + between, _collect(queue)

    def go(own: Queue) -> Queue:
        return jax.lax.while_loop(unfinished, turn, (jnp.int32(0), own))[1]

    return _on_lanes(mesh, go, queue, queue)  # type: ignore[return-value]


def _fill(queue: Queue, optimizer: Optimizer) -> Queue:
    """Gives every free lane the next instance in the queue."""
    n_queue = queue.limit.shape[0]
    free = queue.seats == n_queue
    coming = queue.next + jnp.cumsum(free, dtype=jnp.int32) - 1
    taken = free & (coming < n_queue)

    def seat(queue: Queue) -> Queue:
        columns = jnp.minimum(coming, n_queue - 1)
        batch, limit = jax.tree.map(lambda a: jnp.take(a, columns, axis=-1), (queue.waiting, queue.limit))
        lanes = refill(queue.lanes, begin_trajectories(batch, limit, optimizer), taken, blank=queue.next[0] == 0)
        seats = jnp.where(taken, coming, queue.seats)
        return queue._replace(lanes=lanes, seats=seats, next=queue.next + taken.sum(dtype=jnp.int32))

    return jax.lax.cond(taken.any(), seat, lambda same: same, queue)


def _collect(queue: Queue) -> Queue:
    """Stores the results of lanes that have stopped, and frees these lanes."""
    n_queue, lanes = queue.limit.shape[0], queue.lanes
    done = (queue.seats < n_queue) & (lanes.status != Status.RUNNING)
    note = {"cpu": _noted_in_turn, "gpu": _noted_at_once}[backend()]
    queue = jax.lax.cond(done.any(), lambda q: note(q, lanes, done), lambda same: same, queue)
    return queue._replace(seats=jnp.where(done, n_queue, queue.seats))


def _noted_in_turn(queue: Queue, lanes: Trajectories, done: jax.Array) -> Queue:
    """The queue with the results of lanes that are `done`, lane by lane: on a CPU a write costs no more than its bytes."""

    def note(lane: jax.Array, queue: Queue) -> Queue:
        def write(queue: Queue) -> Queue:
            def put(whole: jax.Array, own: jax.Array) -> jax.Array:
                value = jnp.take(own, lane, axis=-1)
                return jax.lax.dynamic_update_index_in_dim(whole, value, queue.seats[lane], whole.ndim - 1)

            return _with_results(queue, lanes, put)

        return jax.lax.cond(done[lane], write, lambda same: same, queue)

    return jax.lax.fori_loop(jnp.int32(0), jnp.int32(done.size), note, queue)


def _noted_at_once(queue: Queue, lanes: Trajectories, done: jax.Array) -> Queue:
    """The queue with the results of lanes that are `done`, by one scattered write: on a GPU every turn of a loop is slow."""
    nowhere = queue.limit.shape[0]
    places = jnp.where(done, queue.seats, nowhere)
    return _with_results(queue, lanes, lambda whole, own: whole.at[..., places].set(own, mode="drop"))


def _with_results(queue: Queue, lanes: Trajectories, put: Callable[[jax.Array, jax.Array], jax.Array]) -> Queue:
    """The queue after `put` has written each of the lanes' arrays into the queue's own."""
    return queue._replace(
        waiting=queue.waiting._replace(positions=put(queue.waiting.positions, lanes.batch.positions)),
        status=put(queue.status, lanes.status),
        n_evaluations=put(queue.n_evaluations, lanes.n_evaluations),
    )


def inspect(problem: Problem, batch: Any, n_portions: jax.Array, *, mesh: Mesh) -> Inspection:
    """Inspects the first `n_portions` lanes' worth of instances on every device; the others get zeros."""

    def one_device(own: Any) -> Inspection:
        """Inspects as many instances at once as there are lanes: their arrays fit into the processor's caches."""
        lanes = n_lanes(own.mask.shape[0])

        def portion(k: jax.Array) -> Any:
            return jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, k * lanes, lanes, a.ndim - 1), own)

        def one(k: jax.Array, out: Inspection) -> Inspection:
            put = jax.lax.dynamic_update_slice_in_dim
            return jax.tree.map(lambda w, v: put(w, v, k * lanes, w.ndim - 1), out, problem.inspect(portion(k)))

        n, forms = own.mask.shape[-1], jax.eval_shape(lambda: problem.inspect(portion(jnp.int32(0))))
        blank = jax.tree.map(lambda f: jnp.zeros((*f.shape[:-1], n), f.dtype), forms)
        return jax.lax.fori_loop(jnp.int32(0), n_portions, one, blank)

    form = jax.eval_shape(problem.inspect, batch)
    return _on_lanes(mesh, one_device, batch, form)  # type: ignore[return-value]
