"""Pictures of costs: evaluations per hit, errors of networks, the course of a training; the parity of a fit."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clusteropt.pictures.style import HEIGHT, MUTED, WIDTH, colour_of, in_powers, marker_of, shortened, styled
from clusteropt.records.costs import Cost, Parity, Training, TrainingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def per_hit(costs: Sequence[Cost]) -> "Figure":
    """Evaluations per hit of every method over the tasks, with 95 % intervals; a hollow triangle where there was no hit."""
    from matplotlib.figure import Figure

    tasks, methods = [*dict.fromkeys(one.task for one in costs)], [*dict.fromkeys(one.method for one in costs)]
    figure = Figure(
        figsize=(max(WIDTH, 1.2 + 0.35 * len(tasks) * max(2, len(methods)) / 2), HEIGHT + 0.2 * len(methods))
    )
    axes = figure.subplots()
    for k, method in enumerate(methods):
        shift = (k - (len(methods) - 1) / 2) * 0.7 / len(methods)
        own = [one for one in costs if one.method == method]
        places = [tasks.index(one.task) + shift for one in own]
        _points(axes, places, own, k)
    axes.set(ylabel="evaluations per hit", xticks=range(len(tasks)), xticklabels=map(shortened, tasks))
    axes.set_xlim(-0.6, len(tasks) - 0.4)
    axes.tick_params(axis="x", rotation=60 if len(tasks) > 8 else 0)
    in_powers(axes.yaxis)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def _points(axes: "Axes", places: Sequence[float], own: Sequence[Cost], k: int) -> None:
    colour, name = colour_of(k), shortened(own[0].method, 40)
    hit = [(x, one) for x, one in zip(places, own, strict=True) if one.n_hits]
    spans = [(one.per_hit - one.interval[0], one.interval[1] - one.per_hit) for _, one in hit]
    axes.errorbar(
        [x for x, _ in hit],
        [one.per_hit for _, one in hit],
        np.array(spans).reshape(-1, 2).T,
        fmt=marker_of(k),
        color=colour,
        capsize=2,
        elinewidth=1,
        label=name,
    )
    missed = [(x, one.interval[0]) for x, one in zip(places, own, strict=True) if not one.n_hits]
    for x, least in missed:
        axes.plot([x], [least], marker=r"^", color=colour, markerfacecolor="white", markersize=6)


@styled
def errors(found: Sequence[TrainingError]) -> "Figure":
    """Mean training errors of networks with 95 % intervals over the steps: a panel for each task, a line for each optimizer."""
    from matplotlib.figure import Figure

    tasks, names = [*dict.fromkeys(s.task for s in found)], [*dict.fromkeys(s.optimizer for s in found)]
    n_columns = min(len(tasks), 3)
    n_rows = -(-len(tasks) // n_columns)
    figure = Figure(figsize=(1.8 + 3 * n_columns, 0.8 + 2.5 * n_rows))
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for panel, task in zip(panels, tasks, strict=False):
        for k, name in enumerate(names):
            own = [s for s in found if (s.task, s.optimizer) == (task, name) and math.isfinite(s.mean)]
            means, halves = (np.array([getattr(s, key) for s in own]) for key in ("mean", "half"))
            spans, fmt = np.minimum(halves, 0.9 * means), marker_of(k) + "-"
            panel.errorbar([s.n_steps for s in own], means, spans, fmt=fmt, capsize=3, label=shortened(name))
        panel.set(title=shortened(task), xlabel="steps", ylabel="training error")
        in_powers(panel.xaxis)
        in_powers(panel.yaxis)
    for panel in panels[len(tasks) :]:
        panel.set_axis_off()
    panels[0].legend()
    return figure


@styled
def course(training: Training) -> "Figure":
    """The losses of every task over the outer steps of a training, and the hit rates below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.45 * WIDTH, 6))
    losses, hits = figure.subplots(2, sharex=True)
    for task in dict.fromkeys(one.task for one in training.losses):
        own = [one for one in training.losses if one.task == task]
        losses.plot([one.step for one in own], [one.loss for one in own], ".-", label=task, linewidth=1, markersize=3)
    for task in dict.fromkeys(one.task for one in training.hits if not one.shipped):
        own = [one for one in training.hits if one.task == task and not one.shipped]
        hits.plot([one.step for one in own], [100 * one.share for one in own], "o-", label=task)
    shipped = [one for one in training.hits if one.shipped]
    if shipped:
        hits.plot([r.step for r in shipped], [100 * r.share for r in shipped], "k*", label="shipped, on fresh starts")
    for axes in (losses, hits):
        if axes.lines:
            axes.legend()
    losses.set_ylabel("loss (energy scales)")
    hits.set(ylabel="hits (%)", xlabel="outer step", ylim=(-2, 102))
    return figure


@styled
def parity(pairs: Sequence[Parity], unit: str) -> "Figure":
    """Fitted over given energies for each atom, and the errors below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 5.6))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for k, one in enumerate(pairs):
        off = one.fitted - one.given
        label = f"{one.part}, rms error {(off**2).mean() ** 0.5:.2g} {unit}/atom"
        above.plot(one.given, one.fitted, marker_of(k), label=label, markersize=2.5, markeredgewidth=0)
        below.plot(one.given, off, marker_of(k), markersize=2.5, markeredgewidth=0)
    low, high = above.get_xlim()
    above.plot([low, high], [low, high], color=MUTED, linewidth=0.8, zorder=0)
    below.axhline(0, color=MUTED, linewidth=0.8, zorder=0)
    above.set_ylabel(f"energy of the fit ({unit}/atom)")
    below.set(xlabel=f"energy ({unit}/atom)", ylabel=f"error ({unit}/atom)")
    above.legend()
    return figure
