"""Structures of a neighbouring size: a minimum with one atom more on its surface, or without one of its least bound atoms."""

from functools import cache

import jax
import numpy as np

from clusteropt.clusters.arrays import padded_size
from clusteropt.search.hollows import N_TURNS, hollows
from clusteropt.search.minimum import Minimum

_DIGITS = 3  # places, or atoms, that agree in so many decimals are the same by symmetry
_APART = 0.5  # lengths between a place and the nearest atom, at least: others are no places


def with_one_more(positions: np.ndarray, length: float, most: int) -> list[np.ndarray]:
    """Positions (n_atoms + 1, 3) with an atom in a hollow of the surface; the `most` hollows where it is bound best.

    positions (n_atoms, 3); `length` is the distance of atoms that touch. How well an atom is bound is told by the sum of the
    inverse sixth powers of distances, the attraction of Lennard-Jones. Of hollows that agree in it there is one.
    """
    places = _hollows(positions / length) * length
    squared = ((places[:, None] - positions) ** 2).sum(-1) / length**2
    binding = np.where(squared.min(1) > _APART**2, (np.maximum(squared, _APART**2) ** -3).sum(1), -np.inf)
    order = [k for k in _distinct(-binding) if np.isfinite(binding[k])][:most]
    return [np.vstack([positions, places[k]]) for k in order]


def with_one_less(minimum: Minimum, energy: float, most: int) -> list[np.ndarray]:
    """Positions (n_atoms - 1, 3) without one of the `most` least bound atoms; of atoms that agree in their energy there is one.

    `energy` is the energy scale.
    """
    order = _distinct(-minimum.energies / energy)[:most]
    return [np.delete(minimum.positions, k, axis=0) for k in order]


def _distinct(values: np.ndarray) -> np.ndarray:
    """The indices of distinct values, the lowest first."""
    return np.unique(np.round(values, _DIGITS), return_index=True)[1]


def _hollows(positions: np.ndarray) -> np.ndarray:
    """(n_places, 3): hollows of a cluster in units of the touching distance; the rays are always the same."""
    n = len(positions)
    padded = np.zeros((3, padded_size(n), 1))
    padded[:, :n, 0] = positions.T
    there = np.arange(padded.shape[1])[:, None] < n
    return np.asarray(_program()(padded, there, np.full((N_TURNS, 1), 0.5)), float)[..., 0].T


@cache
def _program() -> jax.stages.Wrapped:
    return jax.jit(hollows)
