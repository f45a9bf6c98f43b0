"""From structures to their minima: look at the input, explore in single precision, polish in double, judge.

Exploring uses single precision and a softened core, and stops a little above its noise; polishing goes on with the true
potential in double precision to the tolerance asked for, and only its word counts. Every structure goes the same way, so
that a result does not depend on the company it was computed in.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from clusteropt import lanes, runtime
from clusteropt.clusters import Structure
from clusteropt.config import LEVELS, MinimizeSettings
from clusteropt.errors import InputError
from clusteropt.potentials.base import CORE, Potential
from clusteropt.relax import Criterion, Status

BLOCK = 1024  # structures between two reports
_EXPLORE = {"fmax": 2e-4, "rms": 1e-4}  # in units of energy over length: above the noise of single precision
_EXPLORE_SHARE = 0.8  # of the evaluations allowed
_FEW = 64  # structures; compiling is felt with so few, and the polishing program is compiled while others explore
_SAME_PLACE = 1e-6  # distance, in lengths
_REACH = 3.0  # atoms further apart than this many lengths do not hang together, where no cutoff says so before
_ROUND_OFF = 1e-9  # by which an energy may seem to rise, in units of the energy scale and per atom

Watch = Callable[[int, int, np.ndarray], None]


@dataclass(frozen=True)
class Minimum:
    """What became of one structure. Energies and lengths in the potential's units."""

    status: Status
    positions: np.ndarray  # (n_atoms, 3)
    energy_before: float
    energy: float
    energies: np.ndarray  # (n_atoms,)
    forces: np.ndarray  # (n_atoms, 3), fixed atoms' own too
    fmax: float  # longest force on a free atom
    n_evaluations: int
    problem: str = ""  # what makes the structure invalid


def criterion_for(settings: MinimizeSettings, potential: Potential) -> Criterion:
    """When to stop, in the potential's units."""
    if settings.rms is not None:
        return Criterion("rms", settings.rms)
    level = LEVELS[settings.opt] * potential.energy / potential.length
    return Criterion("fmax", level if settings.fmax is None else settings.fmax)


def minimize_structures(
    structures: list[Structure], potential: Potential, settings: MinimizeSettings, watch: Watch | None = None
) -> list[Minimum]:
    """The local minima below the given structures, in their order. `watch` is that of `lanes.relax_all`.

    Periodic cells are taken as they are: `check_cell` first.
    """
    problems = [defect(s, potential) for s in structures]
    sound = [i for i, problem in enumerate(problems) if not problem]
    own = [structures[i] for i in sound]
    show = None if watch is None else (lambda k, n, positions: watch(sound[k], n, positions))
    started = [_perturbed(s, settings, potential) for s in own]
    relaxed = _relax(started, potential, settings, show)
    judged = dict(zip(sound, _judge(own, started, relaxed, potential, settings), strict=True))
    return [judged.get(i) or _invalid(s, problems[i]) for i, s in enumerate(structures)]


def evaluate_structures(structures: list[Structure], potential: Potential) -> list[Minimum]:
    """Energies and forces of the structures as they are."""
    problems = [defect(s, potential) for s in structures]
    sound = [i for i, problem in enumerate(problems) if not problem]
    values = dict(zip(sound, lanes.evaluate_all(potential, [structures[i] for i in sound]), strict=True))
    out = []
    for i, s in enumerate(structures):
        if i not in values:
            out.append(_invalid(s, problems[i]))
            continue
        energies, forces = values[i]
        status = Status.EVALUATED if np.isfinite(forces).all() else Status.NON_FINITE
        energy = float(energies.sum())
        out.append(Minimum(status, s.positions, energy, energy, energies, forces, _fmax(forces, s.free), 1))
    return out


def _relax(
    structures: list[Structure], potential: Potential, settings: MinimizeSettings, watch: Watch | None
) -> list[lanes.Relaxed]:
    wanted = criterion_for(settings, potential)
    coarse = _EXPLORE[wanted.measure] * potential.energy / potential.length
    first = Criterion(wanted.measure, max(wanted.tolerance, coarse))  # type: ignore[type-var]
    explore = lanes.Task(potential, settings.optimizer, first, np.float32, CORE * potential.length)
    polish = lanes.Task(potential, settings.optimizer, wanted, np.float64)
    share = max(1, int(_EXPLORE_SHARE * settings.max_steps))
    centres = [s.positions.mean(0) if s.cell is None else np.zeros(3) for s in structures]  # far from the origin, digits go
    moved = [s._replace(positions=s.positions - c) for s, c in zip(structures, centres, strict=True)]
    with ThreadPoolExecutor(1) as second:
        if len(moved) <= _FEW:
            second.submit(_in_double, lanes.compile_for, moved, polish)
        explored = lanes.relax_all(moved, [share] * len(moved), explore, watch)
    usable = [np.isfinite(e.positions).all() and e.status != Status.NON_FINITE for e in explored]
    again = [s._replace(positions=e.positions) if ok else s for s, e, ok in zip(moved, explored, usable, strict=True)]
    left = [max(1, settings.max_steps - e.n_evaluations) for e in explored]

    def watch_more(i: int, n: int, positions: np.ndarray) -> None:
        if watch is not None:
            watch(i, explored[i].n_evaluations + n, positions)

    polished = lanes.relax_all(again, left, polish, watch_more if watch else None)
    return [
        p._replace(positions=p.positions + c, n_evaluations=p.n_evaluations + e.n_evaluations)
        for p, e, c in zip(polished, explored, centres, strict=True)
    ]


def _in_double(function: Callable, *arguments: object) -> None:
    """Precision is a setting of the thread."""
    with runtime.double_precision():
        function(*arguments)


def _judge(
    given: list[Structure],
    started: list[Structure],
    relaxed: list[lanes.Relaxed],
    potential: Potential,
    settings: MinimizeSettings,
) -> list[Minimum]:
    """Energies before and after, and the final word on each structure."""
    before = lanes.evaluate_all(potential, given)
    ends = [s._replace(positions=r.positions) for s, r in zip(given, relaxed, strict=True)]
    after = lanes.evaluate_all(potential, ends)
    risen = [
        i
        for i, (b, a) in enumerate(zip(before, after, strict=True))
        if not settings.perturb and a[0].sum() > b[0].sum() + _ROUND_OFF * potential.energy * len(a[0])
    ]
    if risen:  # exploring left the valley of the input: go down from it again, in small and exact steps
        wanted = criterion_for(settings, potential)
        task = lanes.Task(potential, settings.optimizer, wanted, np.float64)
        retry = lanes.relax_all([started[i] for i in risen], [settings.max_steps] * len(risen), task)
        for i, r in zip(risen, retry, strict=True):
            relaxed[i] = r._replace(n_evaluations=r.n_evaluations + relaxed[i].n_evaluations)
            ends[i] = given[i]._replace(positions=r.positions)
            after[i] = lanes.evaluate_all(potential, [ends[i]])[0]
    return [
        Minimum(
            _verdict(r.status, end, forces, potential),
            end.positions,
            float(b[0].sum()),
            float(energies.sum()),
            energies,
            forces,
            _fmax(forces, end.free),
            r.n_evaluations,
        )
        for r, end, b, (energies, forces) in zip(relaxed, ends, before, after, strict=True)
    ]


def _verdict(status: Status, structure: Structure, forces: np.ndarray, potential: Potential) -> Status:
    if status == Status.NON_FINITE or not np.isfinite(forces).all():
        return Status.NON_FINITE
    return Status.FRAGMENTED if n_fragments(structure, potential) > 1 else status


def _invalid(structure: Structure, problem: str) -> Minimum:
    nothing = np.full(structure.positions.shape, np.nan)
    nan = float("nan")
    return Minimum(Status.INVALID_STRUCTURE, structure.positions, nan, nan, nothing[:, 0], nothing, nan, 0, problem)


def _fmax(forces: np.ndarray, free: np.ndarray) -> float:
    return float(np.sqrt((forces[free] ** 2).sum(1).max())) if free.any() else 0.0


def _perturbed(structure: Structure, settings: MinimizeSettings, potential: Potential) -> Structure:
    if not settings.perturb:
        return structure
    rng = np.random.default_rng([settings.seed, structure.content_hash()])
    shift = rng.uniform(-1, 1, structure.positions.shape) * settings.perturb / np.sqrt(3)
    return structure._replace(positions=structure.positions + np.where(structure.free[:, None], shift, 0))


def defect(structure: Structure, potential: Potential) -> str:
    """What makes the structure unusable, and the cure; empty for a sound one."""
    if not np.isfinite(structure.positions).all():
        return "a coordinate is not a finite number: mend the file"
    i, j, distance = _nearest(structure, _SAME_PLACE * potential.length)
    if j >= 0:
        return f"atoms {i} and {j} are at the same place (distance {distance:.1e}): remove one or move them apart"
    return ""


def check_cell(cell: np.ndarray, potential: Potential) -> None:
    """Raises InputError unless the minimum-image convention is exact: cutoff at most half the smallest height."""
    volume = abs(np.linalg.det(cell))
    areas = [np.linalg.norm(np.cross(cell[(k + 1) % 3], cell[(k + 2) % 3])) for k in range(3)]
    if volume < 1e-9:
        raise InputError("the periodic cell has no volume: give three independent cell vectors or pbc='F F F'")
    if potential.cutoff is None:
        raise InputError(
            f"periodic boundaries need a potential with a cutoff, and '{potential.name}' has none: "
            "name another with --potential, or remove the periodicity"
        )
    height = volume / max(areas)
    if potential.cutoff > height / 2:
        raise InputError(
            f"the periodic cell is too small: its smallest height is {height:.3f} {potential.length_unit}, and the cutoff "
            f"{potential.cutoff:.3f} needs at least twice as much: repeat the cell"
        )


def typical_distance(positions: np.ndarray) -> float:
    """The median distance to the nearest neighbour; zero for one atom or for coordinates that are no numbers."""
    from scipy.spatial import cKDTree

    if len(positions) < 2 or not np.isfinite(positions).all():
        return 0.0
    return float(np.median(cKDTree(positions).query(positions, 2)[0][:, 1]))


def _nearest(structure: Structure, within: float) -> tuple[int, int, float]:
    """The nearest two atoms and their distance, if it is at most `within`; else (-1, -1, inf)."""
    from scipy.spatial import cKDTree

    if len(structure.positions) < 2:
        return -1, -1, float("inf")
    if structure.cell is None:
        distances, neighbours = cKDTree(structure.positions).query(structure.positions, 2)
        i = int(distances[:, 1].argmin())
        j, distance = int(neighbours[i, neighbours[i] != i][0]), float(distances[i, 1])
    else:
        from ase.geometry import get_distances

        table = get_distances(structure.positions, cell=structure.cell, pbc=True)[1] + np.diag([np.inf] * len(structure.positions))
        i, j = (int(k) for k in np.unravel_index(table.argmin(), table.shape))
        distance = float(table[i, j])
    return (min(i, j), max(i, j), distance) if distance <= within else (-1, -1, float("inf"))


def n_fragments(structure: Structure, potential: Potential) -> int:
    """How many parts the atoms form that are out of each other's reach; a periodic structure counts as one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    n = len(structure.positions)
    if structure.cell is not None or n < 2:
        return 1
    reach = min(_REACH * potential.length, potential.cutoff or float("inf"))
    pairs = cKDTree(structure.positions).query_pairs(reach, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return int(connected_components(graph, directed=False)[0])
