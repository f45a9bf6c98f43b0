"""A learned optimizer by hand: its trajectory a step at a time, from ASE atoms to their next positions."""

from os import PathLike
from typing import NamedTuple

import jax
import numpy as np
from ase import Atoms
from jax import Array
from jax.sharding import Mesh

from clusteropt.clusters.arrays import Structure, pack, padded_size
from clusteropt.engine import programs
from clusteropt.engine.batches import at, take
from clusteropt.engine.step import NEVER, Trajectories, advance, begin_trajectories
from clusteropt.errors import UsageError
from clusteropt.io.best_known import full_formula
from clusteropt.io.structures import elements_of, to_structure
from clusteropt.optimizers.learned.weights import LearnedOptimizer, named
from clusteropt.optimizers.table import OptimizerChoice, learned_choice, make
from clusteropt.potentials import sets
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime import devices, host
from clusteropt.runtime.backend import n_lanes
from clusteropt.search.policy import plan_for


class Memory(NamedTuple):
    """The memory of a trajectory from step to step."""

    now: Trajectories  # of one cluster in the first lane, in single precision
    centre: np.ndarray  # (3,), the origin of its positions
    problem: ClusterProblem
    choice: OptimizerChoice

    def __repr__(self) -> str:
        return f"Memory(of a trajectory of {full_formula(self.symbols)}, potential {self.problem.potential.name})"

    @property
    def symbols(self) -> list[str]:
        """The elements of the atoms that move on it, in their order."""
        inside = np.asarray(self.now.batch.mask)[:, 0]
        return [self.problem.potential.elements[k] for k in np.asarray(self.now.batch.species)[inside, 0]]


def step(
    atoms: Atoms,
    optimizer: LearnedOptimizer | str | PathLike[str],
    memory: Memory | None = None,
    *,
    potential: str | None = None,
    n_steps: int | None = None,
) -> tuple[np.ndarray, Memory]:
    """The positions (n_atoms, 3) after one step of the optimizer, and what the next step is to be given.

    The optimizer is an object, the name of a shipped one, or the path of a .h5 file. Without a `memory` a trajectory begins. As
    in a search it is the first three quarters of a full one, in `n_steps` steps (by default as many as in a search), on a
    potential with a softened core. The `potential` is a name or a file; None: the elements' default. The atoms are not changed;
    they may be moved between steps. Fixed atoms stay, and so does a cluster whose forces overflow. Raises InputError and
    UsageError for atoms and potentials that cannot be used, and for a memory of other atoms.
    """
    if memory is not None and memory.symbols != atoms.get_chemical_symbols():
        raise UsageError(
            f"memory is of a trajectory of {full_formula(memory.symbols)}, and the atoms are "
            f"{atoms.get_chemical_formula() or 'none'}, or in another order: begin theirs without a memory"
        )
    with host.double_precision():
        if memory is None:
            learned = optimizer if isinstance(optimizer, LearnedOptimizer) else named(optimizer)
            memory = _begin(atoms, learned, potential, n_steps)
        now = memory.now
        near = np.array(now.batch.positions)
        near[:, : len(atoms), 0] = (atoms.positions - memory.centre).T
        now = now._replace(batch=at(now.batch, near))
        leaves = programs.run(_stepped, (memory.problem, memory.choice), now, mesh=devices.mesh(1), in_place=False)
        after: Trajectories = jax.tree.unflatten(jax.tree.structure(now), leaves)
    free = np.asarray(now.batch.free)[: len(atoms), :1]
    moved = np.asarray(after.batch.positions, np.float64)[:, : len(atoms), 0].T + memory.centre
    return np.where(free, moved, atoms.positions), memory._replace(now=after)


def _begin(atoms: Atoms, optimizer: LearnedOptimizer, name: str | None, n_steps: int | None) -> Memory:
    elements = elements_of(atoms)
    potential = sets.potential_for(elements, name)
    structure = to_structure(atoms, potential)
    plan = plan_for(optimizer, len(atoms), potential, n_steps)
    choice = learned_choice(optimizer.theta, optimizer.settings, plan.steps, (0, plan.end))
    centre, problem = structure.positions.mean(0), ClusterProblem(potential).softened()
    own = structure._replace(positions=structure.positions - centre)
    return Memory(_blank(own, problem, choice), centre, problem, choice)


def _blank(structure: Structure, problem: ClusterProblem, choice: OptimizerChoice) -> Trajectories:
    """A trajectory that has not moved, with as many lanes as a search has, of which one is taken."""
    size = padded_size(len(structure.positions))
    lanes = np.full(n_lanes(size), -1)
    lanes[0] = 0
    batch = take(pack([structure], size, np.float64), lanes, np.float32)
    limit = np.full(len(lanes), np.iinfo(np.int32).max, np.int32)
    return begin_trajectories(batch, limit, make(choice, problem))  # type: ignore[arg-type]  numpy


def _stepped(common: tuple[ClusterProblem, OptimizerChoice], now: Trajectories, *, mesh: Mesh) -> list[Array]:
    problem, choice = common
    return jax.tree.leaves(advance(problem, make(choice, problem), NEVER, now, 1))
