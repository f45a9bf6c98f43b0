"""Clusters in a grid, as a picture for papers."""

from collections import defaultdict
from collections.abc import Sequence
from math import isqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clusteropt.pictures.bodies import Bodies, Look, bodies
from clusteropt.pictures.raster import Image, image
from clusteropt.pictures.records import Pictured
from clusteropt.pictures.style import DPI, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ONE, SEVERAL = 8.5, 17.8  # centimetres: usual widths of one column of a journal, and of two
_INCH = 2.54  # centimetres
_MARGIN = 1.04
_LINE = 0.16  # inches, of a title
_POINTS = 72  # in an inch


class _Grid(NamedTuple):
    """The layout, in pixels, so that the pixels of pictures are those of the page."""

    columns: int
    rows: int
    side: int
    head: int  # height of the titles of a row
    gap: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        wide = self.columns * (self.side + self.gap) - self.gap
        return wide, self.rows * (self.side + self.head + self.gap) - self.gap

    def place(self, k: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a cell, in parts of the page."""
        wide, high = self.size
        row, column = divmod(k, self.columns)
        top = row * (self.side + self.head + self.gap) + self.head
        left = column * (self.side + self.gap)
        return left / wide, 1 - (top + self.side) / high, self.side / wide, self.side / high


@styled
def clusters(structures: Sequence[Pictured], look: Look, width: float | None = None) -> "Figure":
    """The structures side by side, those of one composition in one scale; `width` of the picture in centimetres.

    Titles and notes may hold mathematics between dollars, as in matplotlib. Raises ValueError for a rotation that is none.
    """
    from matplotlib.figure import Figure

    made = [bodies(one, look) for one in structures]
    grid = _grid(structures, look, width or (ONE if len(structures) == 1 else SEVERAL))
    figure = Figure(figsize=(grid.size[0] / DPI, grid.size[1] / DPI))
    figure.set_layout_engine("none")
    for k, (one, own, half) in enumerate(zip(structures, made, _halves(structures, made), strict=True)):
        axes = figure.add_axes(grid.place(k))
        axes.axis("off")
        seen = image(own, _MARGIN * half, grid.side)
        axes.imshow(seen.rgba, interpolation="none")
        axes.set_title(_words(one), parse_math=True, fontsize=8, pad=2)
        if look.labels:
            _label(axes, own, seen, half * _MARGIN)
    return figure


def n_columns(count: int) -> int:
    """The columns of a grid with few empty places."""
    least = max(3, isqrt(count))
    return count if count < 5 else min(range(least, least + 3), key=lambda columns: (-count % columns, -columns))


def _grid(structures: Sequence[Pictured], look: Look, width: float) -> _Grid:
    columns = min(look.columns or n_columns(len(structures)), len(structures))
    whole, gap = round(width / _INCH * DPI), round(0.06 * DPI)
    lines = max(_words(one).count("\n") + 1 if _words(one) else 0 for one in structures)
    side = max((whole + gap) // columns - gap, 16)
    return _Grid(columns, -(-len(structures) // columns), side, round(lines * _LINE * DPI), gap)


def _words(one: Pictured) -> str:
    return "\n".join(line for line in (one.title, one.note) if line)


def _halves(structures: Sequence[Pictured], made: Sequence[Bodies]) -> list[float]:
    """Half the side of every cell in the unit of length: the same for structures of one composition."""
    largest: dict[tuple[str, ...], float] = defaultdict(float)
    keys = [tuple(sorted(one.symbols)) for one in structures]
    for key, own in zip(keys, made, strict=True):
        largest[key] = max(largest[key], own.half)
    return [largest[key] for key in keys]


def _label(axes: "Axes", made: Bodies, seen: Image, half: float) -> None:
    """Writes the numbers of the atoms whose middle is seen."""
    from matplotlib.patheffects import withStroke

    side = len(seen.owner)
    at = (made.centres[:, :2] / half * [1, -1] + 1) * side / 2
    for k, (x, y) in enumerate(at):
        if seen.owner[int(y), int(x)] == k:
            size = np.clip(made.radii[k] / half * side / DPI * _POINTS * 0.4, 3, 9)
            text = axes.text(x - 0.5, y - 0.5, str(k), ha="center", va="center", fontsize=size, color="black")
            text.set_path_effects([withStroke(linewidth=1.2, foreground="white")])
