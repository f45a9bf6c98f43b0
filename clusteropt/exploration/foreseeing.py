"""The programs of a search, which are built in the background while it begins."""

import numpy as np

from clusteropt.clusters.arrays import Structure, pack, padded_size
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.polishing import MOST
from clusteropt.exploration.seats import N_SEATS
from clusteropt.exploration.surrogate import candidates, fit
from clusteropt.search import hops, local, symmetric, walk
from clusteropt.settings.method import LocalSettings


def foresee(kit: Kit) -> bool:
    """Starts to build, in the background, the programs of a search. Returns True where one has to be compiled."""
    new = _foresee_rounds(kit)
    if kit.composition.problem.hosted:
        new += [*_foresee_rounds(candidates.kit_of(kit)), fit.foresee(kit.composition)]
    still = [_still(kit.composition)] * MOST
    return any([*new, local.foresee(still, kit.composition.potential, LocalSettings(), few=False)])


def _foresee_rounds(kit: Kit) -> list[bool]:
    """The programs of an exploration."""
    problem, still = kit.composition.problem, _still(kit.composition)
    sample = pack([still], padded_size(kit.composition.n_atoms), np.float64)
    new = [symmetric.foresee(kit.composition.n_atoms, N_SEATS), walk.foresee([still] * N_SEATS, problem, kit.plan)]
    return new + hops.foresee(sample, N_SEATS, problem, kit.plan)


def _still(composition: Composition) -> Structure:
    return Structure(np.zeros((composition.n_atoms, 3)), composition.species, np.ones(composition.n_atoms, bool))
