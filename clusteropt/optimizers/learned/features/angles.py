"""The arrangement of an atom's nearest neighbours around it."""

from itertools import combinations_with_replacement, product

import jax
import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, neighbour_sums
from clusteropt.optimizers.learned.features.base import Feature, Scene
from clusteropt.optimizers.learned.features.neighbours import fading, fall_off
from clusteropt.problems.base import Scale

_NEAREST = (1.1, 1.4)  # radii of the shell of nearest neighbours, in nearest-neighbour distances
ORDERS = (1, 2, 4)  # of the Legendre polynomials of the cosines between neighbours


def angles(clusters: Clusters, scale: Scale) -> list[Array]:
    """The bond-orientational order Q_l, l = 1, 2, 4, of every atom's nearest neighbours, (n_atoms, n_clusters) each.

    Q_l is the root of the mean Legendre polynomial P_l of the cosines between all pairs of neighbours, each with itself as well:
    P. J. Steinhardt, D. R. Nelson and M. Ronchetti, Phys. Rev. B 28, 784 (1983), doi:10.1103/PhysRevB.28.784. Neighbours of all
    elements count alike, but less where their shell fades. Where they count less than one in all, the order is less too. A mean
    power of the cosines is a sum of squared moments of the neighbours' directions, so the sums run over pairs, not triples.
    """
    fall, first, fourth = fall_off(_NEAREST, scale.length), range(3), list(combinations_with_replacement(range(3), 4))

    def terms(pair: Pair) -> tuple[Array, ...]:
        inverse = jax.lax.rsqrt(jnp.maximum(pair.r2, jnp.finfo(pair.r2.dtype).tiny))  # atoms at one place: no direction
        weight, unit = fading(pair.r2, fall), [d * inverse for d in pair.d]
        products = {(a, b): unit[a] * unit[b] for a, b in combinations_with_replacement(first, 2)}
        return *(weight * u for u in unit), *(weight * products[m[:2]] * products[m[2:]] for m in fourth)

    sums = neighbour_sums(clusters, (), len(first) + len(fourth), terms)
    moments: dict[tuple[int, ...], Array] = dict(zip(fourth, sums[3:], strict=True))
    # directions have length 1: second moments are traces of fourth moments, and the number of neighbours of second moments
    second = {(a, b): sum(moments[tuple(sorted((a, b, c, c)))] for c in first) for a in first for b in first}
    count = sum(second[a, a] for a in first)
    c1, c2 = sum(m * m for m in sums[:3]), sum(m * m for m in second.values())
    c4 = sum(moments[tuple(sorted(axes))] ** 2 for axes in product(first, repeat=4))
    c1, c2, c4 = (c / jnp.maximum(count, 1) ** 2 for c in (c1, c2, c4))  # mean powers of the cosines
    c0 = jnp.minimum(count, 1) ** 2
    return [jnp.sqrt(jnp.maximum(p, 0)) for p in (c1, (3 * c2 - c0) / 2, (35 * c4 - 30 * c2 + 3 * c0) / 8)]


def _values(scene: Scene) -> dict[str, Array]:
    return {f"order {k}": order for k, order in zip(ORDERS, angles(scene.batch, scene.problem.scale), strict=True)}


FEATURE = Feature(lambda _: [f"order {k}" for k in ORDERS], _values, needs=("species", "cell"))
