"""Clusters moved to the symmetric places that they nearly have, where that does not raise the energy."""

from collections.abc import Sequence

from clusteropt.clusters.arrays import Structure
from clusteropt.clusters.pointgroups import LOOSE, symmetrized
from clusteropt.engine.step import Status
from clusteropt.potentials.base import Potential
from clusteropt.search.certify import TIGHT, polished
from clusteropt.search.minimum import Minimum
from clusteropt.settings.method import LocalSettings

_SAME = 1e-9  # energy scales that two computations of one minimum may differ by


def evened(
    structures: Sequence[Structure], potential: Potential, settings: LocalSettings = TIGHT, tolerance: float = LOOSE
) -> list[Minimum]:
    """The minimum below each structure: the one below its symmetric places, where that does not lie higher.

    No atom is moved to a symmetric place farther away than `tolerance`, in lengths. Structures in a box, with fixed atoms or
    with a minimum that has not converged are only minimized. `settings` are those of the minimizations.
    """
    pairs = polished(structures, potential, settings)
    able = [k for k, (one, minimum) in enumerate(pairs) if _is_able(one, minimum)]
    even = [_symmetric(pairs[k][0], potential.length, tolerance) for k in able]
    out = [minimum for _, minimum in pairs]
    for k, (_, minimum) in zip(able, polished(even, potential, settings), strict=True):
        out[k] = _better(out[k], minimum, _SAME * potential.energy)
    return out


def _is_able(structure: Structure, minimum: Minimum) -> bool:
    return minimum.status == Status.CONVERGED and structure.cell is None and bool(structure.free.all())


def _symmetric(structure: Structure, length: float, tolerance: float) -> Structure:
    return structure._replace(
        positions=symmetrized(structure.positions, structure.species, length, tolerance),
    )


def _better(plain: Minimum, even: Minimum, same: float) -> Minimum:
    """The symmetric minimum, unless it has not converged or lies higher by more than `same`."""
    effort = plain.n_evaluations + even.n_evaluations
    best = even if even.status == Status.CONVERGED and even.energy <= plain.energy + same else plain
    return best._replace(energy_before=plain.energy_before, n_evaluations=effort)
