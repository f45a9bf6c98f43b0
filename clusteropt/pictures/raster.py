"""Spheres and cylinders as a picture of pixels, with light, shadows where they meet, and haze over what is far.

Shadows are the difference of a pixel's depth and the depths around it: T. Luft, C. Colditz and O. Deussen,
ACM Trans. Graph. 25, 1206 (2006), doi:10.1145/1141911.1142016.
"""

from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter

from clusteropt.pictures.bodies import Bodies

_STICK = (0.62, 0.62, 0.62)  # colour of bonds
_FINE = 2  # pixels are averages of so many by so many
_LIGHT = np.array([-0.42, 0.52, 0.74], np.float32) / np.float32(np.sqrt(0.9944))  # of length 1
_HALFWAY = (_LIGHT + np.array([0, 0, 1], np.float32)) / np.float32(np.sqrt(2 + 2 * _LIGHT[2]))  # to the viewer
_HAZE = 0.42  # part of white in the farthest colours
_SHADOW = 1.1  # strength of shadows
_REACH = 0.7  # of shadows, in mean radii
_DEEPEST = 1.3  # difference of depth that counts, in mean radii
_NOWHERE = -np.inf


class Image(NamedTuple):
    """A picture, row by row from the top."""

    rgba: np.ndarray  # (side, side, 4) from 0 to 1
    owner: np.ndarray  # (side, side) index of the atom that is seen, -1 where there is none


class _Buffer(NamedTuple):
    """The nearest body in every fine pixel; x runs to the right, y upwards."""

    x: np.ndarray  # (n,) places of columns, and of rows
    depth: np.ndarray  # (n, n) z
    normal: np.ndarray  # (n, n, 3)
    body: np.ndarray  # (n, n) index of the sphere or, after these, of the cylinder


def image(made: Bodies, half: float, side: int) -> Image:
    """The bodies in a square with sides of 2 `half` and `side` pixels."""
    n = _FINE * side
    x = ((np.arange(n) + 0.5) / n * 2 - 1) * half
    depth, normal = np.full((n, n), _NOWHERE, np.float32), np.zeros((n, n, 3), np.float32)
    seen = _Buffer(x, depth, normal, np.full((n, n), -1))
    for k, (centre, radius) in enumerate(zip(made.centres, made.radii, strict=True)):
        _add_sphere(seen, k, centre, radius)
    for k, (ends, width) in enumerate(zip(made.ends, made.widths, strict=True), len(made.centres)):
        _add_stick(seen, k, ends, width)
    colours = np.concatenate([made.colours, np.tile(_STICK, (len(made.ends), 1))])
    rgba = _shaded(seen, colours.astype(np.float32), made)
    owner = np.where(seen.body < len(made.centres), seen.body, -1)
    return Image(_averaged(rgba)[::-1], owner[::_FINE, ::_FINE][::-1])


def _window(x: np.ndarray, low: float, high: float) -> slice:
    return slice(*np.searchsorted(x, (low, high)))


def _add_sphere(seen: _Buffer, k: int, centre: np.ndarray, radius: float) -> None:
    columns, rows = (_window(seen.x, c - radius, c + radius) for c in centre[:2])
    dx, dy = (seen.x[columns][None, :] - centre[0]) / radius, (seen.x[rows][:, None] - centre[1]) / radius
    inside = dx * dx + dy * dy
    up = np.sqrt(np.maximum(1 - inside, 0))
    normal = np.stack(np.broadcast_arrays(dx, dy, up), -1)
    _put(seen, (rows, columns), k, np.where(inside < 1, centre[2] + radius * up, _NOWHERE), normal)


def _add_stick(seen: _Buffer, k: int, ends: np.ndarray, width: float) -> None:
    """A cylinder without lids, which are within spheres."""
    length = np.linalg.norm(ends[1] - ends[0])
    axis = (ends[1] - ends[0]) / length
    flat = np.hypot(axis[0], axis[1])
    if flat < 1e-3:  # it points at the viewer: the nearer sphere hides it
        return
    along = np.array([axis[0], axis[1]]) / flat
    columns, rows = (_window(seen.x, low - width, high + width) for low, high in np.sort(ends[:, :2].T))
    dx, dy = seen.x[columns][None, :] - ends[0, 0], seen.x[rows][:, None] - ends[0, 1]
    t, s = dx * along[0] + dy * along[1], dy * along[0] - dx * along[1]
    up = (t * axis[2] + np.sqrt(np.maximum(width**2 - s * s, 0))) / flat  # where the line of sight meets the surface
    a = t * flat + up * axis[2]  # along the axis
    inside = (np.abs(s) < width) & (a > 0) & (a < length)
    across = np.stack([t - a * flat, s, up - a * axis[2]], -1) / width
    turned = across @ np.array([[along[0], along[1], 0], [-along[1], along[0], 0], [0, 0, 1]])
    _put(seen, (rows, columns), k, np.where(inside, ends[0, 2] + up, _NOWHERE), turned)


def _put(seen: _Buffer, where: tuple[slice, slice], k: int, depth: np.ndarray, normal: np.ndarray) -> None:
    nearer = depth > seen.depth[where]
    seen.depth[where][nearer] = depth[nearer]
    seen.normal[where][nearer] = normal[nearer]
    seen.body[where][nearer] = k


def _shaded(seen: _Buffer, colours: np.ndarray, made: Bodies) -> np.ndarray:
    """The colours (n, n, 4) of fine pixels; where there is no body they are zero."""
    covered = seen.body >= 0
    normal = seen.normal[covered]
    light = _light(normal) * _shadow(seen, made)[covered]
    lit = (colours[seen.body[covered]] * light[:, None] + _gloss(normal)[:, None]).clip(0, 1)
    haze = _haze(seen.depth[covered], made)[:, None]
    rgba = np.zeros((*covered.shape, 4), np.float32)
    rgba[covered] = np.concatenate([lit * (1 - haze) + haze, np.ones((len(lit), 1), np.float32)], 1)
    return rgba


def _haze(depth: np.ndarray, made: Bodies) -> np.ndarray:
    """(n,) the part of white."""
    far, near = made.centres[:, 2].min(), (made.centres[:, 2] + made.radii).max()
    return _HAZE * (1 - (depth - far) / (near - far)).clip(0, 1) ** 1.5  # type: ignore[no-any-return]


def _light(normal: np.ndarray) -> np.ndarray:
    """(n,) what a matt surface sends back, darker at the edges."""
    towards = normal @ _LIGHT
    edge = np.minimum(normal[:, 2] / 0.35, 1)
    return (0.4 + 0.66 * np.maximum(0.25 + 0.75 * towards, 0)) * (0.55 + 0.45 * edge)  # type: ignore[no-any-return]


def _gloss(normal: np.ndarray) -> np.ndarray:
    """(n,) what it mirrors."""
    return 0.38 * np.maximum(normal @ _HALFWAY, 0) ** 42  # type: ignore[no-any-return]


def _shadow(seen: _Buffer, made: Bodies) -> np.ndarray:
    """(n, n) the part of the light that reaches a pixel between others that are nearer."""
    size = float(made.radii.mean())
    floor = float(made.centres[:, 2].min() - size)
    depth = np.where(seen.body >= 0, seen.depth, floor)
    blurred = depth
    for _ in range(3):  # as good as a Gaussian, and fast for any width
        blurred = uniform_filter(blurred, max(1, round(2 * _REACH * size / (seen.x[1] - seen.x[0]))), mode="nearest")
    return 1 / (1 + _SHADOW * ((blurred - depth) / size).clip(0, _DEEPEST))  # type: ignore[no-any-return]


def _averaged(rgba: np.ndarray) -> np.ndarray:
    """The colours of pixels from those of fine ones, which are multiplied by their opacity."""
    side = len(rgba) // _FINE
    mean = rgba.reshape(side, _FINE, side, _FINE, 4).mean((1, 3))
    opacity = np.maximum(mean[..., 3:], 1e-12)
    return np.concatenate([mean[..., :3] / opacity, mean[..., 3:]], -1).clip(0, 1)  # type: ignore[no-any-return]
