"""Hollows: places on the surface of a cluster where an added atom touches three others.

A ball falls onto the cluster along each of many rays, evenly spread over the sphere. It touches an atom, rolls down it until it
touches a second one, and rolls down both until it touches a third. Every one of the three contacts is the solution of a
quadratic equation for each atom of the cluster: no steps of a minimization are needed.
"""

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.problems.units import dot, over_units
from clusteropt.search.rays import turned_rays

N_PLACES = 128  # rays for each cluster
N_TURNS = 3  # random numbers that turn the rays
_FAR = 1e4  # lengths; its fourth power is a number of single precision
_SMALL = 1e-9
_NONE = -4.0


def hollows(positions: Array, there: Array, draws: Array) -> Array:
    """(3, N_PLACES, n_clusters): where balls end that roll over the atoms `there` (n_atoms, n_clusters).

    positions (3, n_atoms, n_clusters); lengths in the distance of atoms that touch. draws (N_TURNS, n_clusters): random numbers
    in [0, 1) that turn the rays. Some hollows are found by several rays.
    """
    total, count = over_units(lambda x, t: (jnp.where(t, x, 0), t.astype(x.dtype)), positions, there)
    centre = total / jnp.maximum(count, 1)
    seen = jnp.where(there, positions - centre[:, None], _FAR)
    found = jax.lax.map(lambda way: _fallen(seen, there, way), jnp.moveaxis(turned_rays(draws, N_PLACES), 1, 0))
    return jnp.moveaxis(found, 0, 1) + centre[:, None]


def _fallen(seen: Array, there: Array, way: Array) -> Array:
    """(3, n_clusters): where a ball ends that falls onto the atoms `seen` (3, n_atoms, n_clusters) along `way`."""
    numbers = jnp.arange(seen.shape[1], dtype=jnp.int32)[:, None]
    along = _dot(seen, way[:, None])
    aside = _dot(seen, seen) - along * along
    first, height = largest(jnp.where((aside < 1) & there, along + jnp.sqrt(jnp.maximum(1 - aside, 0)), 0))
    ball, a = height * way, _chosen(seen, first)
    others, out = there & (numbers != first), ball - a
    down = -ball + _dot(ball, out) * out
    ball, second, touched = _rolled(seen, others, a, out, down * _inverse(down))
    b = _chosen(seen, second)
    middle, axis = (a + b) / 2, (b - a) * _inverse(b - a)
    out = ball - middle
    side = jnp.cross(axis, out, axis=0)
    down = jnp.where(_dot(side, ball) > 0, -side, side)
    last, _, again = _rolled(seen, others & (numbers != second), middle, out, down)
    return jnp.where(touched & again, last, ball)


def _rolled(seen: Array, others: Array, middle: Array, out: Array, side: Array) -> tuple[Array, Array, Array]:
    """The ball (3, n_clusters) where it first touches one of the `others` on its circle, that atom, and whether there is one.

    The circle begins at middle + out, in the direction of `side`, which is as long as `out`. At an angle t of contact
    p cos(t) + q sin(t) = c.
    """
    to = seen - middle[:, None]
    p, q = _dot(to, out[:, None]), _dot(to, side[:, None])
    c = (_dot(to, to) + _dot(out, out) - 1) / 2
    square = jnp.maximum(p * p + q * q, _SMALL)
    root = jnp.sqrt(jnp.maximum(square - c * c, 0))
    cosine, sine = (p * c + q * root) / square, (q * c - p * root) / square
    turn = jnp.where(sine >= 0, cosine, -2 - cosine)  # from 1 to -3, as the angle grows to a whole turn
    turn = jnp.where((p >= c) & (q > 0), 1, turn)  # it touches from the start
    number, best = largest(jnp.where(others & (square > c * c), turn, _NONE))
    cosine = jnp.clip(jnp.where(best >= -1, best, -2 - best), -1, 1)
    sine = jnp.sqrt(1 - cosine * cosine) * jnp.where(best >= -1, 1, -1)
    return middle + jnp.where(best > _NONE, cosine * out + sine * side, out), number, best > _NONE


def largest(plane: Array) -> tuple[Array, Array]:
    """The first row with the largest value of each column (n_clusters,) int32, and that value. Faster than `argmax` on a CPU."""
    value, rows = plane.max(0), jnp.arange(len(plane), dtype=jnp.int32)[:, None]
    return jnp.where(plane == value, rows, len(plane) - 1).min(0), value


def _chosen(seen: Array, number: Array) -> Array:
    """(3, n_clusters): the atom of that `number` (n_clusters,) in each cluster."""
    own = jnp.arange(seen.shape[1], dtype=number.dtype)[:, None] == number
    return jnp.where(own, seen, 0).sum(1, dtype=seen.dtype)


def _inverse(vectors: Array) -> Array:
    """One over the lengths of vectors (3, n_clusters)."""
    return 1 / jnp.sqrt(jnp.maximum(_dot(vectors, vectors), _SMALL))


def _dot(a: Array, b: Array) -> Array:
    return dot(a, b, 0)
