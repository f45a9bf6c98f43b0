"""The progress of the trajectory in four simple functions, by which the network can anneal."""

import jax.numpy as jnp

from clusteropt.optimizers.learned.features.base import Feature, Scene


def _values(scene: Scene) -> dict:
    p = scene.progress
    values = (p, p * p, jnp.sin(jnp.pi * p), jnp.exp(-5 * p))
    return {f"schedule {k}": value for k, value in enumerate(values)}


FEATURE = Feature(lambda _: [f"schedule {k}" for k in range(4)], _values)
