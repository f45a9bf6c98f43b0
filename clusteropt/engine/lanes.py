"""Many structures through the programs of `queues`: shares them out among devices and lanes, and gathers the results.

A structure's lane, neighbours, device and padding leave no trace in its result. Batches here are numpy's; one batch has one
padded size.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jax.sharding import Mesh

from clusteropt.clusters.arrays import Clusters, Structure, by_size, n_lanes, take
from clusteropt.engine import programs, queues, relax
from clusteropt.optimizers.table import Rule
from clusteropt.potentials.base import Potential
from clusteropt.runtime import devices

QUEUE = 8  # structures in a device's queue, for each of its lanes
_LOOK = 8  # evaluations between two looks for free lanes
_WATCH = 10  # evaluations between two calls of an observer
_PAIRS = 4e9  # pair terms between two returns to the host, which hears signals only then

Watch = Callable[[int, int, np.ndarray], None]


class Task(NamedTuple):
    """How to relax."""

    potential: Potential
    rule: Rule
    criterion: relax.Criterion
    dtype: type  # np.float32 or np.float64
    core: float = 0.0


class Relaxed(NamedTuple):
    """The structures of a batch after relaxing, a column or entry each."""

    positions: np.ndarray  # (3, n_atoms, n_clusters) float64
    status: np.ndarray  # (n_clusters,) int32, values of relax.Status
    n_evaluations: np.ndarray  # (n_clusters,) int32


class Evaluation(NamedTuple):
    """Energies, forces and cohesion of the structures of a batch, in double precision, a column or entry each."""

    energies: np.ndarray  # (n_atoms, n_clusters), of the atoms
    gradient: np.ndarray  # (3, n_atoms, n_clusters)
    energy: np.ndarray  # (n_clusters,)
    fmax: np.ndarray  # (n_clusters,), the longest force on a free atom
    coincident: np.ndarray  # (n_clusters,) bool, two atoms are closer than `near`
    connected: np.ndarray  # (n_clusters,) bool, the atoms hang together by distances below `reach`


def portions(structures: list[Structure], few: bool = False) -> Iterator[tuple[int, list[int]]]:
    """A padded size and the indices of structures that share it, as many as there are places for, a portion at a time.

    `few`: of few padded sizes, as far as that pays.
    """
    for (size, _), members in by_size(structures, few).items():
        whole = _queue_length(size) * devices.n_devices()
        yield from ((size, members[first : first + whole]) for first in range(0, len(members), whole))


def relax_batch(clusters: Clusters, limit: np.ndarray, task: Task, watch: Watch | None = None) -> Relaxed:
    """Relaxes every structure with at most `limit` (n_clusters,) evaluations, on all devices.

    `watch(column, n_evaluations, positions)` is called with each structure's positions (n_atoms, 3) every few evaluations.
    """
    size, n_clusters = clusters.mask.shape
    result = Relaxed(np.array(clusters.positions), *np.zeros((2, n_clusters), np.int32))
    mesh = mesh_for(n_clusters, size)
    for columns in _deals(n_clusters, _queue_length(size), mesh.size):
        queue = _relaxed_queue(clusters, limit, columns, task, mesh, watch)
        seated = columns >= 0
        result.positions[:, :, columns[seated]] = np.asarray(queue.waiting.positions)[:, :, seated]
        result.status[columns[seated]] = np.asarray(queue.status)[seated]
        result.n_evaluations[columns[seated]] = np.asarray(queue.n_evaluations)[seated]
    return result


def renumbered(watch: Watch, indices: list[int]) -> Watch:
    """The observer, told the index in a larger list of structures."""
    return lambda k, n, positions: watch(indices[k], n, positions)


def foresee(sample: Clusters, n_clusters: int, task: Task) -> bool:
    """Has the task's program built in the background: it will be wanted for so many clusters like the sample.

    Whether it has to be compiled for that.
    """
    size = sample.mask.shape[0]
    mesh = mesh_for(n_clusters, size)
    nobody = np.full(_queue_length(size) * mesh.size, -1)
    queue = queues.new_queue(
        task.potential, task.rule, take(sample, nobody, task.dtype), nobody.astype(np.int32), mesh.size
    )
    scalars, static = _how(task, size, None)
    return programs.request(
        queues.advance, (task.potential, task.rule), queue, *scalars, mesh=mesh, in_place=True, **static
    )


def evaluate_batch(clusters: Clusters, potential: Potential, near: float, reach: float) -> Evaluation:
    """Energies, forces and cohesion of every structure."""
    size, n_clusters = clusters.mask.shape
    parts: list[list[np.ndarray]] = []
    mesh = mesh_for(n_clusters, size)
    for columns in _deals(n_clusters, _queue_length(size), mesh.size):
        batch = take(clusters, columns)
        most = int((columns.reshape(mesh.size, -1) >= 0).sum(1).max())
        scalars = np.float64(near), np.float64(reach), np.int32(-(-most // n_lanes(size)))
        values = programs.run(queues.evaluate, potential, batch, *scalars, mesh=mesh, in_place=False)
        places = np.argsort(columns)[np.count_nonzero(columns < 0) :]  # in the order of the columns
        parts.append([np.asarray(value)[..., places] for value in values])
    return Evaluation(*(np.concatenate(part, -1) for part in zip(*parts, strict=True)))


def _queue_length(size: int) -> int:
    return QUEUE * n_lanes(size) if n_lanes(size) > 1 else 1


def mesh_for(n_clusters: int, size: int) -> Mesh:
    """As many devices as there are lanes' worth of structures."""
    return devices.mesh(min(devices.n_devices(), -(-n_clusters // n_lanes(size))))


def _deals(n_clusters: int, per_device: int, n_devices: int) -> Iterator[np.ndarray]:
    """Columns of the batch, -1 for an empty place, in portions of `per_device` for every device in turn.

    They are dealt out like cards, so that every device has its share when the last portion is not full.
    """
    whole = per_device * n_devices
    for first in range(0, n_clusters, whole):
        cards = np.arange(first, first + whole)
        yield np.where(cards < n_clusters, cards, -1).reshape(per_device, n_devices).T.ravel()


def _relaxed_queue(
    clusters: Clusters, limit: np.ndarray, columns: np.ndarray, task: Task, mesh: Mesh, watch: Watch | None
) -> queues.Queue:
    """One queueful, everyone finished."""
    size = clusters.mask.shape[0]
    waiting = take(clusters, columns, task.dtype)
    queue = queues.new_queue(task.potential, task.rule, waiting, limit[columns].astype(np.int32), mesh.size)
    scalars, static = _how(task, size, watch)
    while True:
        queue = programs.run(
            queues.advance, (task.potential, task.rule), queue, *scalars, mesh=mesh, in_place=True, **static
        )
        running = (np.asarray(queue.status) == relax.Status.RUNNING).any()
        if watch:
            _show(queue, columns, watch)
        if not running:
            return queue


def _how(task: Task, size: int, watch: Watch | None) -> tuple[tuple, dict]:
    """The arguments of `queues.advance` behind the queue: numbers, and what a program is built for."""
    tolerance = np.asarray(min(task.criterion.tolerance, float(np.finfo(task.dtype).max)), task.dtype)
    n_steps = _WATCH if watch else max(_LOOK, min(10_000, _PAIRS / (n_lanes(size) * size * size)))
    static = {"measure": task.criterion.measure, "core": task.core}
    return (tolerance, np.int32(n_steps), np.int32(_WATCH if watch else _LOOK)), static


def _show(queue: queues.Queue, columns: np.ndarray, watch: Watch) -> None:
    """Tells the observer where the structures in the lanes are."""
    run, n_devices = queue.run, len(queue.next)
    positions, mask = np.asarray(run.clusters.positions, np.float64), np.asarray(run.clusters.mask)
    counts = np.asarray(run.n_evaluations).tolist()
    seats = np.asarray(queue.seats).reshape(n_devices, -1)
    own = columns.reshape(n_devices, -1)
    for device in range(n_devices):
        for lane in np.flatnonzero(seats[device] < own.shape[1]):
            column, place = own[device, seats[device, lane]], device * seats.shape[1] + lane
            if column >= 0:
                watch(int(column), counts[place], positions[:, mask[:, place], place].T)
