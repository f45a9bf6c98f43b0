"""Quenched positions of chains, polished."""

import math
from collections.abc import Sequence

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.engine.hosted import Course
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.search import local
from clusteropt.search.minimum import Minimum
from clusteropt.settings.method import LocalSettings

_USUAL = LocalSettings()
_SHAKE = 0.02  # lengths, by which atoms are displaced before they are polished: symmetric starts lead to saddle points
_COPIES = 16  # waiting minima, at most, whose quenched energies agree: others of a small cluster have their turn
MOST = 128  # minima that are polished at a time; fewer take the same programs


def polished(composition: Composition, ends: Sequence[np.ndarray], settings: LocalSettings = _USUAL) -> list[Minimum]:
    """The minima below positions (3, n_padded, ...) of which the first `n_atoms` are atoms."""
    portions = local.minimized(_structures(composition, ends), composition.potential, settings, few=False, places=MOST)
    found = {i: minimum for portion in portions for i, minimum in portion.items()}
    return [found[i] for i in range(len(ends))]


def shaken(kit: Kit, ends: Sequence[np.ndarray], most: int) -> list[Minimum]:
    """The minima below such positions, whose atoms are displaced a little, after so many evaluations at most."""
    return polished(kit.composition, ends, _of_shaken(kit, most))


def begin(kit: Kit, ends: Sequence[np.ndarray], most: int) -> Course:
    """Begins to ask a calculator for the values that `shaken` takes."""
    own = kit.composition
    return local.begin(_structures(own, ends), own.potential, _of_shaken(kit, most))


def _of_shaken(kit: Kit, most: int) -> LocalSettings:
    return LocalSettings(perturb=_SHAKE * kit.composition.potential.length, seed=kit.seed, max_steps=most)


def _structures(composition: Composition, ends: Sequence[np.ndarray]) -> list[Structure]:
    n, species = composition.n_atoms, composition.species
    return [Structure(np.asarray(end[:, :n]).T, species, np.ones(n, bool)) for end in ends]


def varied(energies: Sequence[float], margin: float) -> list[int]:
    """The indices of sorted energies, without those beyond the first of any that lie within the margin."""
    kept, first, n = [], -math.inf, 0
    for k, energy in enumerate(energies):
        if energy - first > margin:
            first, n = energy, 0
        n += 1
        if n <= _COPIES:
            kept.append(k)
    return kept
