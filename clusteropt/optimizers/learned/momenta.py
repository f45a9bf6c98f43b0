"""Memory of a trajectory: moving averages of the gradient and of its square, and random numbers of its own."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.optimizers.learned.noise import between_one, random_bits
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.problems.base import Batch
from clusteropt.problems.draws import scrambled
from clusteropt.problems.units import dot

SQUARES = ("second-moments", "normalized")  # features that need the averages of squares


class Momenta(NamedTuple):
    """The memory of a batch of trajectories."""

    averages: tuple[Array, ...]  # of the gradient, (n_components, n_units, n_lanes) for every decay
    squares: tuple[Array, ...]  # of its squared length, (n_units, n_lanes); empty without one of SQUARES
    n_steps: Array  # (n_lanes,), of the averages
    styles: Array  # (n_styles, n_lanes), between -1 and 1, drawn once


def first_momenta(settings: LearnedSettings, batch: Batch) -> Momenta:
    """The memory before the first step."""
    zero, n_decays = jnp.zeros_like(batch.positions), len(settings.decays)
    n_squares = n_decays if {*SQUARES} & {*settings.features} else 0
    n_steps = jnp.zeros(zero.shape[-1], zero.dtype)
    return Momenta((zero,) * n_decays, (zero[0],) * n_squares, n_steps, _styles(settings.styles, batch))


def next_momenta(momenta: Momenta, gradient: Array, decays: tuple[float, ...]) -> Momenta:
    """The memory after one more gradient."""
    squared = dot(gradient, gradient, 0)
    averages = tuple(d * m + (1 - d) * gradient for d, m in zip(decays, momenta.averages, strict=True))
    squares = tuple(d * m + (1 - d) * squared for d, m in zip(decays, momenta.squares, strict=bool(momenta.squares)))
    return Momenta(averages, squares, momenta.n_steps + 1, momenta.styles)


def corrected(momenta: Momenta, decays: tuple[float, ...]) -> tuple[list[Array], list[Array]]:
    """The averages and the squares, divided by the sums of their weights (bias correction)."""
    sums = [1 - d**momenta.n_steps for d in decays]
    averages = [m * (1 / s) for m, s in zip(momenta.averages, sums, strict=True)]
    return averages, [m * (1 / s) for m, s in zip(momenta.squares, sums, strict=bool(momenta.squares))]


def _styles(n_styles: int, batch: Batch) -> Array:
    """(n_styles, n_lanes) numbers that follow from where the trajectory starts, and look random."""
    mixed = jnp.where(batch.mask, random_bits(batch.positions)[0], 0).sum(0, dtype=jnp.uint32)
    salts = jnp.arange(1, n_styles + 1, dtype=jnp.uint32)[:, None] * np.uint32(0x9E3779B9)
    return between_one(scrambled(mixed ^ salts), batch.positions.dtype)
