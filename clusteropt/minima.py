"""From structures to their minima: look at the input, explore in single precision, polish in double, judge.

Exploring uses single precision and a softened core, and stops a little above its noise; polishing goes on with the true
potential in double precision to the tolerance asked for, and only its word counts. Every structure goes the same way, so
that a result does not depend on the company it was computed in.
"""

import math
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
    before, problems = _look(structures, potential)
    sound = [i for i, problem in enumerate(problems) if not problem]
    show = None if watch is None else (lambda k, n, positions: watch(sound[k], n, positions))
    given = [structures[i] for i in sound]
    relaxed = _relax([_perturbed(s, settings, potential) for s in given], potential, settings, show)
    after = evaluate(ends := _moved(given, relaxed), potential)
    if not settings.perturb:
        _descend_again(given, [before[i] for i in sound], relaxed, ends, after, potential, settings)
    found = {
        i: _minimum(_verdict(r.status, a, end), end, before[i], a, r.n_evaluations)
        for i, r, end, a in zip(sound, relaxed, ends, after, strict=True)
    }
    return [found[i] if i in found else _invalid(s, problems[i]) for i, s in enumerate(structures)]


def evaluate_structures(structures: list[Structure], potential: Potential) -> list[Minimum]:
    """Energies and forces of the structures as they are."""
    values, problems = _look(structures, potential)
    return [
        _invalid(s, problem) if problem else _minimum(_verdict(Status.EVALUATED, v, None), s, v, v, 1)
        for s, problem, v in zip(structures, problems, values, strict=True)
    ]


def evaluate(structures: list[Structure], potential: Potential) -> list[lanes.Evaluation]:
    """Energies, forces and cohesion, by what this potential calls the same place and hanging together."""
    reach = min(_REACH * potential.length, potential.cutoff or float("inf"))
    return lanes.evaluate_all(potential, structures, _SAME_PLACE * potential.length, reach)


def _look(structures: list[Structure], potential: Potential) -> tuple[list[lanes.Evaluation], list[str]]:
    """The structures' energies as given, and what makes some of them unusable (empty for sound ones)."""
    finite = [math.isfinite(s.positions.sum()) for s in structures]
    parked = [
        s if ok else s._replace(positions=np.zeros_like(s.positions)) for s, ok in zip(structures, finite, strict=True)
    ]
    values = evaluate(parked, potential)
    problems = []
    for structure, ok, value in zip(structures, finite, values, strict=True):
        problem = "" if ok else "a coordinate is not a finite number: mend the file"
        problems.append(
            f"{_coincidence(structure)}: remove one or move them apart" if ok and value.coincident else problem
        )
    return values, problems


def _coincidence(structure: Structure) -> str:
    """Which two atoms are at the same place."""
    d = structure.positions[:, None] - structure.positions[None]
    if structure.cell is not None:
        d -= np.round(d @ np.linalg.inv(structure.cell)) @ structure.cell
    distances = np.linalg.norm(d, axis=-1) + np.diag([np.inf] * len(d))
    i, j = sorted(int(k) for k in np.unravel_index(distances.argmin(), distances.shape))
    return f"atoms {i} and {j} are at the same place"


def _moved(structures: list[Structure], relaxed: list[lanes.Relaxed]) -> list[Structure]:
    """The structures where they came to rest; fixed atoms exactly where they were."""
    if not structures or np.concatenate([s.free for s in structures]).all():
        return [s._replace(positions=r.positions) for s, r in zip(structures, relaxed, strict=True)]
    return [
        s._replace(positions=np.where(s.free[:, None], r.positions, s.positions))
        for s, r in zip(structures, relaxed, strict=True)
    ]


def _relax(
    structures: list[Structure], potential: Potential, settings: MinimizeSettings, watch: Watch | None
) -> list[lanes.Relaxed]:
    """Explores, then polishes. Clusters are shifted towards the origin meanwhile: far from it, single precision is coarse."""
    wanted = criterion_for(settings, potential)
    coarse = _EXPLORE[wanted.measure] * potential.energy / potential.length
    first = Criterion(wanted.measure, max(wanted.tolerance, coarse))  # type: ignore[type-var]
    explore = lanes.Task(potential, settings.optimizer, first, np.float32, CORE * potential.length)
    polish = lanes.Task(potential, settings.optimizer, wanted, np.float64)
    share = max(1, int(_EXPLORE_SHARE * settings.max_steps))
    shifts = [s.positions[0] if s.cell is None else np.zeros(3) for s in structures]
    near = [s._replace(positions=s.positions - shift) for s, shift in zip(structures, shifts, strict=True)]
    with ThreadPoolExecutor(1) as second:
        if len(near) <= _FEW:
            second.submit(_in_double, lanes.compile_for, near, polish)
        explored = lanes.relax_all(near, [share] * len(near), explore, _shifted(watch, shifts, None))
    again = [
        s if e.status == Status.NON_FINITE else end
        for s, e, end in zip(near, explored, _moved(near, explored), strict=True)
    ]
    left = [max(1, settings.max_steps - e.n_evaluations) for e in explored]
    polished = lanes.relax_all(again, left, polish, _shifted(watch, shifts, explored))
    return [
        p._replace(positions=p.positions + shift, n_evaluations=p.n_evaluations + e.n_evaluations)
        for p, e, shift in zip(polished, explored, shifts, strict=True)
    ]


def _shifted(watch: Watch | None, shifts: list[np.ndarray], explored: list[lanes.Relaxed] | None) -> Watch | None:
    """The observer, told positions where they really are and evaluations since the start."""
    if watch is None:
        return None
    return lambda i, n, x: watch(i, n + (explored[i].n_evaluations if explored else 0), x + shifts[i])


def _in_double(function: Callable, *arguments: object) -> None:
    """Precision is a setting of the thread."""
    with runtime.double_precision():
        function(*arguments)


def _descend_again(
    given: list[Structure],
    before: list[lanes.Evaluation],
    relaxed: list[lanes.Relaxed],
    ends: list[Structure],
    after: list[lanes.Evaluation],
    potential: Potential,
    settings: MinimizeSettings,
) -> None:
    """Where exploring left the valley and the energy rose: goes down from the input in double precision alone.

    Changes `relaxed`, `ends` and `after` in place.
    """
    allowed = [b.energy + _ROUND_OFF * potential.energy * len(b.energies) for b in before]
    risen = [i for i, a in enumerate(after) if not a.energy <= allowed[i]]
    if not risen:
        return
    task = lanes.Task(potential, settings.optimizer, criterion_for(settings, potential), np.float64)
    again = lanes.relax_all([given[i] for i in risen], [settings.max_steps] * len(risen), task)
    moved = _moved([given[i] for i in risen], again)
    for i, r, end, value in zip(risen, again, moved, evaluate(moved, potential), strict=True):
        relaxed[i] = r._replace(n_evaluations=r.n_evaluations + relaxed[i].n_evaluations)
        ends[i], after[i] = end, value


def _minimum(
    status: Status, structure: Structure, before: lanes.Evaluation, after: lanes.Evaluation, n_evaluations: int
) -> Minimum:
    return Minimum(
        status,
        structure.positions,
        before.energy,
        after.energy,
        after.energies,
        after.forces,
        after.fmax,
        n_evaluations,
    )


def _verdict(status: Status, value: lanes.Evaluation, structure: Structure | None) -> Status:
    """The last word: what is not finite is nothing else, and a cluster in pieces is no minimum of a cluster."""
    if status == Status.NON_FINITE or not math.isfinite(value.fmax) or not math.isfinite(value.energy):
        return Status.NON_FINITE
    cluster = structure is not None and structure.cell is None
    return Status.FRAGMENTED if cluster and not value.connected else status


def _invalid(structure: Structure, problem: str) -> Minimum:
    nothing = np.full(structure.positions.shape, np.nan)
    nan = float("nan")
    return Minimum(Status.INVALID_STRUCTURE, structure.positions, nan, nan, nothing[:, 0], nothing, nan, 0, problem)


def _perturbed(structure: Structure, settings: MinimizeSettings, potential: Potential) -> Structure:
    if not settings.perturb:
        return structure
    rng = np.random.default_rng([settings.seed, structure.content_hash()])
    shift = rng.uniform(-1, 1, structure.positions.shape) * settings.perturb / np.sqrt(3)
    return structure._replace(positions=structure.positions + np.where(structure.free[:, None], shift, 0))


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
    from scipy.spatial import KDTree

    if len(positions) < 2 or not np.isfinite(positions).all():
        return 0.0
    return float(np.median(KDTree(positions).query(positions, 2)[0][:, 1]))
