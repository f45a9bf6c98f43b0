"""Finds the lowest-energy structures of atomic clusters.

`search(formula)` searches for the lowest minima of a composition, `minimize(atoms)` from ASE atoms, `energy(atoms)` leaves them
where they are, `certify(atoms)` proves that they are at a minimum, `ClusterCalculator(name)` is an ASE calculator,
`load_potential(name)` reads a parameter set, `load_optimizer(name)` a learned optimizer; `train_es` and `train_ga` train one,
`step` takes one step of it, `optimize` runs it on an inner problem of one's own, `benchmark` measures what it finds.
`compare(a, b)` says whether two structures are the same, `minima(path)` reads a database of minima.
"""

import sys
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from clusteropt.runtime import fast_loops

if TYPE_CHECKING:
    __version__: str
    from clusteropt.api import certify, energy, minimize
    from clusteropt.calculator import ClusterCalculator
    from clusteropt.clusters.sameness import Comparison
    from clusteropt.comparing import compare
    from clusteropt.database.selection import minima
    from clusteropt.errors import ClusterOptError
    from clusteropt.evaluation.benchmark import benchmark
    from clusteropt.finding.result import SearchMinimum, SearchResult
    from clusteropt.finding.searching import search
    from clusteropt.optimizers.learned.weights import LearnedOptimizer
    from clusteropt.optimizers.learned.weights import named as load_optimizer
    from clusteropt.optimizing import optimize
    from clusteropt.potentials.sets import load as load_potential
    from clusteropt.result import Certified, Result
    from clusteropt.stepping import step
    from clusteropt.training.runs import train_es, train_ga

__all__ = [
    "Certified",
    "ClusterCalculator",
    "ClusterOptError",
    "Comparison",
    "LearnedOptimizer",
    "Result",
    "SearchMinimum",
    "SearchResult",
    "benchmark",
    "certify",
    "compare",
    "energy",
    "load_optimizer",
    "load_potential",
    "minima",
    "minimize",
    "optimize",
    "search",
    "step",
    "train_es",
    "train_ga",
]

fast_loops.ask()  # jax reads the environment once, when it begins to compute

_HOMES = {
    "Certified": ("clusteropt.result", "Certified"),
    "Comparison": ("clusteropt.clusters.sameness", "Comparison"),
    "Result": ("clusteropt.result", "Result"),
    "SearchMinimum": ("clusteropt.finding.result", "SearchMinimum"),
    "SearchResult": ("clusteropt.finding.result", "SearchResult"),
    "benchmark": ("clusteropt.evaluation.benchmark", "benchmark"),
    "certify": ("clusteropt.api", "certify"),
    "compare": ("clusteropt.comparing", "compare"),
    "energy": ("clusteropt.api", "energy"),
    "minimize": ("clusteropt.api", "minimize"),
    "ClusterCalculator": ("clusteropt.calculator", "ClusterCalculator"),
    "ClusterOptError": ("clusteropt.errors", "ClusterOptError"),
    "LearnedOptimizer": ("clusteropt.optimizers.learned.weights", "LearnedOptimizer"),
    "load_optimizer": ("clusteropt.optimizers.learned.weights", "named"),
    "load_potential": ("clusteropt.potentials.sets", "load"),
    "minima": ("clusteropt.database.selection", "minima"),
    "optimize": ("clusteropt.optimizing", "optimize"),
    "step": ("clusteropt.stepping", "step"),
    "train_es": ("clusteropt.training.runs", "train_es"),
    "train_ga": ("clusteropt.training.runs", "train_ga"),
}


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("clusteropt")
    except PackageNotFoundError:  # a checkout that nobody installed
        return "0+unknown"


class _Package(ModuleType):
    """The package, whose `search` is the function: the import system would put the room of that name in its place."""

    @property
    def search(self) -> object:
        return import_module("clusteropt.finding.searching").search

    @search.setter
    def search(self, room: ModuleType) -> None:
        """Ignores the room, which `sys.modules` has."""


sys.modules[__name__].__class__ = _Package

if not TYPE_CHECKING:  # which would take any name for a public one

    def __getattr__(name: str) -> object:
        """Public names, imported on first use: `import clusteropt` alone costs nothing."""
        if name == "__version__":
            return _version()
        if name not in _HOMES:
            raise AttributeError(f"module 'clusteropt' has no attribute '{name}'")
        module, attribute = _HOMES[name]
        return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
