"""A cluster as spheres and cylinders in front of the viewer, who looks along the z axis from above."""

from typing import NamedTuple

import numpy as np

from clusteropt.pictures.appearance import BALL, STICK, bonds, colours, has_directional_bonds, radii
from clusteropt.pictures.orientation import TILT, oriented, turned
from clusteropt.pictures.records import Pictured

SPHERES, STICKS, AUTO = "spheres", "sticks", "auto"
_AWAY = 5.0  # distance of the viewer, in radii of the cluster


class Bodies(NamedTuple):
    """Spheres and cylinders, as they look from the viewer: what is nearer is larger."""

    centres: np.ndarray  # (n, 3)
    radii: np.ndarray  # (n,)
    colours: np.ndarray  # (n, 3)
    ends: np.ndarray  # (n_sticks, 2, 3)
    widths: np.ndarray  # (n_sticks,) radii

    @property
    def half(self) -> float:
        """Half the side of the smallest square around the origin that holds all."""
        return float((np.abs(self.centres[:, :2]) + self.radii[:, None]).max())


class Look(NamedTuple):
    """How clusters are drawn."""

    rotation: str | None = None  # as in `orientation.turned`; a small tilt where there is none
    keep_axes: bool = False  # not turned by their principal axes
    style: str = AUTO
    labels: bool = False  # numbers of the atoms
    columns: int | None = None  # of a grid


def bodies(one: Pictured, look: Look) -> Bodies:
    """The structure turned and in perspective. Raises ValueError for a rotation that is none."""
    own = np.asarray(one.positions, float)
    own = own - own.mean(0) if look.keep_axes else oriented(own)
    usual = "" if look.keep_axes else TILT
    at = turned(own, usual if look.rotation is None else look.rotation)
    at -= [*(at.min(0) + at.max(0))[:2] / 2, 0]  # in the middle of the picture
    full = radii(one.symbols, at)
    sticks = has_directional_bonds(one.symbols) if look.style == AUTO else look.style == STICKS
    near = _nearness(at, full)
    placed = at * np.stack([near, near, np.ones_like(near)], 1)
    pairs = bonds(at, full) if sticks else np.zeros((0, 2), int)
    shown = full * (BALL if sticks else 1) * near
    return Bodies(placed, shown, colours(one.symbols), placed[pairs], STICK * full.mean() * near[pairs].mean(1))


def _nearness(at: np.ndarray, full: np.ndarray) -> np.ndarray:
    """(n,) how much larger an atom looks than in the middle of the cluster."""
    away = _AWAY * (np.linalg.norm(at, axis=1) + full).max()
    return away / (away - at[:, 2])  # type: ignore[no-any-return]
