"""Checkpoints of training runs: all that a run needs to go on as if it had never stopped.

HDF5, behind a line of 512 bytes with the kind, the format and a checksum of all the rest: a damaged file is not even opened.
Plain arrays; nothing in a file is ever executed. A file is written whole or not at all.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import jax
import jax.numpy as jnp
import numpy as np

from clusteropt.clusters.arrays import Clusters
from clusteropt.errors import InputError, UsageError
from clusteropt.runtime import host
from clusteropt.runtime.files import write_atomically
from clusteropt.search.walk import Chains
from clusteropt.training import loop
from clusteropt.training.candidates import Candidate
from clusteropt.training.loop import TrainingState
from clusteropt.training.settings import TrainSettings
from clusteropt.training.strategy import StrategyState

FORMAT = 2
_READ = (1, 2)  # format 1 has no candidates
_FREE = ("steps", "patience")  # settings that say when to stop; with --resume they may change
_KIND = "clusteropt training checkpoint"
_HEAD = 512  # bytes, the least that HDF5 leaves to others at the beginning of a file
_CURE = "begin anew with --force instead of --resume"


class Checkpoint(NamedTuple):
    """The state of a run, from which it can go on."""

    state: TrainingState
    seconds: float  # that the run has taken so far
    candidates: tuple[Candidate, ...] = ()  # the best thetas by the reports so far


def save(path: Path, settings: TrainSettings, checkpoint: Checkpoint) -> None:
    """Writes the checkpoint. Raises ClusterOptError where that fails."""
    state, buffer = checkpoint.state, io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=_HEAD) as file:
        file.attrs["settings"] = json.dumps(asdict(settings))
        file.attrs["progress"] = json.dumps(
            {
                "step": state.step,
                "loss": state.loss,
                "task": state.task,
                "lowest": state.lowest,
                "lowered": state.lowered,
                "earlier": state.earlier,
                "seconds": checkpoint.seconds,
                "pools": list(state.pools),
                "candidates": [[c.step, *c.rank] for c in checkpoint.candidates],
            }
        )
        file["theta"] = state.theta
        for c in checkpoint.candidates:
            file[f"candidates/{c.step}"] = c.theta
        for k, leaf in enumerate(jax.tree.leaves(state.strategy_state.memory)):
            file[f"memory/{k}"] = np.asarray(leaf)
        for k, pool in enumerate(state.pools.values()):
            for name, array in (pool.clusters._asdict() | pool._asdict()).items():
                if name != "clusters" and array is not None:
                    file[f"pools/{k}/{name}"] = np.asarray(array)
    content = buffer.getvalue()[_HEAD:]
    head = {"kind": _KIND, "format": FORMAT, "sha256": hashlib.sha256(content).hexdigest()}
    write_atomically(path, json.dumps(head).encode().ljust(_HEAD - 1) + b"\n" + content)


def load(path: Path, settings: TrainSettings) -> Checkpoint:
    """Reads a checkpoint of a run with these settings; those that say when to stop may differ.

    Raises UsageError for other settings, or fewer steps than are done; InputError for a damaged or foreign file.
    """
    with _opened(path) as file:
        values = json.loads(str(file.attrs["progress"]))
        if settings.steps < values["step"]:
            raise UsageError(
                f"{path}: {values['step']} steps are done, so --steps cannot be {settings.steps}: "
                f"--steps {values['step']} ends the run here"
            )
        _same(path, _fixed(_settings(file)), _fixed(json.loads(json.dumps(asdict(settings)))))
        pools = {name: _pool(file[f"pools/{k}"]) for k, name in enumerate(values.pop("pools"))}
        candidates = [
            Candidate(step, np.array(file[f"candidates/{step}"]), (hits, energy))
            for step, hits, energy in values.pop("candidates", ())
        ]
        seconds = values.pop("seconds")
        return Checkpoint(_state(file, settings, pools, values), seconds, tuple(candidates))


def continued(path: Path, settings: TrainSettings) -> TrainSettings:
    """The settings, with the schedule of the checkpoint unless they name their own: more steps do not stretch it.

    Raises InputError for a damaged or foreign file.
    """
    with _opened(path) as file:
        there = _settings(file)
    stretched = there["decay_steps"] or there["steps"]
    if settings.decay_steps not in (0, stretched):
        return settings  # `load` refuses it
    return replace(settings, decay_steps=there["decay_steps"] if settings.steps == there["steps"] else stretched)


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    content = _checked(path)
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            yield file
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as problem:
        raise InputError(f"{path}: incomplete or of other versions ({problem}): {_CURE}") from None


def _settings(file: h5py.File) -> dict[str, Any]:
    """The settings of the run that wrote the file, with defaults for settings that did not exist then."""
    usual, there = json.loads(json.dumps(asdict(TrainSettings()))), json.loads(str(file.attrs["settings"]))
    return usual | there | {"network": usual["network"] | there["network"]}


def _fixed(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that a run keeps to its end."""
    schedule = settings["decay_steps"] or settings["steps"]
    return {name: value for name, value in settings.items() if name not in _FREE} | {"decay_steps": schedule}


def _checked(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise InputError(f"{path}: cannot be read: {problem.strerror}") from problem
    try:
        head = json.loads(content[:_HEAD])
        kind, version, sha256 = head["kind"], head["format"], head["sha256"]
    except (ValueError, KeyError, TypeError):
        kind = version = sha256 = None
    if kind != _KIND:
        raise InputError(f"{path}: damaged, or no training checkpoint: {_CURE}")
    if version not in _READ:
        known = " and ".join(map(str, _READ))
        raise InputError(f"{path}: format {version} is not known, only {known}: use the clusteropt that wrote it")
    if sha256 != hashlib.sha256(content[_HEAD:]).hexdigest():
        raise InputError(f"{path}: damaged, the checksum does not match: {_CURE}")
    return content


def _same(path: Path, there: dict[str, Any], here: dict[str, Any], table: str = "") -> None:
    for name in sorted(there.keys() | here.keys(), key=lambda name: (name != "strategy", name)):
        old, new = there.get(name), here.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            _same(path, old, new, f"{name}.")
        elif old != new:
            raise UsageError(
                f"{path}: made with {table}{name} {_words(old)}, not {_words(new)}: resume with the same settings, or {_CURE}"
            )


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value) or "none"


def _state(file: h5py.File, settings: TrainSettings, pools: dict[str, Chains], values: dict[str, Any]) -> TrainingState:
    fresh = loop.begin(replace(settings, warm_start=""))  # for the shapes
    with host.double_precision():
        old, structure = jax.tree.flatten(fresh.strategy_state.memory)
        leaves = [jnp.asarray(np.array(file[f"memory/{k}"])) for k in range(len(old))]
    theta = np.array(file["theta"])
    for was, now in zip([fresh.theta, *old], [theta, *leaves], strict=True):
        if (was.shape, was.dtype) != (now.shape, now.dtype):
            raise ValueError(f"an array of {now.shape} {now.dtype}, not {was.shape} {was.dtype}")
    strategy_state = StrategyState(theta, jax.tree.unflatten(structure, leaves))
    earlier = tuple(values.pop("earlier", ()))
    return TrainingState(strategy_state=strategy_state, pools=pools, earlier=earlier, **values)


def _pool(group: Any) -> Chains:
    arrays = {name: np.array(group[name]) for name in group}
    clusters: dict[str, Any] = {name: arrays.pop(name) for name in Clusters._fields if name in arrays}
    return Chains(clusters=Clusters(**clusters), **arrays)
