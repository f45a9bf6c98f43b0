"""Inputs of the network, one by one and by name: dimensionless, in the potential's own units."""

import jax.numpy as jnp
from jax import Array

from clusteropt.clusters.arrays import Clusters
from clusteropt.clusters.pairs import dot
from clusteropt.optimizers.base import Scale, over_atoms
from clusteropt.optimizers.learned.momenta import Momenta, corrected
from clusteropt.optimizers.learned.network import softsign
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.optimizers.learned.surroundings import (
    ORDERS,
    SHELLS,
    angles,
    close_packed,
    neighbours,
    radial_symmetry,
)
from clusteropt.optimizers.learned.vectors import length_of

OTHERS = "others"  # how the names of inputs begin that a pure cluster does not have


def names(settings: LearnedSettings) -> list[str]:
    """The inputs, in the order of theta."""
    averages, own = range(len(settings.decays)), range(1 + len(settings.decays))
    if settings.network == "coordinate":
        found = [("place", "place"), ("", "gradient"), *(("", f"average {k}") for k in averages)]
        found += [*(("", f"square {k}") for k in averages), ("", "logarithm")]
    else:
        found = [("", f"length {k}") for k in own] + [("", f"cosine {i} {j}") for i in own for j in range(i)]
        found += [("place", f"outward {k}") for k in own]
        found += [("energy", "energy"), ("place", "distance"), ("size", "size")]
    found += [("neighbours", f"{which} {k}") for which in ("all", OTHERS) for k in range(len(SHELLS))]
    found += [("schedule", f"schedule {k}") for k in range(4)] + [("", f"style {k}") for k in range(settings.styles)]
    found += [("second-moments", f"steadiness {k}") for k in averages] + [("angles", f"order {k}") for k in ORDERS]
    found += [("radial", name) for which in ("like", OTHERS) for name in _radial_names(which, settings)]
    return [name for feature, name in found if feature in ("", *settings.features)]


def look(
    gradient: Array,
    momenta: Momenta,
    clusters: Clusters,
    energies: Array,
    progress: Array,
    settings: LearnedSettings,
    scale: Scale,
) -> tuple[dict[str, Array], list[Array]]:
    """Inputs by name, and the unit vectors (3, n_atoms, n_clusters) of the gradient, its averages and the place.

    All that `settings` asks for is among the inputs, but those of other elements in a pure cluster. They are (n_atoms,
    n_clusters), for the coordinate network (3, n_atoms, n_clusters). The `gradient` (3, n_atoms, n_clusters) is tamed and in the
    `momenta` already; `energies` (n_atoms, n_clusters) are the potential's, `progress` (n_clusters,) is the part of the
    trajectory that is over.
    """
    averages, squares = corrected(momenta, settings.decays)
    place, radius = _place(clusters, scale.length), _radius(clusters)
    vectors = [gradient, *averages, place]
    lengths = [length_of(v) for v in vectors]
    units = [v * (1 / n) for v, n in zip(vectors, lengths, strict=True)]
    if settings.network == "coordinate":
        seen, shape = _of_coordinates(gradient, averages, place / radius), place.shape
    else:
        seen, shape = _of_vectors(lengths, units), lengths[0].shape
        seen |= {
            "energy": softsign(energies / (10 * scale.energy)),
            "distance": lengths[-1] / radius,
            "size": radius / 4,
        }
    p = progress
    schedule = (p, p * p, jnp.sin(jnp.pi * p), jnp.exp(-5 * p))  # by which the network can anneal
    seen |= {f"schedule {k}": value for k, value in enumerate(schedule)}
    seen |= {f"style {k}": value for k, value in enumerate(momenta.styles.astype(p.dtype))}
    if "second-moments" in settings.features:  # 1 where the gradient has always been the same
        steadiness = [n / jnp.sqrt(square + 1e-12) for n, square in zip(lengths[1:-1], squares, strict=True)]
        seen |= {f"steadiness {k}": value for k, value in enumerate(steadiness)}
    if "neighbours" in settings.features:
        for which, counts in zip(("all", OTHERS), neighbours(clusters, scale), strict=True):
            seen |= {f"{which} {k}": count for k, count in enumerate(counts)}
    if "angles" in settings.features:
        seen |= {f"order {k}": order for k, order in zip(ORDERS, angles(clusters, scale), strict=True)}
    if "radial" in settings.features:
        for which, sums in zip(("like", OTHERS), radial_symmetry(clusters, scale, settings.radial), strict=True):
            seen |= {
                name: s * (1 / close_packed(*pair))
                for name, s, pair in zip(_radial_names(which, settings), sums, settings.radial, strict=False)
            }
    return {name: jnp.broadcast_to(value, shape) for name, value in seen.items()}, units


def _radial_names(which: str, settings: LearnedSettings) -> list[str]:
    """One for each radial symmetry function: its numbers are part of the name, because they say what theta has learned."""
    return [f"{which} radial {cutoff:g} {eta:g}" for cutoff, eta in settings.radial]


def _of_vectors(lengths: list[Array], units: list[Array]) -> dict[str, Array]:
    """Directions as the vector network sees them; the last is the place."""
    *own, out = units
    seen = {f"length {k}": jnp.log(n + 1e-3) / 4 for k, n in enumerate(lengths[:-1])}
    seen |= {f"cosine {i} {j}": dot(own[i], own[j]) for i in range(len(own)) for j in range(i)}
    return seen | {f"outward {k}": dot(unit, out) for k, unit in enumerate(own)}


def _of_coordinates(gradient: Array, averages: list[Array], place: Array) -> dict[str, Array]:
    """One coordinate of an atom as the coordinate network sees it."""
    seen = {"place": place, "gradient": gradient, "logarithm": jnp.log(jnp.abs(gradient) + 1e-3) / 4}
    seen |= {f"average {k}": m for k, m in enumerate(averages)}
    return seen | {f"square {k}": m * m for k, m in enumerate(averages)}


def _place(clusters: Clusters, length: float) -> Array:
    """The atoms' positions seen from their centre (3, n_atoms, n_clusters), in lengths."""
    (total,) = over_atoms(lambda x, here: (jnp.where(here, x, 0),), clusters.positions, clusters.mask)
    n_atoms = jnp.maximum(clusters.mask.sum(0), 1)
    return (clusters.positions - (total / n_atoms)[:, None]) * (1 / length)


def _radius(clusters: Clusters) -> Array:
    """The cube root of the number of atoms (n_clusters,): in lengths, about the radius of a compact cluster."""
    return jnp.cbrt(jnp.maximum(clusters.mask.sum(0), 1).astype(clusters.positions.dtype))
