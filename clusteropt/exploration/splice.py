"""Cut and splice: the upper part of one cluster on the lower part of another, both turned at random.

D. M. Deaven and K. M. Ho, Phys. Rev. Lett. 75, 288 (1995), doi:10.1103/PhysRevLett.75.288.
"""

import numpy as np

_LEAST = 0.2  # part of the atoms that comes from either cluster, at least


def spliced(rng: np.random.Generator, one: np.ndarray, other: np.ndarray, species: np.ndarray) -> np.ndarray:
    """(n_atoms, 3): a part of `one` above a plane and of `other` below it, with as many atoms of each species.

    one, other: positions (n_atoms, 3), whose atoms have the same species (n_atoms,).
    """
    upper, lower = _turned(rng, one), _turned(rng, other)
    n = len(species)
    n_upper = int(np.clip(round(n * rng.uniform(_LEAST, 1 - _LEAST)), min(1, n), max(1, n - 1)))
    chosen = np.argsort(-upper[:, 2], kind="stable")[:n_upper]
    out, taken = lower.copy(), np.zeros(n, bool)
    taken[chosen] = True
    for kind in np.unique(species):
        own = np.flatnonzero(species == kind)
        n_above = int(taken[own].sum())
        below = own[np.argsort(lower[own, 2], kind="stable")][: len(own) - n_above]
        out[own] = np.concatenate([upper[own[taken[own]]], lower[below]])
    return out


def _turned(rng: np.random.Generator, positions: np.ndarray) -> np.ndarray:
    """The positions around their centre, turned at random (Q of a matrix of normal numbers)."""
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return (positions - positions.mean(0)) @ turn
