"""A learned optimizer by hand: its trajectory a step at a time, from ASE atoms to their next positions."""

from os import PathLike
from typing import NamedTuple

import jax
import numpy as np
from ase import Atoms
from jax import Array
from jax.sharding import Mesh

from clusteropt.clusters.arrays import Structure, n_lanes, pack, padded_size, take
from clusteropt.engine import programs, relax
from clusteropt.errors import UsageError
from clusteropt.io.best_known import formula_of
from clusteropt.io.structures import elements_of, to_structure
from clusteropt.optimizers.base import Scale
from clusteropt.optimizers.learned.weights import LearnedOptimizer, named
from clusteropt.optimizers.table import Rule, learned_rule, make
from clusteropt.potentials import sets
from clusteropt.potentials.base import CORE, Potential
from clusteropt.runtime import devices, host
from clusteropt.search import chains


class Memory(NamedTuple):
    """The memory of a trajectory from step to step."""

    run: relax.Run  # of one cluster in the first lane, in single precision
    centre: np.ndarray  # (3,), from which the run's positions count
    potential: Potential
    rule: Rule

    def __repr__(self) -> str:
        return f"Memory(of a trajectory of {formula_of(self.symbols)}, potential {self.potential.name})"

    @property
    def symbols(self) -> list[str]:
        """The elements of the atoms that move on it, in their order."""
        inside = np.asarray(self.run.clusters.mask)[:, 0]
        return [self.potential.elements[k] for k in np.asarray(self.run.clusters.species)[inside, 0]]


def step(
    atoms: Atoms,
    optimizer: LearnedOptimizer | str | PathLike[str],
    memory: Memory | None = None,
    *,
    potential: str | None = None,
    n_steps: int | None = None,
) -> tuple[np.ndarray, Memory]:
    """The positions (n_atoms, 3) after one step of the optimizer, and what the next step is to be given.

    The optimizer is an object, the name of a shipped one, or the path of a .h5 file.
    A trajectory begins without a `memory`, as in a search: of `n_steps`, by default as many as there, with the first three
    quarters of the way that was trained, on a potential (by name or file; None: the elements' default) whose core is softened.
    The atoms are not changed; they may be moved between steps. Fixed atoms stay, and so does a cluster whose forces
    overflow. Raises InputError and UsageError for atoms and potentials that cannot be used, and for a memory of other atoms.
    """
    if memory is not None and memory.symbols != atoms.get_chemical_symbols():
        raise UsageError(
            f"memory is of a trajectory of {formula_of(memory.symbols)}, and the atoms are "
            f"{atoms.get_chemical_formula() or 'none'}, or in another order: begin theirs without a memory"
        )
    with host.double_precision():
        if memory is None:
            learned = optimizer if isinstance(optimizer, LearnedOptimizer) else named(optimizer)
            memory = _begin(atoms, learned, potential, n_steps)
        near = np.array(memory.run.clusters.positions)
        near[:, : len(atoms), 0] = (atoms.positions - memory.centre).T
        clusters = memory.run.clusters._replace(positions=near)  # type: ignore[arg-type]  numpy
        common, run = (memory.potential, memory.rule), memory.run._replace(clusters=clusters)
        leaves = programs.run(_stepped, common, run, mesh=devices.mesh(1), in_place=False)
        after: relax.Run = jax.tree.unflatten(jax.tree.structure(run), leaves)
    free = np.asarray(run.clusters.free)[: len(atoms), :1]
    moved = np.asarray(after.clusters.positions, np.float64)[:, : len(atoms), 0].T + memory.centre
    return np.where(free, moved, atoms.positions), memory._replace(run=after)


def _begin(atoms: Atoms, optimizer: LearnedOptimizer, name: str | None, n_steps: int | None) -> Memory:
    elements = elements_of(atoms)
    potential = sets.potential_for(elements, name)
    structure = to_structure(atoms, potential)
    search = chains.search_for(optimizer, len(atoms), potential, n_steps)
    rule = learned_rule(optimizer.theta, optimizer.settings, search.steps, (0, search.end))
    centre = structure.positions.mean(0)
    return Memory(
        _blank(structure._replace(positions=structure.positions - centre), potential, rule), centre, potential, rule
    )


def _blank(structure: Structure, potential: Potential, rule: Rule) -> relax.Run:
    """A run that has not moved, with as many lanes as a search has, of which one is taken."""
    size = padded_size(len(structure.positions))
    lanes = np.full(n_lanes(size), -1)
    lanes[0] = 0
    batch = take(pack([structure], size, np.float64), lanes, np.float32)
    limit = np.full(len(lanes), np.iinfo(np.int32).max, np.int32)
    return relax.start(batch, limit, make(rule, _scale(potential)))  # type: ignore[arg-type]  numpy


def _stepped(common: tuple[Potential, Rule], run: relax.Run, *, mesh: Mesh) -> list[Array]:
    potential, rule = common
    never = relax.Criterion("fmax", -1.0)
    core = CORE * potential.length
    return jax.tree.leaves(relax.advance(potential, make(rule, _scale(potential)), never, run, 1, core))


def _scale(potential: Potential) -> Scale:
    return Scale(potential.length, potential.energy, len(potential.elements))
