"""The progress of `minimize` and `energy`: a bar on a terminal, otherwise a line now and then."""

import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from clusteropt.console import Messages, say
from clusteropt.search.observer import SearchProgress
from clusteropt.words import counted, so_many_of

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from clusteropt.potentials.base import Potential

_REPORT = 60.0  # seconds between two lines where there is no bar


class TimeLeft:
    """Estimates the time left from the progress since the first note. Compilation comes before it, so it does not count."""

    def __init__(self) -> None:
        self.share = 0.0  # fraction of the work that is done, 0 to 1; it never falls
        self._first: tuple[float, float] | None = None  # time and share
        self._last = (0.0, 0.0)

    def note(self, share: float, now: float) -> None:
        """Notes the fraction that is done at the time `now` (seconds)."""
        self.share = max(self.share, share)
        self._last = (now, self.share)
        if self._first is None:
            self._first = self._last

    def left(self, now: float) -> float | None:
        """The seconds left at the time `now`; None before the second note."""
        if self._first is None or self.share <= self._first[1]:
            return None
        rate = (self.share - self._first[1]) / max(self._last[0] - self._first[0], 1e-9)
        return max(0.0, (1 - self.share) / rate - (now - self._last[0]))


class Display:
    """Watches the computation of structures of these `costs`; see `search.observer.Observer`."""

    def __init__(self, costs: Sequence[float], quiet: bool) -> None:
        self._costs, self._quiet = costs, quiet
        self._total = sum(costs) or 1.0
        self._pace = TimeLeft()
        self._finished: set[int] = set()
        self._progress: SearchProgress | None = None
        self._unit = ""
        self._compiled: set[int] = set()
        self._said = time.monotonic()
        self._bar: Bar | None = None

    def __enter__(self) -> "Display":
        if not self._quiet and self._costs and sys.stderr.isatty():
            self._bar = _bar(self._pace)
            self._bar.start()
            self._bar.add_task("computing", total=1.0, words="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begins(self, potential: "Potential", indices: Sequence[int]) -> None:
        self._unit = potential.energy_unit

    def compiles(self, n_atoms: Sequence[int]) -> None:
        new = sorted(set(n_atoms) - self._compiled)
        self._compiled |= set(new)
        if new and not self._quiet:
            sizes = ", ".join(map(str, new))
            plural = "this size" if len(new) == 1 else "each size"
            atoms = "atom" if sizes == "1" else "atoms"
            say(f"compiling for clusters of up to {sizes} {atoms} (once for {plural})")
            self._show("compiling")

    def searches(self, progress: SearchProgress) -> None:
        self._progress = progress
        self._show("searching")

    def finished(self, indices: Iterable[int]) -> None:
        """The structures of these indices have their results."""
        self._finished |= set(indices)
        self._progress = None
        self._show("computing")

    def kept(self, count: int) -> None:
        """The output files hold `count` results. Prints a line about it now and then."""
        if self._bar is None and not self._quiet and time.monotonic() - self._said > _REPORT:
            self._said = time.monotonic()
            say(f"{so_many_of(count, len(self._costs), 'structure')} done and kept")

    def _show(self, what: str) -> None:
        if self._bar is None:
            return
        done = sum(self._costs[i] for i in self._finished)
        if self._progress is not None:
            done += self._progress.share * sum(self._costs[i] for i in self._progress.indices)
        if done or self._progress is not None:
            self._pace.note(done / self._total, time.monotonic())
        self._bar.update(self._bar.task_ids[0], completed=self._pace.share, description=what, words=self._words())

    def _words(self) -> str:
        words = [f"{len(self._finished)} of {len(self._costs)}"] if len(self._costs) > 1 else []
        if self._progress is not None:
            words.append(f"{self._progress.n_ended} of {counted(self._progress.n_chains, 'chain')} ended")
            words.append(f"lowest {self._progress.lowest:.6f} {self._unit}")
        return " · ".join(words)


def _bar(pace: TimeLeft) -> "Bar":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Left(ProgressColumn):
        def render(self, task: Task) -> Text:
            seconds = pace.left(time.monotonic())
            return Text("" if seconds is None else f"{time_of(seconds)} left", "cyan")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(20),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
        Left(),
    )
    return Progress(*columns, console=Console(file=Messages(sys.stderr)), transient=True)  # type: ignore[arg-type]


def time_of(seconds: float) -> str:
    """A time as 0:07, 3:25 or 1:02:03."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
