"""The progress of a search: two lines that change in place on a terminal, otherwise a longer one a minute."""

import sys
import time
from typing import TYPE_CHECKING, Protocol, Self

from clusteropt.commands.display import time_of
from clusteropt.console import Messages, say
from clusteropt.finding.result import verdict_of
from clusteropt.report.searches import best_known_words
from clusteropt.words import counted

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from clusteropt.exploration.limits import Progress
    from clusteropt.potentials.base import Potential

_REPORT = 60.0  # seconds between two lines of a log
_A_SECOND = 2  # times that the lines on a terminal are drawn anew


class Watch(Protocol):
    """A context manager that is shown the progress of a search."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, progress: "Progress") -> None:
        """Is called after every round; KeyboardInterrupt ends the search."""


class SearchDisplay:
    """Shows how far the search of a formula is, which may take so many `seconds`; a context manager."""

    def __init__(
        self, formula: str, potential: "Potential", best: float | None, seconds: float | None, quiet: bool
    ) -> None:
        self._formula, self._potential, self._best, self._seconds = formula, potential, best, seconds
        self._quiet, self._progress = quiet, None
        self._progress: Progress | None = None
        self._began = self._said = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            paper = Console(file=Messages(sys.stderr))  # type: ignore[arg-type]
            self._live = Live(console=paper, transient=True, get_renderable=self._text, refresh_per_second=_A_SECOND)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, progress: "Progress") -> None:
        """Shows the progress, in a log only once a minute."""
        self._progress = progress
        if self._live is None and not self._quiet and time.monotonic() - self._said >= _REPORT:
            self._said = time.monotonic()
            say(" · ".join([*self._lines(), *_details(progress)]))

    def _text(self) -> "Text":
        from rich.text import Text

        return Text("\n".join(self._lines()), no_wrap=True, overflow="ellipsis")

    def _lines(self) -> list[str]:
        used = time.monotonic() - self._began
        left = "" if self._seconds is None else f", {time_of(max(0, self._seconds - used))} left"
        took, now = f"{time_of(used)} used{left}", self._progress
        if now is None:
            return [f"{self._formula} · starting · {took}"]
        return [
            f"{self._formula} · {self._lowest(now.lowest)}",
            f"{counted(now.n_evaluations, 'evaluation')} · {took} · chance of a miss {now.missed:.0%}",
        ]

    def _lowest(self, lowest: float) -> str:
        if lowest == float("inf"):
            return "no minimum yet"
        gap = None if self._best is None else lowest - self._best
        verdict = "" if gap is None else verdict_of(gap, self._potential)
        unit = self._potential.energy_unit
        beside = "" if gap is None else f", {best_known_words(gap, verdict, unit)}"
        return f"lowest {lowest:.6f} {unit}{beside}"


def _details(now: "Progress") -> list[str]:
    """The parts of a line of the log for which a terminal has no room."""
    rate = now.n_evaluations / max(now.seconds, 1e-9)
    return [
        f"reached by {counted(now.n_came, 'chain')}, {now.n_reached:,} of them independent",
        counted(now.n_distinct, "distinct minimum"),
        f"{rate:,.0f} evaluations/s",
    ]
