"""Runs batches of any size through the programs of `queues`: deals instances out to devices, and gathers the results.

An instance's lane, neighbours, device and padding leave no trace in its result. Batches here are numpy's, and
all instances of a batch have one padded size.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jax.sharding import Mesh

from clusteropt.engine import hosted, hosted_programs, programs, queues
from clusteropt.engine.batches import take
from clusteropt.engine.motions import Motion, Moved, Watch, no_faults
from clusteropt.engine.step import Status
from clusteropt.problems.base import Inspection, Problem
from clusteropt.runtime import devices
from clusteropt.runtime.backend import n_lanes

QUEUE = 8  # instances in a device's queue, for each of its lanes
_LOOK = 8  # evaluations between two checks for free lanes
_WATCH = 10  # evaluations between two calls of a `Watch`
_PAIRS = 4e9  # pair terms between two returns to the host; signals wait until then


def at_a_time(size: int) -> int:
    """The number of instances of a padded `size` that fill the queues of all devices."""
    return queue_length(size) * devices.n_devices()


def move(batch: Any, limit: np.ndarray, motion: Motion, watch: Watch | None = None) -> Moved:
    """Moves every instance by at most `limit` (n_instances,) evaluations, on all devices.

    `watch(column, n_evaluations, positions)` is called with each instance's positions (n_units, n_components) every few
    evaluations.
    """
    try:
        return begin(batch, limit, motion, watch).end()
    except BaseException:
        if motion.problem.hosted:  # whoever asks next is not to wait for these instances
            motion.problem.pool.forget()
        raise


def begin(batch: Any, limit: np.ndarray, motion: Motion, watch: Watch | None = None) -> "hosted.Course | Later":
    """Begins to `move` instances. Those of a hosted problem move while somebody waits for any, others when they are to end."""
    return (hosted.Course if motion.problem.hosted else Later)(batch, limit, motion, watch)


class Later(NamedTuple):
    """Instances that move when they are to end."""

    batch: Any
    limit: np.ndarray
    motion: Motion
    watch: Watch | None

    def end(self) -> Moved:
        """The instances at their ends."""
        return _moved(*self)


def _moved(batch: Any, limit: np.ndarray, motion: Motion, watch: Watch | None) -> Moved:
    size, n_instances = batch.mask.shape
    status, counts = np.full(n_instances, np.int32(Status.IDLE)), np.zeros(n_instances, np.int32)
    result = Moved(np.array(batch.positions), status, counts, no_faults(n_instances))
    mesh = mesh_for(n_instances, size)
    for columns in _deals(n_used(batch), size, mesh.size):
        queue = _finished_queue(batch, limit, columns, motion, mesh, watch)
        seated = columns >= 0
        result.positions[:, :, columns[seated]] = np.asarray(queue.waiting.positions)[:, :, seated]
        result.status[columns[seated]] = np.asarray(queue.status)[seated]
        result.n_evaluations[columns[seated]] = np.asarray(queue.n_evaluations)[seated]
    return result


def renumbered(watch: Watch, indices: list[int]) -> Watch:
    """A watch of some instances that passes their `indices` in a larger list on to `watch`."""
    return lambda k, n, positions: watch(indices[k], n, positions)


def foresee(sample: Any, n_instances: int, motion: Motion) -> bool:
    """Starts to build the motion's program in the background, for `n_instances` instances like the sample.

    Returns True where the program has to be compiled.
    """
    if motion.problem.hosted:
        return hosted_programs.foresee(sample, motion)
    size = sample.mask.shape[0]
    mesh = mesh_for(n_instances, size)
    nobody = np.full(queue_length(size) * mesh.size, -1)
    waiting = take(sample, nobody, motion.dtype)
    queue = queues.new_queue(motion.problem, motion.choice, waiting, nobody.astype(np.int32), mesh.size)
    scalars, common = _numbers(motion, size, None), (motion.problem, motion.choice)
    return programs.request(
        queues.advance_queue, common, queue, *scalars, mesh=mesh, in_place=True, norm=motion.criterion.norm
    )


def inspect(batch: Any, problem: Problem) -> Inspection:
    """Energies, forces and cohesion of every instance, in double precision; numpy's arrays."""
    if problem.hosted:
        return hosted.inspect(batch, problem)
    size, n_instances = batch.mask.shape
    parts: list[Inspection] = []
    mesh = mesh_for(n_instances, size)
    for columns in _deals(n_instances, size, mesh.size):
        most = int((columns.reshape(mesh.size, -1) >= 0).sum(1).max())
        n_portions = np.int32(-(-most // n_lanes(size)))
        own = take(batch, columns)
        values = programs.run(queues.inspect, problem, own, n_portions, mesh=mesh, in_place=False)
        places = np.argsort(columns)[np.count_nonzero(columns < 0) :]  # in the order of the columns
        parts.append(Inspection(*(np.asarray(value)[..., places] for value in values)))  # type: ignore[arg-type]
    return Inspection(*(np.concatenate(part, -1) for part in zip(*parts, strict=True)))  # type: ignore[arg-type]


def queue_length(size: int) -> int:
    """The number of places in a device's queue."""
    return QUEUE * n_lanes(size) if n_lanes(size) > 1 else 1


def mesh_for(n_instances: int, size: int) -> Mesh:
    """A mesh of as many devices as the instances fill, one lane for each instance."""
    return devices.mesh(min(devices.n_devices(), -(-n_instances // n_lanes(size))))


def rows(n_instances: int, size: int, mesh: Mesh) -> Iterator[np.ndarray]:
    """Columns of the batch for programs without queues, a row of as many as the mesh has lanes at a time, -1 for an empty lane.

    A program always has as many instances as there are lanes, so none's result depends on how many others there are.
    """
    at_once = n_lanes(size) * mesh.size
    for first in range(0, n_instances, at_once):
        columns = np.arange(first, first + at_once)
        yield np.where(columns < n_instances, columns, -1)


def in_rows(
    n_instances: int, n_used: int, size: int, compute: Callable[[np.ndarray, Mesh], Sequence[np.ndarray]]
) -> list[np.ndarray]:
    """The arrays (..., n_instances) that `compute(columns, mesh)` gives for one row after the other; zeros from `n_used` on.

    The number of instances alone decides for which devices the program is compiled.
    """
    mesh = mesh_for(n_instances, size)
    found = zip(*(compute(columns, mesh) for columns in rows(max(n_used, 1), size, mesh)), strict=True)
    return [_widened(np.concatenate(parts, -1)[..., :n_used], n_instances) for parts in found]


def n_used(batch: Any) -> int:
    """The number of instances up to the last that has any units."""
    return int(np.flatnonzero(np.asarray(batch.mask).any(0)).max(initial=-1)) + 1


def _widened(array: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([array, np.zeros((*array.shape[:-1], n - array.shape[-1]), array.dtype)], -1)


def _deals(n_used: int, size: int, n_devices: int) -> Iterator[np.ndarray]:
    """Columns of the batch up to the last one used, -1 for an empty place, in portions of a queue for every device in turn.

    They are dealt out like cards, so that every device has its share when the last portion is not full. A device gets none
    while the lanes of fewer take them all, because a program's steps take as long whether its lanes are full or not.
    """
    per_device = queue_length(size)
    for first in range(0, n_used, per_device * n_devices):
        last = min(first + per_device * n_devices, n_used)
        n_players = min(n_devices, -(-(last - first) // n_lanes(size)))
        cards = first + np.arange(per_device * n_players).reshape(per_device, n_players).T
        hands = np.full((n_devices, per_device), -1)
        hands[:n_players] = np.where(cards < last, cards, -1)
        yield hands.ravel()


def _finished_queue(
    batch: Any, limit: np.ndarray, columns: np.ndarray, motion: Motion, mesh: Mesh, watch: Watch | None
) -> queues.Queue:
    """A queue of the batch's `columns`, run until every instance is finished."""
    waiting = take(batch, columns, motion.dtype)
    queue = queues.new_queue(motion.problem, motion.choice, waiting, limit[columns].astype(np.int32), mesh.size)
    scalars, common = _numbers(motion, batch.mask.shape[0], watch), (motion.problem, motion.choice)
    while True:
        queue = programs.run(
            queues.advance_queue, common, queue, *scalars, mesh=mesh, in_place=True, norm=motion.criterion.norm
        )
        running = (np.asarray(queue.status) == Status.RUNNING).any()
        if watch:
            _show(queue, columns, watch)
        if not running:
            return queue


def _numbers(motion: Motion, size: int, watch: Watch | None) -> tuple[np.ndarray, np.int32, np.int32]:
    """The tolerance, the steps until a program returns to the host, and the steps between two checks for free lanes."""
    n_steps = _WATCH if watch else max(_LOOK, min(10_000, _PAIRS / (n_lanes(size) * size * size)))
    return motion.tolerance, np.int32(n_steps), np.int32(_WATCH if watch else _LOOK)


def _show(queue: queues.Queue, columns: np.ndarray, watch: Watch) -> None:
    """Calls the watch with the positions of every instance in a lane."""
    lanes, n_devices = queue.lanes, len(queue.next)
    positions, mask = np.asarray(lanes.batch.positions, np.float64), np.asarray(lanes.batch.mask)
    counts = np.asarray(lanes.n_evaluations).tolist()
    seats = np.asarray(queue.seats).reshape(n_devices, -1)
    own = columns.reshape(n_devices, -1)
    for device in range(n_devices):
        for lane in np.flatnonzero(seats[device] < own.shape[1]):
            column, place = own[device, seats[device, lane]], device * seats.shape[1] + lane
            if column >= 0:
                watch(int(column), counts[place], positions[:, mask[:, place], place].T)
