"""Fits to structures that the program makes itself, with energies by a shipped potential: inner problems for training.

The structures are random ones of a few sizes, partly relaxed. Their energies alone are fitted, which spares derivatives. The
first weights hold no pair potential, because the best one would leave little to learn.
"""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import pack, padded_size
from clusteropt.engine import lanes
from clusteropt.engine.batches import at
from clusteropt.engine.lanes import Motion
from clusteropt.engine.step import NEVER
from clusteropt.fitting.problem import FitProblem
from clusteropt.fitting.samples import Samples
from clusteropt.fitting.settings import FitSettings
from clusteropt.fitting.setup import prepared
from clusteropt.io.structures import elements_of, to_structure
from clusteropt.optimizers.table import OptimizerChoice
from clusteropt.potentials import sets
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import host
from clusteropt.search.starts import random_starts

SETS = {
    "fit": ("X5", "X7", "X9", "X11", "X13"),
    "fit-gupta": ("Ag3Cu2", "Ag4Cu3", "Ag5Cu4", "Ag6Cu5", "Ag7Cu6"),
}
_EACH = 100  # structures of a formula
_STEPS = (12, 100)  # of a relaxation, the last not included
_DENSITY = 0.7
_HELD_OUT = 0.2


class Made(NamedTuple):
    """Structures with energies, and the number of their elements."""

    samples: Samples
    n_elements: int


@cache
def structures(name: str) -> Made:
    """The structures of one of SETS; each follows from its formula and its number."""
    frames = [atoms for formula in SETS[name] for atoms in random_starts(formula, _EACH, len(formula), _DENSITY)]
    potential = sets.potential_for(elements_of(frames[0]))
    problem, starts = ClusterProblem(potential), [to_structure(atoms, potential) for atoms in frames]
    steps = np.random.default_rng(0).integers(*_STEPS, len(starts))
    with host.double_precision():
        batch = pack(starts, padded_size(max(len(s.positions) for s in starts)), np.float64)
        moved = lanes.move(batch, steps, Motion(problem, OptimizerChoice("fire"), NEVER, np.float32))
        seen = lanes.inspect(at(batch, moved.positions), problem)
    there = [s._replace(positions=moved.positions[:, : len(s.positions), k].T) for k, s in enumerate(starts)]
    kept = np.flatnonzero(seen.connected & (seen.energy < 0))
    everything = Samples(there, np.asarray(seen.energy, np.float64), [None] * len(there))
    return Made(everything.taken(kept), len(potential.elements))


@cache
def problem_of(name: str, widths: tuple[int, ...], n_batch: int) -> FitProblem:
    """The fit of a network of these widths, with a fifth of the structures held out."""
    made = structures(name)
    settings = FitSettings(widths=widths, batch=n_batch, validation=_HELD_OUT)
    with host.double_precision():
        return replace(prepared(made.samples, made.n_elements, settings).problem, paired=False)
