"""Second derivatives of the energy of clusters, column by column, from the analytic gradient by forward differentiation.

A column is the derivative of the gradient along one coordinate. Each lane computes one: all columns of all clusters of a padded
size go through one program, as many at a time as there are lanes, on all devices: few or many clusters share the program.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jax.sharding import Mesh

from clusteropt.clusters.arrays import Clusters, Structure, by_size, pack
from clusteropt.engine import lanes, programs
from clusteropt.engine.batches import at, take
from clusteropt.potentials.base import Potential
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import devices
from clusteropt.runtime.backend import n_lanes

_STEP = 4e-3  # lengths, of a difference


class Ways(NamedTuple):
    """Clusters, each with the direction along which its gradient is differentiated."""

    clusters: Clusters
    directions: Array  # (3, n_atoms, n_clusters) float64


def hessians(structures: Sequence[Structure], potential: Potential) -> Iterator[dict[int, np.ndarray]]:
    """The symmetric matrices (3 n_atoms, 3 n_atoms) of second derivatives, energy over length squared, by the structures' index.

    Rows and columns are the coordinates x, y, z of the first atom, then of the second, ... They come a padded size at a time.
    """
    for (size, _), members in by_size(structures).items():
        batch = pack([structures[i] for i in members], size, np.float64)
        counts = [len(structures[i].positions) for i in members]
        columns = _columns(batch, counts, ClusterProblem(potential))
        parts = np.split(columns, np.cumsum([3 * n for n in counts])[:-1], axis=-1)
        square = [part[:, :n].transpose(1, 0, 2).reshape(3 * n, 3 * n) for part, n in zip(parts, counts, strict=True)]
        yield {i: (one + one.T) / 2 for i, one in zip(members, square, strict=True)}


def foresee_hessians(structures: Sequence[Structure], potential: Potential) -> list[int]:
    """Starts to build the programs for these structures in the background. Returns the sizes that have to be compiled."""
    if potential.calculator:
        return []
    new = []
    for (size, _), members in by_size(structures).items():
        mesh = devices.mesh(devices.n_devices())
        batch = pack([structures[members[0]]], size, np.float64)
        ways = _ways(batch, np.zeros(0, int), np.zeros(0, int), n_lanes(size) * mesh.size)
        if programs.request(second_derivatives, ClusterProblem(potential), ways, mesh=mesh, in_place=False):
            new.append(size)
    return new


def _columns(batch: Clusters, counts: list[int], problem: ClusterProblem) -> np.ndarray:
    """The columns (3, size, n_columns) of all clusters of the batch, one cluster after the other."""
    if problem.hosted:
        return _by_differences(batch, counts, problem)
    size = batch.mask.shape[0]
    owners = np.repeat(np.arange(len(counts)), [3 * n for n in counts])
    coordinates = np.concatenate([np.arange(3 * n) for n in counts])
    mesh, found = devices.mesh(devices.n_devices()), []
    at_once = n_lanes(size) * mesh.size
    for first in range(0, len(owners), at_once):
        own = slice(first, first + at_once)
        ways = _ways(batch, owners[own], coordinates[own], at_once)
        (new,) = programs.run(second_derivatives, problem, ways, mesh=mesh, in_place=False)
        found.append(np.asarray(new))
    return np.concatenate(found, -1)[..., : len(owners)]


def _by_differences(batch: Clusters, counts: list[int], problem: ClusterProblem) -> np.ndarray:
    """The columns (3, size, n_columns) by central differences of the gradient, where no program computes it."""
    owners = np.repeat(np.arange(len(counts)), [3 * n for n in counts])
    coordinates = np.concatenate([np.arange(3 * n) for n in counts])
    step = _STEP * problem.scale.length
    shift = np.zeros((3, batch.mask.shape[0], len(owners)))
    shift[coordinates % 3, coordinates // 3, np.arange(len(owners))] = step
    own = take(batch, owners)
    ends = [lanes.inspect(at(own, np.asarray(own.positions) + sign * shift), problem).gradient for sign in (1, -1)]
    return (ends[0] - ends[1]) / (2 * step)


def _ways(batch: Clusters, owners: np.ndarray, coordinates: np.ndarray, n_places: int) -> Ways:
    """The clusters `owners` of the batch, each with the direction of one coordinate; the other lanes are empty."""
    empty = np.full(n_places - len(owners), -1)
    directions = np.zeros((3, batch.mask.shape[0], n_places))
    directions[coordinates % 3, coordinates // 3, np.arange(len(owners))] = 1
    return Ways(take(batch, np.concatenate([owners, empty])), directions)  # type: ignore[arg-type]  numpy


def second_derivatives(problem: ClusterProblem, ways: Ways, *, mesh: Mesh) -> tuple[Array, ...]:
    """The program: the derivative of the gradient (3, n_atoms, n_clusters) along the directions, on each device its own share."""

    def one_device(own: Ways) -> Array:
        def gradient(positions: Array) -> Array:
            return problem.energies_and_gradient(own.clusters._replace(positions=positions))[1]

        return jax.jvp(gradient, (own.clusters.positions,), (own.directions,))[1]

    specs = jax.tree.map(lambda a: programs.lanes_last(a.ndim), ways)
    split = jax.shard_map(one_device, mesh=mesh, in_specs=(specs,), out_specs=programs.lanes_last(3), check_vma=False)
    return (split(ways),)
