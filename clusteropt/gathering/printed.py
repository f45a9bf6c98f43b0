"""Results that a command has printed as JSON, as records."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clusteropt.errors import InputError
from clusteropt.gathering.origins import Made, origin_of, shipped, units_of
from clusteropt.gathering.sizes import series_of
from clusteropt.records.costs import Cost, Costs, TrainingError
from clusteropt.records.minima import Minima
from clusteropt.records.origin import Units

_CURE = "a report is made of the output of `evaluate --json` or `grow --json`; of a search, name its database"


def read(path: Path) -> Costs | Minima:
    """Scores of optimizers, or a series of sizes. Raises InputError for any other JSON."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise InputError(f"{path}: is no JSON that can be read ({problem}): make the file again") from None
    records = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    if not records or len(records) < len(found):
        raise InputError(f"{path}: holds no list of scores: {_CURE}")
    if all({"formula", "method", "hits", "evaluations"} <= one.keys() for one in records):
        return Costs(path.name, clusters=tuple(map(_cost, records)))
    if all({"task", "optimizer", "steps", "training"} <= one.keys() for one in records):
        return Costs(path.name, networks=tuple(map(_error, records)))
    if all({"n_atoms", "second_difference", "energy"} <= one.keys() for one in records):
        return _series(path.name, records)
    raise InputError(f"{path}: holds results of another command: {_CURE}")


def _cost(one: dict[str, Any]) -> Cost:
    method = str(one.get("optimizer") or one["method"])
    return Cost(str(one["formula"]), method, int(one["hits"]), int(one["evaluations"]), str(one.get("seen") or ""))


def _error(one: dict[str, Any]) -> TrainingError:
    low, high = one.get("training_interval") or (None, None)
    mean = float("nan") if one["training"] is None else float(one["training"])
    half = 0.0 if low is None or high is None else (high - low) / 2
    return TrainingError(str(one["task"]), str(one["optimizer"]), int(one["steps"]), mean, half)


def _series(name: str, records: Sequence[dict[str, Any]]) -> Minima:
    units, potential = records[0].get("units") or {}, str(records[0].get("potential") or "")
    energies = {int(one["n_atoms"]): float(one["energy"]) for one in records if one["energy"] is not None}
    own = Units(str(units.get("energy", "")), str(units.get("length", "")))
    if not units and shipped(potential) is not None:
        own = units_of(potential, ())
    return Minima(name, own, (), origin_of(Made([potential])), series_of(energies))
