"""Writes minima as GMIN does in its file `lowest`."""

from collections.abc import Sequence

import numpy as np

_HEAD = "Energy of minimum {:6d}={:20.10f} first found at step {:8d}"


def lowest_block(rank: int, energy: float, step: int, symbols: Sequence[str], positions: np.ndarray) -> str:
    """A minimum as text: the number of atoms, its energy, the step that found it first, and its atoms (n_atoms, 3).

    Energies and positions are in the unit that they are given in, with ten decimals as in GMIN.
    """
    rows = (f"{s:2s}" + "".join(f"{x:20.10f}" for x in at) for s, at in zip(symbols, positions.tolist(), strict=True))
    return "\n".join([str(len(symbols)), _HEAD.format(rank, energy, step), *rows]) + "\n"
