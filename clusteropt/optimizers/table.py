"""From the name of an optimizer, or from theta, to the optimizer that a program runs."""

from dataclasses import dataclass, field

import jax
import numpy as np

from clusteropt.errors import UsageError
from clusteropt.optimizers.base import Optimizer
from clusteropt.optimizers.learned.rule import learned
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.problems.base import Problem
from clusteropt.runtime import plugins


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OptimizerChoice:
    """A local optimizer by its name, or a learned one by its theta. Another theta of the same settings needs no new program."""

    name: str = field(metadata={"static": True})
    parameters: dict[str, np.ndarray] = field(default_factory=dict)  # of a learned one: theta, n_steps, span; traced
    settings: LearnedSettings | None = field(default=None, metadata={"static": True})  # of a learned one


def learned_choice(
    theta: np.ndarray, settings: LearnedSettings, n_steps: int, span: tuple[float, float]
) -> OptimizerChoice:
    """The learned optimizer of a theta, for trajectories of `n_steps` that make up this span of a full one."""
    numbers = {"theta": theta, "n_steps": np.asarray(n_steps, np.float32), "span": np.asarray(span, np.float32)}
    return OptimizerChoice("learned", numbers, settings)


def make(choice: OptimizerChoice, problem: Problem) -> Optimizer:
    """The optimizer, its step lengths set by the problem's scale. Raises UsageError for an unknown name."""
    if choice.settings is not None:
        theta, n_steps, span = (choice.parameters[name] for name in ("theta", "n_steps", "span"))
        return learned(theta, n_steps, span, choice.settings, problem)  # type: ignore[arg-type]
    factory = plugins.load("optimizers", choice.name)
    made = factory(problem.scale) if callable(factory) else factory
    if not isinstance(made, Optimizer):
        raise UsageError(f"optimizer '{choice.name}' must be a function from a Scale to an Optimizer, got {made!r:.60}")
    return made
