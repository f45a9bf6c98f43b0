"""The records that a database of minima takes and gives."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from clusteropt.potentials.base import Potential

BELOW = "minimum_below"  # the key of the energy of the minimum to which a point leads that was shown to be none

CONVERGED = "converged"  # the status of a minimum without a certificate
_LEAST = ("", "not-converged", "flat", "fragmented", "minimum", "saddle")  # certificates; a later one decides


class Nature(NamedTuple):
    """Facts about a structure of a database besides its numbers; where two differ, the order does not matter."""

    point_group: str = ""  # empty where it is unknown
    status: str = ""  # the certificate in a word; empty without one
    below: float | None = None  # the energy of the minimum below it, where it was shown to be none itself

    @property
    def pairs(self) -> dict[str, str | float]:
        """These facts as key-value pairs."""
        told = {"point_group": self.point_group, "status": self.status}
        return {key: value for key, value in told.items() if value} | (
            {} if self.below is None else {BELOW: self.below}
        )

    def joined(self, other: "Nature") -> "Nature":
        """Both together: the other point group if there is one, the certificate that decides, the lowest minimum below."""
        status = max(self.status, other.status, key=_LEAST.index)
        below = min((one for one in (self.below, other.below) if one is not None), default=None)
        return Nature(other.point_group or self.point_group, status, below)


def nature_in(pairs: Mapping[str, Any]) -> Nature:
    """The facts that key-value pairs tell of a structure; a user may have changed the pairs."""
    status, below = str(pairs.get("status", "")), pairs.get(BELOW)
    known = status if status in _LEAST else ""
    return Nature(str(pairs.get("point_group", "")), known, below if isinstance(below, int | float) else None)


class RunInfo(NamedTuple):
    """A search that is about to begin, of one composition."""

    command: str
    symbols: tuple[str, ...]  # of the atoms, in the order of the positions of all that it will find
    seed: int


class Run(NamedTuple):
    """A search that has added to a database."""

    uuid: str
    formula: str
    command: str
    version: str  # of the program
    seed: int
    started: str  # UTC, as 2026-01-31T12:00:00Z
    ended: str | None  # None while it runs, and where it was killed
    n_evaluations: int
    seconds: float
    stopped_by: str | None  # in words


class Hit(NamedTuple):
    """How a run came to a minimum; all but the count tell of the first time."""

    n_reached: int  # chains of the run that came to it
    origin: str  # in words
    n_evaluations: int  # of the run until then
    seconds: float  # of the run until then
    seen: str  # UTC
    version: str  # of the program


class FirstHit(NamedTuple):
    """The first time that a run came to a minimum."""

    energy: float  # of the minimum
    n_evaluations: int  # of the run until then
    seconds: float  # of the run until then


class Entry(NamedTuple):
    """A minimum of a database, without its atoms."""

    id: int  # of the row, as `ase db` shows it
    formula: str
    energy: float  # energy unit of the potential
    fmax: float
    point_group: str  # empty where it was not determined
    n_reached: int  # chains of all runs that came to it
    origin: str  # how the first of them came to it
    first_seen: str  # UTC
    n_evaluations: int  # of the run that was the first to find it, until then
    version: str  # of the program at that run
    inertia: tuple[float, ...]  # principal moments, the smallest first, in atomic mass units times length unit squared
    status: str = CONVERGED  # its certificate in a word, where a search has certified it


class Relaxation(NamedTuple):
    """A minimum of another potential, from which a minimum of the database was relaxed."""

    start: str  # a digest of its atoms
    potential: str
    rank: int  # among the minima of that potential, from 1
    energy: float  # by that potential
    n_evaluations: int  # of the relaxation


class Merged(NamedTuple):
    """The numbers of a merge."""

    n_minima: int  # of the other database
    n_new: int  # of these, not known before
    n_runs: int  # of the other database
    n_new_runs: int  # of these, not known before


class Origin(NamedTuple):
    """The potential of all minima of a database."""

    name: str
    energy_unit: str
    length_unit: str


class Scales(NamedTuple):
    """The potential of the clusters of some elements."""

    sha256: str  # of its numbers
    energy: float
    length: float


def origin_of(potential: Potential) -> Origin:
    """Name and units of the potential."""
    return Origin(potential.name, potential.energy_unit, potential.length_unit)


def scales_of(potential: Potential) -> Scales:
    """Hash and scales of the potential."""
    return Scales(potential.fingerprint, potential.energy, potential.length)
