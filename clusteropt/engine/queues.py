"""Queues on the devices: structures that wait for a lane take over those that fall free, without a word to the host.

Each device has a queue of its own and runs until it is empty or a number of steps is done. The programs here depend on a
padded size, an optimizer and a kind of criterion, and on nothing else that a structure shares with its neighbours.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from clusteropt.clusters.arrays import Clusters, n_lanes
from clusteropt.clusters.cohesion import cohesion
from clusteropt.engine import relax
from clusteropt.engine.programs import lanes_last
from clusteropt.optimizers import table
from clusteropt.optimizers.base import Optimizer, Scale, over_atoms
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.potentials.base import Potential, energy_and_gradient


class Queue(NamedTuple):
    """Structures that wait for a lane, the lanes, and the results of those that are done.

    Every array's last axis counts structures (n_queue), lanes (n_clusters) or devices, and is split over the devices.
    """

    waiting: Clusters  # of n_queue clusters; on the device, where they ended, once they are done
    limit: jax.Array  # (n_queue,) int32, evaluations allowed
    run: relax.Run
    seats: jax.Array  # (n_clusters,) int32, which structure is in the lane; n_queue of the device for none
    next: jax.Array  # (n_devices,) int32, the first structure that has had no lane yet
    status: jax.Array  # (n_queue,) int32, RUNNING until finished
    n_evaluations: jax.Array  # (n_queue,) int32


def new_queue(potential: Potential, rule: table.Rule, waiting: Clusters, limit: np.ndarray, n_devices: int) -> Queue:
    """A queue of numpy arrays in which nobody has a lane yet; its lanes are blank until the first structures come."""
    size, n_queue = waiting.mask.shape
    scale, lanes = _scale(potential), n_lanes(size) * n_devices
    form = _form_of_run(rule.name, rule.settings, scale, size, lanes, waiting.positions.dtype, waiting.cell is not None)
    blank = jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), form)
    idle, running = np.int32(relax.Status.IDLE), np.int32(relax.Status.RUNNING)
    status = np.where(waiting.mask.any(0), running, idle)
    return Queue(
        waiting=waiting,
        limit=limit,  # type: ignore[arg-type]  numpy, here and below
        run=blank._replace(status=np.full(lanes, idle)),
        seats=np.full(lanes, n_queue // n_devices, np.int32),  # type: ignore[arg-type]
        next=np.zeros(n_devices, np.int32),  # type: ignore[arg-type]
        status=status,  # type: ignore[arg-type]
        n_evaluations=np.zeros_like(status),  # type: ignore[arg-type]
    )


@cache
def _form_of_run(
    name: str, settings: LearnedSettings | None, scale: Scale, size: int, lanes: int, dtype: np.dtype, periodic: bool
) -> relax.Run:
    """Shapes and types of the arrays of a run, which do not depend on a rule's parameters."""
    rule = table.Rule(name, {"theta": np.zeros(0), "n_steps": np.zeros(()), "part": np.zeros(2)}, settings)

    def start() -> relax.Run:
        flags = jnp.zeros((size, lanes), bool)
        cell = jnp.zeros((3, 3, lanes), dtype) if periodic else None
        clusters = Clusters(jnp.zeros((3, size, lanes), dtype), flags.astype(jnp.int32), flags, flags, cell)
        return relax.start(clusters, jnp.zeros(lanes, jnp.int32), table.make(rule, scale))

    return jax.eval_shape(start)


def _scale(potential: Potential) -> Scale:
    return Scale(potential.length, potential.energy, len(potential.elements))


def _on_lanes(mesh: Mesh, function: Callable, batch: object, result: object) -> object:
    """`function` of a batch, each device working on its own share. `result` has the form of what comes out."""
    specs, out = jax.tree.map(lambda a: lanes_last(a.ndim), (batch, result))
    return jax.shard_map(function, mesh=mesh, in_specs=(specs,), out_specs=out, check_vma=False)(batch)


def advance(
    common: tuple[Potential, table.Rule],
    queue: Queue,
    tolerance: jax.Array,
    n_steps: jax.Array,
    look: jax.Array,
    *,
    mesh: Mesh,
    measure: str,
    core: float,
) -> Queue:
    """The queue after up to `n_steps` more evaluations in every lane; free lanes are filled every `look` of them."""
    potential, rule = common[0], table.make(common[1], _scale(common[0]))
    criterion = relax.Criterion(measure, tolerance)

    def unfinished(carry: tuple[jax.Array, Queue]) -> jax.Array:
        return (carry[0] < n_steps) & (carry[1].status == relax.Status.RUNNING).any()

    def turn(carry: tuple[jax.Array, Queue]) -> tuple[jax.Array, Queue]:
        queue = _fill(carry[1], rule)
        queue = queue._replace(run=relax.advance(potential, rule, criterion, queue.run, look, core))
        return carry[0] + look, _collect(queue)

    def go(part: Queue) -> Queue:
        return jax.lax.while_loop(unfinished, turn, (jnp.int32(0), part))[1]

    return _on_lanes(mesh, go, queue, queue)  # type: ignore[return-value]


def _fill(queue: Queue, rule: Optimizer) -> Queue:
    """Gives every free lane the next structure in the queue."""
    n_queue = queue.limit.shape[0]
    free = queue.seats == n_queue
    coming = queue.next + jnp.cumsum(free, dtype=jnp.int32) - 1
    taken = free & (coming < n_queue)

    def seat(queue: Queue) -> Queue:
        columns = jnp.minimum(coming, n_queue - 1)
        clusters, limit = jax.tree.map(lambda a: jnp.take(a, columns, axis=-1), (queue.waiting, queue.limit))
        run = relax.refill(queue.run, relax.start(clusters, limit, rule), taken, blank=queue.next[0] == 0)
        seats = jnp.where(taken, coming, queue.seats)
        return queue._replace(run=run, seats=seats, next=queue.next + taken.sum(dtype=jnp.int32))

    return jax.lax.cond(taken.any(), seat, lambda same: same, queue)


def _collect(queue: Queue) -> Queue:
    """Writes down the results of lanes that have stopped, and frees them."""
    n_queue, run = queue.limit.shape[0], queue.run
    done = (queue.seats < n_queue) & (run.status != relax.Status.RUNNING)

    def note(lane: jax.Array, queue: Queue) -> Queue:
        def write(queue: Queue) -> Queue:
            def put(whole: jax.Array, part: jax.Array) -> jax.Array:
                value = jnp.take(part, lane, axis=-1)
                return jax.lax.dynamic_update_index_in_dim(whole, value, queue.seats[lane], whole.ndim - 1)

            return queue._replace(
                waiting=queue.waiting._replace(positions=put(queue.waiting.positions, run.clusters.positions)),
                status=put(queue.status, run.status),
                n_evaluations=put(queue.n_evaluations, run.n_evaluations),
            )

        return jax.lax.cond(done[lane], write, lambda same: same, queue)

    queue = jax.lax.cond(
        done.any(), lambda q: jax.lax.fori_loop(jnp.int32(0), jnp.int32(done.size), note, q), lambda same: same, queue
    )
    return queue._replace(seats=jnp.where(done, n_queue, queue.seats))


def evaluate(
    potential: Potential, clusters: Clusters, near: jax.Array, reach: jax.Array, n_portions: jax.Array, *, mesh: Mesh
) -> tuple[jax.Array, ...]:
    """Energies of the atoms, gradient, energy, fmax, and whether atoms coincide and whether they hang together.

    Of the first `n_portions` lanes' worth of clusters on every device; zeros of the others.
    """

    def look(clusters: Clusters) -> tuple[jax.Array, ...]:
        energies, gradient = energy_and_gradient(potential, clusters)
        (energy,) = over_atoms(lambda e: (e,), energies)
        fmax = relax.measure("fmax", jnp.where(clusters.free, gradient, 0), clusters.free)
        return energies, gradient, energy, fmax, *cohesion(clusters, near, reach)

    def one_device(clusters: Clusters) -> tuple[jax.Array, ...]:
        """As many at once as there are lanes, whose arrays stay in the caches."""
        lanes = n_lanes(clusters.mask.shape[0])

        def portion(a: jax.Array, k: jax.Array) -> jax.Array:
            return jax.lax.dynamic_slice_in_dim(a, k * lanes, lanes, a.ndim - 1)

        def one(k: jax.Array, out: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            values = look(jax.tree.map(lambda a: portion(a, k), clusters))
            put = jax.lax.dynamic_update_slice_in_dim
            return tuple(put(whole, value, k * lanes, whole.ndim - 1) for whole, value in zip(out, values, strict=True))

        n = clusters.mask.shape[-1]
        forms = jax.eval_shape(lambda: look(jax.tree.map(lambda a: portion(a, jnp.int32(0)), clusters)))
        blank = tuple(jnp.zeros((*f.shape[:-1], n), f.dtype) for f in forms)
        return jax.lax.fori_loop(jnp.int32(0), n_portions, one, blank)

    lanes = clusters.mask[0]
    form = (clusters.positions[0], clusters.positions, lanes, lanes, lanes, lanes)
    return _on_lanes(mesh, one_device, clusters, form)  # type: ignore[return-value]
