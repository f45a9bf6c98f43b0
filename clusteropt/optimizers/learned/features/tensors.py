"""The tensor that a weight of a network belongs to: the number of values that its layer adds up, and whether it is a bias."""

import jax.numpy as jnp

from clusteropt.optimizers.learned.features.base import Feature, Scene


def _values(scene: Scene) -> dict:
    fan = scene.batch.fan
    return {"fan": jnp.log(jnp.maximum(fan, 1)) / 4, "bias": (fan == 0).astype(fan.dtype)}


FEATURE = Feature(lambda _: ["fan", "bias"], _values, needs=("fan",))
