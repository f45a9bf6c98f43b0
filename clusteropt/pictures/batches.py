"""A batch: how its structures ended, their energies over their sizes, and those that took longest."""

from typing import TYPE_CHECKING

import numpy as np

from clusteropt.pictures.style import HEIGHT, MUTED, PALETTE, WIDTH, shortened, styled
from clusteropt.records.batches import CONVERGED, WAITING, Batch, Ended

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SLOWEST = 12
_MANY = 1000  # points, above which they are pixels in a vector picture
_ROW = 0.28  # inches


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
    """Energies per atom over the numbers of atoms; for structures of one size, how many have which energy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.subplots()
    units = batch.units
    known = [one for one in batch.ended if one.energy is not None and one.units == units and one.n_atoms]
    draw = _histogram if len({one.n_atoms for one in known}) == 1 else _scatter
    draw(axes, known, units.shown.energy)
    return figure


def _scatter(axes: "Axes", known: list[Ended], unit: str) -> None:
    kinds = (("not converged", "s", PALETTE[1]), (CONVERGED, "o", PALETTE[0]))
    for name, marker, colour in kinds:
        own = [one for one in known if (one.status == CONVERGED) == (name == CONVERGED)]
        if own:
            per_atom = [(one.energy or 0.0) / one.n_atoms for one in own]
            sizes = [one.n_atoms for one in own]
            flat = len(own) > _MANY
            axes.plot(sizes, per_atom, marker, color=colour, alpha=0.6, markeredgewidth=0, label=name, rasterized=flat)
    axes.set(xlabel="number of atoms", ylabel=f"energy per atom ({unit})")
    axes.locator_params("x", integer=True)
    axes.legend()


def _histogram(axes: "Axes", known: list[Ended], unit: str) -> None:
    values = np.array([one.energy for one in known], float)
    axes.hist(values - values.min(), bins=min(40, max(5, int(len(values) ** 0.5))), color=PALETTE[0])
    axes.set(xlabel=f"energy above the lowest ({unit})", ylabel="structures")


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
