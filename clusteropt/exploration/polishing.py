"""Quenched positions of chains, polished."""

from collections.abc import Sequence

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.engine.hosted import Course
from clusteropt.exploration.composition import Composition
from clusteropt.search import local
from clusteropt.search.minimum import Minimum
from clusteropt.settings.method import LocalSettings

_USUAL = LocalSettings()
MOST = 128  # minima that are polished at a time; fewer take the same programs


def polished(composition: Composition, ends: Sequence[np.ndarray], settings: LocalSettings = _USUAL) -> list[Minimum]:
    """The minima below positions (3, n_padded, ...) of which the first `n_atoms` are atoms."""
    portions = local.minimized(_structures(composition, ends), composition.potential, settings, few=False, places=MOST)
    found = {i: minimum for portion in portions for i, minimum in portion.items()}
    return [found[i] for i in range(len(ends))]


def begin(composition: Composition, ends: Sequence[np.ndarray], settings: LocalSettings) -> Course:
    """Begins to ask a calculator for the values that `polished` takes."""
    return local.begin(_structures(composition, ends), composition.potential, settings)


def _structures(composition: Composition, ends: Sequence[np.ndarray]) -> list[Structure]:
    n, species = composition.n_atoms, composition.species
    return [Structure(np.asarray(end[:, :n]).T, species, np.ones(n, bool)) for end in ends]
