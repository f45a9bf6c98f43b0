"""Parameters of a surrogate from energies and gradients: damped least squares (K. Levenberg, Q. Appl. Math. 2, 164 (1944),
doi:10.1090/qam/10666), the parameters held near usual ones where the values say little."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh

from clusteropt.clusters.arrays import Clusters, Structure, pack, padded_size
from clusteropt.engine import programs
from clusteropt.exploration.composition import Composition
from clusteropt.exploration.surrogate.potential import bounded, drifts, tables_of, usual
from clusteropt.potentials.forms import surrogate
from clusteropt.runtime import devices

N_SAMPLES = 128  # structures in a fit; a fit to twice as many has a sum of squares that is less than 1 % lower
PRECISION = np.float32  # of the program: it takes half the time, and rounds by a thousandth of the errors below
_ENERGY, _GRADIENT = 0.02, 0.3  # errors that count as one: of an energy an atom, and of a gradient's component
_TOGETHER = 32  # samples whose derivatives are computed together, a divisor of N_SAMPLES: more of them leave the caches
_STEPS = 12  # of the fit, at most
_ENOUGH = 1e-2  # part of the sum of squares by which a step has to lower it


class Samples(NamedTuple):
    """Structures and their values, in the calculator's lengths and energies; the last axis of an array counts them."""

    clusters: Clusters
    energy: Array  # (N_SAMPLES,), zero for the atoms far apart
    gradient: Array  # (3, n_atoms, N_SAMPLES)
    weight: Array  # (N_SAMPLES,), of the squares; 0 for an empty place


def foresee(composition: Composition) -> bool:
    """Starts to build the program in the background. Returns True where it has to be compiled."""
    n, size, n_species = composition.n_atoms, padded_size(composition.n_atoms), len(composition.potential.elements)
    still = Structure(np.zeros((n, 3)), composition.species, np.ones(n, bool))
    batch = pack([still] * N_SAMPLES, size, PRECISION)
    nothing = np.zeros(N_SAMPLES, PRECISION)
    blank = Samples(batch, nothing, np.zeros((3, size, N_SAMPLES), PRECISION), nothing)  # type: ignore[arg-type]  numpy
    about, mesh = usual(n_species).astype(PRECISION), devices.mesh(1)
    return programs.request(equations, (), blank, about, mesh=mesh, in_place=False, n_species=n_species)


def fitted(samples: Samples, n_species: int, parameters: np.ndarray) -> np.ndarray:
    """Parameters (n_parameters,) that fit the samples, from `parameters` on."""
    at, damping = parameters, 1e-2
    total, square, slope = _normal(samples, n_species, at)
    for _ in range(_STEPS):
        step = np.linalg.solve(square + damping * np.diag(np.diag(square)), -slope)
        new = bounded(at + step, n_species)
        lower, *rest = _normal(samples, n_species, new)
        if not lower < total:
            damping *= 10
            continue
        done = lower > (1 - _ENOUGH) * total
        at, total, damping = new, lower, damping / 5
        square, slope = rest
        if done:
            break
    return at


def _normal(samples: Samples, n_species: int, parameters: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Half the sum of squares, and the matrix and vector of the normal equations."""
    about, mesh = parameters.astype(PRECISION), devices.mesh(1)
    found = programs.run(equations, (), samples, about, mesh=mesh, in_place=False, n_species=n_species)
    total, square, slope = (np.asarray(one, np.float64) for one in found)
    allowed = drifts(n_species)
    away = (parameters - usual(n_species)) / allowed
    return float(total[0] + away @ away / 2), square + np.diag(1 / allowed**2), slope + away / allowed


def equations(_: tuple, samples: Samples, parameters: Array, *, mesh: Mesh, n_species: int) -> tuple[Array, ...]:
    """The program: half the sum of squares (1,), J^T J and J^T r of the residuals r and their derivatives J."""
    n, dtype = len(parameters), parameters.dtype
    portions = jax.tree.map(lambda a: jnp.moveaxis(a.reshape(*a.shape[:-1], -1, _TOGETHER), -2, 0), samples)

    def added(k: Array, sums: tuple[Array, ...]) -> tuple[Array, ...]:
        own = jax.tree.map(lambda a: jax.lax.dynamic_index_in_dim(a, k, 0, keepdims=False), portions)
        return tuple(a + b for a, b in zip(sums, _portion(own, parameters, n_species), strict=True))

    n_used = (samples.weight > 0).sum(dtype=jnp.int32)  # the empty places, without weight, are the last ones
    nothing = jnp.zeros(1, dtype), jnp.zeros((n, n), dtype), jnp.zeros(n, dtype)
    return jax.lax.fori_loop(jnp.int32(0), -(-n_used // _TOGETHER), added, nothing)


def _portion(samples: Samples, parameters: Array, n_species: int) -> tuple[Array, ...]:
    """The parts of some samples in the results of `equations`."""

    def residuals(flat: Array) -> tuple[Array, Array]:
        tables = tables_of(flat, n_species)
        energies, gradient = surrogate.energy_and_gradient(tables, samples.clusters, 0.0)  # type: ignore[arg-type]
        mask = samples.clusters.mask
        root = jnp.sqrt(samples.weight)
        error = (jnp.where(mask, energies, 0).sum(0) - samples.energy) / jnp.maximum(mask.sum(0), 1) * root / _ENERGY
        slopes = jnp.where(mask & (root > 0), (gradient - samples.gradient) * root / _GRADIENT, 0)
        return jnp.where(root > 0, error, 0), slopes

    r, push = residuals(parameters), jax.jacfwd(residuals)(parameters)
    parts = [(a.reshape(-1), d.reshape(-1, len(parameters))) for a, d in zip(r, push, strict=True)]
    total = sum(a @ a for a, _ in parts) / 2
    return jnp.reshape(total, (1,)), sum(d.T @ d for _, d in parts), sum(d.T @ a for a, d in parts)  # type: ignore[return-value]
