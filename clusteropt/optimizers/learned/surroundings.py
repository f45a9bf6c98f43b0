"""What an atom has around it: neighbours in fading shells, and how they are arranged. Dimensionless, and blind to rotations."""

from itertools import combinations_with_replacement
from math import factorial

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters import Clusters
from clusteropt.optimizers.base import Scale
from clusteropt.potentials.pairs import Pair, neighbour_sums

# Radial symmetry functions, in nearest-neighbour distances: 1 inside the first radius, falling as a square to 0 at the second
SHELLS = ((0.8, 1.25), (1.1, 1.6), (1.4, 2.2))
_USUAL = (6.0, 9.0, 15.0)  # neighbours that they count in a compact cluster
_NEAREST = (1.1, 1.4)  # the shell of the nearest neighbours, between whom angles are looked at
ORDERS = (1, 2, 4)  # of the Legendre polynomials of their cosines


def neighbours(clusters: Clusters, scale: Scale) -> list[list[Array]]:
    """How many neighbours every atom has within each shell, over the usual number, less one (n_atoms, n_clusters).

    And in an alloy, how many of another element. After J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007),
    doi:10.1103/PhysRevLett.98.146401, with squares in place of the Gaussian and the cosine, which cost a tenth.
    """
    alloy = scale.n_species > 1
    planes = (clusters.species,) if alloy else ()
    falls = [_fall(shell, scale.length) for shell in SHELLS]

    def terms(pair: Pair) -> tuple[Array, ...]:
        counts = [_fading(pair.r2, fall) for fall in falls]
        return (*counts, *(jnp.where(pair.here[0] != pair.there[0], t, 0) for t in counts)) if alloy else tuple(counts)

    sums = neighbour_sums(clusters, planes, (1 + alloy) * len(SHELLS), terms)
    shares = [count * (1 / usual) for count, usual in zip(sums, (1 + alloy) * _USUAL, strict=True)]
    n = len(SHELLS)
    return [[share - 1 for share in shares[:n]], shares[n:]][: 1 + alloy]


def angles(clusters: Clusters, scale: Scale) -> list[Array]:
    """The bond-orientational order Q_l, l = 1, 2, 4, of every atom's nearest neighbours, (n_atoms, n_clusters) each.

    Q_l is the root of the mean Legendre polynomial P_l of the cosines between all pairs of neighbours: P. J. Steinhardt,
    D. R. Nelson and M. Ronchetti, Phys. Rev. B 28, 784 (1983), doi:10.1103/PhysRevB.28.784. A mean of powers of cosines is a
    square of moments of the neighbours' directions, so no triple is ever looked at.
    """
    fall = _fall(_NEAREST, scale.length)
    monomials = [m for order in ORDERS for m in combinations_with_replacement(range(3), order)]

    def terms(pair: Pair) -> tuple[Array, ...]:
        weight, inverse = _fading(pair.r2, fall), jax.lax.rsqrt(pair.r2)
        unit = [d * inverse for d in pair.d]
        found = [weight]
        for monomial in monomials:
            term = weight
            for axis in monomial:
                term = term * unit[axis]
            found.append(term)
        return tuple(found)

    count, *sums = neighbour_sums(clusters, (), 1 + len(monomials), terms)
    squared = {order: jnp.zeros_like(count) for order in ORDERS}
    for monomial, moment in zip(monomials, sums, strict=True):
        alike = [factorial(monomial.count(axis)) for axis in range(3)]
        squared[len(monomial)] += factorial(len(monomial)) / (alike[0] * alike[1] * alike[2]) * moment * moment
    c1, c2, c4 = (squared[order] / jnp.maximum(count, 1) ** 2 for order in ORDERS)  # mean powers of the cosines
    bare = jnp.minimum(count, 1) ** 2  # no neighbours have no order
    return [jnp.sqrt(jnp.maximum(p, 0)) for p in (c1, (3 * c2 - bare) / 2, (35 * c4 - 30 * c2 + 3 * bare) / 8)]


def _fall(shell: tuple[float, float], length: float) -> tuple[float, float]:
    """a and b of a - b r^2, which falls from 1 at the first radius to 0 at the second."""
    inner2, outer2 = shell[0] ** 2, shell[1] ** 2
    return outer2 / (outer2 - inner2), 1 / ((outer2 - inner2) * length**2)


def _fading(r2: Array, fall: tuple[float, float]) -> Array:
    """The square of a - b r^2, held between 0 and 1: by selection, which takes half the time of `jnp.clip`."""
    t = fall[0] - fall[1] * r2
    t = jnp.where(t > 0, t, 0)
    return jnp.where(t < 1, t * t, 1)
