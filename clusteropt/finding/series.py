"""A series of clusters of one element, size by size: their lowest minima, and starts that one size takes from its neighbours."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.pointgroups import point_group
from clusteropt.clusters.sameness import QUANTUM
from clusteropt.database.database import Database
from clusteropt.database.rows import formula_of
from clusteropt.engine.step import Status
from clusteropt.exploration.composition import Composition
from clusteropt.exploration.polishing import polished
from clusteropt.finding.result import SearchMinimum, verdict_of
from clusteropt.runtime import host
from clusteropt.search.found import Found
from clusteropt.search.grown import with_one_less, with_one_more
from clusteropt.settings.method import LocalSettings

LOWEST = 5  # minima of a neighbouring size from which starts are made
MORE, LESS = 8, 4  # starts from each of them, with an atom more and with one less
FINISHED = ("confirmed", "evaluations", "time")  # ends of a search that was not cut short
_SHAKE = 0.02  # lengths, by which atoms are displaced before a start is polished


class Member(NamedTuple):
    """A size of a series. Energies in the unit of the potential."""

    n_atoms: int
    lowest: SearchMinimum | None  # None where none is known
    best_known: float | None = None  # energy
    second_difference: float | None = None  # E(N+1) + E(N-1) - 2 E(N); None where a neighbour is unknown
    magic: bool = False

    @property
    def energy(self) -> float | None:
        return None if self.lowest is None else self.lowest.energy

    @property
    def gap(self) -> float | None:
        """Energy above the best known; None where there is none."""
        return None if self.lowest is None or self.best_known is None else self.lowest.energy - self.best_known

    @property
    def verdict(self) -> str:
        """'reached', 'above' or 'below', or empty where no energy is known."""
        return "" if self.gap is None or self.lowest is None else verdict_of(self.gap, self.lowest.potential)


def second_differences(energies: Mapping[int, float]) -> dict[int, float]:
    """E(N+1) + E(N-1) - 2 E(N) for each size N whose neighbours have energies too.

    A large one means that N is more stable than its neighbours.
    """
    inside = [n for n in sorted(energies) if n - 1 in energies and n + 1 in energies]
    return {n: energies[n + 1] + energies[n - 1] - 2 * energies[n] for n in inside}


def magic_numbers(differences: Mapping[int, float]) -> list[int]:
    """The sizes whose second difference is positive, and larger than those of both neighbours, or of the one that has one."""
    found = []
    for n, value in sorted(differences.items()):
        beside = [differences[m] for m in (n - 1, n + 1) if m in differences]
        if value > 0 and beside and value > max(beside):
            found.append(n)
    return found


def members(
    sizes: Sequence[int], lowest: Mapping[int, SearchMinimum], best_known: Mapping[int, float | None]
) -> list[Member]:
    """A member for each size, by the lowest minima that are known."""
    differences = second_differences({n: one.energy for n, one in lowest.items()})
    magic = {*magic_numbers(differences)}
    return [Member(n, lowest.get(n), best_known.get(n), differences.get(n), n in magic) for n in sizes]


class Series:
    """Compositions by their numbers of atoms, and the database that keeps their minima."""

    def __init__(self, compositions: Mapping[int, Composition], database: Database) -> None:
        self.compositions, self._database = compositions, database

    def lowest(self, n: int) -> SearchMinimum | None:
        """The lowest minimum of a size in the database; `times_reached` counts the chains of all runs."""
        own = self.compositions[n]
        for one in self._database.minima(formula_of(own.symbols), 1):
            group = point_group(one.minimum.positions, own.species, own.potential.length).symbol
            return SearchMinimum(one, own.symbols, own.potential, group)
        return None

    def finished(self, command: str) -> set[str]:
        """The formulas (as ASE writes them) of searches by that command that were not cut short."""
        return {run.formula for run in self._database.runs() if run.command == command and run.stopped_by in FINISHED}

    def starts(self, n: int) -> list[np.ndarray]:
        """Positions (n, 3) made from the lowest minima of one atom less and one atom more, as far as any are known."""
        return [*self._grown(n), *self._shrunk(n)]

    def improves(self, n: int) -> bool:
        """True where a start from a neighbouring size ends below the lowest minimum of this one, by local minimization alone."""
        starts, known, own = self.starts(n), self.lowest(n), self.compositions[n]
        if not starts:
            return False
        settings = LocalSettings(perturb=_SHAKE * own.potential.length)
        with host.double_precision():
            ends = polished(own, [start.T for start in starts], settings)
        energies = [end.energy for end in ends if end.status is Status.CONVERGED]
        ceiling = np.inf if known is None else known.energy - 2 * QUANTUM * own.potential.energy
        return min(energies, default=np.inf) < ceiling

    def _grown(self, n: int) -> Iterator[np.ndarray]:
        length = self.compositions[n].potential.length
        for one in self._known(n - 1):
            with host.double_precision():
                yield from with_one_more(one.minimum.positions, length, MORE)

    def _shrunk(self, n: int) -> Iterator[np.ndarray]:
        for one in self._known(n + 1):
            yield from with_one_less(one.minimum, self.compositions[n].potential.energy, LESS)

    def _known(self, n: int) -> list[Found]:
        """The lowest minima of a size, which may lie outside the series."""
        symbol = next(iter(self.compositions.values())).symbols[0]
        return self._database.minima(formula_of([symbol] * n), LOWEST) if n > 1 else []
