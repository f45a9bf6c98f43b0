"""Learned optimizers in HDF5 files: theta, the settings of its network, and a card about its training.

Plain arrays and attributes; nothing in a file is ever executed. A file is written whole or not at all, and read only with the
right checksum.
"""

import hashlib
import io
import json
from dataclasses import asdict, fields
from importlib.resources.abc import Traversable
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from clusteropt import __version__
from clusteropt.errors import InputError, UsageError, suggest
from clusteropt.optimizers.learned import network
from clusteropt.optimizers.learned.rule import sizes
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.potentials import fitted
from clusteropt.runtime import resources
from clusteropt.runtime.files import write_atomically

FORMAT = 1
_KIND = "clusteropt learned optimizer"


class LearnedOptimizer(NamedTuple):
    """A trained network."""

    theta: np.ndarray  # (n_numbers,) float32
    settings: LearnedSettings  # of the network: its inputs and layers
    card: dict[str, Any]  # what it was trained on, and how

    def __repr__(self) -> str:
        tasks = ", ".join(map(str, self.card.get("tasks", ()))) or "nothing"
        return f"LearnedOptimizer({self.theta.size} numbers, trained on {tasks})"

    def save(self, path: Path | str) -> None:
        """Writes the optimizer to a .h5 file, over an existing one. Raises UsageError for another ending, else as `save`."""
        if not str(path).endswith(".h5"):
            raise UsageError(f"{path}: end the name in .h5, by which `load_optimizer` and `minimize` know such files")
        save(Path(path), self)


def save(path: Path, optimizer: LearnedOptimizer) -> None:
    """Writes the optimizer as HDF5. Raises ClusterOptError where that fails."""
    buffer = io.BytesIO()
    settings, card = json.dumps(asdict(optimizer.settings)), json.dumps(optimizer.card)
    with h5py.File(buffer, "w") as file:
        file.attrs.update(kind=_KIND, format=FORMAT, clusteropt_version=__version__, settings=settings, card=card)
        file.attrs["sha256"] = _checksum(optimizer.theta, settings, card)
        file.create_dataset("theta", data=optimizer.theta, fletcher32=True)
    write_atomically(path, buffer.getvalue())


def names() -> list[str]:
    """The names of the shipped optimizers."""
    return resources.names("pretrained", ".h5")


def named(name: str | PathLike[str]) -> LearnedOptimizer:
    """The shipped optimizer of that name, as 'learned', or the one in a .h5 file.

    Raises UsageError for an unknown name; for files see `load`.
    """
    name = str(name)
    if not name.endswith(".h5") and name not in names():
        raise UsageError(f"no optimizer named '{name}'; {suggest(name, (*names(), 'or the path of a .h5 file'))}")
    return load(Path(name) if name.endswith(".h5") else resources.shipped("pretrained") / f"{name}.h5")


def load(path: Path | Traversable) -> LearnedOptimizer:
    """Reads a learned optimizer. Raises UsageError for a missing file, InputError for a damaged or foreign one."""
    if not path.is_file():
        raise UsageError(
            f"{path}: no such file of a learned optimizer: check the name, or train one with `clusteropt train es`"
        )
    try:
        with h5py.File(io.BytesIO(path.read_bytes()), "r") as file:
            attributes = dict(file.attrs)
            theta = np.array(file["theta"], np.float32) if attributes.get("kind") == _KIND else None
    except (OSError, KeyError, RuntimeError, ValueError) as problem:
        raise InputError(
            f"{path}: not a readable HDF5 file ({type(problem).__name__}): copy or train it again"
        ) from None
    if attributes.get("kind") == fitted.KIND:
        raise InputError(f"{path}: a fitted potential, no learned optimizer: give it to --potential")
    if theta is None:
        raise InputError(
            f"{path}: an HDF5 file, but no learned optimizer: name one that `clusteropt train` has written"
        )
    if attributes.get("format") != FORMAT:
        raise InputError(f"{path}: format {attributes.get('format')} is not known, only {FORMAT}: update clusteropt")
    try:
        settings, card = str(attributes["settings"]), str(attributes["card"])
        if attributes["sha256"] != _checksum(theta, settings, card):
            raise InputError(f"{path}: damaged, the checksum does not match: copy or train it again")
        return LearnedOptimizer(theta, _settings(json.loads(settings), theta), json.loads(card))
    except (KeyError, TypeError, ValueError, UsageError) as problem:
        raise InputError(f"{path}: incomplete or foreign ({problem}): train it again") from None


def _settings(given: dict[str, Any], theta: np.ndarray) -> LearnedSettings:
    known = {field.name for field in fields(LearnedSettings)}
    if not set(given) <= known:
        raise ValueError(f"settings {sorted(set(given) - known)}")
    values = {key: _tuples(value) for key, value in given.items()}
    settings = LearnedSettings(**values)
    wanted = network.n_numbers(settings, *sizes(settings))
    if theta.shape != (wanted,):
        raise ValueError(f"theta has shape {theta.shape}, the network needs ({wanted},)")
    return settings


def _tuples(value: Any) -> Any:
    """The value, with JSON's lists turned back into tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _checksum(theta: np.ndarray, settings: str, card: str) -> str:
    return hashlib.sha256(theta.astype("<f4").tobytes() + settings.encode() + b"\0" + card.encode()).hexdigest()
