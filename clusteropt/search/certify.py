"""Certified minima: structures polished until no curvature is negative, with the proof, point group and frequencies.

Forces vanish on saddle points too. The curvatures tell them apart: in a minimum all are positive, but for those of the cluster's
motions as a whole, which are taken out. A saddle point is left along its most negative mode, both ways, and minimized again.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse.csgraph import connected_components

from clusteropt.clusters.arrays import Structure
from clusteropt.clusters.pointgroups import PointGroup, point_group
from clusteropt.engine.step import Status
from clusteropt.potentials.base import Potential
from clusteropt.search.hessian import foresee_hessians, hessians
from clusteropt.search.minimum import Minimum
from clusteropt.search.modes import Modes, frequencies_of, masses_of, modes_of, zero_point_energy
from clusteropt.search.observer import SILENT, Observer
from clusteropt.search.polish import TIGHT, evened, moved, polished
from clusteropt.settings.method import LocalSettings

FLAT = 1e-6  # curvatures of less than this, relative to the largest, are neither positive nor negative
MOST_PUSHES = 4  # times that a saddle point is left
_PUSHES = (-0.15, -0.05, 0.05, 0.15)  # largest displacement of an atom in a push, in lengths
_LOWER = 1e-9  # energy scales by which an energy must lie below another


class Certificate(NamedTuple):
    """The nature of a structure, after polishing: energies, lengths and curvatures in the potential's units."""

    minimum: (
        Minimum  # where the last polishing ended; its evaluations count all of them, but not the second derivatives
    )
    status: (
        str  # 'minimum', 'saddle', 'flat' (a curvature is zero, which decides nothing), 'fragmented' or 'not-converged'
    )
    n_negative: int  # negative curvatures where the first polishing ended
    pushed: int  # how often a saddle point was left
    smallest: float  # the smallest curvature, energy over length squared; nan without any
    frequencies: np.ndarray | None  # (n_modes,) cm^-1; None but for a minimum in eV and angstrom
    zero_point_energy: float | None  # eV, of these frequencies
    point_group: PointGroup | None  # and how well the atoms have it; None where not converged, and in a periodic box

    @property
    def is_minimum(self) -> bool:
        """True where forces vanish and all curvatures are positive."""
        return self.status == "minimum"


class _Point(NamedTuple):
    """A structure on its way to a certificate."""

    structure: Structure
    minimum: Minimum
    hessian: np.ndarray | None = None  # None where not converged
    modes: Modes | None = None
    n_negative: int = 0
    pushed: int = 0


def certified(
    structures: Sequence[Structure],
    potential: Potential,
    settings: LocalSettings = TIGHT,
    observer: Observer = SILENT,
    symmetrize: bool = False,
    places: int = 0,
) -> list[Certificate]:
    """A certificate for each structure, which is polished to the `settings` first; with `symmetrize` as by `polish.evened`.

    `places` as for `local.minimized`.
    """
    if new := foresee_hessians(structures, potential):
        observer.compiles(new)
    minima = (evened if symmetrize else polished)(structures, potential, settings, observer, places)
    points = _seen([_Point(*pair) for pair in zip(moved(structures, minima), minima, strict=True)], potential)
    points = [point._replace(n_negative=_n_negative(point)) for point in points]
    for n in range(MOST_PUSHES):
        saddles = [
            k for k, point in enumerate(points) if _n_negative(point) and point.pushed == n
        ]  # the last push helped
        lower = dict(zip(saddles, _pushed([points[k] for k in saddles], potential, settings, places), strict=True))
        points = [lower.get(k, point) for k, point in enumerate(points)]
    return [_certificate(point, potential) for point in points]


def _seen(points: list[_Point], potential: Potential) -> list[_Point]:
    """The points with their second derivatives and modes, where they have converged."""
    ready = [k for k, point in enumerate(points) if point.minimum.status == Status.CONVERGED]
    out = [*points]
    for portion in hessians([points[k].structure for k in ready], potential):
        for i, hessian in portion.items():
            point = points[ready[i]]
            out[ready[i]] = point._replace(hessian=hessian, modes=modes_of(hessian, point.structure))
    return out


def _n_negative(point: _Point) -> int:
    """The number of negative curvatures; none where the structure has not converged."""
    return 0 if point.modes is None else int((point.modes.curvatures < -_flat(point.modes)).sum())


def _flat(modes: Modes) -> float:
    """The size of a curvature that counts as zero."""
    return FLAT * float(np.abs(modes.curvatures).max(initial=0))


def _pushed(saddles: list[_Point], potential: Potential, settings: LocalSettings, places: int) -> list[_Point]:
    """The lowest converged points below the saddle points; a saddle point from which no push leads down stays."""
    starts = [start for point in saddles for start in _starts(point, potential.length)]
    ends, n = polished(starts, potential, settings, places=places), len(_PUSHES)
    below = [_lowest(point, ends[k * n : (k + 1) * n], potential.energy) for k, point in enumerate(saddles)]
    return _seen(below, potential)


def _lowest(point: _Point, ends: list[Minimum], scale: float) -> _Point:
    """The lowest of the converged ends below the saddle point, else the saddle point; its modes are those of the saddle point."""
    ceiling = point.minimum.energy - _LOWER * scale
    lower = [end for end in ends if end.status == Status.CONVERGED and end.energy < ceiling]
    effort = point.minimum.n_evaluations + sum(end.n_evaluations for end in ends)
    best = min(lower, key=lambda end: end.energy, default=point.minimum)
    best = best._replace(energy_before=point.minimum.energy_before, n_evaluations=effort)
    structure = point.structure._replace(positions=best.positions)
    return point._replace(structure=structure, minimum=best, pushed=point.pushed + bool(lower))


def _starts(point: _Point, length: float) -> list[Structure]:
    """The structure, pushed along its most negative mode."""
    way = np.zeros_like(point.structure.positions) if point.modes is None else point.modes.directions[0]
    way = way * (length / np.linalg.norm(way, axis=1).max())
    return [point.structure._replace(positions=point.structure.positions + push * way) for push in _PUSHES]


def _certificate(point: _Point, potential: Potential) -> Certificate:
    structure, modes, status = point.structure, point.modes, _status(point)
    frequencies = energy = group = None
    masses = masses_of(structure, potential)
    if status == "minimum" and masses is not None and point.hessian is not None:
        frequencies = frequencies_of(point.hessian, structure, masses)
        energy = zero_point_energy(frequencies)
    if modes is not None and structure.cell is None:
        group = point_group(structure.positions, structure.species, potential.length)
    smallest = float("nan") if modes is None or not modes.curvatures.size else float(modes.curvatures[0])
    numbers = (point.n_negative, point.pushed, smallest)
    return Certificate(point.minimum, status, *numbers, frequencies, energy, group)


def _is_in_pieces(point: _Point) -> bool:
    """True where the atoms fall into parts, of which none feels what the others do; their distance alone does not tell."""
    structure, hessian = point.structure, point.hessian
    if hessian is None or structure.cell is not None or not structure.free.all():
        return False
    n = len(structure.positions)
    felt = np.linalg.norm(hessian.reshape(n, 3, n, 3), axis=(1, 3))
    return bool(connected_components(felt > FLAT * felt.max(initial=0))[0] > 1)


def _status(point: _Point) -> str:
    if point.modes is None:
        return "not-converged"
    if _is_in_pieces(point):
        return "fragmented"
    if _n_negative(point):
        return "saddle"
    return "flat" if (point.modes.curvatures <= _flat(point.modes)).any() else "minimum"
