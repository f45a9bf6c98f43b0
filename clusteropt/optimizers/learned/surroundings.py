"""Surroundings of an atom: neighbours in fading shells, and their arrangement. Dimensionless, and invariant to rotation."""

import math
from itertools import combinations_with_replacement, product

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, neighbour_sums
from clusteropt.optimizers.base import Scale

# Radial symmetry functions, in nearest-neighbour distances: 1 inside the first radius, falling as a square to 0 at the second
SHELLS = ((0.8, 1.25), (1.1, 1.6), (1.4, 2.2))
_USUAL = (6.0, 9.0, 15.0)  # neighbours that they count in a compact cluster
_NEAREST = (1.1, 1.4)  # the shell of the nearest neighbours, between whom angles are looked at
_SINE_TERMS = 9
ORDERS = (1, 2, 4)  # of the Legendre polynomials of their cosines


def neighbours(clusters: Clusters, scale: Scale) -> tuple[list[Array], list[Array]]:
    """How many neighbours every atom has within each shell, and how many of another element, none in a pure cluster.

    (n_atoms, n_clusters) each, over the usual number, the former less one. After J. Behler and M. Parrinello, Phys. Rev.
    Lett. 98, 146401 (2007), doi:10.1103/PhysRevLett.98.146401, with squares in place of the Gaussian and the cosine, which
    cost a tenth.
    """
    alloy = scale.n_species > 1
    planes = (clusters.species,) if alloy else ()
    falls = [_fall(shell, scale.length) for shell in SHELLS]

    def terms(pair: Pair) -> tuple[Array, ...]:
        counts = [_fading(pair.r2, fall) for fall in falls]
        others = [jnp.where(pair.here[0] != pair.there[0], t, 0) for t in counts] if alloy else []
        return *counts, *others

    n = len(SHELLS)
    sums = neighbour_sums(clusters, planes, 2 * n if alloy else n, terms)
    shares = [count * (1 / usual) for count, usual in zip(sums, 2 * _USUAL, strict=False)]
    return [share - 1 for share in shares[:n]], shares[n:]


def radial_symmetry(
    clusters: Clusters, scale: Scale, pairs: tuple[tuple[float, float], ...]
) -> tuple[list[Array], list[Array]]:
    """The radial symmetry functions of every atom for like and for unlike neighbours, none of the latter in a pure cluster.

    phi_i = sum over j of exp(-eta d_ij^2) f_c(d_ij), f_c(d) = (1 + cos(pi d / c)) / 2 for d < c and 0 beyond, d in
    nearest-neighbour distances: G2 of J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007),
    doi:10.1103/PhysRevLett.98.146401. `pairs` are (c, eta); (n_atoms, n_clusters) for each, like and unlike.
    """
    alloy = scale.n_species > 1
    planes = (clusters.species,) if alloy else ()

    def terms(pair: Pair) -> tuple[Array, ...]:
        d2 = pair.r2 * (1 / scale.length**2)
        own = [_radial_term(d2, *one) for one in pairs]
        if not alloy:
            return tuple(own)
        alike = pair.here[0] == pair.there[0]
        return *(jnp.where(alike, t, 0) for t in own), *(jnp.where(alike, 0, t) for t in own)

    sums = list(neighbour_sums(clusters, planes, 2 * len(pairs) if alloy else len(pairs), terms))
    return sums[: len(pairs)], sums[len(pairs) :]


def close_packed(cutoff: float, eta: float) -> float:
    """A radial symmetry function of an atom inside a close-packed (fcc) solid, by which the network's input is divided."""
    most = math.ceil(cutoff * math.sqrt(2))
    grid = np.stack(np.meshgrid(*3 * [np.arange(-most, most + 1)]), -1).reshape(-1, 3)
    d2 = (grid[grid.sum(1) % 2 == 0] ** 2).sum(1) / 2
    with jax.ensure_compile_time_eval():  # a number, also while a program is being traced
        return float(_radial_term(d2[d2 > 0], cutoff, eta).sum())


def _radial_term(d2: Array | np.ndarray, cutoff: float, eta: float) -> Array:
    """The term of neighbours at squared distance `d2`, in nearest-neighbour distances.

    The fall-off is written as cos(x)^2 = 1 - sin(x)^2 with x = pi d / 2c, and the sine as its power series, which needs no root
    and vectorizes: the compiler's cosine takes ten times as long. On x from 0 to pi / 2 the series is exact to 1e-13.
    """
    x2 = jnp.minimum(d2 * (math.pi / (2 * cutoff)) ** 2, (math.pi / 2) ** 2)
    sinc = jnp.zeros_like(x2)  # sin(x) / x
    for k in range(_SINE_TERMS - 1, -1, -1):
        sinc = sinc * x2 + (-1) ** k / math.factorial(2 * k + 1)
    return jnp.where(d2 < cutoff**2, jnp.exp(-eta * d2) * (1 - x2 * sinc * sinc), 0)


def angles(clusters: Clusters, scale: Scale) -> list[Array]:
    """The bond-orientational order Q_l, l = 1, 2, 4, of every atom's nearest neighbours, (n_atoms, n_clusters) each.

    Q_l is the root of the mean Legendre polynomial P_l of the cosines between all pairs of neighbours, each with itself as well:
    P. J. Steinhardt, D. R. Nelson and M. Ronchetti, Phys. Rev. B 28, 784 (1983), doi:10.1103/PhysRevB.28.784. Neighbours of all
    elements count alike, but less where their shell fades, and less than one of them makes less order. A mean of powers of
    cosines is a square of moments of the neighbours' directions, so no triple is ever looked at.
    """
    fall, first, fourth = _fall(_NEAREST, scale.length), range(3), list(combinations_with_replacement(range(3), 4))

    def terms(pair: Pair) -> tuple[Array, ...]:
        inverse = jax.lax.rsqrt(jnp.maximum(pair.r2, jnp.finfo(pair.r2.dtype).tiny))  # atoms at one place: no direction
        weight, unit = _fading(pair.r2, fall), [d * inverse for d in pair.d]
        products = {(a, b): unit[a] * unit[b] for a, b in combinations_with_replacement(first, 2)}
        return *(weight * u for u in unit), *(weight * products[m[:2]] * products[m[2:]] for m in fourth)

    sums = neighbour_sums(clusters, (), len(first) + len(fourth), terms)
    moments: dict[tuple[int, ...], Array] = dict(zip(fourth, sums[3:], strict=True))
    # directions have length 1, so a moment of second order is a trace of those of fourth order, and their number of second
    second = {(a, b): sum(moments[tuple(sorted((a, b, c, c)))] for c in first) for a in first for b in first}
    count = sum(second[a, a] for a in first)
    c1, c2 = sum(m * m for m in sums[:3]), sum(m * m for m in second.values())
    c4 = sum(moments[tuple(sorted(axes))] ** 2 for axes in product(first, repeat=4))
    c1, c2, c4 = (c / jnp.maximum(count, 1) ** 2 for c in (c1, c2, c4))  # mean powers of the cosines
    c0 = jnp.minimum(count, 1) ** 2
    return [jnp.sqrt(jnp.maximum(p, 0)) for p in (c1, (3 * c2 - c0) / 2, (35 * c4 - 30 * c2 + 3 * c0) / 8)]


def _fall(shell: tuple[float, float], length: float) -> tuple[float, float]:
    """a and b of a - b r^2, which falls from 1 at the first radius to 0 at the second."""
    inner2, outer2 = shell[0] ** 2, shell[1] ** 2
    return outer2 / (outer2 - inner2), 1 / ((outer2 - inner2) * length**2)


def _fading(r2: Array, fall: tuple[float, float]) -> Array:
    """The square of a - b r^2, held between 0 and 1: by selection, which is faster than `jnp.clip`."""
    t = fall[0] - fall[1] * r2
    t = jnp.where(t > 0, t, 0)
    return jnp.where(t < 1, t * t, 1)
