"""Scores of optimizers on the weights of networks, as a table and as JSON."""

import json
import math
from collections.abc import Sequence

import numpy as np

from clusteropt.evaluation.networks import NetworkScore
from clusteropt.pictures.costs import errors
from clusteropt.pictures.style import content
from clusteropt.records.costs import TrainingError
from clusteropt.report.tables import Column


def networks_table(scores: Sequence[NetworkScore]) -> list[Column]:
    """The columns of a table with one row per task, optimizer and number of steps."""
    return [
        Column("task", [s.task for s in scores]),
        Column("optimizer", [s.optimizer for s in scores]),
        Column("in training", ["data" if s.seen else "no" for s in scores], rank=3),
        Column("steps", [str(s.n_steps) for s in scores], right=True),
        Column("rate", [f"{s.rate:.2g}" if s.rate else "learned" for s in scores], rank=2, right=True),
        Column("training error", [_with_interval(s.training) for s in scores], right=True),
        Column("to Adam's", [_shown(ratio, ".3f") for ratio in ratios(scores)], right=True),
        Column("held-out error", [_with_interval(s.held_out) for s in scores], rank=1, right=True),
        Column("accuracy", [_with_interval(s.accuracy) for s in scores], rank=4, right=True),
    ]


def networks_json(scores: Sequence[NetworkScore]) -> str:
    """A JSON array with one object per task, optimizer and number of steps; intervals are of 95 %."""
    return json.dumps([_record(s, ratio) for s, ratio in zip(scores, ratios(scores), strict=True)], indent=1)


def networks_picture(scores: Sequence[NetworkScore]) -> bytes:
    """Mean training errors with their intervals over the steps, a panel for each task and a line for each optimizer, as PNG."""
    found = [TrainingError(s.task, s.optimizer, s.n_steps, *s.training) for s in scores]
    return content(errors(found), ".png", "clusteropt evaluate")


def ratios(scores: Sequence[NetworkScore]) -> list[float]:
    """The mean training error of each over Adam's on the same task after as many steps; NaN without one."""
    adam = {(s.task, s.n_steps): s.training[0] for s in scores if s.optimizer == "adam"}
    own = [(s.training[0], adam.get((s.task, s.n_steps), math.nan)) for s in scores]
    with np.errstate(divide="ignore", invalid="ignore"):
        return [float(np.float64(error) / other) for error, other in own]


def _record(s: NetworkScore, ratio: float) -> dict[str, object]:
    found: dict[str, object] = {"task": s.task, "optimizer": s.optimizer, "seen": s.seen}
    found |= {"steps": s.n_steps, "rate": s.rate, "seeds": len(s.errors.training)}
    for name, (mean, half) in (("training", s.training), ("held_out", s.held_out), ("accuracy", s.accuracy)):
        found |= {name: _number(mean), f"{name}_interval": [_number(mean - half), _number(mean + half)]}
    return found | {"training_to_adam": _number(ratio)}


def _with_interval(value: tuple[float, float]) -> str:
    mean, half = value
    return f"{mean:.4f} +- {half:.4f}" if math.isfinite(mean) else "-"


def _shown(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
