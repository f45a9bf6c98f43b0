"""Inputs of the network, one by one and by name: dimensionless, in the problem's own units.

The gradient, its averages, the unit's place and its energy are made here; every other feature is a module of `features`.
"""

import jax.numpy as jnp
from jax import Array

from clusteropt.errors import UsageError
from clusteropt.optimizers.learned.features.base import Feature, Scene, feature_of
from clusteropt.optimizers.learned.network import softsign
from clusteropt.optimizers.learned.settings import OF_UNITS, LearnedSettings
from clusteropt.optimizers.learned.vectors import length_of
from clusteropt.problems.units import dot
from clusteropt.runtime import plugins


def names(settings: LearnedSettings) -> list[str]:
    """The names of the inputs, in the order of theta."""
    own = _names_of_coordinates(settings) if settings.network == "coordinate" else _names_of_vectors(settings)
    found = [name for feature, name in own if feature in ("", *settings.features)]
    chosen = _features(settings)
    for feature in dict.fromkeys((*plugins.shipped("features"), *chosen)):
        found += chosen[feature].names(settings) if feature in chosen else []
        if feature == "schedule":
            found += [f"style {k}" for k in range(settings.styles)]
    return found


def _features(settings: LearnedSettings) -> dict[str, Feature]:
    """The chosen features that modules of `features` make, by name."""
    return {name: feature_of(name) for name in settings.features if name not in OF_UNITS}


def _names_of_coordinates(settings: LearnedSettings) -> list[tuple[str, str]]:
    """The feature that each input belongs to ("" for all networks), and its name."""
    averages = range(len(settings.decays))
    found = [("place", "place"), ("", "gradient"), *(("", f"average {k}") for k in averages)]
    return [*found, *(("", f"square {k}") for k in averages), ("", "logarithm")]


def _names_of_vectors(settings: LearnedSettings) -> list[tuple[str, str]]:
    own = range(1 + len(settings.decays))
    found = [("", f"length {k}") for k in own] + [("", f"cosine {i} {j}") for i in own for j in range(i)]
    found += [("place", f"outward {k}") for k in own]
    return [*found, ("energy", "energy"), ("place", "distance"), ("size", "size")]


def inputs_of(scene: Scene, gradient: Array, styles: Array) -> tuple[dict[str, Array], list[Array]]:
    """Inputs by name, and the unit vectors (n_components, n_units, n_lanes) of the gradient, its averages and the place.

    The inputs are those that the settings ask for; in a pure cluster, without those about other elements. Each is
    (n_units, n_lanes), for the coordinate network (n_components, n_units, n_lanes). The `gradient`
    (n_components, n_units, n_lanes) is damped, see `vectors.damped`; `styles` (n_styles, n_lanes) are the trajectory's random
    numbers. Raises UsageError for a feature of atoms where the problem has none.
    """
    settings, problem = scene.settings, scene.problem
    chosen = _features(settings)
    for name, feature in chosen.items():
        if not all(hasattr(scene.batch, array) for array in feature.needs):
            arrays = " and ".join(feature.needs)
            problem_has_not = f"needs the {arrays} of each unit, which this problem has not"
            raise UsageError(f"feature '{name}' {problem_has_not}: take an optimizer without it")
    (away, scale), radius = problem.place_and_unit(scene.batch), problem.radius(scene.batch)
    place = away * scale
    vectors, distance = [gradient, *scene.averages], length_of(place)
    lengths = [length_of(v) for v in vectors]
    units = [v * (1 / n) for v, n in zip(vectors, lengths, strict=True)]
    units.append(away * (scale * (1 / distance)))
    if settings.network == "coordinate":
        seen, shape = _of_coordinates(gradient, scene.averages, place / radius), place.shape
    else:
        seen, shape = _of_vectors(lengths, units), distance.shape
        seen |= {
            "energy": softsign(scene.energies * (1 / (10 * problem.scale.energy))),
            "distance": distance / radius,
            "size": radius / 4,
        }
    for feature in chosen.values():
        seen |= feature.values(scene)
    seen |= {f"style {k}": value for k, value in enumerate(styles.astype(scene.progress.dtype))}
    return {name: jnp.broadcast_to(value, shape) for name, value in seen.items()}, units


def _of_vectors(lengths: list[Array], units: list[Array]) -> dict[str, Array]:
    """Directions as the vector network sees them; the last is the place, whose length is not among the `lengths`."""
    *own, out = units
    seen = {f"length {k}": jnp.log(n + 1e-3) / 4 for k, n in enumerate(lengths)}
    seen |= {f"cosine {i} {j}": dot(own[i], own[j], 0) for i in range(len(own)) for j in range(i)}
    return seen | {f"outward {k}": dot(unit, out, 0) for k, unit in enumerate(own)}


def _of_coordinates(gradient: Array, averages: list[Array], place: Array) -> dict[str, Array]:
    """One coordinate of a unit as the coordinate network sees it."""
    seen = {"place": place, "gradient": gradient, "logarithm": jnp.log(jnp.abs(gradient) + 1e-3) / 4}
    seen |= {f"average {k}": m for k, m in enumerate(averages)}
    return seen | {f"square {k}": m * m for k, m in enumerate(averages)}
