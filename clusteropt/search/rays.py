"""Rays from the centre of a cluster, evenly spread and turned at random."""

import jax.numpy as jnp
import numpy as np
from jax import Array


def turned_rays(draws: Array, n_rays: int) -> Array:
    """(3, n_rays, n_clusters) unit vectors, evenly spread over the sphere, turned by draws (3 or more, n_clusters) in [0, 1).

    Fibonacci's spiral; the rotation after K. Shoemake, Graphics Gems III, 124 (1992).
    """
    k = np.arange(n_rays) + 0.5
    height, angle = 1 - 2 * k / n_rays, np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - height**2)
    spiral = jnp.asarray(np.stack([flat * np.cos(angle), flat * np.sin(angle), height]), draws.dtype)
    turn = 2 * jnp.pi
    a, b = jnp.sqrt(1 - draws[0]), jnp.sqrt(draws[0])
    q, r = a * jnp.sin(turn * draws[1]), a * jnp.cos(turn * draws[1])
    s, w = b * jnp.sin(turn * draws[2]), b * jnp.cos(turn * draws[2])
    rows = (
        (1 - 2 * (r * r + s * s), 2 * (q * r - s * w), 2 * (q * s + r * w)),
        (2 * (q * r + s * w), 1 - 2 * (q * q + s * s), 2 * (r * s - q * w)),
        (2 * (q * s - r * w), 2 * (r * s + q * w), 1 - 2 * (q * q + r * r)),
    )
    return jnp.stack([sum(c * v[:, None] for c, v in zip(row, spiral, strict=True)) for row in rows])  # type: ignore[misc]
