"""The structures as they are given: their energies and forces, and what makes one of them unusable."""

import numpy as np

from clusteropt.clusters.arrays import Clusters, Structure
from clusteropt.engine import lanes
from clusteropt.engine.batches import at
from clusteropt.engine.step import Status
from clusteropt.potentials.base import Potential
from clusteropt.problems.base import Inspection
from clusteropt.problems.clusters import ClusterProblem

Fault = tuple[str, Status]  # what makes a structure unusable, and the status that it gets


def inspect_input(
    batch: Clusters, structures: list[Structure], potential: Potential
) -> tuple[Inspection, list[Fault | None]]:
    """Energies and forces of the structures as given, and the fault that makes a structure unusable (None for sound ones)."""
    finite = np.asarray(np.isfinite(batch.positions).all((0, 1)))
    values = inspected(at(batch, np.where(finite, batch.positions, 0)), potential)
    faults: list[Fault | None] = [None] * len(structures)
    problem = ClusterProblem(potential)
    for k in np.flatnonzero(finite & ~np.isfinite(values.energy)) if problem.hosted else ():
        why = problem.pool.fault(problem.question(batch, int(k)))
        faults[k] = f"calculator {potential.calculator} failed: {why}", Status.CALCULATOR_FAILED
    for k in np.flatnonzero(~finite | values.coincident):
        no_number = "a coordinate is not a finite number: mend the file"
        what = f"{_coincidence(structures[k])}: remove one or move them apart" if finite[k] else no_number
        faults[k] = what, Status.INVALID_STRUCTURE
    return values, faults


def inspected(clusters: Clusters, potential: Potential) -> Inspection:
    """Energies, forces and cohesion."""
    return lanes.inspect(clusters, ClusterProblem(potential))


def _coincidence(structure: Structure) -> str:
    """The words that name two atoms at the same place."""
    nearest = []
    for k, place in enumerate(structure.positions):
        d = structure.positions - place
        if structure.cell is not None:
            d -= np.round(d @ np.linalg.inv(structure.cell)) @ structure.cell
        distances = np.linalg.norm(d, axis=1)
        distances[k] = np.inf
        nearest.append((distances.min(), k, int(distances.argmin())))
    i, j = sorted(min(nearest)[1:])
    return f"atoms {i} and {j} are at the same place"
