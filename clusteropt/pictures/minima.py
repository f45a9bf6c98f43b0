"""Minima of one composition: how high they lie, how often and when they were reached, how the search came down to them."""

from typing import TYPE_CHECKING

from clusteropt.pictures.style import HEIGHT, MARKERS, MUTED, PALETTE, WIDTH, in_powers, spread, styled
from clusteropt.records.minima import Composition, Level
from clusteropt.records.origin import Units

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELLED = 20  # levels of the ladder
_COUNTED = 10  # times reached up to which the axis is linear
_LINE = 0.054  # of the height of the ladder, for a label


@styled
def ladder(own: Composition, units: Units) -> "Figure":
    """The energies of the lowest minima above the lowest one, each as a line with its rank and point group."""
    from matplotlib.figure import Figure

    levels = own.levels[:LABELLED]
    figure = Figure(figsize=(WIDTH, 4.2))
    axes = figure.subplots()
    highest = max((one.above for one in levels), default=0.0) or 1.0
    places = spread([one.above / highest for one in levels], _LINE)
    for one, place in zip(levels, places, strict=True):
        colour = PALETTE[0] if one.rank == 1 else "black"
        label = highest * place
        axes.plot([0, 0.28], [one.above] * 2, color=colour, linewidth=1.6, solid_capstyle="butt")
        axes.plot([0.29, 0.35], [one.above, label], color=MUTED, linewidth=0.5)
        for x, words, side in _label(one):
            axes.text(x, label, words, va="center", ha=side, fontsize=8, color=colour)
    low, high = min([0, *places]), max([1, *places])
    axes.set(xlim=(-0.02, 1), ylim=(highest * (low - 0.04), highest * (high + 0.04)), xticks=[])
    axes.set_ylabel(f"energy above the lowest ({units.shown.energy})")
    axes.spines.bottom.set_visible(False)
    axes.grid(visible=False)
    return figure


def _label(one: Level) -> list[tuple[float, str, str]]:
    """The words about a level, in columns: where each is, and which side of it is there."""
    times = f"reached {one.n_reached:,}×" if one.n_reached else ""
    return [
        (0.41, str(one.rank), "right"),
        (0.44, one.point_group, "left"),
        (0.66, f"+{one.above:.4f}", "right"),
        (0.70, times, "left"),
    ]


@styled
def hits(own: Composition, units: Units) -> "Figure":
    """How often each minimum was reached, and after how many evaluations first, over its energy above the lowest."""
    from matplotlib.figure import Figure

    reached = [one for one in own.levels if one.n_reached]
    timed = [one for one in reached if one.n_evaluations]
    figure = Figure(figsize=(WIDTH, 4.0 if timed else 2.6))
    often, *others = figure.subplots(2 if timed else 1, sharex=True, squeeze=False).ravel()
    most = max([1, *(one.n_reached for one in reached)])
    least = 0.7 if most > _COUNTED else 0.0
    often.vlines([one.above for one in reached], least, [one.n_reached for one in reached], linewidth=0.7)
    often.plot([one.above for one in reached], [one.n_reached for one in reached], "o", markersize=3)
    often.set(ylabel="times reached", ylim=(least, (1.6 if least else 1.2) * most))
    if least:
        in_powers(often.yaxis)
    else:
        often.locator_params("y", integer=True, nbins=5)
    for when in others:
        above, evaluations = [one.above for one in timed], [one.n_evaluations for one in timed]
        when.plot(above, evaluations, MARKERS[1], color=PALETTE[1], markersize=3)
        when.set_ylabel("evaluations to\nthe first hit")
        in_powers(when.yaxis)
    highest = max((one.above for one in reached), default=0.0) or 1.0
    often.set_xlim(-0.04 * highest, 1.04 * highest)
    figure.axes[-1].set_xlabel(f"energy above the lowest ({units.shown.energy})")
    return figure


@styled
def progress(own: Composition, units: Units) -> "Figure":
    """The best energy of each search over its evaluations, above the lowest that is known here."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.subplots()
    lowest = own.levels[0].energy if own.levels else 0.0
    courses = sorted(
        (one for one in own.courses if one.energies), key=lambda one: (one.energies[-1], one.evaluations[-1])
    )
    for k, one in reversed([*enumerate(courses)]):
        evaluations = [*one.evaluations, max(one.n_evaluations, one.evaluations[-1])]
        energies = [energy - lowest for energy in (*one.energies, one.energies[-1])]
        colour, name = (
            (PALETTE[0], f"seed {one.seed}, the best" if len(courses) > 1 else f"seed {one.seed}")
            if k == 0
            else (MUTED, "others" if k == 1 else None)
        )
        axes.step(evaluations, energies, where="post", color=colour, linewidth=1.6 if k == 0 else 0.6, label=name)
        axes.plot(one.evaluations[-1:], energies[-1:], "o", color=colour)
    if own.best_known is not None and lowest - own.best_known < 10 * max((one.above for one in own.levels), default=0):
        axes.axhline(own.best_known - lowest, color=PALETTE[1], linestyle="--", linewidth=1, label="best known")
    axes.set(xlabel="evaluations", ylabel=f"best energy above the lowest ({units.shown.energy})")
    low, high = axes.dataLim.intervaly
    span = high - low or max((one.above for one in own.levels), default=0.0) or 1.0
    axes.set_ylim(low - 0.02 * span, low + 1.05 * span)  # so little below that no number stands there
    in_powers(axes.xaxis)
    axes.legend()
    return figure
