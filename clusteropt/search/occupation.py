"""Atoms on fixed places: which of many places are occupied, by a model of pairs.

A place's energy is that of an atom on it, from the atoms on all other places. It is kept up to date as atoms come and go: each
coming or going costs a distance to every place.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.search.hollows import largest

_STIFFNESS = 36.0  # of a pair pushed together; that of Lennard-Jones at its minimum
_GAIN = 1e-3  # pair energies that a change of place has to gain
_TRIES = 8  # loosest atoms in turn that find no better place, after which all stay
_ROUNDS = 60  # at most
_NEVER = 1e9


class Occupation(NamedTuple):
    """Places and the atoms on them; the last axis counts clusters. Lengths in that of a pair, energies in its depth."""

    places: Array  # (3, n_places, n_clusters); the atoms' own places come first, then other sites
    usable: Array  # (n_places, n_clusters) bool, False on padding
    full: Array  # (n_places, n_clusters) bool, an atom is there
    energy: Array  # (n_places, n_clusters) of an atom there
    where: Array  # (n_atoms, n_clusters) int32, the place of each atom
    n_distances: Array  # (n_clusters,) int32, computed so far


def pair_energy(squared: Array) -> Array:
    """Of two atoms at that squared distance: Lennard-Jones outside its minimum at 1, and inside a parabola of its curvature."""
    inverse = 1 / jnp.maximum(squared, 1)
    sixth = inverse * inverse * inverse
    inside = 1 - jnp.sqrt(jnp.minimum(squared, 1))
    return sixth * (sixth - 2) + _STIFFNESS * inside * inside


def occupied(positions: Array, sites: Array, mask: Array, kept: Array) -> Occupation:
    """The atoms at their `positions` (3, n_atoms, n_clusters), of which only the `kept` ones are there, and vacant `sites`."""
    n_sites, count = sites.shape[1], mask.sum(0, dtype=jnp.int32)
    vacant = jnp.zeros((n_sites, mask.shape[1]), bool)
    places = jnp.concatenate([positions, sites], 1)
    own = jnp.broadcast_to(jnp.arange(len(mask), dtype=jnp.int32)[:, None], mask.shape)
    nothing = jnp.zeros(places.shape[1:], places.dtype)
    usable, full = jnp.concatenate([mask, ~vacant]), jnp.concatenate([kept, vacant])
    start = Occupation(places, usable, full, nothing, own, count * (count + n_sites))

    def add(j: Array, total: Array) -> Array:
        there = jax.lax.dynamic_index_in_dim(kept, j, 0, keepdims=False)
        return total + jnp.where(there, _of(start, jnp.full(there.shape, j)), 0)

    energy = jax.lax.fori_loop(jnp.int32(0), jnp.int32(len(mask)), add, nothing)
    return start._replace(energy=energy)


def _of(at: Occupation, place: Array) -> Array:
    """(n_places, n_clusters): the energy of an atom anywhere, from one on `place` (n_clusters,). None from itself."""
    here = jnp.take_along_axis(at.places, place[None, None], 1)
    d = at.places - here
    squared = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
    return jnp.where(_numbers(at) == place, 0, pair_energy(squared))


def _numbers(at: Occupation) -> Array:
    return jnp.arange(at.full.shape[0], dtype=jnp.int32)[:, None]


def _best(at: Occupation, energy: Array, full: Array) -> Array:
    """(n_clusters,) the usable vacant place of lowest energy."""
    return largest(jnp.where(at.usable & ~full, -energy, -_NEVER))[0]


def filled(at: Occupation, rank: Array, n_loose: Array, salt: Array, heat: Array) -> Occupation:
    """All loose atoms put onto vacant places, one after the other: each onto the best, by energy and chance.

    rank (n_atoms, n_clusters): those below n_loose (n_clusters,) are loose. The chance of a place is `heat` (n_clusters,) times
    a number in [0, 1) that follows from the place, the turn and `salt` (n_clusters,).
    """
    numbers, count = _numbers(at), at.usable.sum(0, dtype=jnp.int32)

    def put(k: Array, now: Occupation) -> Occupation:
        due = k < n_loose
        chance = (0.618034 * numbers + 0.754878 * k + salt) % 1
        place = _best(now, now.energy + heat * chance, now.full)
        return now._replace(
            full=now.full | ((numbers == place) & due),
            energy=now.energy + jnp.where(due, _of(now, place), 0),
            where=jnp.where((rank == k) & due, place, now.where),
            n_distances=now.n_distances + jnp.where(due, count, 0),
        )

    return jax.lax.fori_loop(jnp.int32(0), n_loose.max(), put, at)


def settled(at: Occupation, free: Array) -> Occupation:
    """The loosest free atoms moved to better places until none of them gains: the energy of all pairs only falls."""
    movable = jnp.concatenate([free, jnp.ones((len(at.full) - len(free), free.shape[1]), bool)])
    none = jnp.zeros(at.full.shape, bool), jnp.zeros(free.shape[1], jnp.int32)

    def due(state: tuple[Occupation, Array, Array, Array]) -> Array:
        return (state[3] < _ROUNDS) & (state[2] < _TRIES).any()

    def turn(state: tuple[Occupation, Array, Array, Array]) -> tuple[Occupation, Array, Array, Array]:
        now, tried, n_vain, n_turns = state
        candidates = now.full & movable & ~tried & (n_vain < _TRIES)
        source = largest(jnp.where(candidates, now.energy, -_NEVER))[0]
        after, gains = _improved(now, source, candidates.any(0))
        tried = ~gains & (tried | (_numbers(now) == source))
        n_vain = jnp.where(gains, 0, jnp.where(candidates.any(0), n_vain + 1, _TRIES))
        return after, tried, n_vain, n_turns + 1

    return jax.lax.while_loop(due, turn, (at, *none, jnp.int32(0)))[0]


def _improved(now: Occupation, source: Array, active: Array) -> tuple[Occupation, Array]:
    """The atom at `source` (n_clusters,) on its best place, where it gains by that; and whether it does (n_clusters,)."""
    count, numbers = now.usable.sum(0, dtype=jnp.int32), _numbers(now)
    left, rest = now.energy - _of(now, source), now.full & (numbers != source)
    place = _best(now, left, rest)
    better = jnp.take_along_axis(left, place[None], 0) < jnp.take_along_axis(left, source[None], 0) - _GAIN
    gains = active & better[0]
    after = now._replace(
        full=jnp.where(gains, rest | (numbers == place), now.full),
        energy=jnp.where(gains, left + _of(now, place), now.energy),
        where=jnp.where((now.where == source) & gains, place, now.where),
        n_distances=now.n_distances + jnp.where(active, count, 0) + jnp.where(gains, count, 0),
    )
    return after, gains
