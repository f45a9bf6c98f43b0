"""Moves over the surface: the least bound atoms of a cluster go where an atom from outside finds the most neighbours.

What distinguishes the best minimum of many sizes from its neighbours is where a few surface atoms sit. Displacing all atoms
leaves that to chance. Directed moves of badly bound atoms are as old as basin hopping (D. J. Wales and J. P. K. Doye, J. Phys.
Chem. A 101, 5111 (1997), doi:10.1021/jp970984n); searching the whole surface for places is the idea of X. Shao, L. Cheng and
W. Cai, J. Comput. Chem. 25, 1693 (2004), doi:10.1002/jcc.20096.
"""

from functools import partial
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
from clusteropt.search.rays import turned_rays

MOST_MOVED = 3  # atoms
N_DRAWS = 2 + 4 * MOST_MOVED  # random numbers that a move takes
_PLACES = 128  # tested for each atom
_CHOICE = 0.5  # energy scales of chance in the choice of the least bound atoms
_TOUCHING = 1.25  # lengths within which atoms are neighbours
_FAR = 1e6  # lengths


class Moves(NamedTuple):
    """The moves of a batch; the last axis of an array counts clusters. The unit of length is the potential's `length`."""

    positions: Array  # (3, n_atoms, n_clusters) float32
    mask: Array  # (n_atoms, n_clusters) bool
    order: Array  # (n_moves, n_clusters) int32, the atoms to move
    n_moved: Array  # (n_clusters,) int32, how many of them are moved
    draws: Array  # (N_DRAWS - 2, n_clusters) float32, random numbers in [0, 1)


def moved_over_surface(
    clusters: Clusters, energies: np.ndarray, draws: np.ndarray, looseness: np.ndarray, potential: Potential
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (3, n_atoms, n_clusters) with one to three free atoms moved, and the work in evaluations (n_clusters,).

    energies (n_atoms, n_clusters) of the atoms; draws (N_DRAWS, n_clusters) and looseness (n_atoms, n_clusters): random
    numbers in [0, 1). Testing one place costs n_atoms distances; an evaluation costs n_atoms squared.
    """
    n_free = np.asarray(clusters.free).sum(0)
    n_moved = np.minimum(1 + (MOST_MOVED * draws[0]).astype(np.int32), n_free).astype(np.int32)
    weight = energies / potential.energy + _CHOICE * looseness
    order = np.argsort(np.where(clusters.free, weight, -np.inf), axis=0)[::-1][:MOST_MOVED].astype(np.int32)
    new = _new_places(clusters, order, n_moved, draws[2:], potential.length)
    out = np.array(clusters.positions)
    for j in range(len(order)):
        columns = np.flatnonzero(j < n_moved)
        out[:, order[j, columns], columns] = new[:, j, columns]
    n_atoms = np.maximum(np.asarray(clusters.mask).sum(0), 1)
    return out, -(-_PLACES * n_moved // n_atoms)


def foresee(sample: Clusters, n_clusters: int) -> bool:
    """Starts to build the program in the background, for `n_clusters` clusters like the sample.

    Returns True where the program has to be compiled.
    """
    size = sample.mask.shape[0]
    mesh, n_moves = lanes.mesh_for(n_clusters, size), min(MOST_MOVED, size)
    nobody = take(sample, np.full(n_lanes(size) * mesh.size, -1), np.float32)
    order = np.zeros((n_moves, nobody.mask.shape[1]), np.int32)
    draws = np.zeros((N_DRAWS - 2, order.shape[1]), np.float32)
    moves = Moves(nobody.positions, nobody.mask, order, order[0], draws)  # type: ignore[arg-type]  numpy, here and below
    return programs.request(surface_moves, (), moves, mesh=mesh, in_place=False)


def _new_places(
    clusters: Clusters, order: np.ndarray, n_moved: np.ndarray, draws: np.ndarray, length: float
) -> np.ndarray:
    """The new places (3, n_moves, n_clusters) float64 of the atoms in `order`."""
    size, n_clusters = clusters.mask.shape

    def one_row(columns: np.ndarray, mesh: Mesh) -> tuple[np.ndarray, ...]:
        part = take(clusters, columns, np.float32)
        numbers = (order[:, columns], n_moved[columns], draws[:, columns].astype(np.float32))
        moves = Moves(np.asarray(part.positions) / length, part.mask, *numbers)  # type: ignore[arg-type]
        return programs.run(surface_moves, (), moves, mesh=mesh, in_place=False)  # type: ignore[no-any-return]

    (found,) = lanes.in_rows(n_clusters, lanes.n_used(clusters), size, one_row)
    return found.astype(np.float64) * length


def surface_moves(_: tuple, moves: Moves, *, mesh: Mesh) -> tuple[Array, ...]:
    """The program: new places (3, n_moves, n_clusters), each device working on its own share of the clusters."""
    specs = jax.tree.map(lambda a: programs.lanes_last(a.ndim), moves)
    split = jax.shard_map(_moved, mesh=mesh, in_specs=(specs,), out_specs=programs.lanes_last(3), check_vma=False)
    return (split(moves),)


def _moved(moves: Moves) -> Array:
    """The new places (3, n_moves, n_clusters), one atom after the other."""
    places, positions = [], moves.positions
    for j, atom in enumerate(moves.order):
        own = jnp.arange(moves.mask.shape[0], dtype=jnp.int32)[:, None] == atom
        place = _best_place(positions, moves.mask & ~own, moves.draws[4 * j : 4 * j + 4])
        positions = jnp.where(own & (j < moves.n_moved), place[:, None], positions)
        places.append(place)
    return jnp.stack(places, 1)


def _best_place(positions: Array, others: Array, draws: Array) -> Array:
    """(3, n_clusters): of many places where an atom from outside touches the others, the one with the most neighbours."""
    centre = jnp.where(others, positions, 0).sum(1) / jnp.maximum(others.sum(0), 1).astype(positions.dtype)
    x, y, z = jnp.where(others, positions - centre[:, None], _FAR)
    squared = x * x + y * y + z * z
    ways = turned_rays(draws, _PLACES)  # (3, n_places, n_clusters)

    def one(way: Array) -> tuple[Array, Array]:
        along = x * way[0] + y * way[1] + z * way[2]
        aside = squared - along * along
        touch = jnp.where((aside < 1) & others, along + jnp.sqrt(jnp.maximum(1 - aside, 0)), 0).max(0)
        distance = touch * touch - 2 * touch * along + squared
        return touch, (distance < _TOUCHING**2).sum(0, dtype=jnp.int32)

    touch, neighbours = jax.lax.map(one, jnp.moveaxis(ways, 1, 0))
    numbers = jnp.arange(_PLACES, dtype=positions.dtype)[:, None]
    chance = (numbers * 0.618034 + draws[3]) % 1
    best = (neighbours + chance).argmax(0)
    pick = partial(jnp.take_along_axis, axis=0)
    way = jnp.stack([pick(w, best[None])[0] for w in ways])
    return centre + pick(touch, best[None])[0] * way
