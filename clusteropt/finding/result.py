"""The result of the search of a composition, as Python programs see it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from clusteropt import __version__
from clusteropt.engine.step import Status
from clusteropt.potentials.base import Potential
from clusteropt.search.found import Found
from clusteropt.search.minimum import Minimum
from clusteropt.words import counted

SAME = 2e-6  # energy scales within which an energy is the best known; the table has six decimals
WHY = {  # `stopped_by` in words
    "confirmed": "confirmed",
    "target": "target reached",
    "evaluations": "limit of evaluations",
    "time": "time limit",
    "slurm": "end of the Slurm job",
    "relaxed": "end of the relaxations",
}


def why(stopped_by: str) -> str:
    """The reason for the end of a search, in words."""
    return WHY.get(stopped_by, stopped_by)


@dataclass(frozen=True)
class SearchMinimum:
    """A distinct minimum that a search has found, or has known from its database. Units are those of the potential."""

    found: Found = field(repr=False)
    symbols: tuple[str, ...] = field(repr=False)
    potential: Potential = field(repr=False)
    point_group: str = ""  # in Schoenflies' notation; empty where it is unknown
    certificate: str = ""  # 'minimum', 'saddle', 'flat', 'fragmented' or 'not-converged', where it was certified
    prescreened: "Relaxed | None" = field(
        default=None, repr=False
    )  # the lowest minimum of the prescreen that led to it

    def __repr__(self) -> str:
        return f"SearchMinimum({self.energy:.6f} {self.potential.energy_unit}, {self.point_group}, {self.origin})"

    @cached_property
    def atoms(self) -> Atoms:
        """The atoms with energies and forces, sorted by element; the info tells how they were found."""
        minimum = self.found.minimum
        atoms = Atoms(self.symbols, positions=minimum.positions)
        atoms.calc = SinglePointCalculator(atoms, **minimum.values)
        atoms.info = self._info | ({"point_group": self.point_group} if self.point_group else {})
        if self.prescreened is not None:
            atoms.info |= self.prescreened.info
        return atoms

    @property
    def _info(self) -> dict[str, str | int]:
        return {
            "status": self.status,
            "potential": self.potential.name,
            "times_reached": self.times_reached,
            "origin": self.origin,
            "clusteropt_version": __version__,
        }

    @property
    def energy(self) -> float:
        """In the unit of the potential."""
        return self.found.minimum.energy

    @property
    def status(self) -> str:
        """The certificate, where there is one; else 'converged', as all that is kept."""
        return self.certificate or self.found.minimum.status.label

    @property
    def times_reached(self) -> int:
        """The chains of this search that have come to it; 0 where only the database knew it."""
        return self.found.n_reached

    @property
    def origin(self) -> str:
        """How the search first came to it, in words: 'symmetric start', 'surface move', ..."""
        return self.found.origin

    @property
    def evaluations(self) -> int | None:
        """The evaluations of this search until then; None where it has not come to it."""
        return self.found.n_evaluations if self.times_reached else None

    @property
    def seconds(self) -> float | None:
        """The seconds of this search until then; None where it has not come to it."""
        return self.found.seconds if self.times_reached else None


@dataclass(frozen=True)
class Relaxed:
    """A minimum of the prescreening potential, and what a calculator has made of it."""

    start: SearchMinimum  # the minimum of the prescreening potential
    rank: int  # among the minima of that potential, from 1
    minimum: Minimum  # by the calculator, with its status
    number: int | None = None  # of the minimum in the result, from 0; None where the relaxation led to none

    @cached_property
    def atoms(self) -> Atoms:
        """The atoms where the relaxation has ended; the info tells its status, and what it began with."""
        atoms = Atoms(self.start.symbols, positions=self.minimum.positions)
        atoms.info = {"status": self.minimum.status.label, **self.info}
        if self.minimum.problem:
            atoms.info["problem"] = self.minimum.problem
        return atoms

    @property
    def info(self) -> dict[str, str | int | float]:
        """Name, energy and rank by the prescreening potential, for the info of atoms."""
        name = self.start.potential.name
        return {"prescreen": name, "prescreen_energy": self.start.energy, "prescreen_rank": self.rank}


@dataclass(frozen=True)
class SearchResult:
    """The result of a search. Energies in the unit of the potential."""

    formula: str  # elements in alphabetical order, each with its count
    potential: Potential = field(repr=False)  # with its units
    minima: tuple[SearchMinimum, ...] = field(repr=False)  # all that are kept, the lowest first
    stopped_by: str  # 'confirmed', 'target', 'evaluations', 'time', or what stopped it from outside
    evaluations: int  # of energy and forces
    seconds: float  # without start-up; with compiling, if there was any
    missed: float  # estimated chance that a low minimum was missed; nan after a prescreen
    seed: int  # of all random numbers
    best_known: float | None  # energy in the table of best-known minima; None without an entry
    prescreen: "SearchResult | None" = field(default=None, repr=False)  # by the other potential, where there was one
    relaxed: tuple[Relaxed, ...] = field(default=(), repr=False)  # its lowest minima, by rank, relaxed
    compiled: bool = field(default=False, repr=False)  # programs had to be compiled

    @property
    def n_failed(self) -> int:
        """The minima of the prescreen whose relaxation has not converged."""
        return sum(one.minimum.status is not Status.CONVERGED for one in self.relaxed)

    @property
    def is_certified(self) -> bool:
        """True where the lowest minima have certificates: not where they were not wanted, or the search was interrupted."""
        return any(one.certificate for one in self.minima)

    @property
    def energy(self) -> float:
        """The lowest energy; nan where nothing was found."""
        return self.minima[0].energy if self.minima else float("nan")

    @property
    def atoms(self) -> Atoms | None:
        """The lowest minimum; None where nothing was found."""
        return self.minima[0].atoms if self.minima else None

    @property
    def gap(self) -> float | None:
        """Energy above the best-known minimum; None where the table has none."""
        return None if self.best_known is None or not self.minima else self.energy - self.best_known

    @property
    def verdict(self) -> str:
        """The lowest energy and the best known: 'reached', 'above', 'below', or empty where none is known."""
        return "" if self.gap is None else verdict_of(self.gap, self.potential)


def prescreen_words(cheap: SearchResult, relaxed: Sequence[Minimum]) -> str:
    """A line about a search by a cheap potential, of whose minima some were `relaxed`."""
    n_failed = sum(one.status is not Status.CONVERGED for one in relaxed)
    failed = f", {n_failed} not converged" if n_failed else ""
    took = f"{counted(cheap.evaluations, 'evaluation')} in {cheap.seconds:.1f} s"
    done = f"{len(relaxed)} of {counted(len(cheap.minima), 'minimum')} relaxed{failed}"
    return f"prescreened by {cheap.potential.name}, stopped by: {why(cheap.stopped_by)}; {took}; {done}"


def verdict_of(gap: float, potential: Potential) -> str:
    """An energy above the best known in words: 'reached', 'above' or 'below'."""
    if abs(gap) <= SAME * potential.energy:
        return "reached"
    return "above" if gap > 0 else "below"
