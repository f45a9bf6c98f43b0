"""From the name of an optimizer, or from theta, to the optimizer that a program runs."""

from dataclasses import dataclass, field

import jax
import numpy as np

from clusteropt.optimizers.base import Optimizer
from clusteropt.optimizers.learned.rule import learned
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.problems.base import Problem
from clusteropt.runtime import plugins


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rule:
    """An optimizer by name, or a learned one: new numbers for theta need no new program."""

    name: str = field(metadata={"static": True})
    parameters: dict[str, np.ndarray] = field(default_factory=dict)  # of a learned one: theta, n_steps, span; traced
    settings: LearnedSettings | None = field(default=None, metadata={"static": True})  # of a learned one


def learned_rule(theta: np.ndarray, settings: LearnedSettings, n_steps: int, span: tuple[float, float]) -> Rule:
    """The learned optimizer that theta makes, for trajectories of `n_steps` that are this span of whole ones."""
    numbers = {"theta": theta, "n_steps": np.asarray(n_steps, np.float32), "span": np.asarray(span, np.float32)}
    return Rule("learned", numbers, settings)


def make(rule: Rule, problem: Problem) -> Optimizer:
    """The optimizer, its step lengths set by the problem's scale. Raises UsageError for an unknown name."""
    if rule.settings is not None:
        theta, n_steps, span = (rule.parameters[name] for name in ("theta", "n_steps", "span"))
        return learned(theta, n_steps, span, rule.settings, problem)  # type: ignore[arg-type]
    return plugins.load("optimizers", rule.name)(problem.scale)
