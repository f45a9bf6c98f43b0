"""The table of optimizers by name."""

from collections.abc import Callable

from clusteropt.errors import UsageError, suggest
from clusteropt.optimizers.base import Optimizer, Scale
from clusteropt.optimizers.fire import fire
from clusteropt.optimizers.gradient_descent import gradient_descent
from clusteropt.optimizers.lbfgs import lbfgs

OPTIMIZERS: dict[str, Callable[[Scale], Optimizer]] = {
    "lbfgs": lbfgs,
    "fire": fire,
    "gradient-descent": gradient_descent,
}


def make(name: str, scale: Scale) -> Optimizer:
    """The optimizer of that name, its step lengths set by the potential's scale."""
    if name not in OPTIMIZERS:
        raise UsageError(f"no optimizer named '{name}'; {suggest(name, tuple(OPTIMIZERS))}")
    return OPTIMIZERS[name](scale)
