"""The pool: the lowest distinct minima that a search has found, each once."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.sameness import QUANTUM, fingerprints, is_plainly_same, is_same, may_be_same
from clusteropt.engine.step import Status
from clusteropt.exploration.composition import Composition
from clusteropt.search.found import Found
from clusteropt.search.minimum import Minimum


class Sighting(NamedTuple):
    """A polished minimum that a chain has come to."""

    minimum: Minimum
    serial: int  # the number of the chain
    alone: bool  # the chain has taken nothing from the lowest minimum
    origin: str
    n_evaluations: int  # of the whole search until then
    seconds: float


class Pool:
    """The lowest distinct minima of a composition, `keep` of them."""

    def __init__(self, composition: Composition, keep: int, known: Sequence[Found] = ()) -> None:
        self._composition, self._keep = composition, keep
        self._order: list[tuple[float, int]] = []  # energies and numbers, the lowest first
        self._found: dict[int, Found] = {}
        self._prints: dict[int, np.ndarray] = {}
        self._chains: dict[int, set[int]] = {}  # the chains that have come to each
        self._next = 0
        if known:
            for one, own in zip(known, self._prints_of([one.minimum for one in known]), strict=True):
                self._enter(one, own)

    @property
    def found(self) -> list[Found]:
        """All that is kept, the lowest first."""
        return [self._found[number] for _, number in self._order]

    @property
    def ceiling(self) -> float:
        """The energy above which a minimum is not kept."""
        return self._order[-1][0] if len(self._order) >= self._keep else np.inf

    @property
    def lowest(self) -> float:
        return self._order[0][0] if self._order else np.inf

    @property
    def number(self) -> int:
        """The number of the lowest minimum; -1 without any."""
        return self._order[0][1] if self._order else -1

    def add(self, sighting: Sighting) -> int | None:
        """Counts the sighting; the number of its minimum.

        One that has not converged, or lies above the ceiling, leaves no trace, and has no number.
        """
        return self.add_all([sighting])[0]

    def add_all(self, sightings: Sequence[Sighting]) -> list[int | None]:
        """Counts sightings, one after the other; the number of the minimum of each, as of `add`."""
        if not sightings:
            return []
        prints = self._prints_of([one.minimum for one in sightings])
        return [self._added(one, own) for one, own in zip(sightings, prints, strict=True)]

    def _added(self, sighting: Sighting, own: np.ndarray) -> int | None:
        minimum = sighting.minimum
        if minimum.status != Status.CONVERGED or minimum.energy > self.ceiling:
            return None
        number = self._number(minimum, own)
        if number is None:
            new = Found(minimum, 0, sighting.origin, sighting.n_evaluations, sighting.seconds)
            number = self._enter(new, own)
        if number in self._found and sighting.serial not in self._chains[number]:
            self._chains[number].add(sighting.serial)
            old = self._found[number]
            if not old.n_reached:  # known from before, and now reached
                old = old._replace(
                    origin=sighting.origin, n_evaluations=sighting.n_evaluations, seconds=sighting.seconds
                )
            changed = old._replace(n_reached=old.n_reached + 1, n_alone=old.n_alone + sighting.alone)
            self._found[number] = changed
        return number

    def _number(self, minimum: Minimum, own: np.ndarray) -> int | None:
        """The number of the minimum that this one is; None for a new one."""
        near = self._near(minimum.energy)
        scale = self._composition.potential.energy
        for energy, number in near:
            if is_plainly_same(self._prints[number], own, abs(energy - minimum.energy) / scale):
                return number
        may_be = (number for _, number in near if may_be_same(self._prints[number], own))
        return next((number for number in may_be if self._is(number, minimum)), None)

    def _near(self, energy: float) -> list[tuple[float, int]]:
        """Energies and numbers of the minima that may be one of this energy."""
        margin = 2 * QUANTUM * self._composition.potential.energy
        first = bisect_left(self._order, (energy - margin, -1))
        return self._order[first : bisect_left(self._order, (energy + margin, self._next), first)]

    def _is(self, number: int, minimum: Minimum) -> bool:
        length, species = self._composition.potential.length, self._composition.species
        return is_same(self._found[number].minimum.positions, minimum.positions, species, species, length)

    def _prints_of(self, minima: Sequence[Minimum]) -> np.ndarray:
        """The fingerprints (n_minima, n_numbers)."""
        positions = np.array([minimum.positions for minimum in minima])
        return fingerprints(positions, self._composition.species, self._composition.potential.length)

    def _enter(self, one: Found, own: np.ndarray) -> int:
        number, self._next = self._next, self._next + 1
        insort(self._order, (one.minimum.energy, number))
        self._found[number], self._chains[number], self._prints[number] = one, set(), own
        if len(self._order) > self._keep:
            _, last = self._order.pop()
            del self._found[last], self._prints[last], self._chains[last]
        return number
