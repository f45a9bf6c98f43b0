"""A batch: how its structures ended, their energies over their sizes, and those that took longest."""

from typing import TYPE_CHECKING

import numpy as np

from clusteropt.pictures.style import HEIGHT, MUTED, PALETTE, WIDTH, shortened, styled
from clusteropt.records.batches import CONVERGED, WAITING, Batch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SLOWEST = 12
_MANY = 1000  # points, above which they are pixels in a vector picture
_ROW = 0.28  # inches
_LEVELS = 60  # steps of the axis of energies within which energies are alike
_STEP = 0.08  # atoms between two structures side by side, at most


@styled
def status(batch: Batch) -> "Figure":
    """The number of structures with each status."""
    from matplotlib.figure import Figure

    counts = batch.counts
    colours = [{CONVERGED: PALETTE[2], WAITING: MUTED}.get(name, PALETTE[1]) for name in counts]
    figure = Figure(figsize=(WIDTH, 0.9 + _ROW * max(2, len(counts))))
    axes = figure.subplots()
    bars = axes.barh(list(counts), list(counts.values()), 0.7, color=colours)
    shares = [f" {n:,} ({n / max(batch.total, 1):.1%})" for n in counts.values()]
    axes.bar_label(bars, shares, fontsize=8, padding=3)
    axes.set(xlabel="structures", xlim=(0, 1.3 * max([1, *counts.values()])))
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.locator_params("x", nbins=5, integer=True)
    return figure


@styled
def energies(batch: Batch) -> "Figure":
    """Energies per atom over the numbers of atoms, of each size side by side where they are alike."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.subplots()
    units = batch.units
    known = [one for one in batch.ended if one.energy is not None and one.units == units and one.n_atoms]
    sizes, per_atom = np.array([(one.n_atoms, (one.energy or 0.0) / one.n_atoms) for one in known]).T
    places, converged = beside(sizes, per_atom), np.array([one.status == CONVERGED for one in known])
    for here, name, marker, colour in (
        (~converged, "not converged", "s", PALETTE[1]),
        (converged, CONVERGED, "o", PALETTE[0]),
    ):
        style = {"color": colour, "alpha": 0.6, "markeredgewidth": 0, "rasterized": bool(here.sum() > _MANY)}
        axes.plot(places[here], per_atom[here], marker, label=name if here.any() else None, **style)
    axes.set(xlabel="number of atoms", ylabel=f"energy per atom ({units.shown.energy})")
    axes.set(xlim=(sizes.min() - 1, sizes.max() + 1))
    axes.locator_params("x", integer=True)
    axes.legend()
    return figure


def beside(sizes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(n,) places near the sizes: those of one size whose values are alike lie side by side, within 0.4 of it."""
    spread = np.ptp(values) or 1.0
    levels = np.round((values - values.min()) / spread * _LEVELS)
    _, group, counts = np.unique(np.stack([sizes, levels]), axis=1, return_inverse=True, return_counts=True)
    order = np.argsort(group.ravel(), kind="stable")
    rank = np.empty(len(sizes))
    rank[order] = np.arange(len(sizes)) - np.repeat(np.cumsum(counts) - counts, counts)
    step = min(_STEP, 0.8 / max(counts.max() - 1, 1))
    return sizes + step * (rank - (counts[group.ravel()] - 1) / 2)  # type: ignore[no-any-return]


@styled
def slowest(batch: Batch) -> "Figure":
    """The structures that took the most evaluations."""
    from matplotlib.figure import Figure

    longest = batch.slowest[:SLOWEST]
    figure = Figure(figsize=(WIDTH, 0.9 + _ROW * max(2, len(longest))))
    axes = figure.subplots()
    colours = [PALETTE[0] if one.status == CONVERGED else PALETTE[1] for one in longest]
    bars = axes.barh(range(len(longest)), [one.n_evaluations for one in longest], 0.7, color=colours)
    axes.bar_label(bars, [f"{one.n_evaluations:,}" for one in longest], fontsize=8, padding=3)
    axes.set(yticks=range(len(longest)), yticklabels=[shortened(one.name) for one in longest])
    axes.set(xlabel="evaluations", xlim=(0, 1.2 * max([1, *(one.n_evaluations for one in longest)])))
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.locator_params("x", nbins=4)
    return figure
