"""Learned optimizers beside the adaptive search, multistart and basin hopping, on the same clusters and by the same kernels."""

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import NamedTuple, Unpack

from clusteropt.errors import UsageError
from clusteropt.evaluation import adaptive
from clusteropt.evaluation import measure as measuring
from clusteropt.evaluation.score import Score
from clusteropt.evaluation.settings import EvaluationChanges, EvaluationSettings
from clusteropt.evaluation.target import LEARNED, Target, baselines, learned_plan, target_for
from clusteropt.io import cards
from clusteropt.optimizers.learned import weights
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.settings.keywords import changed, signed

TASKS = ("X17", "X22", "X34")


class Measurement(NamedTuple):
    """The optimizers to measure, their targets, and the limits."""

    optimizers: dict[str, LearnedOptimizer]  # by name
    targets: list[Target]
    settings: EvaluationSettings
    alone: bool  # without the search and the baselines


def benchmark(
    optimizers: str | PathLike[str] | LearnedOptimizer | Sequence[str | PathLike[str] | LearnedOptimizer] = "learned",
    tasks: str | Sequence[str] = TASKS,
    *,
    alone: bool = False,
    **changes: Unpack[EvaluationChanges],
) -> list[Score]:
    """Measures the hits of learned optimizers and the cost of a hit: a Score per task and method.

    An optimizer is the name of a shipped one, the path of a .h5 file, or an object. The tasks are formulas, in a sequence or
    as one string with commas. The `changes` replace default settings, see `EvaluationSettings`. Raises UsageError for arguments
    that are not allowed, InputError for a damaged or foreign file.
    """
    several = [optimizers] if isinstance(optimizers, str | PathLike | LearnedOptimizer) else optimizers
    settings = changed(EvaluationSettings(), {**changes}, "benchmark")
    return list(scores(planned(several, formulas_of(tasks) if isinstance(tasks, str) else tasks, settings, alone)))


signed(benchmark, EvaluationSettings())


def formulas_of(text: str) -> list[str]:
    """'X17, X22' as a list."""
    return [task.strip() for task in text.split(",") if task.strip()]


def planned(
    optimizers: Sequence[str | PathLike[str] | LearnedOptimizer],
    tasks: Sequence[str],
    settings: EvaluationSettings,
    alone: bool = False,
) -> Measurement:
    """The measurement, checked before it begins. Raises UsageError for optimizers or tasks that do not exist."""
    targets = [target_for(task) for task in dict.fromkeys(tasks)]
    if not targets:
        raise UsageError("tasks must name at least one formula, as X17")
    found = {}
    for number, given in enumerate(optimizers, 1):
        one = isinstance(given, LearnedOptimizer)
        found |= {f"optimizer {number}": given} if one else {str(given): weights.named(str(given))}
    return Measurement(found, targets, settings, alone)


def trained(measurement: Measurement) -> dict[str, list[str]]:
    """The targets that an optimizer was trained on, by its name, without optimizers that were trained on none of them."""
    seen = {
        name: [
            target.formula
            for target in measurement.targets
            if cards.seen(one, target.symbols, target.potential) == "trained"
        ]
        for name, one in measurement.optimizers.items()
    }
    return {name: formulas for name, formulas in seen.items() if formulas}


def scores(measurement: Measurement) -> Iterator[Score]:
    """The scores, target by target: first the optimizers, then the adaptive search with the shipped one, and the baselines."""
    changes = {name: getattr(measurement.settings, name) for name in ("steps", "hops", "hop_steps")}
    for target in measurement.targets:
        for name, optimizer in measurement.optimizers.items():
            seen = cards.seen(optimizer, target.symbols, target.potential)
            plan = learned_plan(optimizer, target, **changes)
            yield measuring.measure(target, LEARNED, plan, measurement.settings, seen)._replace(optimizer=name)
        if measurement.alone:
            continue
        yield searched(target, measurement.settings)
        for method, plan in baselines().items():
            yield measuring.measure(target, method, plan, measurement.settings)


def searched(target: Target, settings: EvaluationSettings) -> Score:
    """The score of the adaptive search, as `clusteropt search` makes it."""
    optimizer = weights.named("learned")
    return adaptive.measure(target, optimizer, settings, cards.seen(optimizer, target.symbols, target.potential))
