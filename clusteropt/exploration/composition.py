"""The composition whose lowest minima a search looks for, under a potential, and the kit that it needs for that."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clusteropt.exploration import cost
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.potentials.base import Potential
from clusteropt.potentials.form import form_of
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.search.policy import SearchPlan, plan_for
from clusteropt.search.styles import STYLES


@dataclass(frozen=True)
class Composition:
    """Atoms in some order, under a potential."""

    symbols: tuple[str, ...]
    potential: Potential

    @cached_property
    def species(self) -> np.ndarray:
        """(n_atoms,) int32, the index of each atom's element in the potential."""
        return np.array([self.potential.elements.index(symbol) for symbol in self.symbols], np.int32)

    @property
    def n_atoms(self) -> int:
        return len(self.symbols)

    @property
    def n_species(self) -> int:
        """The number of elements in the composition."""
        return len(set(self.symbols))

    @property
    def problem(self) -> ClusterProblem:
        return ClusterProblem(self.potential)


@dataclass(frozen=True)
class Kit:
    """All that an exploration needs."""

    composition: Composition
    optimizer: LearnedOptimizer | None
    seed: int = 0

    @cached_property
    def plan(self) -> SearchPlan:
        """The numbers of learned trajectories and displacements, with the table of styles."""
        if self.optimizer is None:
            return SearchPlan(styles=STYLES)
        plan = plan_for(self.optimizer, self.composition.n_atoms, self.composition.potential)
        return plan._replace(styles=STYLES)

    @cached_property
    def learned_step(self) -> float:
        """The cost of a learned step, in evaluations of a quench."""
        if self.optimizer is None:
            return 1.0
        pair = form_of(self.composition.potential.form).cost
        return cost.learned_step(self.composition.n_atoms, pair, self.optimizer.theta.size)
