"""The lowest minima that a search has found, certified."""

from collections.abc import Sequence

import numpy as np

from clusteropt.clusters.arrays import Structure
from clusteropt.clusters.sameness import QUANTUM
from clusteropt.exploration.composition import Composition
from clusteropt.exploration.polishing import MOST
from clusteropt.exploration.pool import Pool, Sighting
from clusteropt.search.certify import Certificate, certified
from clusteropt.search.found import Found
from clusteropt.search.hessian import foresee_hessians
from clusteropt.search.minimum import Minimum
from clusteropt.settings.exploration import CERTIFIED


def foresee(composition: Composition) -> None:
    """Starts to build the program in the background that a search does not need for anything else."""
    foresee_hessians([_structure(np.zeros((composition.n_atoms, 3)), composition)], composition.potential)


def proofs_of(found: Sequence[Found], composition: Composition, symmetrize: bool) -> list[Certificate]:
    """Certificates of the lowest minima, as many as `CERTIFIED`."""
    structures = [_structure(one.minimum.positions, composition) for one in found[:CERTIFIED]]
    return certified(structures, composition.potential, symmetrize=symmetrize, places=MOST)


def replaced(found: Sequence[Found], proofs: Sequence[Certificate], composition: Composition, keep: int) -> list[Found]:
    """All that was found, the lowest first, those with proofs as polished for them.

    A saddle point gives its place to the minimum below it, and so does a minimum whose symmetric places lead to a lower one.
    """
    n = len(proofs)
    pairs, rest = [*zip(found[:n], proofs, strict=True)], found[n:]
    left = [_is_left(one, proof, composition) for one, proof in pairs]
    stay = [one._replace(minimum=proof.minimum) for (one, proof), gone in zip(pairs, left, strict=True) if not gone]
    pool = Pool(composition, keep, [*stay, *rest])
    for k, (one, proof) in enumerate(pairs):
        if left[k]:
            pool.add(Sighting(proof.minimum, -1 - k, False, one.origin, one.n_evaluations, one.seconds))
    return pool.found


def left_out(
    found: Sequence[Found], proofs: Sequence[Certificate], composition: Composition
) -> list[tuple[Minimum, float]]:
    """The points that were shown to be no minima, each with the energy of the minimum below it."""
    pairs = zip(found[: len(proofs)], proofs, strict=True)
    return [(one.minimum, proof.minimum.energy) for one, proof in pairs if _is_left(one, proof, composition)]


def _is_left(one: Found, proof: Certificate, composition: Composition) -> bool:
    """True where the proof has led away, to a lower minimum."""
    margin = 2 * QUANTUM * composition.potential.energy
    return proof.pushed > 0 or proof.minimum.energy < one.minimum.energy - margin


def by_places(proofs: Sequence[Certificate]) -> dict[bytes, str]:
    """The certificates in a word each, by the bytes of positions."""
    return {proof.minimum.positions.tobytes(): proof.status for proof in proofs}


def _structure(positions: np.ndarray, composition: Composition) -> Structure:
    return Structure(positions, composition.species, np.ones(composition.n_atoms, bool))
