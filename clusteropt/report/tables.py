"""Tables for people. A narrow terminal shows the most important columns, a pipe all. No name or number is cut off."""

import io
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clusteropt.console import emit

_GAP = 2  # blanks between two columns
_FOLDED = 24  # least width of a column of long names, while other columns can be left out
_NARROWEST = 8  # its least width when no other column can be left out
_ENDLESS = 10_000  # characters per line where there is no terminal


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    heading: str
    cells: Sequence[str | Text]
    rank: int = 0  # 0 is always shown; on a narrow terminal columns of higher rank are left out first
    right: bool = False  # aligned to the right
    folds: bool = False  # a long cell may be broken into several lines on a terminal

    @property
    def natural(self) -> int:
        """The width at which the heading and every cell fit into one line."""
        return max(cell_len(self.heading), self._cells)

    @property
    def least(self) -> int:
        """The least width while other columns can be left out. The heading may take two lines, a folding cell several."""
        return max(_two_lines(self.heading), min(self._cells, _FOLDED) if self.folds else self._cells)

    @property
    def narrowest(self) -> int:
        """The least width where the terminal is too narrow even for the columns that are always shown."""
        return min(self.least, max(_NARROWEST, _two_lines(self.heading))) if self.folds else self.least

    @property
    def _cells(self) -> int:
        return max((cell_len(str(cell)) for cell in self.cells), default=0)


def show(columns: Sequence[Column], wide: bool = False) -> None:
    """Prints the table on stdout: all columns in a pipe or if `wide`, otherwise the columns that fit the terminal."""
    console = Console()
    width = console.width if sys.stdout.isatty() and not wide else None
    emit(text(columns, width, colours=console.is_terminal and not console.no_color))


def text(columns: Sequence[Column], width: int | None, colours: bool = False) -> str:
    """The table as text of at most `width` characters per line, and a line that names the columns left out.

    None for `width` shows all columns.
    """
    widths = {c.heading: c.natural for c in columns} if width is None else fitted(columns, width)
    page = io.StringIO()
    paper = Console(file=page, width=_ENDLESS, force_terminal=colours, no_color=not colours)
    paper.print(_table([c for c in columns if c.heading in widths], widths))
    left_out = [c.heading for c in columns if c.heading not in widths]
    if left_out and width is not None:
        words = f"left out on this terminal: {', '.join(left_out)} (--wide shows all, --json too)"
        paper.print(Text(textwrap.fill(words, width), style="dim"))
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def fitted(columns: Sequence[Column], width: int) -> dict[str, int]:
    """The widths of the columns that fit into `width`, by heading. Columns are chosen by rank, as many as possible.

    Columns of rank 0 are always there. Where they cannot be folded further, the table is wider than the terminal.
    """
    chosen = [c for c in columns if c.rank == 0]
    for column in sorted((c for c in columns if c.rank), key=lambda c: c.rank):
        if _total(c.least for c in [*chosen, column]) > width:
            break
        chosen.append(column)
    widths = {c.heading: c.least for c in chosen}
    for c in chosen:
        if c.folds:
            widths[c.heading] -= max(0, min(_total(widths.values()) - width, c.least - c.narrowest))
    for _ in range(width - _total(widths.values())):  # the rest goes to the cell with the most lines, then to headings
        wanting = [c for c in chosen if widths[c.heading] < c.natural]
        if wanting:
            widths[max(wanting, key=lambda c: (c.folds, c.natural / widths[c.heading])).heading] += 1
    return widths


def _total(widths: Iterable[int]) -> int:
    """The width of a table whose columns have these widths, with the gaps."""
    return sum(width + _GAP for width in widths) - _GAP


def _two_lines(heading: str) -> int:
    """The smallest width in which the heading takes two lines at most."""
    longest = max(map(cell_len, heading.split()), default=0)
    return next(w for w in range(longest, cell_len(heading) + 1) if len(textwrap.wrap(heading, max(w, 1))) <= 2)


def _table(columns: Sequence[Column], widths: dict[str, int]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for c in columns:
        table.add_column(
            c.heading, justify="right" if c.right else "left", overflow="fold", width=widths[c.heading], vertical="top"
        )
    for cells in zip(*(c.cells for c in columns), strict=True):
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))
    return table
