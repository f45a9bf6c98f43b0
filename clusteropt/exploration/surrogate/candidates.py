"""Candidates: the low minima of a surrogate that no evaluation has seen yet, in the order of its energies."""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Structure, pack, padded_size
from clusteropt.clusters.sameness import fingerprints
from clusteropt.engine.batches import take
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.surrogate import fit, samples
from clusteropt.exploration.surrogate.potential import potential_of, usual
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.search.descents import quenched

Explore = Callable[[Kit, list[np.ndarray]], Iterator[Any]]  # an exploration: rounds with positions and energies

_LEAST, _OF_PAIR = 1000, 64  # evaluations of the search of a new surrogate for each atom and for n^2, at least
_WORK = 100  # evaluations of that search for each of the calculator's
_GROWTH, _NONE_LEFT = 1.5, 1.1  # samples for which the surrogate is fitted anew, in those of the last fit
_SAME, _ALIKE = 0.02, 0.02  # energies, and numbers of fingerprints, within which two quenched minima count as one
_HEIGHT = (
    0.5  # energies an atom, up to which candidates lie above the lowest minima of the surrogate and the calculator
)
_GIVEN = 32  # the lowest minima that are known, from which a search starts
_MOST = 1024  # the lowest minima of a search, which are compared with each other
_PLACES = (
    512  # positions that are quenched to small forces at a time: the lowest of a search, and the last that were tried
)
_TRIED = _PLACES - 1  # the lowest minimum of the calculator is quenched with them
# The longest force, in energies over lengths, at the end of those quenches. At the end of a rough quench one minimum has many
# fingerprints, and the calculator would be asked for each of them.
_FINE = 0.01


class Candidates:
    """The candidates of a search by a calculator: low minima of its surrogate, which is fitted anew as values come in."""

    def __init__(self, kit: Kit, explore: Explore) -> None:
        self._kit, self._explore = kit, explore
        self._parameters = usual(len(kit.composition.potential.elements))
        self._waiting: list[np.ndarray] = []  # positions (3, n_atoms) in lengths, the lowest first
        self._seen: list[np.ndarray] = []  # as they were tried, and where the calculator's quench took them
        self._low: list[tuple[float, np.ndarray]] = []  # the calculator's energies and minima, the lowest first
        self._n_fitted = self._n_searches = 0
        kit.composition.problem.pool.begin_record()

    def take(self, n: int) -> np.ndarray:
        """(3, n_atoms, m) positions, in length units, of the next `n`, or of fewer where there are no more."""
        pool = self._kit.composition.problem.pool
        enough = _GROWTH if self._waiting else _NONE_LEFT
        if pool.n_recorded > enough * self._n_fitted or self._n_searches == 0:
            self._renew()
        own, self._waiting = self._waiting[:n], self._waiting[n:]
        self._seen = [*self._seen, *own][-_TRIED:]
        composition = self._kit.composition
        return np.reshape(own, (-1, 3, composition.n_atoms)).transpose(1, 2, 0) * composition.potential.length

    def note(self, positions: np.ndarray, energies: np.ndarray) -> None:
        """Notes the calculator's quenched minima: positions (3, n_padded, n) in length units, energies (n,)."""
        n = self._kit.composition.n_atoms
        for k in np.flatnonzero(np.isfinite(energies)):
            place = positions[:, :n, k] / self._kit.composition.potential.length
            self._seen.append(place)
            self._low.append((float(energies[k]), place))
        self._low = sorted(self._low, key=lambda one: one[0])[: 4 * _GIVEN]
        self._seen = self._seen[-_TRIED:]

    @property
    def _numbers(self) -> np.ndarray:
        own = self._kit.composition
        return own.problem.numbers[own.species]

    def _renew(self) -> None:
        """Fits the surrogate to all values, and searches it."""
        composition, pool = self._kit.composition, self._kit.composition.problem.pool
        record = pool.record(self._numbers)
        self._n_fitted = pool.n_recorded
        if record:
            chosen = samples.chosen(record, composition)
            self._parameters = fit.fitted(chosen, len(composition.potential.elements), self._parameters)
        own = kit_of(self._kit, self._parameters, self._n_searches)
        self._n_searches += 1
        self._waiting = self._new(self._searched(own), own.composition.problem)

    def _searched(self, kit: Kit) -> "_Minima":
        """The distinct low minima of a surrogate."""
        n, energies, places = kit.composition.n_atoms, [], []
        given = [place.T for _, place in self._lowest()]
        rounds: Any = self._explore(kit, given)
        for visits in rounds:
            fine = np.isfinite(visits.energy)
            energies.append(visits.energy[fine])
            places.append(np.moveaxis(visits.positions[:, :n, fine], -1, 0))
            enough = rounds.n_evaluations >= max(_LEAST * n, _OF_PAIR * n * n, _WORK * self._n_fitted)
            if enough or time.monotonic() > self._kit.composition.problem.pool.deadline:
                break
        rough = _distinct(self._minima(np.concatenate(energies), np.concatenate(places)))
        return _distinct(self._minima(*self._quenched(list(rough.places[:_PLACES]), kit.composition.problem)))

    def _lowest(self) -> list[tuple[float, np.ndarray]]:
        """The lowest distinct minima of the calculator, in the order of their energies."""
        if not self._low:
            return []
        own = _distinct(self._minima(*(np.array(part) for part in zip(*self._low, strict=True))))  # type: ignore[arg-type]
        return list(zip(own.energies[:_GIVEN].tolist(), own.places, strict=False))

    def _new(self, found: "_Minima", problem: ClusterProblem) -> list[np.ndarray]:
        """Of the minima that were found, the low ones that have not been tried."""
        if not len(found.energies):
            return []
        best = [place for _, place in self._low[:1]]
        energies, places = self._quenched([*best, *self._seen], problem)
        known = [energy for energy in energies[: len(best)] if np.isfinite(energy)]  # there it may have fallen apart
        ceiling = max([found.energies[0], *known]) + _HEIGHT * self._kit.composition.n_atoms
        tried = self._minima(energies, places)
        new = [k for k in np.flatnonzero(found.energies < ceiling).tolist() if not _is_among(found, int(k), tried)]
        return [found.places[k] for k in new]

    def _quenched(self, places: list[np.ndarray], problem: ClusterProblem) -> tuple[np.ndarray, np.ndarray]:
        """The surrogate's minima below at most `_PLACES` positions (3, n_atoms), in their order: energies, and positions."""
        n, species = self._kit.composition.n_atoms, self._kit.composition.species
        if not places:
            return np.zeros(0), np.zeros((0, 3, n))
        own = [Structure(place.T, species, np.ones(n, bool)) for place in places]
        columns = np.append(np.arange(len(places)), np.full(_PLACES - len(places), -1))  # programs are for so many
        ends, energies, *_ = quenched(take(pack(own, padded_size(n), np.float64), columns), problem, _FINE)
        first = slice(len(places))
        return np.asarray(energies)[first], np.moveaxis(np.asarray(ends.positions)[:, :n], -1, 0)[first]

    def _minima(self, energies: np.ndarray, places: np.ndarray) -> "_Minima":
        """The lowest minima of energies (n,) at places (n, 3, n_atoms), as many as are compared."""
        order = np.argsort(energies, kind="stable")[:_MOST]
        prints = fingerprints(places[order].transpose(0, 2, 1), self._kit.composition.species, 1.0)
        return _Minima(energies[order], places[order], prints)


class _Minima(NamedTuple):
    """Quenched minima, the lowest first."""

    energies: np.ndarray  # (n,)
    places: np.ndarray  # (n, 3, n_atoms)
    prints: np.ndarray  # (n, N_NUMBERS), fingerprints


def kit_of(kit: Kit, parameters: np.ndarray | None = None, number: int = 0) -> Kit:
    """The kit for the search of the surrogate with these parameters, or usual ones; `number`: of the search.

    It has no learned optimizer: a step of one takes as long as two of a quench on a kernel this cheap.
    """
    own, n_species = kit.composition, len(kit.composition.potential.elements)
    model = potential_of(usual(n_species) if parameters is None else parameters, n_species)
    seed = int(np.random.default_rng([kit.seed, 5, number]).integers(2**32))
    return Kit(Composition(tuple(model.elements[k] for k in own.species), model), None, seed)


def _distinct(minima: _Minima) -> _Minima:
    """The minima without those that are like a lower one."""
    energies, prints, first = minima.energies, minima.prints, 0
    kept: list[int] = []
    for k in range(len(energies)):
        while first < len(kept) and energies[kept[first]] < energies[k] - _SAME:
            first += 1
        if not (np.abs(prints[kept[first:]] - prints[k]).max(1) < _ALIKE).any():
            kept.append(k)
    return _Minima(*(array[kept] for array in minima))


def _is_among(own: _Minima, k: int, others: _Minima) -> bool:
    """True where the minimum `k` is like one of the others."""
    near = slice(*np.searchsorted(others.energies, own.energies[k] + np.array([-_SAME, _SAME])))
    return bool((np.abs(others.prints[near] - own.prints[k]).max(1) < _ALIKE).any())
