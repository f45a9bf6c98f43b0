"""The searches of a series: in which order, from which starts, and what is kept of them."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from ase import Atoms

from clusteropt.commands.grow_files import Asked, GrowFiles
from clusteropt.commands.search_files import OURS, SearchFiles
from clusteropt.commands.search_tasks import Work
from clusteropt.console import complain
from clusteropt.database.database import Database
from clusteropt.database.rows import formula_of
from clusteropt.errors import ClusterOptError, UsageError
from clusteropt.exploration.composition import Kit
from clusteropt.finding.result import SearchMinimum, SearchResult
from clusteropt.finding.searching import composition_of, known_to, optimizer_of
from clusteropt.finding.series import Member, Series, members
from clusteropt.finding.under_way import Task
from clusteropt.io.extxyz import text_of
from clusteropt.potentials.base import Potential
from clusteropt.runtime.files import write_atomically
from clusteropt.search.starts import symbols_of
from clusteropt.settings.exploration import ExplorationSettings
from clusteropt.settings.values import shown

_PASSES = 4  # over all sizes, after the first


def element_of(text: str) -> str:
    """The element; LJ means X. Raises UsageError for text that is not one element."""
    try:
        symbols = symbols_of(text)
    except UsageError:
        symbols = []
    if len(symbols) != 1 or not text.isalpha():
        raise UsageError(f"'{text}' is not an element: write one, as LJ or Ag, and then the sizes, as 2-60")
    return symbols[0]


class Growing:
    """The searches of a series, with its database open."""

    def __init__(self, element: str, name: str, asked: Asked, files: GrowFiles, database: Database) -> None:
        self._settings, self._seconds, self._files, self.name = asked.settings, asked.seconds, files, name
        self.sizes = asked.sizes.all
        own = {n: composition_of(f"{element}{n}", asked.settings.potential) for n in self.sizes}
        self._compositions, self._series = own, Series(own, database)
        self._optimizer = optimizer_of(asked.settings)
        self._best_known = {n: known_to(asked.settings, own[n]) for n in self.sizes}
        self._command = command_of(element, asked.settings, asked.seconds)
        self._lowest = {n: one for n in self.sizes if (one := self._series.lowest(n)) is not None}

    @property
    def potential(self) -> Potential:
        """The potential of all sizes."""
        return self._compositions[self.sizes[0]].potential

    @property
    def n_finished(self) -> int:
        """The sizes that this command has finished."""
        finished = self._series.finished(self._command)
        return sum(formula_of(own.symbols) in finished for own in self._compositions.values())

    @property
    def members(self) -> list[Member]:
        """The lowest minimum that is known of each size."""
        return members(self.sizes, self._lowest, self._best_known)

    def works(self) -> Iterator[Work]:
        """The searches: of all sizes that this command has not finished, and then of those that their neighbours improve.

        The next one is prepared when it is asked for, by what the database has then.
        """
        finished = self._series.finished(self._command)
        for n in self.sizes:
            if formula_of(self._compositions[n].symbols) not in finished:
                yield self._work(n)
        for k in range(_PASSES):
            improved = False
            for n in self.sizes if k % 2 else reversed(self.sizes):
                if self._series.improves(n):
                    improved = True
                    yield self._work(n)
            if not improved:
                return

    def keep(self, result: SearchResult) -> ClusterOptError | None:
        """Notes the lowest minimum of that size, and writes the file of all; returns the problem in writing it."""
        if result.minima:
            n = len(result.minima[0].symbols)
            self._lowest[n] = self._series.lowest(n) or result.minima[0]
        return self.write()

    def write(self) -> ClusterOptError | None:
        """Writes the lowest minima of all sizes. Returns the problem that kept it from being written."""
        frames = [_frame(self._lowest[n], self.name) for n in self.sizes if n in self._lowest]
        try:
            if frames:
                write_atomically(self._files.lowest, text_of(frames))
        except ClusterOptError as problem:
            complain(str(problem))
            return problem
        return None

    def _work(self, n: int) -> Work:
        kit = Kit(self._compositions[n], self._optimizer, self._settings.seed)
        starts = self._series.starts(n)
        task = Task(kit, self._settings, self._seconds, starts, self._command, self._best_known[n])
        return Work(task, SearchFiles(None, self._files.database), announced=False)


def command_of(element: str, settings: ExplorationSettings, seconds: float | None) -> str:
    """The command as the database remembers it: element and settings, but no sizes and nothing about files or display."""
    usual = ExplorationSettings()
    own = {each.name: getattr(settings, each.name) for each in fields(settings)}
    given = {name: value for name, value in own.items() if value != getattr(usual, name)}
    words = [_words(name.replace("_", "-"), value) for name, value in given.items()]
    limit = [] if seconds is None else [f"--time-limit {seconds:g}"]
    return " ".join(["clusteropt grow", element, *words, *limit])


def _words(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name} {shown(value)}"


def _frame(lowest: SearchMinimum, name: str) -> Atoms:
    atoms = lowest.atoms.copy()
    atoms.calc = lowest.atoms.calc
    atoms.info[OURS] = name
    return atoms
