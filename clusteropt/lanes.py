"""Many structures through the inner loop: fills the lanes of all devices, refills them as they fall free.

A structure's lane, neighbours and device leave no trace in its result: the program that works on it depends only on its
own padded size.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from clusteropt import relax, runtime
from clusteropt.clusters import Clusters, Structure, n_lanes, pack, padded_size
from clusteropt.optimizers import table
from clusteropt.optimizers.base import Optimizer, Scale, over_atoms
from clusteropt.potentials.base import Potential, energy_and_gradient
from clusteropt.potentials.pairs import cohesion

_QUEUE = 8  # structures in a device's queue, for each of its lanes
_LOOK = 8
_WATCH = 10  # evaluations between two calls of an observer
_PAIRS = 4e9  # pair terms between two returns to the host, which hears signals only then


class Queue(NamedTuple):
    """Structures that wait for a lane, the lanes, and the results of those that are done; all on one device.

    Every array's last axis counts structures (n_queue) or lanes (n_clusters).
    """

    waiting: Clusters  # of n_queue clusters
    limit: jax.Array  # (n_queue,) int32, evaluations allowed
    run: relax.Run
    seats: jax.Array  # (n_clusters,) int32, which structure is in the lane; n_queue for none
    next: jax.Array  # (1,) int32, the first structure that has had no lane yet
    positions: jax.Array  # (3, n_atoms, n_queue), of finished structures
    status: jax.Array  # (n_queue,) int32, RUNNING until finished
    n_evaluations: jax.Array  # (n_queue,) int32
    force: jax.Array  # (n_queue,)


class Relaxed(NamedTuple):
    """What came of one structure."""

    positions: np.ndarray  # (n_atoms, 3) float64
    status: relax.Status
    n_evaluations: int
    force: float  # the criterion's measure, in the precision of the run


class Task(NamedTuple):
    """How to relax."""

    potential: Potential
    optimizer: str
    criterion: relax.Criterion
    dtype: type  # np.float32 or np.float64
    core: float = 0.0


def by_size(structures: list[Structure]) -> dict[tuple[int, bool], list[int]]:
    """The indices of the structures that may share a batch: same padded size, periodic or not."""
    groups: dict[tuple[int, bool], list[int]] = {}
    for i, structure in enumerate(structures):
        groups.setdefault((padded_size(len(structure.positions)), structure.cell is not None), []).append(i)
    return groups


def relax_all(
    structures: list[Structure],
    limits: list[int],
    task: Task,
    watch: Callable[[int, int, np.ndarray], None] | None = None,
) -> list[Relaxed]:
    """Relaxes every structure with at most `limits` evaluations each, on all devices.

    `watch(index, n_evaluations, positions)` is called with each structure's positions every few evaluations.
    """
    results: dict[int, Relaxed] = {}
    for (size, _), members in by_size(structures).items():
        mesh = _mesh_for(len(members), size)
        n_queue = _queue_length(size) * mesh.size
        for first in range(0, len(members), n_queue):
            some = members[first : first + n_queue]
            # dealt out like cards, so that every device has its share when the queue is not full
            order = np.arange(n_queue).reshape(-1, mesh.size).T.ravel()
            seated = [some[k] if k < len(some) else None for k in order]
            for i, relaxed in zip(
                seated, _relax_queue(size, seated, structures, limits, task, mesh, watch), strict=True
            ):
                if i is not None and relaxed is not None:
                    results[i] = relaxed
    return [results[i] for i in range(len(structures))]


def compile_for(structures: list[Structure], task: Task) -> None:
    """Runs the task on empty lanes, so that its program is there when the structures come."""
    for (size, _), members in by_size(structures).items():
        mesh = _mesh_for(len(members), size)
        n_queue = _queue_length(size) * mesh.size
        _relax_queue(size, [None] * n_queue, structures, [], task, mesh, None)


def _relax_queue(
    size: int,
    seated: list[int | None],
    structures: list[Structure],
    limits: list[int],
    task: Task,
    mesh: Mesh,
    watch: Callable[[int, int, np.ndarray], None] | None,
) -> list[Relaxed | None]:
    """Results of one queueful; `seated` are indices into `structures`, all of one padded size."""
    own = [None if i is None else structures[i] for i in seated]
    limit = np.array([0 if i is None else limits[i] for i in seated], np.int32)
    static = {"mesh": mesh, "optimizer": task.optimizer}
    queue: Queue = _programs()["start"](task.potential, pack(own, size, task.dtype), limit, **static)
    tolerance = np.asarray(task.criterion.tolerance, task.dtype)
    n_steps = np.int32(_WATCH if watch else max(_LOOK, min(10_000, _PAIRS / (n_lanes(size) * size * size))))
    look = np.int32(_WATCH if watch else _LOOK)
    static |= {"measure": task.criterion.measure, "core": task.core}
    while True:
        queue = _programs()["advance"](task.potential, queue, tolerance, n_steps, look, **static)
        status = np.asarray(queue.status)
        if watch:
            _show(queue, seated, structures, watch)
        if (status != relax.Status.RUNNING).all():
            break
    positions, forces = np.asarray(queue.positions, np.float64), np.asarray(queue.force).tolist()
    statuses, counts = [relax.Status(s) for s in status.tolist()], np.asarray(queue.n_evaluations).tolist()
    return [
        None if s is None else Relaxed(positions[:, : len(s.positions), k].T, statuses[k], counts[k], forces[k])
        for k, s in enumerate(own)
    ]


def _show(
    queue: Queue, seated: list[int | None], structures: list[Structure], watch: Callable[[int, int, np.ndarray], None]
) -> None:
    """Tells the observer where the structures in the lanes are."""
    positions, counts = np.asarray(queue.run.clusters.positions, np.float64), np.asarray(queue.run.n_evaluations)
    n_devices = len(queue.next)
    seats = np.asarray(queue.seats).reshape(n_devices, -1)
    own = len(seated) // n_devices
    for device in range(n_devices):
        for lane, seat in enumerate(seats[device]):
            i = seated[device * own + seat] if seat < own else None
            if i is not None:
                column = device * seats.shape[1] + lane
                watch(i, int(counts[column]), positions[:, : len(structures[i].positions), column].T)


class Evaluation(NamedTuple):
    """What one structure is, in double precision."""

    energy: float
    energies: np.ndarray  # (n_atoms,), of the atoms
    forces: np.ndarray  # (n_atoms, 3)
    fmax: float  # the longest force on a free atom
    coincident: bool  # two atoms are closer than `near`
    connected: bool  # the atoms hang together by distances below `reach`


def evaluate_all(potential: Potential, structures: list[Structure], near: float, reach: float) -> list[Evaluation]:
    """Energies, forces and cohesion of every structure."""
    results: dict[int, Evaluation] = {}
    for (size, _), members in by_size(structures).items():
        mesh = _mesh_for(len(members), size)
        n_all = n_lanes(size) * mesh.size
        for first in range(0, len(members), n_all):
            some = members[first : first + n_all]
            batch = pack([structures[i] for i in some] + [None] * (n_all - len(some)), size, np.float64)
            energies, gradient, *scalars = _programs()["evaluate"](potential, batch, near, reach, mesh=mesh)
            energies, forces = np.asarray(energies).T.copy(), -np.asarray(gradient).T
            energy, fmax, coincident, connected = (np.asarray(a).tolist() for a in scalars)
            for lane, i in enumerate(some):
                n = len(structures[i].positions)
                results[i] = Evaluation(
                    energy[lane], energies[lane, :n], forces[lane, :n], fmax[lane], coincident[lane], connected[lane]
                )
    return [results[i] for i in range(len(structures))]


def _queue_length(size: int) -> int:
    return _QUEUE * n_lanes(size) if n_lanes(size) > 1 else 1


def _mesh_for(n_structures: int, size: int) -> Mesh:
    """As many devices as there are lanes' worth of structures."""
    return runtime.mesh(min(runtime.n_devices(), -(-n_structures // n_lanes(size))))


@cache
def _programs() -> dict[str, Callable]:
    """Jitted once per process, on first use: the compiler's options need a running backend."""
    jit = partial(jax.jit, compiler_options=runtime.compiler_options())
    return {
        "start": jit(_start, static_argnames=("mesh", "optimizer")),
        "advance": jit(_advance, static_argnames=("mesh", "optimizer", "measure", "core"), donate_argnums=1),
        "evaluate": jit(_evaluate, static_argnames="mesh"),
    }


def _rule(potential: Potential, optimizer: str) -> Optimizer:
    return table.make(optimizer, Scale(potential.length, potential.energy))


def _on_lanes(mesh: Mesh, function: Callable, *arguments: object, like: object = None) -> object:
    """`function` of batches (pytrees whose arrays end in lanes or structures), each device working on its own.

    `like` has the form of the result, where that is known without tracing the function.
    """

    def spec(a: jax.Array) -> PartitionSpec:
        return PartitionSpec(*[None] * (a.ndim - 1), "lanes") if a.ndim else PartitionSpec()

    specs = jax.tree.map(spec, arguments)
    out = jax.tree.map(spec, jax.eval_shape(function, *arguments) if like is None else like)
    return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=out, check_vma=False)(*arguments)


def _start(potential: Potential, waiting: Clusters, limit: jax.Array, *, mesh: Mesh, optimizer: str) -> Queue:
    rule = _rule(potential, optimizer)

    def begin(waiting: Clusters, limit: jax.Array) -> Queue:
        n_queue, size = limit.shape[0], waiting.mask.shape[0]
        run = relax.start(jax.tree.map(lambda a: a[..., : n_lanes(size)], waiting), limit[: n_lanes(size)], rule)
        idle = run._replace(status=jnp.full_like(run.status, relax.Status.IDLE))
        status = jnp.where(waiting.mask.any(0), relax.Status.RUNNING, relax.Status.IDLE).astype(jnp.int32)
        return Queue(
            waiting,
            limit,
            idle,
            seats=jnp.full(n_lanes(size), n_queue, jnp.int32),
            next=jnp.zeros(1, jnp.int32),
            positions=waiting.positions,
            status=status,
            n_evaluations=jnp.zeros_like(status),
            force=jnp.zeros(n_queue, waiting.positions.dtype),
        )

    return _on_lanes(mesh, begin, waiting, limit)  # type: ignore[return-value]


def _advance(
    potential: Potential,
    queue: Queue,
    tolerance: jax.Array,
    n_steps: jax.Array,
    look: jax.Array,
    *,
    mesh: Mesh,
    optimizer: str,
    measure: str,
    core: float,
) -> Queue:
    """The queue after up to `n_steps` more evaluations in every lane."""
    rule, criterion = _rule(potential, optimizer), relax.Criterion(measure, tolerance)

    def unfinished(carry: tuple[jax.Array, Queue]) -> jax.Array:
        return (carry[0] < n_steps) & (carry[1].status == relax.Status.RUNNING).any()

    def turn(carry: tuple[jax.Array, Queue]) -> tuple[jax.Array, Queue]:
        queue = _fill(carry[1], rule)
        queue = queue._replace(run=relax.advance(potential, rule, criterion, queue.run, look, core))
        return carry[0] + look, _collect(queue)

    def go(part: Queue) -> Queue:
        return jax.lax.while_loop(unfinished, turn, (jnp.int32(0), part))[1]

    return _on_lanes(mesh, go, queue, like=queue)  # type: ignore[return-value]


def _fill(queue: Queue, rule: Optimizer) -> Queue:
    """Gives every free lane the next structure in the queue."""
    n_queue = queue.limit.shape[0]
    free = queue.seats == n_queue
    coming = queue.next + jnp.cumsum(free, dtype=jnp.int32) - 1
    taken = free & (coming < n_queue)

    def seat(queue: Queue) -> Queue:
        columns = jnp.minimum(coming, n_queue - 1)
        clusters, limit = jax.tree.map(lambda a: jnp.take(a, columns, axis=-1), (queue.waiting, queue.limit))
        run = relax.refill(queue.run, relax.start(clusters, limit, rule), taken)
        seats = jnp.where(taken, coming, queue.seats)
        return queue._replace(run=run, seats=seats, next=queue.next + taken.sum(dtype=jnp.int32))

    return jax.lax.cond(taken.any(), seat, lambda same: same, queue)


def _collect(queue: Queue) -> Queue:
    """Writes down the results of lanes that have stopped, and frees them."""
    n_queue, run = queue.limit.shape[0], queue.run
    done = (queue.seats < n_queue) & (run.status != relax.Status.RUNNING)

    def note(lane: jax.Array, queue: Queue) -> Queue:
        def write(queue: Queue) -> Queue:
            pairs = [(queue.positions, run.clusters.positions), (queue.status, run.status)]
            pairs += [(queue.n_evaluations, run.n_evaluations), (queue.force, run.force)]
            new = [
                jax.lax.dynamic_update_index_in_dim(
                    whole, jnp.take(part, lane, axis=-1), queue.seats[lane], whole.ndim - 1
                )
                for whole, part in pairs
            ]
            return queue._replace(positions=new[0], status=new[1], n_evaluations=new[2], force=new[3])

        return jax.lax.cond(done[lane], write, lambda same: same, queue)

    queue = jax.lax.cond(
        done.any(), lambda q: jax.lax.fori_loop(jnp.int32(0), jnp.int32(done.size), note, q), lambda same: same, queue
    )
    return queue._replace(seats=jnp.where(done, n_queue, queue.seats))


def _evaluate(
    potential: Potential, clusters: Clusters, near: jax.Array, reach: jax.Array, *, mesh: Mesh
) -> tuple[jax.Array, ...]:
    """Energies of the atoms, gradient, energy, fmax, and whether atoms coincide and hang together."""

    def one_device(clusters: Clusters) -> tuple[jax.Array, ...]:
        energies, gradient = energy_and_gradient(potential, clusters)
        (energy,) = over_atoms(lambda e: (e,), energies)
        fmax = relax.measure("fmax", jnp.where(clusters.free, gradient, 0), clusters.free)
        return energies, gradient, energy, fmax, *cohesion(clusters, near, reach)

    lanes = clusters.mask[0]
    like = (clusters.positions[0], clusters.positions, lanes, lanes, lanes, lanes)
    return _on_lanes(mesh, one_device, clusters, like=like)  # type: ignore[return-value]
