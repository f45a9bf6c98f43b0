"""The answer of a search: the best of its minima and of the result of plain local minimization."""

import numpy as np

from clusteropt.engine.step import Status
from clusteropt.search.minimum import Minimum


def answer(plain: Minimum, minima: list[Minimum], others: list[Minimum], n_evaluations: int, same: float) -> Minimum:
    """The best of plain minimization and the chains; `n_evaluations` counts what the chains and their polishing took.

    `minima` are the lowest of each chain, `others` all that they have visited, if that was asked for.
    """
    best = best_of(best_of(plain, minima, same), others, same)
    won, gain = ("fallback", 0.0) if best is plain else ("learned", plain.energy - best.energy)
    known = distinct([plain, *minima, *others], same)
    total = plain.n_evaluations + n_evaluations
    best = best._replace(n_reached=n_at(best.energy, minima, same), n_chains=len(minima))
    return best._replace(energy_before=plain.energy_before, n_evaluations=total, won=won, gain=gain, minima=known)


def n_at(energy: float, minima: list[Minimum], same: float) -> int:
    """The number of converged minima of that energy, within `same`."""
    return sum(m.status == Status.CONVERGED and abs(m.energy - energy) <= same for m in minima)


def best_of(plain: Minimum, minima: list[Minimum], same: float) -> Minimum:
    """The lowest converged of the minima, if it lies below the plain result by more than `same`; else the plain result.

    Any converged minimum is better than a plain result that is fragmented or not finite.
    """
    best, ceiling = plain, plain.energy - same
    if plain.status not in (Status.CONVERGED, Status.NOT_CONVERGED):
        ceiling = np.inf
    for minimum in minima:
        if minimum.status == Status.CONVERGED and minimum.energy < ceiling:
            best, ceiling = minimum, minimum.energy
    return best


def distinct(minima: list[Minimum], same: float) -> tuple[Minimum, ...]:
    """The converged minima, the lowest first. Of several whose energies are equal within `same`, the lowest is kept."""
    found: list[Minimum] = []
    for minimum in sorted((m for m in minima if m.status == Status.CONVERGED), key=lambda m: m.energy):
        if not found or minimum.energy - found[-1].energy > same:
            found.append(minimum)
    return tuple(found)
