"""The pool: the lowest distinct minima that a search has found, each once."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.sameness import QUANTUM, fingerprint, is_same, may_be_same
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
        for one in known:
            self._enter(one)

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
        minimum = sighting.minimum
        if minimum.status != Status.CONVERGED or minimum.energy > self.ceiling:
            return None
        number = self._number(minimum)
        if number is None:
            new = Found(minimum, 0, sighting.origin, sighting.n_evaluations, sighting.seconds)
            number = self._enter(new)
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

    def _number(self, minimum: Minimum) -> int | None:
        """The number of the minimum that this one is; None for a new one."""
        margin = 2 * QUANTUM * self._composition.potential.energy
        length, species = self._composition.potential.length, self._composition.species
        own = fingerprint(minimum.positions, species, length)
        for energy, number in self._order[bisect_left(self._order, (minimum.energy - margin, -1)) :]:
            if energy > minimum.energy + margin:
                return None
            other = self._found[number].minimum.positions
            if may_be_same(self._prints[number], own) and is_same(other, minimum.positions, species, species, length):
                return number
        return None

    def _enter(self, one: Found) -> int:
        number, self._next = self._next, self._next + 1
        insort(self._order, (one.minimum.energy, number))
        self._found[number], self._chains[number] = one, set()
        length = self._composition.potential.length
        self._prints[number] = fingerprint(one.minimum.positions, self._composition.species, length)
        if len(self._order) > self._keep:
            _, last = self._order.pop()
            del self._found[last], self._prints[last], self._chains[last]
        return number
