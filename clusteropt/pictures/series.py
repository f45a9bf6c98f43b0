"""A series of sizes: energies per atom above a smooth fit, and second differences with the magic numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clusteropt.pictures.style import MUTED, PALETTE, WIDTH, styled
from clusteropt.records.minima import Size
from clusteropt.records.origin import Units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POWERS = (1, 2 / 3, 1 / 3, 0)  # of the number of atoms, in the smooth fit: volume, surface, edges, corners


def above_smooth(sizes: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """(n_sizes,) energies per atom above a least-squares fit of E(N) by N, N^(2/3), N^(1/3) and 1.

    Of these the first terms are taken, fewer than there are sizes. For Lennard-Jones clusters: J. A. Northby,
    doi:10.1063/1.453492.
    """
    terms = sizes[:, None] ** np.array(_POWERS[: max(1, min(len(_POWERS), len(sizes) - 1))])
    fit = terms @ np.linalg.lstsq(terms, energies, rcond=None)[0]
    return (energies - fit) / sizes  # type: ignore[no-any-return]


@styled
def series(sizes: Sequence[Size], units: Units) -> "Figure":
    """Energies per atom above the smooth fit, and second differences below, over the numbers of atoms."""
    from matplotlib.figure import Figure

    unit = units.shown.energy
    figure = Figure(figsize=(1.35 * WIDTH, 5))
    upper, lower = figure.subplots(2, sharex=True)
    known = [(one.n_atoms, one.energy) for one in sizes if one.energy is not None]
    numbers, energies = np.array(known, float).reshape(-1, 2).T
    upper.plot(numbers, above_smooth(numbers, energies), "o-", linewidth=0.9)
    upper.set_ylabel(f"energy per atom above\na smooth fit ({unit})")
    curved = [(one.n_atoms, one.second_difference) for one in sizes if one.second_difference is not None]
    magic = [(one.n_atoms, one.second_difference) for one in sizes if one.magic]
    lower.plot(*np.array(curved, float).reshape(-1, 2).T, "o-", linewidth=0.9)
    lower.plot(*np.array(magic, float).reshape(-1, 2).T, "o", color=PALETTE[1], markersize=5, label="magic")
    for n, value in magic:
        lower.annotate(str(n), (n, value or 0), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=8)
    lower.axhline(0, color=MUTED, linewidth=0.6)
    lower.margins(y=0.18)
    lower.set(xlabel="number of atoms N", ylabel=f"E(N+1) + E(N−1) − 2 E(N)\n({unit})")
    lower.locator_params("x", integer=True)
    if magic:
        lower.legend()
    return figure
