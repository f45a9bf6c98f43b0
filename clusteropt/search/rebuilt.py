"""Rebuilt surfaces: loose atoms are taken off a cluster and put onto the best of all hollows of what is left.

The idea is the dynamic lattice of X. Shao, L. Cheng and W. Cai, J. Comput. Chem. 25, 1693 (2004), doi:10.1002/jcc.20096: the
vacant sites of a surface are places, onto which a model of pairs puts atoms, before one quench relaxes the result. A move over
the surface (`surface`) places one to three atoms; this one takes off up to a quarter of all, and sorts them until no single atom
gains by another site.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from clusteropt.clusters.arrays import Clusters
from clusteropt.engine import lanes, programs
from clusteropt.engine.batches import take
from clusteropt.potentials.base import Potential
from clusteropt.runtime.backend import n_lanes
from clusteropt.search.hollows import N_PLACES, N_TURNS, hollows
from clusteropt.search.occupation import filled, occupied, settled

N_DRAWS = N_TURNS + 3  # random numbers that a move takes
SHARE = 0.25  # of the atoms, at most, that are taken off
CHOICE = 1.0  # energy scales of chance in the choice of the atoms
HEAT = 3.0  # pair energies of chance in the choice of a site, at most


class Loose(NamedTuple):
    """Clusters of which some atoms are loose; the last axis counts clusters. The unit of length is the potential's `length`."""

    positions: Array  # (3, n_atoms, n_clusters) float32
    mask: Array  # (n_atoms, n_clusters) bool
    free: Array  # (n_atoms, n_clusters) bool
    rank: Array  # (n_atoms, n_clusters) int32: the loosest atom has 0
    n_loose: Array  # (n_clusters,) int32, how many are taken off
    draws: Array  # (N_DRAWS, n_clusters) float32, random numbers in [0, 1)


def rebuilt_surface(
    clusters: Clusters, energies: np.ndarray, draws: np.ndarray, looseness: np.ndarray, potential: Potential
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (3, n_atoms, n_clusters) with loose free atoms on other sites, and the work in evaluations (n_clusters,).

    energies (n_atoms, n_clusters) of the atoms; draws (N_DRAWS or more, n_clusters) and looseness (n_atoms, n_clusters): random
    numbers in [0, 1). An evaluation costs as many distances as the squared number of atoms.
    """
    free, mask = np.asarray(clusters.free), np.asarray(clusters.mask)
    n_atoms, n_free = mask.sum(0), free.sum(0)
    n_loose = np.minimum(1 + (draws[N_DRAWS - 1] * SHARE * n_atoms).astype(np.int32), np.minimum(n_free, n_atoms - 1))
    weight = np.where(free, energies / potential.energy + CHOICE * looseness, -np.inf)
    order = np.argsort(-weight, axis=0, kind="stable")
    rank = np.argsort(order, axis=0, kind="stable").astype(np.int32)
    places, moved, n_distances = _run(clusters, rank, np.maximum(n_loose, 0).astype(np.int32), draws, potential.length)
    out = np.where(moved & free, places, clusters.positions)
    return out, -(-n_distances // np.maximum(n_atoms, 1) ** 2)


def foresee(sample: Clusters, n_clusters: int) -> bool:
    """Starts to build the program in the background, for `n_clusters` clusters like the sample.

    Returns True where the program has to be compiled.
    """
    size = sample.mask.shape[0]
    mesh = lanes.mesh_for(n_clusters, size)
    nobody = take(sample, np.full(n_lanes(size) * mesh.size, -1), np.float32)
    rank = np.zeros(nobody.mask.shape, np.int32)
    draws = np.zeros((N_DRAWS, rank.shape[1]), np.float32)
    loose = Loose(nobody.positions, nobody.mask, nobody.free, rank, rank[0], draws)  # type: ignore[arg-type]
    return programs.request(rebuilds, (), loose, mesh=mesh, in_place=False)


def _run(
    clusters: Clusters, rank: np.ndarray, n_loose: np.ndarray, draws: np.ndarray, length: float
) -> tuple[np.ndarray, ...]:
    """The atoms' places (3, n_atoms, n_clusters), whether they moved, and the number of distances (n_clusters,)."""
    size, n_clusters = clusters.mask.shape

    def one_row(columns: np.ndarray, mesh: Mesh) -> tuple[np.ndarray, ...]:
        part = take(clusters, columns, np.float32)
        own = np.where(columns < 0, 0, n_loose[columns]), draws[:N_DRAWS, columns].astype(np.float32)
        places = np.asarray(part.positions) / np.float32(length)
        loose = Loose(places, part.mask, part.free, rank[:, columns], *own)  # type: ignore[arg-type]
        return programs.run(rebuilds, (), loose, mesh=mesh, in_place=False)  # type: ignore[no-any-return]

    places, moved, n_distances = lanes.in_rows(n_clusters, lanes.n_used(clusters), size, one_row)
    return places.astype(np.float64) * length, moved, n_distances.astype(np.int64)


def rebuilds(_: tuple, loose: Loose, *, mesh: Mesh) -> tuple[Array, ...]:
    """The program: places (3, n_atoms, n_clusters), which atoms moved, and distances computed, split over the devices."""
    specs = jax.tree.map(lambda a: programs.lanes_last(a.ndim), loose)
    out = tuple(programs.lanes_last(n) for n in (3, 2, 1))
    return jax.shard_map(_rebuilt, mesh=mesh, in_specs=(specs,), out_specs=out, check_vma=False)(loose)


def _rebuilt(loose: Loose) -> tuple[Array, Array, Array]:
    kept = loose.mask & (loose.rank >= loose.n_loose)
    sites = hollows(loose.positions, kept, loose.draws[:N_TURNS])
    start = occupied(loose.positions, sites, loose.mask, kept)
    full = filled(start, loose.rank, loose.n_loose, loose.draws[N_TURNS], HEAT * loose.draws[N_TURNS + 1])
    end = settled(full, loose.free)
    places = jnp.take_along_axis(end.places, end.where[None], 1)
    moved = end.where != jnp.arange(loose.mask.shape[0], dtype=jnp.int32)[:, None]
    n_atoms = loose.mask.sum(0, dtype=jnp.int32)
    return places, moved & loose.mask, end.n_distances + 3 * N_PLACES * n_atoms  # three contacts of each ball
