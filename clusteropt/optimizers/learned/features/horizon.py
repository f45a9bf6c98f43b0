"""The length of the whole trajectory, on a logarithmic scale: a long one can afford short steps."""

import jax.numpy as jnp

from clusteropt.optimizers.learned.features.base import Feature, Scene


def _values(scene: Scene) -> dict:
    length = jnp.log(jnp.asarray(scene.n_steps, scene.progress.dtype) / 100) / 3
    return {"horizon": length, "horizon left": length * (1 - scene.progress)}


FEATURE = Feature(lambda _: ["horizon", "horizon left"], _values)
