"""The averages of the gradient over the roots of its mean squares, with their signs: the direction of Adam, for every decay.

D. P. Kingma and J. Ba, Proc. 3rd Int. Conf. on Learning Representations, 2015, arXiv:1412.6980. For the coordinate network.
"""

import jax.numpy as jnp

from clusteropt.optimizers.learned.features.base import Feature, Scene

_TINY = 1e-12  # of a mean square, below which there is no direction


def _values(scene: Scene) -> dict:
    roots = [jnp.sqrt(square + _TINY) for square in scene.squares]
    found = {f"normalized {k}": m / root for k, (m, root) in enumerate(zip(scene.averages, roots, strict=True))}
    return found | {f"size {k}": jnp.log(root) / 8 for k, root in enumerate(roots)}


def _names(settings) -> list[str]:
    own = range(len(settings.decays))
    return [*(f"normalized {k}" for k in own), *(f"size {k}" for k in own)]


FEATURE = Feature(_names, _values)
