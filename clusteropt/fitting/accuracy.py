"""How well weights reproduce the structures of a fit."""

from typing import NamedTuple

import jax
import numpy as np
from jax import Array

from clusteropt.fitting.problem import Errors, FitProblem
from clusteropt.fitting.samples import Examples
from clusteropt.fitting.setup import Setup
from clusteropt.records.costs import Parity


class Accuracy(NamedTuple):
    """Errors on one part of the structures, in the units of the data."""

    part: str
    structures: int
    energy: float  # root mean square, for each atom
    largest: float  # of the errors of energy
    force: float | None  # root mean square of the components, from projections on a few directions; None without forces


@jax.jit
def _errors(problem: FitProblem, weights: Array, examples: Examples) -> Errors:
    return problem.by_structure(weights, examples)


def _parts(setup: Setup) -> tuple[tuple[str, Examples], ...]:
    return ("training", setup.problem.training), ("validation", setup.problem.held_out)


def accuracies(setup: Setup, weights: np.ndarray) -> list[Accuracy]:
    """The errors of weights (n_weights,) on the training and on the validation structures."""
    found = []
    for part, examples in _parts(setup):
        errors = _errors(setup.problem, weights, examples)  # type: ignore[arg-type]  numpy
        off, n_known = np.asarray(errors.energies, np.float64) * setup.scales.energy, float(examples.known.sum())
        force = None
        if n_known and examples.changes.shape[1]:
            force = float(np.sqrt(np.asarray(errors.forces, np.float64).sum() / n_known))
            force *= setup.scales.energy / setup.scales.length
        found.append(Accuracy(part, len(off), float(np.sqrt((off**2).mean())), float(abs(off).max()), force))
    return found


def parities(setup: Setup, weights: np.ndarray, energies: np.ndarray, n_atoms: np.ndarray) -> list[Parity]:
    """Energies as given (n_structures,) beside those of the weights, for each atom of structures of `n_atoms` (n_structures,)."""
    found = []
    for (part, examples), chosen in zip(_parts(setup), setup.split, strict=True):
        off = np.asarray(_errors(setup.problem, weights, examples).energies) * setup.scales.energy  # type: ignore[arg-type]
        given = energies[chosen] / n_atoms[chosen]
        found.append(Parity(part, given, given + off))
    return found
