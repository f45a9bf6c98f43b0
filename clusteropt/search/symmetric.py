"""Random structures with the symmetry of a point group.

Many of the best-known minima are symmetric, and far fewer minima can be reached from a random start that is symmetric
(M. T. Oakley, R. L. Johnston and D. J. Wales, Phys. Chem. Chem. Phys. 15, 3965 (2013), doi:10.1039/c3cp44332a).
"""

from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from clusteropt.clusters.arrays import padded_size
from clusteropt.clusters.symmetry import GROUPS, operations
from clusteropt.engine import lanes, programs
from clusteropt.runtime.backend import n_lanes

_TRIES = 48  # random points in a sphere, before it grows
_SPHERES = (1.0, 1.04, 1.04**2)  # radii of full spheres that grow, relative to the first
_CLOSEST = 0.9  # the smallest allowed distance of two atoms, in lengths of the potential
_NEAR = 0.75  # lengths; a point so near to an atom is passed over, though its orbit might move away from the atom
_SAME = 1e-3  # lengths; images nearer than this coincide
_FAR = 1e6  # lengths
_POINTS = _TRIES * len(_SPHERES)
N_DRAWS = 3 * _POINTS  # random numbers of a structure, beside three for each atom


class Begun(NamedTuple):
    """Structures under way; the last axis counts them. The unit of length is the potential's `length`."""

    points: Array  # (3, n_points, n_structures) float32, where orbits are tried
    group: Array  # (n_structures,) int32, an index of GROUPS
    n_atoms: Array  # (n_structures,) int32, wanted
    places: Array  # (3, n_padded, n_structures) float32, far away where nothing is placed yet


def symmetric_positions(
    groups: np.ndarray, draws: np.ndarray, n_atoms: int, radius: float, length: float, together: int = 0
) -> np.ndarray:
    """(3, n_atoms, n_structures) points in spheres of about `radius`, with the symmetry of the groups GROUPS[groups].

    groups (n_structures,); draws (N_DRAWS + 3 * n_atoms, n_structures), random numbers in [0, 1). Orbits of a group are placed
    one after the other. Atoms that no fitting orbit is left for get random places. `radius` and `length` (the nearest-neighbour
    distance) share a unit with the result. The program is compiled for as many devices as `together` structures fill, if these
    are more.
    """
    points = in_sphere(draws[:N_DRAWS].reshape(3, _POINTS, -1)) * np.repeat(_SPHERES, _TRIES)[:, None] * radius
    places = _run(groups.astype(np.int32), points / length, n_atoms, together) * length
    rest = in_sphere(draws[N_DRAWS:].reshape(3, n_atoms, -1)) * (_SPHERES[-1] * radius)
    return np.where(np.abs(places).max(0) < _FAR / 2 * length, places, rest)


def in_sphere(draws: np.ndarray) -> np.ndarray:
    """Points (3, ...) uniform in the unit sphere, from random numbers (3, ...) in [0, 1)."""
    height, angle = 2 * draws[0] - 1, 2 * np.pi * draws[1]
    flat = np.sqrt(1 - height * height)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), height]) * np.cbrt(draws[2])


def foresee(n_atoms: int, n_structures: int) -> bool:
    """Starts to build the program in the background. Returns True where it has to be compiled."""
    size = padded_size(n_atoms)
    mesh = lanes.mesh_for(n_structures, size)
    n = n_lanes(size) * mesh.size
    return programs.request(
        placed, (), _begun(np.zeros(n, np.int32), np.zeros((3, _POINTS, n)), 0, size), mesh=mesh, in_place=False
    )


def _run(groups: np.ndarray, points: np.ndarray, n_atoms: int, together: int) -> np.ndarray:
    """The places (3, n_atoms, n_structures) float64, in lengths; far away for atoms without a place."""
    size = padded_size(n_atoms)

    def one_row(columns: np.ndarray, mesh: Mesh) -> tuple[np.ndarray, ...]:
        begun = _begun(groups[columns], points[..., columns], np.where(columns < 0, 0, n_atoms), size)
        return programs.run(placed, (), begun, mesh=mesh, in_place=False)  # type: ignore[no-any-return]

    (found,) = lanes.in_rows(max(together, len(groups)), len(groups), size, one_row)
    return found[:, :n_atoms, : len(groups)].astype(np.float64)


def _begun(groups: np.ndarray, points: np.ndarray, n_atoms: np.ndarray | int, size: int) -> Begun:
    far = np.full((3, size, len(groups)), _FAR, np.float32)
    return Begun(points.astype(np.float32), groups, np.full(len(groups), n_atoms, np.int32), far)  # type: ignore[arg-type]


def placed(_: tuple, begun: Begun, *, mesh: Mesh) -> tuple[Array, ...]:
    """The program: places (3, n_padded, n_structures), each device working on its own share."""
    specs = jax.tree.map(lambda a: programs.lanes_last(a.ndim), begun)
    split = jax.shard_map(_placed, mesh=mesh, in_specs=(specs,), out_specs=programs.lanes_last(3), check_vma=False)
    return (split(begun),)


class _Search(NamedTuple):
    """The search for orbits; arrays of structures (n_structures,)."""

    places: Array
    n_placed: Array
    at: Array  # the number of the next point


@cache  # made when a program needs it: many commands import this module, and few need it
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """The operations (n_most, 3, 3, n_groups) float32 of all GROUPS, repeated to fill, and their numbers (n_groups,) int32."""
    orders = np.array([len(operations(name)) for name in GROUPS], np.int32)
    filled = [np.resize(operations(name), (orders.max(), 3, 3)) for name in GROUPS]
    return np.stack(filled, -1).astype(np.float32), orders


def _placed(begun: Begun) -> Array:
    own, orders = _tables()
    group = jnp.take(jnp.asarray(own), begun.group, axis=-1)  # (n_operations, 3, 3, n_structures)
    order = jnp.take(jnp.asarray(orders), begun.group)

    def open_(now: _Search) -> Array:
        return (now.at < _POINTS) & (now.n_placed < begun.n_atoms)

    def step(now: _Search) -> _Search:
        now = _to_free_point(begun, now)
        point, images, n_equal = _orbit(group, order, _point(begun, now.at))
        size = order // jnp.maximum(n_equal, 1)
        fits = (
            (n_equal > 0)
            & (size <= begun.n_atoms - now.n_placed)
            & _is_free(now.places, point, _CLOSEST)
            & (now.at < _POINTS)
        )
        places = jax.lax.cond(
            fits.any(), _with_orbit, lambda places, *_: places, now.places, images, order, now.n_placed, fits
        )
        return _Search(places, now.n_placed + jnp.where(fits, size, 0), now.at + 1)

    n = begun.n_atoms.shape[0]
    first = _Search(begun.places, jnp.zeros(n, jnp.int32), jnp.zeros(n, jnp.int32))
    return jax.lax.while_loop(lambda now: open_(now).any(), step, first).places


def _point(begun: Begun, at: Array) -> Array:
    """(3, n_structures), the points with these numbers; the last one for those beyond."""
    own = jnp.minimum(at, _POINTS - 1)[None, None]
    return jnp.take_along_axis(begun.points, own, 1)[:, 0]


def _to_free_point(begun: Begun, now: _Search) -> _Search:
    """Goes on, in every structure, to the next point that is far from all atoms."""

    def blocked(at: Array) -> Array:
        return (at < _POINTS) & (now.n_placed < begun.n_atoms) & ~_is_free(now.places, _point(begun, at), _NEAR)

    def go(carry: tuple[Array, Array]) -> tuple[Array, Array]:
        at = carry[0] + carry[1].astype(jnp.int32)
        return at, blocked(at)

    at, _ = jax.lax.while_loop(lambda carry: carry[1].any(), go, (now.at, blocked(now.at)))
    return now._replace(at=at)


def _is_free(places: Array, point: Array, closest: float) -> Array:
    """(n_structures,) bool, True where no place is closer."""
    return _squared(places - point[:, None]).min(0) >= closest**2


def _orbit(group: Array, order: Array, point: Array) -> tuple[Array, Array, Array]:
    """The point, its images (3, n_operations, n_structures), and the number that coincide with it; 0 where two are too close.

    A point with images close to it is moved to their middle, which lies on an axis or a mirror plane.
    """
    own = jnp.arange(group.shape[0], dtype=jnp.int32)[:, None] < order
    images = _images(group, point)
    for _ in range(3):
        near = own & (_squared(images - point[:, None]) < _CLOSEST**2)
        point = jnp.where(near, images, 0).sum(1) / near.sum(0).astype(point.dtype)
        images = _images(group, point)
    squared = _squared(images - point[:, None])
    equal = squared < _SAME**2
    good = (equal | (squared >= _CLOSEST**2) | ~own).all(0)
    return point, images, jnp.where(good, (equal & own).sum(0, dtype=jnp.int32), 0)


def _images(group: Array, point: Array) -> Array:
    return jnp.stack(
        [group[:, k, 0] * point[0] + group[:, k, 1] * point[1] + group[:, k, 2] * point[2] for k in range(3)]
    )


def _with_orbit(places: Array, images: Array, order: Array, n_placed: Array, fits: Array) -> Array:
    """The places with the distinct images, where they fit."""
    numbers = jnp.arange(images.shape[1], dtype=jnp.int32)[:, None]

    def earlier(k: Array, known: Array) -> Array:
        image = jax.lax.dynamic_index_in_dim(images, k, 1)
        return known | ((numbers > k) & (_squared(images - image) < _SAME**2))

    known = jax.lax.fori_loop(0, images.shape[1], earlier, jnp.zeros(images.shape[1:], bool))
    new = ~known & (numbers < order) & fits
    to = jnp.where(new, n_placed + jnp.cumsum(new, 0, dtype=jnp.int32) - 1, places.shape[1])
    columns = jnp.broadcast_to(jnp.arange(places.shape[-1], dtype=jnp.int32), to.shape)
    return places.at[:, to, columns].set(images, mode="drop")


def _squared(d: Array) -> Array:
    return d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
