"""Candidates: the low minima of a surrogate that no evaluation has seen yet, in the order of its energies."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from clusteropt.clusters.arrays import Clusters, Structure, pack, padded_size
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.surrogate import fit, samples
from clusteropt.exploration.surrogate.potential import potential_of, usual
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.search.descents import quenched

Explore = Callable[[Kit, list[np.ndarray]], Iterator[Any]]  # an exploration: rounds with positions and energies

_LEAST = 1000  # evaluations an atom that the search of a new surrogate has, at least
_WORK = 100  # evaluations of that search for each of the calculator's
_GROWTH = 1.3  # samples for which the surrogate is fitted anew, in those of the last fit
_SAME = 0.02  # energies within which two quenched minima of the surrogate count as one
_HEIGHT = 0.5  # energies an atom above the lowest, up to which minima are candidates
_GIVEN = 32  # the lowest minima that are known, from which a search starts
_SEEN = 256  # positions, the last, whose minima are no candidates any more


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
        record = self._kit.composition.problem.pool.record(self._numbers)
        if len(record) > _GROWTH * self._n_fitted or self._n_searches == 0:
            self._renew(record)
        own, self._waiting = self._waiting[:n], self._waiting[n:]
        self._seen = [*self._seen, *own][-_SEEN:]
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
        self._seen = self._seen[-_SEEN:]

    @property
    def _numbers(self) -> np.ndarray:
        own = self._kit.composition
        return own.problem.numbers[own.species]

    def _renew(self, record: list) -> None:
        """Fits the surrogate to all values, and searches it."""
        composition = self._kit.composition
        self._n_fitted = len(record)
        if record:
            chosen = samples.chosen(record, composition)
            self._parameters = fit.fitted(chosen, len(composition.potential.elements), self._parameters)
        own = kit_of(self._kit, self._parameters, self._n_searches)
        self._n_searches += 1
        found = self._searched(own)
        problem = own.composition.problem
        tried = np.sort(self._energies_of(self._seen, problem)) if self._seen else np.zeros(0)
        ceiling = (found[0][0] if found else 0.0) + _HEIGHT * composition.n_atoms
        self._waiting = [
            place for energy, place in found if energy < ceiling and not (abs(tried - energy) < _SAME).any()
        ]

    def _searched(self, kit: Kit) -> list[tuple[float, np.ndarray]]:
        """Energies and positions (3, n_atoms) of distinct minima of a surrogate, the lowest first."""
        n, found = kit.composition.n_atoms, []
        given = [place.T for _, place in _distinct(self._low, _SAME)[:_GIVEN]]
        rounds: Any = self._explore(kit, given)
        for visits in rounds:
            fine = np.flatnonzero(np.isfinite(visits.energy))
            found += [(float(visits.energy[k]), visits.positions[:, :n, k]) for k in fine]
            if rounds.n_evaluations >= max(_LEAST * n, _WORK * self._n_fitted):
                break
        return _distinct(sorted(found, key=lambda one: one[0]), _SAME)

    def _energies_of(self, places: list[np.ndarray], problem: ClusterProblem) -> np.ndarray:
        """(n,) energies of the surrogate's minima below positions (3, n_atoms)."""
        species = self._kit.composition.species
        structures = [Structure(place.T, species, np.ones(len(species), bool)) for place in places]
        structures += [structures[-1]] * (_SEEN - len(structures))
        batch: Clusters = pack(structures, padded_size(len(species)), np.float64)
        return quenched(batch, problem)[1][: len(places)]


def kit_of(kit: Kit, parameters: np.ndarray | None = None, number: int = 0) -> Kit:
    """The kit for the search of the surrogate with these parameters, or usual ones; `number`: of the search."""
    own, n_species = kit.composition, len(kit.composition.potential.elements)
    model = potential_of(usual(n_species) if parameters is None else parameters, n_species)
    seed = int(np.random.default_rng([kit.seed, 5, number]).integers(2**32))
    return Kit(Composition(tuple(model.elements[k] for k in own.species), model), kit.optimizer, seed)


def _distinct(found: list[tuple[float, np.ndarray]], margin: float) -> list[tuple[float, np.ndarray]]:
    """Of sorted energies and positions, those that lie higher than the last by more than the margin."""
    kept: list[tuple[float, np.ndarray]] = []
    for one in found:
        if not kept or one[0] - kept[-1][0] > margin:
            kept.append(one)
    return kept
