"""Minima of compositions, the searches that have found them, and series of sizes."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clusteropt.records.origin import Origin, Units

USUAL = ("", "converged", "minimum")  # statuses that need no word in a title


class Prescreened(NamedTuple):
    """The lowest minimum of a cheap potential from which another one was relaxed; energies by the cheap potential."""

    potential: str
    rank: int  # among the minima of that potential
    energy: float
    above: float | None = None  # energy above the lowest of that potential; None where that is not known


def prescreened_of(potential: str, rank: int, energy: float, lowest: Mapping[str, float]) -> Prescreened:
    """The minimum above the lowest one of its potential, where that is known."""
    return Prescreened(potential, rank, energy, energy - lowest[potential] if potential in lowest else None)


class Level(NamedTuple):
    """A minimum among all of its formula; energies in the unit of the potential."""

    rank: int  # 1 is the lowest
    energy: float
    above: float  # energy above the lowest
    point_group: str = ""  # empty where it is unknown
    n_reached: int = 0  # chains that have come to it; 0 where that is not told
    origin: str = ""  # how the first of them came to it, in words
    n_evaluations: int | None = None  # of the first search that came to it, until then
    name: str = ""  # of the structure in its file
    status: str = ""  # its certificate or its end in a word; empty where that is not told
    prescreened: Prescreened | None = None


class Course(NamedTuple):
    """The best energy of a search, whenever it fell."""

    seed: int
    evaluations: tuple[int, ...]  # until each new lowest minimum
    energies: tuple[float, ...]  # of these
    n_evaluations: int  # of the whole search so far
    stopped_by: str = ""  # as results name it; empty where it has not ended
    missed: float | None = None  # the estimated chance that a low minimum was missed; None where it is not told
    before: str = ""  # of a search by a cheap potential before it, in words


class Model(NamedTuple):
    """A structure to look at."""

    title: str
    note: str  # energy, point group and the like
    atoms: Any  # ASE's


def model_of(level: Level, formula: str, unit: str, atoms: Any) -> Model:
    """The structure of a level, with its rank, energy and point group."""
    reached = f"reached {level.n_reached:,}×" if level.n_reached else ""
    status = level.status if level.status not in USUAL else ""
    return Model(f"{level.rank}. {formula}", note_of(level.energy, unit, level.point_group, reached, status), atoms)


def note_of(energy: float, unit: str, *others: str) -> str:
    """The note of a structure: its energy, and what else there is to say."""
    return ", ".join(filter(None, (f"{energy:.4f} {unit}".rstrip(), *others)))


class Composition(NamedTuple):
    """The minima of one formula, the lowest first."""

    formula: str
    levels: tuple[Level, ...]
    courses: tuple[Course, ...] = ()
    models: tuple[Model, ...] = ()  # the lowest of them
    best_known: float | None = None  # energy in the table of best-known minima
    verdict: str = ""  # of the lowest beside it: reached, above or below; empty where none is known


class Size(NamedTuple):
    """A size of a series; None where no energy is known."""

    n_atoms: int
    energy: float | None
    second_difference: float | None = None  # E(N+1) + E(N-1) - 2 E(N)
    magic: bool = False


class Mixed(NamedTuple):
    """The lowest energy of a composition of two elements, among others of as many atoms."""

    formula: str
    n_second: int  # atoms of the second element
    energy: float


class Mixture(NamedTuple):
    """Compositions of two elements with the same number of atoms, by their atoms of the second one."""

    elements: tuple[str, str]
    n_atoms: int
    members: tuple[Mixed, ...]

    @property
    def excess(self) -> list[tuple[int, float]]:
        """The atoms of the second element, and the energy above the mean of the pure clusters; empty unless both are known."""
        energies = {one.n_second: one.energy for one in self.members}
        if not {0, self.n_atoms} <= energies.keys():
            return []
        first, last, n = energies[0], energies[self.n_atoms], self.n_atoms
        return [(k, energy - first + k / n * (first - last)) for k, energy in sorted(energies.items())]


class Minima(NamedTuple):
    """All that a database of minima, a file of structures or the output of `grow --json` tells."""

    source: str
    units: Units
    compositions: tuple[Composition, ...]
    origin: Origin
    series: tuple[Size, ...] = ()
    mixtures: tuple[Mixture, ...] = ()
    missing: tuple[str, ...] = ()  # what could not be read, or is not there, in words


def falling(levels: Sequence[Level]) -> list[Level]:
    """The levels sorted by energy, ranked anew."""
    ordered = sorted(levels, key=lambda one: (one.energy, one.name))
    return [one._replace(rank=k, above=one.energy - ordered[0].energy) for k, one in enumerate(ordered, 1)]
