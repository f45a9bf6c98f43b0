"""Pictures of the shapes of the lowest minima: distances, neighbours, and where the elements of an alloy sit."""

from typing import TYPE_CHECKING

import numpy as np

from clusteropt.pictures.records import Pictured
from clusteropt.pictures.style import HEIGHT, MUTED, WIDTH, colour_of, marker_of, styled
from clusteropt.records import shape
from clusteropt.records.minima import Composition, Minima, Model
from clusteropt.records.origin import Units

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BESIDE = 3  # minima beside each other
_REACH = 3.5  # nearest-neighbour distances
_GOLDEN = (5**0.5 - 1) / 2
_WIDTH = 0.03  # of a peak, in nearest-neighbour distances


@styled
def radial(own: Composition, units: Units) -> "Figure":
    """The radial distribution of the three lowest minima, or of the lowest one of an alloy, by pairs of elements."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.subplots()
    length = shape.spacing(own.models[0].atoms.positions) or 1.0
    reach = (_REACH + 5 * _WIDTH) * length
    lines = _by_pairs(own.models[0], reach) if is_alloy(own) else _by_minima(own, reach)
    grid = np.linspace(0.6 * length, _REACH * length, 600)
    for k, (name, distances, n_atoms) in enumerate(lines):
        density = shape.smoothed(distances, grid, _WIDTH * length) * 2 / n_atoms
        axes.plot(grid, density, label=name, zorder=9 - k, linewidth=1.4 if k == 0 else 1)
    axes.set(xlabel=f"distance ({units.shown.length})", ylabel=f"neighbours per atom and {units.shown.length}")
    axes.set(ylim=(0, None), xlim=(grid[0], grid[-1]))
    axes.legend()
    return figure


def _by_pairs(model: Model, reach: float) -> list[tuple[str, np.ndarray, int]]:
    symbols = model.atoms.get_chemical_symbols()
    return [(name, d, len(symbols)) for name, d in shape.pair_distances(symbols, model.atoms.positions, reach).items()]


def _by_minima(own: Composition, reach: float) -> list[tuple[str, np.ndarray, int]]:
    found = []
    for k, model in enumerate(own.models[:BESIDE], 1):
        pairs = shape.pair_distances(["X"] * len(model.atoms), model.atoms.positions, reach)
        found.append((f"minimum {k}", pairs.get("X-X", np.zeros(0)), len(model.atoms)))
    return found


def is_sound(model: Model) -> bool:
    """True for two atoms or more that can be drawn, most of them apart."""
    atoms = model.atoms
    drawable = Pictured(atoms.symbols, atoms.positions, "").is_drawable
    return len(atoms) > 1 and drawable and shape.spacing(atoms.positions) > 0


def is_alloy(own: Composition) -> bool:
    """True where the structures have several elements."""
    return bool(own.models) and len({*own.models[0].atoms.get_chemical_symbols()}) > 1


@styled
def coordination(own: Composition, units: Units) -> "Figure":
    """How many atoms have how many neighbours: in the three lowest minima, or in the lowest one of an alloy, by element."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.subplots()
    models = own.models[:1] if is_alloy(own) else own.models[:BESIDE]
    numbers = [shape.coordination(model.atoms.positions) for model in models]
    counts = np.arange(min(map(np.min, numbers)), max(map(np.max, numbers)) + 1)
    if is_alloy(own):
        _stacked(axes, np.array(models[0].atoms.get_chemical_symbols()), numbers[0], counts)
    else:
        for k, found in enumerate(numbers):
            places = counts + (k - (len(numbers) - 1) / 2) * 0.8 / len(numbers)
            axes.bar(places, [(found == n).sum() for n in counts], 0.75 / len(numbers), label=f"minimum {k + 1}")
    axes.set(xlabel="neighbours", ylabel="atoms", xticks=counts, xlim=(counts[0] - 1.5, counts[-1] + 1.5))
    axes.margins(y=0.25)  # for the legend
    axes.legend()
    return figure


def _stacked(axes: "Axes", symbols: np.ndarray, numbers: np.ndarray, counts: np.ndarray) -> None:
    below = np.zeros(len(counts))
    for element in sorted({*symbols.tolist()}):
        here = np.array([((numbers == n) & (symbols == element)).sum() for n in counts])
        axes.bar(counts, here, 0.75, bottom=below, label=element)
        below += here


@styled
def segregation(own: Composition, units: Units) -> "Figure":
    """Where the elements of an alloy sit in its lowest minimum: distances from the centre, and shares of the surface."""
    from matplotlib.figure import Figure

    atoms = own.models[0].atoms
    symbols, away = np.array(atoms.get_chemical_symbols()), shape.from_centre(atoms.positions)
    outside, elements = shape.on_surface(atoms.positions), sorted({*atoms.get_chemical_symbols()})
    figure = Figure(figsize=(WIDTH, HEIGHT))
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for k, element in enumerate(elements):
        at = away[symbols == element]
        shifts = k + 0.25 * (2 * (np.arange(len(at)) * _GOLDEN % 1) - 1)  # so that few markers hide each other
        left.plot(shifts, at, marker_of(k), color=colour_of(k), markersize=3, alpha=0.8, markeredgewidth=0)
        left.plot([k - 0.32, k + 0.32], [at.mean()] * 2, color="black", linewidth=1.4)
    left.set(xticks=range(len(elements)), xticklabels=elements, xlim=(-0.6, len(elements) - 0.4))
    left.set(ylabel=f"distance from the centre ({units.shown.length})", ylim=(0, 1.05 * away.max() or None))
    _shares(right, elements, symbols, outside)
    return figure


def _shares(axes: "Axes", elements: list[str], symbols: np.ndarray, outside: np.ndarray) -> None:
    places = np.arange(len(elements))
    of_all = [100 * (symbols == e).mean() for e in elements]
    of_surface = [100 * (symbols[outside] == e).mean() if outside.any() else 0.0 for e in elements]
    colours = [colour_of(k) for k in range(len(elements))]
    axes.bar(places - 0.2, of_all, 0.36, color=colours, alpha=0.35)
    axes.bar(places + 0.2, of_surface, 0.36, color=colours)
    for place, every, some in zip(places, of_all, of_surface, strict=True):
        axes.text(place - 0.2, every + 1, f"{every:.0f}", ha="center", fontsize=7, color=MUTED)
        axes.text(place + 0.2, some + 1, f"{some:.0f}", ha="center", fontsize=7)
    axes.set(xticks=places, xticklabels=elements, ylabel="% of all atoms (pale), of the surface", ylim=(0, 110))


@styled
def mixing(found: Minima) -> "Figure":
    """The energies of alloys with equal numbers of atoms above the mean of the pure clusters, for each atom."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.subplots()
    for k, mixture in enumerate(one for one in found.mixtures if one.excess):
        counts, excess = np.array(mixture.excess).T
        label = f"{mixture.elements[0]}–{mixture.elements[1]}, {mixture.n_atoms} atoms"
        axes.plot(
            100 * counts / mixture.n_atoms, excess / mixture.n_atoms, marker_of(k) + "-", linewidth=0.9, label=label
        )
    axes.axhline(0, color=MUTED, linewidth=0.6)
    second = {one.elements[1] for one in found.mixtures if one.excess}
    name = second.pop() if len(second) == 1 else "the second element"
    axes.set(xlabel=f"share of {name} among the atoms (%)", ylabel=f"excess energy ({found.units.shown.energy}/atom)")
    axes.legend()
    return figure
