"""The record of a batch's folder."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from clusteropt.records.minima import Model
from clusteropt.records.origin import Origin, Units

CONVERGED, WAITING = "converged", "waiting"


class Ended(NamedTuple):
    """A structure with a result."""

    name: str
    status: str
    n_atoms: int
    formula: str
    energy: float | None  # None where there is none
    n_evaluations: int
    units: Units
    problem: str = ""  # in words, with its cure


class Shard(NamedTuple):
    """One of the runs that have worked on a batch."""

    name: str
    state: str  # running, stopped, finished, failed, killed or silent
    host: str
    new: int  # structures that it has finished


class Batch(NamedTuple):
    """All that the folder of a batch tells."""

    source: str
    total: int  # structures in the list of inputs; those without a result are waiting
    ended: tuple[Ended, ...]
    origin: Origin
    settings: Mapping[str, str]  # those that are not the default ones, by name
    shards: tuple[Shard, ...] = ()
    models: tuple[Model, ...] = ()  # the lowest minimum of some formulas
    missing: tuple[str, ...] = ()  # what could not be read, in words

    @property
    def counts(self) -> dict[str, int]:
        """The number of structures with each status, the most frequent first; those without a result last."""
        found = Counter(one.status for one in self.ended)
        waiting = {WAITING: self.total - len(self.ended)} if self.total > len(self.ended) else {}
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))) | waiting

    @property
    def failures(self) -> list[Ended]:
        """The structures that have not converged, in the order of the inputs."""
        return [one for one in self.ended if one.status != CONVERGED]

    @property
    def slowest(self) -> list[Ended]:
        """Those that took evaluations, the most first; equal ones in the order of the inputs."""
        return sorted((one for one in self.ended if one.n_evaluations), key=lambda one: -one.n_evaluations)

    @property
    def units(self) -> Units:
        """The units of most of the energies."""
        counts = Counter(one.units for one in self.ended if one.energy is not None)
        return max(sorted(counts), key=counts.__getitem__, default=Units("", ""))
