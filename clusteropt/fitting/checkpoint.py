"""Checkpoints of fits: all that a fit needs to go on as if it had never stopped, as HDF5."""

import hashlib
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import jax
import jax.numpy as jnp
import numpy as np

from clusteropt.errors import InputError, UsageError
from clusteropt.fitting import loop
from clusteropt.fitting.course import Course
from clusteropt.fitting.loop import Best, Plan, Progress
from clusteropt.fitting.samples import Samples
from clusteropt.fitting.settings import FitSettings
from clusteropt.fitting.setup import Setup
from clusteropt.runtime.files import write_atomically

_KIND = "clusteropt checkpoint of a fit"
_FORMAT = 1
_CURE = "begin anew with --force instead of --resume"


def mark_of(samples: Samples, settings: FitSettings, theta: np.ndarray | None) -> str:
    """A hash of all that a fit depends on, except for the patience that ends it."""
    told = asdict(settings) | {"patience": 0}
    total = hashlib.sha256(json.dumps(told, sort_keys=True).encode() + samples.energies.tobytes())
    arrays = [part for s in samples.structures for part in (s.positions, s.species, s.cell)]
    for array in [*arrays, *samples.forces, theta]:
        total.update(b"-" if array is None else np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def save(path: Path, course: Course, seconds: float, mark: str) -> None:
    """Writes the course after so many `seconds`. Raises ClusterOptError where that fails."""
    now, buffer = course.now, io.BytesIO()
    told = {
        "phase": course.phase,
        "step": now.step,
        "stale": now.stale,
        "error": now.error,
        "diverged": now.diverged,
        "bests": [[one.error, one.step] for one in course.bests],
        "seconds": seconds,
    }
    arrays = {f"state/{k}": np.asarray(leaf) for k, leaf in enumerate(jax.tree.leaves(now.state))}
    arrays |= {f"best/{k}": one.weights for k, one in enumerate(course.bests)}
    with h5py.File(buffer, "w") as file:
        text = json.dumps(told)
        file.attrs.update(kind=_KIND, format=_FORMAT, mark=mark, progress=text, sha256=_checksum(arrays, text))
        for name, array in arrays.items():
            file[name] = array
    write_atomically(path, buffer.getvalue())


def load(path: Path, setup: Setup, plans: tuple[Plan, ...], mark: str) -> tuple[Course, float]:
    """The course and the seconds that it has taken.

    Raises InputError for a damaged or foreign file, UsageError for another fit.
    """
    try:
        with h5py.File(io.BytesIO(path.read_bytes()), "r") as file:
            about = dict(file.attrs)
            groups: dict[str, Any] = dict(file)
            arrays = {f"{group}/{name}": np.array(array) for group in groups for name, array in groups[group].items()}
    except (OSError, RuntimeError, ValueError, AttributeError) as problem:
        raise InputError(f"{path}: cannot be read ({type(problem).__name__}): {_CURE}") from None
    if about.get("kind") != _KIND or about.get("format") != _FORMAT:
        raise InputError(f"{path}: no checkpoint of a fit, or of another version: {_CURE}")
    if about["sha256"] != _checksum(arrays, str(about["progress"])):
        raise InputError(f"{path}: damaged, the checksum does not match: {_CURE}")
    if about["mark"] != mark:
        raise UsageError(f"{path}: of other structures or settings: give the same as before, or {_CURE}")
    return _course(json.loads(str(about["progress"])), arrays, setup, plans)


def _course(
    told: dict[str, Any], arrays: dict[str, np.ndarray], setup: Setup, plans: tuple[Plan, ...]
) -> tuple[Course, float]:
    fresh = loop.begin(setup, plans[told["phase"]]).state  # for the shapes
    leaves = [jnp.asarray(arrays[f"state/{k}"]) for k in range(len(jax.tree.leaves(fresh)))]
    bests = [Best(arrays[f"best/{k}"], *one) for k, one in enumerate(told["bests"])]
    state = jax.tree.unflatten(jax.tree.structure(fresh), leaves)
    now = Progress(state, told["step"], bests[-1], told["stale"], told["error"], told["diverged"])
    return Course(plans, told["phase"], now, tuple(bests[:-1])), told["seconds"]


def _checksum(arrays: dict[str, np.ndarray], text: str) -> str:
    total = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        total.update(f"{name}{arrays[name].shape}{arrays[name].dtype}".encode() + arrays[name].tobytes())
    return total.hexdigest()
