"""The interface of all features: the names of a feature's inputs to the network, and the inputs themselves."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array

from clusteropt.errors import UsageError
from clusteropt.optimizers.learned.settings import LearnedSettings
from clusteropt.problems.base import Problem
from clusteropt.runtime import plugins

OTHERS = "others"  # begins the names of inputs that only alloys have


class Scene(NamedTuple):
    """A batch at one step of a trajectory, and the optimizer's memory of earlier steps."""

    problem: Problem
    batch: Any  # a `problems.base.Batch` of that problem
    energies: Array  # (n_units, n_lanes), of the units
    averages: list[Array]  # (n_components, n_units, n_lanes) for every decay, of the gradient, with bias correction
    squares: list[
        Array
    ]  # (n_units, n_lanes) for every decay, of the gradient's squared length; empty where no feature needs them
    progress: Array  # (n_lanes,), fraction of the trajectory that is done
    settings: LearnedSettings
    n_steps: Array | float = 1.0  # (), of the whole trajectory


class Feature(NamedTuple):
    """Inputs of the network, dimensionless."""

    names: Callable[[LearnedSettings], list[str]]  # of the inputs, in the order of theta
    values: Callable[[Scene], dict[str, Array]]  # by name, each broadcasting to (n_units, n_lanes)
    # `values` leaves out names that begin with OTHERS where the batch has one species
    needs: tuple[str, ...] = ()  # arrays that a batch must have beside positions, mask and free


def feature_of(name: str) -> Feature:
    """The feature of that name. Raises UsageError for an unknown name."""
    feature = plugins.load("features", name)
    if not isinstance(feature, Feature):
        raise UsageError(
            f"the entry point '{name}' of clusteropt.features must lead to a Feature: correct it in the package"
        )
    return feature
