"""Global search with a learned optimizer: from every structure some chains of minima, and the lowest minimum wins.

Plain local minimization of the input takes part as well. Where it ends lowest, or no chain ends in a minimum, its result
is the answer (the fallback), so that the answer is never above it, unless it is in pieces or nowhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.arrays import Structure, by_size
from clusteropt.engine.step import Status
from clusteropt.optimizers.learned.weights import LearnedOptimizer
from clusteropt.potentials.base import Potential
from clusteropt.problems.clusters import ClusterProblem
from clusteropt.search import walk
from clusteropt.search.local import minimized
from clusteropt.search.minimum import Minimum
from clusteropt.search.pace import Pace
from clusteropt.search.policy import Search, search_for
from clusteropt.search.progress import SILENT, Progress, Renumbered, Step
from clusteropt.search.starts import start_positions
from clusteropt.search.walk import Chains, Visits
from clusteropt.settings.method import LocalSettings, SearchSettings

_PERTURBATION = 0.4  # largest displacement of an atom, in lengths
_SAME = 1e-6  # energies closer than this, in energy scales, are those of one minimum
_AT_A_TIME = 512  # chains, which bounds the memory and what an interruption costs


def searched(
    structures: list[Structure],
    potential: Potential,
    local: LocalSettings,
    settings: SearchSettings,
    optimizer: LearnedOptimizer,
    progress: Progress = SILENT,
    unfinished: bool = False,
) -> Iterator[dict[int, Minimum]]:
    """The lowest minima found for the structures, by their index, a portion at a time; `progress` hears how far it is.

    `unfinished`: KeyboardInterrupt ends the search, and is raised when the lowest minima found so far have been yielded; their
    status is 'interrupted', because a search that is not stopped may find others.
    """
    _foresee([s for s in structures if _worth(s) and len(s.positions) > 2], potential, settings, optimizer, progress)
    for portion in minimized(structures, potential, local, progress=progress, few=False):
        # what is not for a learned optimizer has the plain result, which says so
        open_ones = [i for i, m in portion.items() if _worth(structures[i]) and not _settled(m)]
        done = {
            i: m if m.status == Status.INVALID_STRUCTURE else m._replace(won="fallback") for i, m in portion.items()
        }
        yield {i: m for i, m in done.items() if i not in open_ones}
        parts = _parts(open_ones, structures, settings.chains)
        for k, part in enumerate(parts):
            plain = [portion[i] for i in part]
            hear = Renumbered(progress, part)
            found = _found(
                [structures[i] for i in part], plain, potential, local, settings, optimizer, hear, unfinished
            )
            of_each = (plain, found.minima, found.others, found.n_evaluations)
            answers = map(partial(_answer, same=_SAME * potential.energy), *of_each)
            yield {i: m if found.whole else _stopped(m) for i, m in zip(part, answers, strict=True)}
            if not found.whole:
                yield {i: _stopped(done[i]) for later in parts[k + 1 :] for i in later}
                raise KeyboardInterrupt


def _foresee(
    structures: list[Structure],
    potential: Potential,
    settings: SearchSettings,
    optimizer: LearnedOptimizer,
    progress: Progress,
) -> None:
    """Has the programs of the search built in the background."""
    for (size, _), members in by_size(structures).items():
        alike = [structures[i] for i in members for _ in range(settings.chains)]
        plan = search_for(optimizer, size, potential, 1, settings.hops)
        if walk.foresee(alike, ClusterProblem(potential), plan):
            progress.compiles([size])


def _parts(indices: list[int], structures: list[Structure], trajectories: int) -> list[list[int]]:
    """Those of one size, as many as are searched side by side; the small ones first."""
    several = max(1, _AT_A_TIME // trajectories)
    n_atoms = {i: len(structures[i].positions) for i in indices}
    groups = [list(group) for _, group in groupby(sorted(indices, key=n_atoms.__getitem__), n_atoms.__getitem__)]
    return [members[first : first + several] for members in groups for first in range(0, len(members), several)]


def _stopped(minimum: Minimum) -> Minimum:
    """The minimum, with the status of a search that was stopped."""
    return minimum._replace(status=Status.INTERRUPTED)


def _worth(structure: Structure) -> bool:
    """True where there is something to search: not in a box, nor where hardly an atom can move."""
    return structure.cell is None and len(structure.positions) > 1 and bool(structure.free.any())


def _settled(plain: Minimum) -> bool:
    """True where plain minimization has the last word: unusable input, or two atoms, which have one minimum."""
    return plain.status == Status.INVALID_STRUCTURE or (plain.status == Status.CONVERGED and len(plain.positions) == 2)


class _Found(NamedTuple):
    """The minima that a search has found, an entry for each structure."""

    minima: list[list[Minimum]]  # the lowest of each chain
    others: list[list[Minimum]]  # all that its chains have visited, if they were asked for
    n_evaluations: list[int]
    whole: bool  # nobody has stopped it


def _found(
    structures: list[Structure],
    plain: list[Minimum],
    potential: Potential,
    local: LocalSettings,
    settings: SearchSettings,
    optimizer: LearnedOptimizer,
    progress: Progress,
    unfinished: bool,
) -> _Found:
    """The lowest minima of the chains of structures of one size; of a search that was stopped, the lowest of each."""
    n_each, n_atoms = settings.chains, len(structures[0].positions)
    starts = [_start(s, k, potential, settings) for s in structures for k in range(n_each)]
    keys = np.array([_rng(s, k, settings).integers(2**64, dtype=np.uint64) for s in structures for k in range(n_each)])
    search = search_for(optimizer, n_atoms, potential, settings.steps, settings.hops)
    lowest = min(m.energy for m in plain)
    progress.searches(Step(range(len(structures)), len(starts), 0, lowest, 0.0))
    chains, minima, whole, visited = None, {}, True, _Visited()
    try:
        under_way = walk.begin(starts, keys, ClusterProblem(potential), search, np.arange(len(starts)) // n_each)
        chains, pace = under_way.chains, Pace(under_way.chains, search)
        for visits in under_way:
            chains = under_way.chains
            pace.visited(visits)
            if settings.all_minima:
                visited.note(visits)
            _tell(progress, chains, search, pace.share(chains), lowest, len(structures))
        minima = _polished(starts, chains.lowest, range(len(starts)), potential, local)
        visited.polish(starts, potential, local)
    except KeyboardInterrupt:
        if not unfinished:
            raise
        whole = False
    if not whole and chains is not None:
        each = chains.lowest_energy.reshape(-1, n_each)
        best = (each.argmin(1) + n_each * np.arange(len(each)))[np.isfinite(each.min(1))]
        minima = _polished(starts, chains.lowest[..., best], best.tolist(), potential, local)
    of_each = [range(first, first + n_each) for first in range(0, len(starts), n_each)]
    used = np.zeros(len(starts), np.int64) if chains is None else chains.n_evaluations
    own = [[minima[k] for k in members if k in minima] for members in of_each]
    others = [[m for k in members for m in visited.minima.get(k, ())] for members in of_each]
    n_evaluations = [
        int(used[list(members)].sum()) + sum(m.n_evaluations for m in (*ends, *more))
        for members, ends, more in zip(of_each, own, others, strict=True)
    ]
    return _Found(own, others, n_evaluations, whole)


class _Visited:
    """All that chains have visited, until it is polished."""

    def __init__(self) -> None:
        self._columns: list[int] = []
        self._positions: list[np.ndarray] = []
        self.minima: dict[int, list[Minimum]] = {}  # by chain, once they are polished

    def note(self, visits: Visits) -> None:
        """Keeps the minima whose atoms hang together."""
        whole = np.isfinite(visits.energy)
        self._columns += visits.columns[whole].tolist()
        self._positions.append(visits.positions[..., whole])

    def polish(self, starts: list[Structure], potential: Potential, local: LocalSettings) -> None:
        """Takes all of them down to their minima."""
        if not self._columns:
            return
        positions = np.concatenate(self._positions, -1)
        for first in range(0, len(self._columns), _AT_A_TIME):
            columns = self._columns[first : first + _AT_A_TIME]
            ends = _ends([starts[k] for k in columns], positions[..., first : first + _AT_A_TIME])
            for k, minimum in _local(ends, potential, local).items():
                self.minima.setdefault(columns[k], []).append(minimum)


def _polished(
    starts: list[Structure], positions: np.ndarray, columns: Sequence[int], potential: Potential, local: LocalSettings
) -> dict[int, Minimum]:
    """The minima at the positions (3, n_atoms, n_columns) of some of the chains, by the chain."""
    ends = _ends([starts[k] for k in columns], positions)
    return {columns[i]: m for i, m in _local(ends, potential, local).items()}


def _ends(starts: list[Structure], positions: np.ndarray) -> list[Structure]:
    """The structures at positions (3, n_atoms, n_structures) around their centres; fixed atoms where they were."""
    ends = []
    for k, start in enumerate(starts):
        end = positions[:, : len(start.positions), k].T
        moved = np.where(start.free[:, None], end + start.positions.mean(0), start.positions)
        ends.append(start._replace(positions=moved))
    return ends


def _local(ends: list[Structure], potential: Potential, local: LocalSettings) -> dict[int, Minimum]:
    quench = replace(local, perturb=0.0)  # they have been moved enough
    return {i: m for part in minimized(ends, potential, quench, few=False) for i, m in part.items()}


def _tell(progress: Progress, chains: Chains, search: Search, share: float, lowest: float, n_structures: int) -> None:
    n_chains = len(chains.keys)
    n_ended, lowest = int(walk.ended(chains, search).sum()), min(lowest, float(chains.lowest_energy.min()))
    progress.searches(Step(range(n_structures), n_chains, n_ended, lowest, share))


def _answer(plain: Minimum, minima: list[Minimum], others: list[Minimum], n_evaluations: int, same: float) -> Minimum:
    """The best of plain minimization and the chains; `n_evaluations` counts what the chains and their polishing took."""
    best = best_of(plain, minima, same)
    won, gain = ("fallback", 0.0) if best is plain else ("learned", plain.energy - best.energy)
    known = distinct([plain, *minima, *others], same)
    total = plain.n_evaluations + n_evaluations
    return best._replace(energy_before=plain.energy_before, n_evaluations=total, won=won, gain=gain, minima=known)


def best_of(plain: Minimum, minima: list[Minimum], same: float) -> Minimum:
    """The lowest converged of the minima, if it lies below the plain result by more than `same`; else the plain result.

    Any minimum is better than a plain result that is in pieces or nowhere.
    """
    best, ceiling = plain, plain.energy - same
    if plain.status not in (Status.CONVERGED, Status.NOT_CONVERGED):
        ceiling = np.inf
    for minimum in minima:
        if minimum.status == Status.CONVERGED and minimum.energy < ceiling:
            best, ceiling = minimum, minimum.energy
    return best


def distinct(minima: list[Minimum], same: float) -> tuple[Minimum, ...]:
    """The converged ones, lowest first, one of those whose energies are equal within `same`."""
    found: list[Minimum] = []
    for minimum in sorted((m for m in minima if m.status == Status.CONVERGED), key=lambda m: m.energy):
        if not found or minimum.energy - found[-1].energy > same:
            found.append(minimum)
    return tuple(found)


def _start(structure: Structure, k: int, potential: Potential, settings: SearchSettings) -> Structure:
    """The start of chain k. 'given': the structure itself, and then in turn one near it and one anywhere.

    Every other one anywhere is symmetric. With fixed atoms all are near the structure.
    """
    if settings.start == "given" and k == 0:
        return structure
    rng, n = _rng(structure, k, settings), len(structure.positions)
    number = k // 2 if settings.start == "given" else k
    if structure.free.all() and (settings.start == "random" or (settings.start == "given" and k % 2 == 0)):
        return structure._replace(positions=start_positions(rng, n, potential.length, number % 2 == 1))
    shift = rng.uniform(-1, 1, (n, 3)) * _PERTURBATION * potential.length / np.sqrt(3)
    return structure._replace(positions=structure.positions + np.where(structure.free[:, None], shift, 0))


def _rng(structure: Structure, k: int, settings: SearchSettings) -> np.random.Generator:
    return np.random.default_rng([settings.seed, structure.content_hash(), k])
