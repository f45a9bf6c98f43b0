"""Global search with a learned optimizer: from every structure some chains of minima, and the lowest minimum wins.

Plain local minimization of the input takes part as well. Where it ends lowest, or no chain ends in a minimum, its result
is the answer (the fallback). So the answer never lies above it, unless it is fragmented or not finite.
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
from clusteropt.search.answers import answer
from clusteropt.search.chain_starts import chain_starts
from clusteropt.search.chains import Chains
from clusteropt.search.local import minimized
from clusteropt.search.minimum import Minimum
from clusteropt.search.observer import SILENT, Observer, Renumbered, SearchProgress
from clusteropt.search.pace import Pace
from clusteropt.search.policy import SearchPlan, plan_for
from clusteropt.search.walk import Visits
from clusteropt.settings.method import LocalSettings, SearchSettings

_SAME = 1e-6  # minima whose energies are closer than this, in energy scales, are one minimum
_AT_A_TIME = 512  # chains, which bounds the memory and what an interruption costs


class Kit(NamedTuple):
    """All that a search needs beside the structures."""

    potential: Potential
    local: LocalSettings
    settings: SearchSettings
    optimizer: LearnedOptimizer

    @property
    def problem(self) -> ClusterProblem:
        """The inner problem."""
        return ClusterProblem(self.potential)

    def plan(self, n_atoms: int) -> SearchPlan:
        """The numbers of the policy for clusters of that size."""
        return plan_for(self.optimizer, n_atoms, self.potential, self.settings.steps, self.settings.hops)

    def polished(self, starts: list[Structure], positions: np.ndarray, columns: Sequence[int]) -> list[Minimum]:
        """The minima below positions (3, n_atoms, n_columns) of the chains `columns`, which began at `starts[column]`."""
        ends = []
        for k, column in enumerate(columns):
            start, end = starts[column], positions[:, : len(starts[column].positions), k].T
            moved = np.where(start.free[:, None], end + start.positions.mean(0), start.positions)
            ends.append(start._replace(positions=moved))
        quench = replace(self.local, perturb=0.0)  # the chains have moved them
        found = {i: m for part in minimized(ends, self.potential, quench, few=False) for i, m in part.items()}
        return [found[i] for i in range(len(ends))]


def searched(
    structures: list[Structure], kit: Kit, observer: Observer = SILENT, unfinished: bool = False
) -> Iterator[dict[int, Minimum]]:
    """The lowest minima found for the structures, by their index, a portion at a time; `observer` is told the progress.

    With `unfinished`, a KeyboardInterrupt ends the search and is raised again after the lowest minima found so far have been
    yielded. Their status is 'interrupted', because a whole search may find lower ones.
    """
    _foresee([s for s in structures if _is_searchable(s) and len(s.positions) > 2], kit, observer)
    for portion in minimized(structures, kit.potential, kit.local, observer=observer, few=False):
        # structures that are not searched have the plain result, marked as the fallback
        open_ones = [i for i, m in portion.items() if _is_searchable(structures[i]) and not _needs_no_search(m)]
        done = {
            i: m if m.status == Status.INVALID_STRUCTURE else m._replace(won="fallback") for i, m in portion.items()
        }
        yield {i: m for i, m in done.items() if i not in open_ones}
        parts = _parts(open_ones, structures, kit.settings.chains)
        for k, part in enumerate(parts):
            plain = [portion[i] for i in part]
            found = _found([structures[i] for i in part], plain, kit, Renumbered(observer, part), unfinished)
            of_each = (plain, found.minima, found.others, found.n_evaluations)
            answers = map(partial(answer, same=_SAME * kit.potential.energy), *of_each)
            yield {i: m if found.whole else _stopped(m) for i, m in zip(part, answers, strict=True)}
            if not found.whole:
                yield {i: _stopped(done[i]) for later in parts[k + 1 :] for i in later}
                raise KeyboardInterrupt


def _foresee(structures: list[Structure], kit: Kit, observer: Observer) -> None:
    """Starts to build the programs of the search in the background."""
    for (size, _), members in by_size(structures).items():
        alike = [structures[i] for i in members for _ in range(kit.settings.chains)]
        if walk.foresee(alike, kit.problem, kit.plan(size)._replace(steps=1)):
            observer.compiles([size])


def _parts(indices: list[int], structures: list[Structure], trajectories: int) -> list[list[int]]:
    """Groups of structures of one size that are searched side by side, the small ones first."""
    several = max(1, _AT_A_TIME // trajectories)
    n_atoms = {i: len(structures[i].positions) for i in indices}
    groups = [list(group) for _, group in groupby(sorted(indices, key=n_atoms.__getitem__), n_atoms.__getitem__)]
    return [members[first : first + several] for members in groups for first in range(0, len(members), several)]


def _stopped(minimum: Minimum) -> Minimum:
    """The minimum, with the status of a search that was stopped."""
    return minimum._replace(status=Status.INTERRUPTED, n_reached=0, n_chains=0)


def _is_searchable(structure: Structure) -> bool:
    """True for two atoms or more in vacuum of which at least one is free."""
    return structure.cell is None and len(structure.positions) > 1 and bool(structure.free.any())


def _needs_no_search(plain: Minimum) -> bool:
    """True where the plain result is final: unusable input, or two atoms, which have one minimum."""
    return plain.status == Status.INVALID_STRUCTURE or (plain.status == Status.CONVERGED and len(plain.positions) == 2)


class _Found(NamedTuple):
    """The minima that a search has found, an entry for each structure."""

    minima: list[list[Minimum]]  # the lowest of each chain
    others: list[list[Minimum]]  # all that its chains have visited, if they were asked for
    n_evaluations: list[int]
    whole: bool  # False after an interruption


def _found(structures: list[Structure], plain: list[Minimum], kit: Kit, observer: Observer, unfinished: bool) -> _Found:
    """The minima that the chains of structures of one size find; after an interruption, the lowest of each structure."""
    n_each = kit.settings.chains
    starts, keys = chain_starts(structures, kit.potential, kit.settings)
    plan, lowest = kit.plan(len(structures[0].positions)), min(m.energy for m in plain)
    observer.searches(SearchProgress(range(len(structures)), len(starts), 0, lowest, 0.0))
    chains, whole, ends = None, True, {}
    visited = _Visited(kit, starts)
    try:
        each = np.arange(len(starts))
        under_way = walk.begin(starts, keys, kit.problem, plan, each // n_each, each % n_each)
        chains, pace = under_way.chains, Pace(under_way.chains, plan)
        for visits in under_way:
            chains = under_way.chains
            pace.visited(visits)
            visited.note(visits)
            _tell(observer, chains, plan, pace.share(chains), lowest, len(structures))
        ends = dict(enumerate(kit.polished(starts, chains.lowest, range(len(starts)))))
        visited.polish()
    except KeyboardInterrupt:
        if not unfinished:
            raise
        whole = False
        ends = {} if chains is None else _lowest_of_each(starts, chains, kit)
    used = np.zeros(len(starts), np.int64) if chains is None else chains.n_evaluations
    return _counted(ends, visited.minima, used, n_each, whole)


def _lowest_of_each(starts: list[Structure], chains: Chains, kit: Kit) -> dict[int, Minimum]:
    """The lowest minimum of each structure so far, by its chain."""
    each = chains.lowest_energy.reshape(-1, kit.settings.chains)
    best = (each.argmin(1) + kit.settings.chains * np.arange(len(each)))[np.isfinite(each.min(1))].tolist()
    return dict(zip(best, kit.polished(starts, chains.lowest[..., best], best), strict=True))


def _counted(
    ends: dict[int, Minimum], visited: dict[int, list[Minimum]], used: np.ndarray, n_each: int, whole: bool
) -> _Found:
    """The minima of the chains sorted by structure, with all evaluations, polishing included."""
    found, others, n_evaluations = [], [], []
    for first in range(0, len(used), n_each):
        chains = range(first, first + n_each)
        found.append([ends[k] for k in chains if k in ends])
        others.append([m for k in chains for m in visited.get(k, ())])
        polishing = sum(m.n_evaluations for m in (*found[-1], *others[-1]))
        n_evaluations.append(int(used[first : first + n_each].sum()) + polishing)
    return _Found(found, others, n_evaluations, whole)


class _Visited:
    """All minima that chains have visited, where they are to be kept."""

    def __init__(self, kit: Kit, starts: list[Structure]) -> None:
        self._kit, self._starts = kit, starts
        self._columns: list[int] = []
        self._positions: list[np.ndarray] = []
        self.minima: dict[int, list[Minimum]] = {}  # by chain, once they are polished

    def note(self, visits: Visits) -> None:
        """Keeps the minima whose atoms hang together."""
        if self._kit.settings.all_minima:
            whole = np.isfinite(visits.energy)
            self._columns += visits.columns[whole].tolist()
            self._positions.append(visits.positions[..., whole])

    def polish(self) -> None:
        """Minimizes all that was noted."""
        positions = np.concatenate(self._positions, -1) if self._columns else np.zeros((3, 0, 0))
        for first in range(0, len(self._columns), _AT_A_TIME):
            columns = self._columns[first : first + _AT_A_TIME]
            own = positions[..., first : first + _AT_A_TIME]
            for k, minimum in zip(columns, self._kit.polished(self._starts, own, columns), strict=True):
                self.minima.setdefault(k, []).append(minimum)


def _tell(observer: Observer, chains: Chains, plan: SearchPlan, share: float, lowest: float, n_structures: int) -> None:
    n_chains = len(chains.keys)
    n_ended, lowest = int(walk.ended(chains, plan).sum()), min(lowest, float(chains.lowest_energy.min()))
    observer.searches(SearchProgress(range(n_structures), n_chains, n_ended, lowest, share))
