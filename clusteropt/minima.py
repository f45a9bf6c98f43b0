"""From structures to their minima: look at the input, explore in single precision, polish in double, judge.

Exploring uses single precision and a softened core, and stops a little above its noise; polishing goes on with the true
potential in double precision to the tolerance asked for, and only its word counts. Every structure goes the same way, so
that a result does not depend on the company it was computed in.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from clusteropt import lanes
from clusteropt.clusters import Clusters, Structure, at, pack, padded_size, take
from clusteropt.config import LEVELS, MinimizeSettings
from clusteropt.errors import InputError
from clusteropt.lanes import Evaluation, Relaxed, Watch
from clusteropt.potentials.base import CORE, Potential
from clusteropt.relax import Criterion, Status

_MOST = 2**31 - 1  # evaluations that a counter can hold
_EXPLORE = {"fmax": 2e-4, "rms": 1e-4}  # in units of energy over length: above the noise of single precision
_EXPLORE_SHARE = 0.8  # of the evaluations allowed
_SAME_PLACE = 1e-6  # distance, in lengths
_REACH = 3.0  # atoms further apart than this many lengths do not hang together, where no cutoff says so before
_ROUND_OFF = 1e-9  # by which an energy may seem to rise, in units of the energy scale and per atom


class Minimum(NamedTuple):
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
    level = LEVELS[settings.opt or "normal"] * potential.energy / potential.length
    return Criterion("fmax", level if settings.fmax is None else settings.fmax)


def minimized(
    structures: list[Structure], potential: Potential, settings: MinimizeSettings, watch: Watch | None = None
) -> Iterator[dict[int, Minimum]]:
    """The local minima below the given structures by their index, a portion at a time.

    `watch(index, n_evaluations, positions)` sees every structure now and then. Periodic cells are taken as they are:
    `check_cell` first.
    """
    for members in lanes.portions(structures):
        own = [structures[i] for i in members]
        batch = _packed(own)
        for task in _tasks(potential, settings):
            lanes.foresee(batch, task)
        before, problems = _look(batch, own, potential)
        found = {i: _invalid(s, problem) for i, s, problem in zip(members, own, problems, strict=True) if problem}
        sound = np.flatnonzero([not problem for problem in problems])
        if sound.size:
            given, first = take(batch, sound), _columns(before, sound)
            indices = [members[k] for k in sound]
            show = None if watch is None else _renumbered(watch, indices)
            relaxed, after = _minimize(_perturbed(given, own, sound, settings), first, potential, settings, show)
            found |= zip(indices, _minima(given, first, relaxed, after), strict=True)
        yield found


def evaluated(structures: list[Structure], potential: Potential) -> Iterator[dict[int, Minimum]]:
    """Energies and forces of the structures as they are, by their index, a portion at a time."""
    for members in lanes.portions(structures):
        own = [structures[i] for i in members]
        batch, n = _packed(own), len(own)
        values, problems = _look(batch, own, potential)
        still = Relaxed(np.asarray(batch.positions), np.full(n, Status.EVALUATED, np.int32), np.ones(n, np.int32))
        together = values._replace(connected=np.ones(n, bool))  # a molecule in pieces has an energy like any other
        minima = _minima(batch, values, still, together)
        yield {i: _invalid(s, p) if p else m for i, s, p, m in zip(members, own, problems, minima, strict=True)}


def evaluate_one(structure: Structure, potential: Potential) -> Minimum:
    """Energy and forces of one structure as it is."""
    return next(evaluated([structure], potential))[0]


def _packed(structures: list[Structure]) -> Clusters:
    """Structures of one padded size as a batch."""
    return pack(structures, padded_size(len(structures[0].positions)), np.float64)


def _look(batch: Clusters, structures: list[Structure], potential: Potential) -> tuple[Evaluation, list[str]]:
    """What the structures are as given, and what makes some of them unusable (empty for sound ones)."""
    finite = np.asarray(np.isfinite(batch.positions).all((0, 1)))
    values = _evaluate(at(batch, np.where(finite, batch.positions, 0)), potential)
    problems = [""] * len(structures)
    for k in np.flatnonzero(~finite | values.coincident):
        no_number = "a coordinate is not a finite number: mend the file"
        problems[k] = f"{_coincidence(structures[k])}: remove one or move them apart" if finite[k] else no_number
    return values, problems


def _evaluate(clusters: Clusters, potential: Potential) -> Evaluation:
    """Energies, forces and cohesion, by what this potential calls the same place and hanging together."""
    reach = min(_REACH * potential.length, potential.cutoff or float("inf"))
    return lanes.evaluate_batch(clusters, potential, _SAME_PLACE * potential.length, reach)


def _coincidence(structure: Structure) -> str:
    """Which two atoms are at the same place."""
    d = structure.positions[:, None] - structure.positions[None]
    if structure.cell is not None:
        d -= np.round(d @ np.linalg.inv(structure.cell)) @ structure.cell
    distances = np.linalg.norm(d, axis=-1) + np.diag([np.inf] * len(d))
    i, j = sorted(int(k) for k in np.unravel_index(distances.argmin(), distances.shape))
    return f"atoms {i} and {j} are at the same place"


def _minimize(
    given: Clusters, before: Evaluation, potential: Potential, settings: MinimizeSettings, watch: Watch | None
) -> tuple[Relaxed, Evaluation]:
    """Where the clusters come to rest, and what they are there.

    Where exploring left the valley and the energy rose, goes down from the input in double precision alone.
    """
    limit = np.full(given.mask.shape[-1], min(settings.max_steps, _MOST))
    relaxed = _explore_and_polish(given, limit, potential, settings, watch)
    after = _evaluate(at(given, relaxed.positions), potential)
    allowed = before.energy + _ROUND_OFF * potential.energy * given.mask.sum(0)
    risen = np.flatnonzero(~(after.energy <= allowed))
    if settings.perturb or not risen.size:
        return relaxed, after
    start = take(given, risen)
    again = _settled(start, lanes.relax_batch(start, limit[risen], _tasks(potential, settings)[1]))
    again = again._replace(n_evaluations=again.n_evaluations + relaxed.n_evaluations[risen])
    there = _evaluate(at(start, again.positions), potential)
    return Relaxed(*_with_columns(relaxed, risen, again)), Evaluation(*_with_columns(after, risen, there))


def _explore_and_polish(
    given: Clusters, limit: np.ndarray, potential: Potential, settings: MinimizeSettings, watch: Watch | None
) -> Relaxed:
    """Clusters are shifted towards the origin meanwhile: far from it, single precision is coarse."""
    explore, polish = _tasks(potential, settings)
    positions = np.asarray(given.positions)
    shift = np.zeros_like(positions[:, :1]) if given.cell is not None else positions[:, :1].copy()
    near = at(given, np.where(given.mask, positions - shift, 0))
    share = np.maximum(1, (_EXPLORE_SHARE * limit).astype(np.int32))
    explored = lanes.relax_batch(near, share, explore, _shifted(watch, shift, np.zeros_like(share)))
    # a step into nonsense is taken back; who has not moved keeps the digits that single precision has not
    stay = (explored.status == Status.NON_FINITE) | (explored.n_evaluations == 1)
    again = at(near, np.where(stay, near.positions, _settled(near, explored).positions))
    left = np.maximum(1, limit - explored.n_evaluations)
    polished = lanes.relax_batch(again, left, polish, _shifted(watch, shift, explored.n_evaluations))
    relaxed = Relaxed(polished.positions + shift, polished.status, explored.n_evaluations + polished.n_evaluations)
    return _settled(given, relaxed)


def _tasks(potential: Potential, settings: MinimizeSettings) -> tuple[lanes.Task, lanes.Task]:
    """Exploring and polishing."""
    wanted = criterion_for(settings, potential)
    coarse = _EXPLORE[wanted.measure] * potential.energy / potential.length
    first = Criterion(wanted.measure, max(wanted.tolerance, coarse))
    explore = lanes.Task(potential, settings.optimizer, first, np.float32, CORE * potential.length)
    return explore, lanes.Task(potential, settings.optimizer, wanted, np.float64)


def _settled(start: Clusters, relaxed: Relaxed) -> Relaxed:
    """Fixed atoms exactly where they were, without the rounding of single precision or of a shift."""
    return relaxed._replace(positions=np.where(start.free, relaxed.positions, np.asarray(start.positions)))


def _shifted(watch: Watch | None, shift: np.ndarray, so_far: np.ndarray) -> Watch | None:
    """The observer, told positions where they really are and evaluations since the start."""
    if watch is None:
        return None
    return lambda k, n, positions: watch(k, n + int(so_far[k]), positions + shift[:, 0, k])


def _renumbered(watch: Watch, indices: list[int]) -> Watch:
    return lambda k, n, positions: watch(indices[k], n, positions)


def _columns(values: Evaluation, columns: np.ndarray) -> Evaluation:
    return Evaluation(*(value[..., columns] for value in values))


def _with_columns(whole: tuple, columns: np.ndarray, part: tuple) -> list[np.ndarray]:
    """The arrays of `whole` with the given columns replaced by those of `part`."""
    out = [np.array(array) for array in whole]
    for array, new in zip(out, part, strict=True):
        array[..., columns] = new
    return out


def _minima(given: Clusters, before: Evaluation, relaxed: Relaxed, after: Evaluation) -> list[Minimum]:
    """A record per structure, with the last word on its status.

    What is not finite is nothing else, and a cluster in pieces is no minimum of a cluster.
    """
    status = np.where(after.connected | (given.cell is not None), relaxed.status, Status.FRAGMENTED)
    finite = np.isfinite(after.fmax) & np.isfinite(after.energy) & (relaxed.status != Status.NON_FINITE)
    words = [Status(s) for s in np.where(finite, status, Status.NON_FINITE).tolist()]
    positions = np.ascontiguousarray(relaxed.positions.transpose(2, 1, 0))
    energies, forces = np.ascontiguousarray(after.energies.T), -after.gradient.transpose(2, 1, 0)
    columns = zip(
        np.asarray(given.mask).sum(0).tolist(),
        words,
        positions,
        before.energy.tolist(),
        after.energy.tolist(),
        energies,
        forces,
        after.fmax.tolist(),
        relaxed.n_evaluations.tolist(),
        strict=True,
    )
    return [Minimum(s, x[:n], e0, e, ea[:n], f[:n], fmax, count) for n, s, x, e0, e, ea, f, fmax, count in columns]


def _invalid(structure: Structure, problem: str) -> Minimum:
    nothing = np.full(structure.positions.shape, np.nan)
    nan = float("nan")
    return Minimum(Status.INVALID_STRUCTURE, structure.positions, nan, nan, nothing[:, 0], nothing, nan, 0, problem)


def _perturbed(
    given: Clusters, structures: list[Structure], columns: np.ndarray, settings: MinimizeSettings
) -> Clusters:
    """Free atoms moved at random, by the seed and the structure's own content; column k is structure `columns[k]`."""
    if not settings.perturb:
        return given
    positions = np.array(given.positions)
    for k, column in enumerate(columns):
        structure = structures[column]
        rng = np.random.default_rng([settings.seed, structure.content_hash()])
        shift = rng.uniform(-1, 1, structure.positions.shape) * settings.perturb / np.sqrt(3)
        positions[:, : len(shift), k] += np.where(structure.free[:, None], shift, 0).T
    return at(given, positions)


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
