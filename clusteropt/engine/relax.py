"""The inner loop: one update rule, many clusters, resumable.

`start` puts clusters into the lanes of a batch, `advance` moves them by some steps, `refill` hands the lanes of finished
clusters to others. A lane stops by itself, and holds still from then on. Which optimizer moves the atoms makes no
difference here, nor does the reason why somebody wants them moved.
"""

from enum import IntEnum
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.optimizers.base import Optimizer, State, dot, over_atoms
from clusteropt.potentials.base import Potential, energy_and_gradient


class Status(IntEnum):
    """The status of a structure. Every result in every format carries one of these words."""

    RUNNING = 0
    CONVERGED = 1
    NOT_CONVERGED = 2  # the step limit came first
    NON_FINITE = 3  # an energy or force overflowed
    FRAGMENTED = 4  # the atoms do not hang together; beats CONVERGED
    INVALID_STRUCTURE = 5  # the input has atoms at the same place, or numbers that are none
    EVALUATED = 6  # not to be moved: energy and forces only
    IDLE = 7  # a lane without a cluster
    NO_POTENTIAL = 8  # none for these elements
    UNREADABLE = 9  # a file, or a frame of one
    OUT_OF_MEMORY = 10
    INTERRUPTED = 11  # a signal or the time limit came first; it can go on

    @property
    def label(self) -> str:
        return self.name.lower().replace("_", "-")


class Criterion(NamedTuple):
    """When a cluster counts as converged: `measure` of the forces on the free atoms below `tolerance`."""

    measure: str  # 'fmax', the longest force on an atom, or 'rms', the root mean square of all force components
    tolerance: Array | float  # force unit of the potential


class Run(NamedTuple):
    """A batch under way."""

    clusters: Clusters
    state: State
    status: Array  # (n_clusters,) int32, values of Status
    n_evaluations: Array  # (n_clusters,) int32, of the gradient
    limit: Array  # (n_clusters,) int32, evaluations allowed
    force: Array  # (n_clusters,), the criterion's measure at the last evaluation: that of the positions, once stopped


def start(clusters: Clusters, limit: Array, optimizer: Optimizer) -> Run:
    """A batch that has not moved yet; lanes without atoms are idle. `limit` (n_clusters,) counts evaluations."""
    force = jnp.zeros(clusters.mask.shape[-1], clusters.positions.dtype)
    status = jnp.where(clusters.mask.any(0), Status.RUNNING, Status.IDLE).astype(jnp.int32)
    state = optimizer.init(clusters)
    return Run(clusters, state, status, jnp.zeros_like(status), limit, force)


def refill(run: Run, fresh: Run, lanes: Array, blank: Array) -> Run:
    """The run with its `lanes` (n_clusters,) bool taken over by those of a `fresh` one.

    Arrays without lanes are kept, except in a `blank` () bool run that has not begun: it takes them over as well.
    """
    return jax.tree.map(lambda old, new: jnp.where(lanes if old.ndim else blank, new, old), run, fresh)


def advance(
    potential: Potential, optimizer: Optimizer, criterion: Criterion, run: Run, n_steps: Array | int, core: float = 0.0
) -> Run:
    """The run after up to `n_steps` more evaluations of every lane that is still running."""
    step = partial(_step, potential, optimizer, criterion, core)

    def unfinished(carry: tuple[Array, Run]) -> Array:
        return (carry[0] < n_steps) & (carry[1].status == Status.RUNNING).any()

    return jax.lax.while_loop(unfinished, lambda carry: (carry[0] + 1, step(carry[1])), (jnp.int32(0), run))[1]


def _step(potential: Potential, optimizer: Optimizer, criterion: Criterion, core: float, run: Run) -> Run:
    clusters, running = run.clusters, run.status == Status.RUNNING
    energies, gradient = energy_and_gradient(potential, clusters, core)
    gradient = jnp.where(clusters.free, gradient, 0)
    force = measure(criterion.measure, gradient, clusters.free)
    n_evaluations = run.n_evaluations + running
    verdict = jnp.where(n_evaluations >= run.limit, Status.NOT_CONVERGED, Status.RUNNING)
    verdict = jnp.where(force <= criterion.tolerance, Status.CONVERGED, verdict)
    verdict = jnp.where(jnp.isfinite(force), verdict, Status.NON_FINITE)
    status = jnp.where(running, verdict, run.status).astype(jnp.int32)
    displacement, state = optimizer.update(gradient, run.state, clusters, energies)
    moves = (status == Status.RUNNING) & clusters.free
    positions = jnp.where(moves, clusters.positions + displacement, clusters.positions)
    force = jnp.where(running, force, run.force)
    return Run(clusters._replace(positions=positions), state, status, n_evaluations, run.limit, force)


def measure(kind: str, gradient: Array, free: Array) -> Array:
    """The size of the forces, (n_clusters,): 'fmax' or 'rms' over the free atoms; zero without any."""
    if kind == "fmax":
        return jnp.sqrt(over_atoms(lambda g: (dot(g, g),), gradient, largest=1)[0])
    (squared,) = over_atoms(lambda g: (dot(g, g),), gradient)
    return jnp.sqrt(squared / jnp.maximum(3 * free.sum(0), 1).astype(squared.dtype))
