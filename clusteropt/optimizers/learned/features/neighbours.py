"""Numbers of an atom's neighbours, in all and of another element, within shells that fade outwards."""

import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import Pair, neighbour_sums
from clusteropt.optimizers.learned.features.base import OTHERS, Feature, Scene
from clusteropt.problems.base import Scale

# Inner and outer radius in nearest-neighbour distances: a neighbour counts 1 inside the first, and 0 beyond the second
SHELLS = ((0.8, 1.25), (1.1, 1.6), (1.4, 2.2))
_USUAL = (6.0, 9.0, 15.0)  # neighbours that they count in a compact cluster


def neighbours(clusters: Clusters, scale: Scale) -> tuple[list[Array], list[Array]]:
    """Numbers of every atom's neighbours within each shell, in all and (in alloys only) of another element.

    (n_atoms, n_clusters) each, divided by the usual number; one is subtracted from the former. After J. Behler and
    M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007), doi:10.1103/PhysRevLett.98.146401, with squares in place of the Gaussian
    and the cosine, which cost a tenth.
    """
    alloy = scale.n_species > 1
    planes = (clusters.species,) if alloy else ()
    falls = [fall_off(shell, scale.length) for shell in SHELLS]

    def terms(pair: Pair) -> tuple[Array, ...]:
        counts = [fading(pair.r2, fall) for fall in falls]
        others = [jnp.where(pair.here[0] != pair.there[0], t, 0) for t in counts] if alloy else []
        return *counts, *others

    n = len(SHELLS)
    sums = neighbour_sums(clusters, planes, 2 * n if alloy else n, terms)
    shares = [count * (1 / usual) for count, usual in zip(sums, 2 * _USUAL, strict=False)]
    return [share - 1 for share in shares[:n]], shares[n:]


def fall_off(shell: tuple[float, float], length: float) -> tuple[float, float]:
    """a and b of a - b r^2, which falls from 1 at the first radius to 0 at the second."""
    inner2, outer2 = shell[0] ** 2, shell[1] ** 2
    return outer2 / (outer2 - inner2), 1 / ((outer2 - inner2) * length**2)


def fading(r2: Array, fall: tuple[float, float]) -> Array:
    """The square of a - b r^2, held between 0 and 1: by selection, which is faster than `jnp.clip`."""
    t = fall[0] - fall[1] * r2
    t = jnp.where(t > 0, t, 0)
    return jnp.where(t < 1, t * t, 1)


def _names(_: object) -> list[str]:
    return [f"{which} {k}" for which in ("all", OTHERS) for k in range(len(SHELLS))]


def _values(scene: Scene) -> dict[str, Array]:
    found = zip(("all", OTHERS), neighbours(scene.batch, scene.problem.scale), strict=True)
    return {f"{which} {k}": count for which, counts in found for k, count in enumerate(counts)}


FEATURE = Feature(_names, _values, needs=("species", "cell"))
