"""The steadiness of the gradient: the length of its average over the root of its mean square, 1 where it is constant."""

import jax.numpy as jnp

from clusteropt.optimizers.learned.features.base import Feature, Scene
from clusteropt.optimizers.learned.vectors import length_of


def _values(scene: Scene) -> dict:
    pairs = zip(scene.averages, scene.squares, strict=True)
    return {f"steadiness {k}": length_of(m) / jnp.sqrt(square + 1e-12) for k, (m, square) in enumerate(pairs)}


FEATURE = Feature(lambda settings: [f"steadiness {k}" for k in range(len(settings.decays))], _values)
