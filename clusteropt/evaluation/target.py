"""Targets of a measurement, and the searches that are compared on them."""

from typing import NamedTuple

from clusteropt.errors import UsageError
from clusteropt.io.best_known import best_known
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.potentials import sets
from clusteropt.potentials.base import Potential
from clusteropt.search.policy import SearchPlan, plan_for
from clusteropt.search.starts import symbols_of

LEARNED, SEARCH, MULTISTART, BASIN_HOPPING = "learned", "search", "multistart", "basin hopping"
_ENDLESS = 10_000  # hops of basin hopping from one start


class Target(NamedTuple):
    """A cluster whose best-known minimum is to be found."""

    formula: str
    potential: Potential
    symbols: list[str]
    best_known: float


def target_for(formula: str) -> Target:
    """The target of a formula.

    Raises UsageError for text that is not a formula, and where there is no potential or no best-known minimum.
    """
    symbols = symbols_of(formula)
    potential = sets.potential_for(tuple(sorted(set(symbols))))
    energy = best_known(potential, symbols)
    if energy is None:
        raise UsageError(f"{formula}: no best-known minimum of {potential.name} is in the table: choose another")
    return Target(formula, potential, symbols, energy)


def learned_plan(optimizer: LearnedOptimizer, target: Target, **changes: int | None) -> SearchPlan:
    """The search that `minimize` makes, but for the `changes`: steps, hops, hop_steps."""
    return plan_for(optimizer, len(target.symbols), target.potential, **changes)


def baselines() -> dict[str, SearchPlan]:
    """The conventional searches, by name."""
    return {MULTISTART: SearchPlan(), BASIN_HOPPING: SearchPlan(hops=_ENDLESS)}
