"""From structures to their minima: inspect the input, explore in single precision, polish in double, judge.

Exploring uses single precision and a softened core, and stops a little above its noise; polishing goes on with the true
potential in double precision to the tolerance asked for. Results come from polishing alone. Every structure takes the same
path, so that its result does not depend on the other structures.
"""

from collections.abc import Iterator

import numpy as np

from clusteropt.clusters.arrays import Clusters, Structure, by_size, pack, padded_size
from clusteropt.clusters.boxes import vacuum
from clusteropt.engine import hosted, lanes
from clusteropt.engine.batches import at, take
from clusteropt.engine.motions import Motion, Moved, Watch, no_faults
from clusteropt.engine.step import Criterion, Status
from clusteropt.optimizers.table import OptimizerChoice
from clusteropt.potentials.base import Potential
from clusteropt.problems.base import Inspection
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.runtime.backend import n_lanes
from clusteropt.search.inputs import inspect_input, inspected
from clusteropt.search.minimum import Minimum, invalid
from clusteropt.search.observer import SILENT, Observer
from clusteropt.settings.method import LEVELS, LocalSettings

_MOST = 2**31 - 1  # evaluations that a counter can hold
_EXPLORE = {"fmax": 2e-4, "rms": 1e-4}  # in units of energy over length: above the noise of single precision
_PRECISE = 5e-4  # the same, to which calculators are precise that iterate to self-consistency; --fmax asks for more
_EXPLORE_SHARE = 0.8  # of the evaluations allowed
_ROUND_OFF = 1e-9  # by which an energy may seem to rise, in units of the energy scale and per atom


def criterion_for(settings: LocalSettings, potential: Potential) -> Criterion:
    """The criterion that ends a minimization, in the potential's units."""
    if settings.rms is not None:
        return Criterion("rms", settings.rms)
    level = LEVELS[settings.opt or "normal"]
    if potential.calculator:
        level = max(level, _PRECISE)
    level *= potential.energy / potential.length
    return Criterion("fmax", level if settings.fmax is None else settings.fmax)


def minimized(
    structures: list[Structure],
    potential: Potential,
    settings: LocalSettings,
    watch: Watch | None = None,
    observer: Observer = SILENT,
    few: bool = True,
    places: int = 0,
) -> Iterator[dict[int, Minimum]]:
    """The local minima below the given structures by their index, a portion at a time.

    `watch(index, n_evaluations, positions)` sees every structure now and then, `observer` hears of compilations. Periodic cells
    are taken as they are: `structures.to_structure` has checked them. `few` pads the structures to few sizes; a search, which
    uses the programs of every size later, does not. Up to `places` structures of a size run through the programs for so many.
    """
    for size in foresee(structures, potential, settings, few, places):
        observer.compiles([size])
    for size, members in _portions(structures, few, 0 if potential.calculator else places):
        own = [structures[i] for i in members]
        batch = pack(own, size, np.float64)
        before, faults = inspect_input(batch, own, potential)
        found = {i: invalid(s, *fault) for i, s, fault in zip(members, own, faults, strict=True) if fault}
        # where the calculator has failed at the input, it may do better next to it
        failed = np.array([fault is not None and fault[1] == Status.CALCULATOR_FAILED for fault in faults])
        sound = np.flatnonzero([not fault for fault in faults] | failed)
        if sound.size:
            given, first = take(batch, sound), _columns(before, sound)
            indices = [members[k] for k in sound]
            show = None if watch is None else lanes.renumbered(watch, indices)
            relaxed, after = _minimize(_perturbed(given, own, sound, settings), first, potential, settings, show)
            found |= zip(indices, _minima(given, first, relaxed, after, potential), strict=True)
        yield found


def foresee(
    structures: list[Structure], potential: Potential, settings: LocalSettings, few: bool = True, places: int = 0
) -> list[int]:
    """Starts to build the programs of `minimized` in the background; the padded sizes for which one has to be compiled."""
    sizes = []
    for (size, _), members in by_size(structures, few).items():
        places = 0 if potential.calculator else places
        sample = pack([structures[members[0]]], size, np.float64)
        n = len(_filled(members, size, places))
        used = _motions(potential, settings)[bool(potential.calculator) :]
        new = [lanes.foresee(sample, n, motion) for motion in used]
        if any(new):
            sizes.append(size)
    return sizes


def begin(structures: list[Structure], potential: Potential, settings: LocalSettings) -> hosted.Course:
    """Begins to ask a calculator what `minimized` will ask it for structures of one size."""
    batch = pack(structures, padded_size(len(structures[0].positions)), np.float64)
    given = _perturbed(batch, structures, np.arange(len(structures)), settings)
    limit = np.full(len(structures), min(settings.max_steps, _MOST))
    return hosted.Course(given, limit, _motions(potential, settings)[1], None)


def evaluated(structures: list[Structure], potential: Potential) -> Iterator[dict[int, Minimum]]:
    """Energies and forces of the structures as they are, by their index, a portion at a time."""
    for size, members in _portions(structures, few=True):
        own = [structures[i] for i in members]
        batch, n = pack(own, size, np.float64), len(own)
        values, faults = inspect_input(batch, own, potential)
        status, once = np.full(n, Status.EVALUATED, np.int32), np.ones(n, np.int32)
        still = Moved(np.asarray(batch.positions), status, once, no_faults(n))
        together = values._replace(connected=np.ones(n, bool))  # a molecule in pieces has an energy like any other
        minima = _minima(batch, values, still, together, potential)
        yield {i: invalid(s, *p) if p else m for i, s, p, m in zip(members, own, faults, minima, strict=True)}


def _portions(structures: list[Structure], few: bool, places: int = 0) -> Iterator[tuple[int, list[int]]]:
    """Padded sizes, each with the indices of structures that share it, as many as fill the queues of all devices.

    With `few`, the padded sizes are few, as far as that pays.
    """
    for (size, _), own in by_size(structures, few).items():
        members, whole = _filled(own, size, places), lanes.at_a_time(size)
        yield from ((size, members[first : first + whole]) for first in range(0, len(members), whole))


def _filled(members: list[int], size: int, places: int) -> list[int]:
    """The members, the last one repeated until all lanes are taken that `places` instances would take."""
    whole = n_lanes(size) * lanes.mesh_for(places, size).size if places else 0
    return members + members[-1:] * (whole - len(members))


def evaluate_one(structure: Structure, potential: Potential) -> Minimum:
    """Energy and forces of one structure as it is."""
    return next(evaluated([structure], potential))[0]


def _minimize(
    given: Clusters, before: Inspection, potential: Potential, settings: LocalSettings, watch: Watch | None
) -> tuple[Moved, Inspection]:
    """The minimized clusters, and their inspection.

    Where exploring left the valley and the energy rose, a cluster is minimized again from its input in double precision alone.
    """
    limit = np.full(given.mask.shape[-1], min(settings.max_steps, _MOST))
    relaxed = _explore_and_polish(given, limit, potential, settings, watch)
    after = inspected(at(given, relaxed.positions), potential)
    allowed = np.where(np.isfinite(before.energy) | (not potential.calculator), before.energy, np.inf)
    allowed = allowed + _ROUND_OFF * potential.energy * given.mask.sum(0)
    risen = np.flatnonzero(~(after.energy <= allowed) & (relaxed.status != Status.CALCULATOR_FAILED))
    if settings.perturb or not risen.size:
        return relaxed, after
    start, left = take(given, risen), limit[risen] - relaxed.n_evaluations[risen]
    show = None if watch is None else _later(lanes.renumbered(watch, risen.tolist()), relaxed.n_evaluations[risen])
    again = _with_fixed_in_place(start, lanes.move(start, np.maximum(1, left), _motions(potential, settings)[1], show))
    there = inspected(at(start, again.positions), potential)
    # where the limit came first, or no evaluations were left, the start is the lowest point that is known
    stay = (left < 1) | ~(there.energy <= allowed[risen])
    again = again._replace(
        positions=np.where(stay, start.positions, again.positions),
        status=np.where(stay, Status.NOT_CONVERGED, again.status),
        n_evaluations=relaxed.n_evaluations[risen] + np.where(left < 1, 0, again.n_evaluations),
    )
    there = Inspection(*(np.where(stay, old, new) for old, new in zip(_columns(before, risen), there, strict=True)))
    return Moved(*_with_columns(relaxed, risen, again)), Inspection(*_with_columns(after, risen, there))


def _explore_and_polish(
    given: Clusters, limit: np.ndarray, potential: Potential, settings: LocalSettings, watch: Watch | None
) -> Moved:
    """Explores and polishes, the clusters' centres at the origin: far from it, single precision is coarse."""
    explore, polish = _motions(potential, settings)
    positions = np.asarray(given.positions)
    still = given.cell is not None or potential.calculator
    centre = np.zeros_like(positions[:, :1]) if still else _centres(given)
    near = at(given, np.where(given.mask, positions - centre, 0))
    share = (_EXPLORE_SHARE * limit).astype(np.int32)
    if (
        potential.calculator or not share.all()
    ):  # its values are exact; or too few evaluations are allowed: all go to polishing
        return _with_fixed_in_place(
            given, _translated(lanes.move(near, limit, polish, _shifted(watch, centre)), centre)
        )
    explored = lanes.move(near, share, explore, _shifted(watch, centre))
    # a non-finite end is taken back; a cluster that has not moved keeps its digits of double precision
    stay = (explored.status == Status.NON_FINITE) | (explored.n_evaluations == 1)
    again = at(near, np.where(stay, near.positions, _with_fixed_in_place(near, explored).positions))
    show = None if watch is None else _later(watch, explored.n_evaluations)
    polished = lanes.move(again, limit - explored.n_evaluations, polish, _shifted(show, centre))
    polished = polished._replace(n_evaluations=explored.n_evaluations + polished.n_evaluations)
    return _with_fixed_in_place(given, _translated(polished, centre))


def _centres(clusters: Clusters) -> np.ndarray:
    """The middle of every cluster (3, 1, n_clusters); summed one atom after the other, whatever else is in the batch."""
    inside = np.where(clusters.mask, clusters.positions, 0)
    return inside.cumsum(1)[:, -1:] / np.maximum(1, np.asarray(clusters.mask).sum(0))


def _translated(relaxed: Moved, by: np.ndarray) -> Moved:
    return relaxed._replace(positions=relaxed.positions + by)


def _motions(potential: Potential, settings: LocalSettings) -> tuple[Motion, Motion]:
    """The motions of exploring and of polishing."""
    wanted = criterion_for(settings, potential)
    coarse = _EXPLORE[wanted.norm] * potential.energy / potential.length
    first = Criterion(wanted.norm, max(wanted.tolerance, coarse))
    choice = OptimizerChoice(settings.optimizer)
    explore = Motion(ClusterProblem(potential).softened(), choice, first, np.float32)
    return explore, Motion(ClusterProblem(potential), choice, wanted, np.float64)


def _with_fixed_in_place(start: Clusters, relaxed: Moved) -> Moved:
    """The moved clusters, fixed atoms exactly where they were: single precision and shifts have rounded them."""
    return relaxed._replace(positions=np.where(start.free, relaxed.positions, np.asarray(start.positions)))


def _shifted(watch: Watch | None, shift: np.ndarray) -> Watch | None:
    """The watch of clusters that are shifted back by `shift` before it sees them."""
    return None if watch is None else (lambda k, n, positions: watch(k, n, positions + shift[:, 0, k]))


def _later(watch: Watch, so_far: np.ndarray) -> Watch:
    """The watch, which also counts the evaluations `so_far`."""
    return lambda k, n, positions: watch(k, n + int(so_far[k]), positions)


def _columns(values: Inspection, columns: np.ndarray) -> Inspection:
    return Inspection(*(value[..., columns] for value in values))


def _with_columns(whole: tuple, columns: np.ndarray, part: tuple) -> list[np.ndarray]:
    """The arrays of `whole`, with `part` in place of the given columns."""
    out = [np.array(array) for array in whole]
    for array, new in zip(out, part, strict=True):
        array[..., columns] = new
    return out


def _minima(
    given: Clusters, before: Inspection, relaxed: Moved, after: Inspection, potential: Potential
) -> list[Minimum]:
    """A record per structure, with its final status.

    NON_FINITE overrides every other status, and FRAGMENTED overrides CONVERGED: pieces are not a minimum of the cluster.
    """
    status = np.where(
        after.connected | _fills_its_box(given, potential.cohesion_distance), relaxed.status, Status.FRAGMENTED
    )
    finite = np.isfinite(after.fmax) & np.isfinite(after.energy) & (relaxed.status != Status.NON_FINITE)
    finite |= relaxed.status == Status.CALCULATOR_FAILED
    words = [Status(s) for s in np.where(finite, status, Status.NON_FINITE).tolist()]
    positions = np.ascontiguousarray(relaxed.positions.transpose(2, 1, 0))
    parts = after.energies if not potential.calculator else np.full(after.energies.shape, np.nan)
    energies, forces = np.ascontiguousarray(parts.T), -after.gradient.transpose(2, 1, 0)
    faults = [f"calculator {potential.calculator} failed: {why}" if why else "" for why in relaxed.faults]
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
        faults,
        strict=True,
    )
    return [Minimum(s, x[:n], e0, e, ea[:n], f[:n], *others) for n, s, x, e0, e, ea, f, *others in columns]


def _fills_its_box(given: Clusters, cohesion_distance: float) -> np.ndarray:
    """(n_clusters,) True for a periodic structure without a layer of vacuum around it, which need not be connected."""
    if given.cell is None:
        return np.zeros(given.mask.shape[-1], bool)
    positions, masks, cells = (np.asarray(array) for array in (given.positions, given.mask, given.cell))
    gaps = [vacuum(positions[:, masks[:, k], k].T, cells[..., k]) for k in range(masks.shape[-1])]
    return np.array(gaps) <= cohesion_distance


def _perturbed(given: Clusters, structures: list[Structure], columns: np.ndarray, settings: LocalSettings) -> Clusters:
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
