"""Lists of structures polished tightly, also from the symmetric places that their atoms nearly have."""

from collections.abc import Sequence

from clusteropt.clusters.arrays import Structure
from clusteropt.clusters.pointgroups import LOOSE, symmetrized
from clusteropt.engine.step import Status
from clusteropt.potentials.base import Potential
from clusteropt.search.local import minimized
from clusteropt.search.minimum import Minimum
from clusteropt.search.observer import SILENT, Observer
from clusteropt.settings.method import LocalSettings

TIGHT = LocalSettings(opt="extreme")
_SAME = 1e-9  # energy scales that two computations of one minimum may differ by


def polished(
    structures: Sequence[Structure],
    potential: Potential,
    settings: LocalSettings = TIGHT,
    observer: Observer = SILENT,
    places: int = 0,
) -> list[Minimum]:
    """The local minimum below each structure; `places` as for `local.minimized`."""
    found: dict[int, Minimum] = {}
    for portion in minimized([*structures], potential, settings, observer=observer, places=places):
        found |= portion
    return [found[k] for k in range(len(structures))]


def evened(
    structures: Sequence[Structure],
    potential: Potential,
    settings: LocalSettings = TIGHT,
    observer: Observer = SILENT,
    places: int = 0,
    tolerance: float = LOOSE,
) -> list[Minimum]:
    """The local minimum below each structure, or that below its symmetric places, where it does not lie higher.

    No atom of the minimum is moved to a symmetric place farther away than `tolerance`, in lengths. Structures in a box, with
    fixed atoms or with a minimum that has not converged are only minimized.
    """
    out = polished(structures, potential, settings, observer, places)
    there = moved(structures, out)
    able = [k for k, one in enumerate(there) if _is_able(one, out[k])]
    even = [_symmetric(there[k], potential.length, tolerance) for k in able]
    for k, minimum in zip(able, polished(even, potential, settings, places=places), strict=True):
        out[k] = _better(out[k], minimum, _SAME * potential.energy)
    return out


def moved(structures: Sequence[Structure], minima: Sequence[Minimum]) -> list[Structure]:
    """The structures at their minima."""
    return [one._replace(positions=minimum.positions) for one, minimum in zip(structures, minima, strict=True)]


def _is_able(structure: Structure, minimum: Minimum) -> bool:
    return minimum.status == Status.CONVERGED and structure.cell is None and bool(structure.free.all())


def _symmetric(structure: Structure, length: float, tolerance: float) -> Structure:
    places = symmetrized(structure.positions, structure.species, length, tolerance)
    return structure._replace(positions=places)


def _better(plain: Minimum, even: Minimum, same: float) -> Minimum:
    """The symmetric minimum, unless it has not converged or lies higher by more than `same`."""
    effort = plain.n_evaluations + even.n_evaluations
    best = even if even.status == Status.CONVERGED and even.energy <= plain.energy + same else plain
    return best._replace(energy_before=plain.energy_before, n_evaluations=effort)
