"""The structures as they are given: their energies and forces, and what makes one of them unusable."""

import numpy as np

from clusteropt.clusters.arrays import Clusters, Structure
from clusteropt.engine import lanes
from clusteropt.engine.batches import at
from clusteropt.engine.step import Status
from clusteropt.potentials.base import Potential
from clusteropt.problems.base import Inspection
from clusteropt.problems.clusters import SAME_PLACE, ClusterProblem

_AT_ONCE = 100_000  # pairs of atoms whose distances are computed at a time
Fault = tuple[str, Status]  # what makes a structure unusable, and the status that it gets


def inspect_input(
    batch: Clusters, structures: list[Structure], potential: Potential
) -> tuple[Inspection, list[Fault | None]]:
    """Energies and forces of the structures as given, and the fault that makes a structure unusable (None for sound ones).

    A calculator is not asked about structures whose atoms are where none can be.
    """
    problem, sound = ClusterProblem(potential), np.asarray(np.isfinite(batch.positions).all((0, 1)))
    seen = at(batch, np.where(sound, batch.positions, 0))
    if problem.hosted:
        near = SAME_PLACE * potential.length
        sound = np.array([not misplaced(one.positions, one.cell, near) for one in structures])
        seen = seen._replace(mask=np.asarray(seen.mask) & sound)  # type: ignore[arg-type]  numpy
    values = inspected(seen, potential)
    faults: list[Fault | None] = [None] * len(structures)
    for k in np.flatnonzero(sound & ~np.isfinite(values.energy)) if problem.hosted else ():
        why = problem.pool.fault(problem.question(batch, int(k)))
        faults[k] = f"calculator {potential.calculator} failed: {why}", Status.CALCULATOR_FAILED
    for k in np.flatnonzero(~sound | values.coincident):
        faults[k] = misplaced(structures[k].positions, structures[k].cell, np.inf), Status.INVALID_STRUCTURE
    return values, faults


def inspected(clusters: Clusters, potential: Potential) -> Inspection:
    """Energies, forces and cohesion."""
    return lanes.inspect(clusters, ClusterProblem(potential))


def misplaced(positions: np.ndarray, cell: np.ndarray | None = None, near: float = SAME_PLACE) -> str:
    """The fault of atoms (n_atoms, 3) without finite coordinates, or two of which are closer than `near`; empty for no fault."""
    if not np.isfinite(positions).all():
        return "a coordinate is not a finite number: mend the file"
    distance, i, j = _nearest(positions, cell)
    return f"atoms {i} and {j} are at the same place: remove one or move them apart" if distance < near else ""


def _nearest(positions: np.ndarray, cell: np.ndarray | None) -> tuple[float, int, int]:
    """The distance of the two atoms that are nearest to each other, and their numbers; infinite for a single atom."""
    found, n = (np.inf, 0, 0), len(positions)
    at_once = max(1, _AT_ONCE // max(1, n))
    for first in range(0, n, at_once):
        d = positions - positions[first : first + at_once, None]
        if cell is not None:
            d -= np.round(d @ np.linalg.inv(cell)) @ cell
        squares = (d * d).sum(2)
        own = np.arange(len(squares))
        squares[own, first + own] = np.inf
        row, column = np.unravel_index(squares.argmin(), squares.shape)
        i, j = sorted((first + int(row), int(column)))
        found = min(found, (float(np.sqrt(squares[row, column])), i, j))
    return found
