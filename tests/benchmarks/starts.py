"""The starting structures that every program gets: uniform in a sphere of radius n^(1/3) lengths."""

import numpy as np


def starts(n_atoms: int, count: int, seed: int) -> np.ndarray:
    """(count, n_atoms, 3), in units of the potential's length."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        directions = rng.normal(size=(n_atoms, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        out.append(directions * (n_atoms * rng.uniform(size=(n_atoms, 1))) ** (1 / 3))
    return np.array(out)
