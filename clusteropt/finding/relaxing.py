"""The second level of a search: the lowest minima of a cheap potential are relaxed with a calculator, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from clusteropt.clusters.arrays import Structure
from clusteropt.database.database import Database
from clusteropt.database.records import Relaxation, RunInfo
from clusteropt.database.rows import formula_of
from clusteropt.engine.step import Status
from clusteropt.errors import ClusterOptError
from clusteropt.finding import proving
from clusteropt.finding.levels import RELAXED, Ends, digest, told
from clusteropt.finding.result import SearchMinimum, SearchResult, prescreen_words
from clusteropt.finding.under_way import Task, described, facts_of, written
from clusteropt.runtime import host
from clusteropt.search.local import criterion_for, foresee, minimized
from clusteropt.search.minimum import Minimum, invalid
from clusteropt.settings.method import LocalSettings

# Lengths by which atoms are displaced first: a symmetric minimum may be a saddle point of the calculator.
_SHAKE = 0.02
_EVERY = 2.0  # seconds between two writings into the database, at least

Tell = Callable[[int, int], None]  # is told how many have ended, and the evaluations of all


class Relaxing:
    """The relaxations of a search under way. What has ended is in the database soon after, where there is one."""

    def __init__(self, task: Task, cheap: SearchResult, database: Database | None = None) -> None:
        self.task, self._cheap, self._database = task, cheap, database
        self.starts: Sequence[SearchMinimum] = cheap.minima[: task.settings.relax]
        symbols = task.composition.symbols
        known = [] if database is None else database.minima(formula_of(symbols), task.settings.keep)
        self._ends = Ends(task, self.starts, [one._replace(n_reached=0) for one in known])
        self._run = None if database is None else database.begin_run(RunInfo(task.command, symbols, task.kit.seed))
        before = {} if database is None else database.relaxed(cheap.potential.name)
        for k, start in enumerate(self.starts):
            if digest(start) in before:
                note, minimum = before[digest(start)]
                self._ends.add(k, minimum._replace(n_evaluations=note.n_evaluations))
        self._old = set(self._ends.minima)  # relaxed by an earlier run
        self._found = self._ends.found()
        self._later: dict[int, Minimum] = {}  # where certification has led the ends
        self._certificates: dict[bytes, str] = {}
        self._saddles: list[tuple[Minimum, float]] = []  # points that are no minima, with the energies of those below
        self._counts: dict[int, int] = {}  # evaluations of relaxations under way
        self._at = monotonic()  # of the last writing
        self._compiled = False  # they have had to wait for programs
        self.problem: ClusterOptError | None = None

    @property
    def n_known(self) -> int:
        """The starts that an earlier run has relaxed."""
        return len(self._old)

    @property
    def lowest(self) -> SearchMinimum | None:
        """The lowest minimum so far, without its point group."""
        composition = self.task.composition
        return SearchMinimum(self._found[0], composition.symbols, composition.potential) if self._found else None

    def foresee(self) -> bool:
        """Starts to build programs in the background. Returns True where one has to be compiled."""
        with host.double_precision():
            new = foresee([self._structure(k) for k in self._left], self.task.composition.potential, self._local, False)
        self._compiled = bool(new)
        return self._compiled

    def relax(self, tell: Tell) -> None:
        """Relaxes all that is left. KeyboardInterrupt leaves what has ended."""
        left = self._left
        structures = [self._structure(k) for k in left]

        def watch(i: int, n: int, positions: np.ndarray) -> None:
            self._counts[left[i]] = n
            self._see(left[i], n, positions)
            tell(len(self._ends.minima), sum(self._counts.values()))

        portions = minimized(structures, self.task.composition.potential, self._local, watch, few=False)
        while left:
            with host.double_precision():
                portion = next(portions, None)
            if portion is None:
                break
            for i, minimum in portion.items():
                self._ends.add(left[i], minimum)
        self._found = self._ends.found()
        self._keep()

    def certify(self) -> None:
        """Certifies the lowest minima, if the settings ask for it. Where that is interrupted, they stay as they were."""
        settings, composition = self.task.settings, self.task.composition
        if not (settings.certify or settings.symmetrize) or not self._found:
            return
        numbers = self._ends.numbers(self._found, {})
        with host.double_precision():
            proofs = proving.proofs_of(self._found, composition, settings.symmetrize)
        self._later = {k: proofs[number].minimum for k, number in numbers.items() if number < len(proofs)}
        self._saddles = proving.left_out(self._found, proofs, composition)
        self._found = proving.replaced(self._found, proofs, composition, len(self._found))
        self._certificates = proving.by_places(proofs)

    def ended(self, stopped_by: str = "") -> SearchResult:
        """Notes the end in the database, and returns what was found; `stopped_by` says what has stopped it from outside."""
        why, seconds, effort = stopped_by or RELAXED, self._ends.seconds, self._ends.n_evaluations
        minima = [described(one, self.task.composition, self._certificates) for one in self._found]
        numbers = self._ends.numbers(self._found, self._later)
        self._keep(minima)
        before = prescreen_words(self._cheap, [*self._ends.minima.values()])
        facts = {**facts_of(self.task.composition, None), "prescreen": before}
        unwritten = written(
            self._database, self._run, lambda database, run: database.end_run(run, effort, seconds, why, facts)
        )
        self.problem = unwritten or self.problem
        for k in self._left:  # it was cut short
            cut = invalid(self._structure(k), "", Status.INTERRUPTED)
            self._ends.add(k, cut._replace(n_evaluations=self._counts.get(k, 0)))
        most, cheap = self.task.settings.keep, self._cheap
        with_starts, relaxed = told(self._ends, self.starts, minima, numbers)
        about = (why, effort, seconds, float("nan"), self.task.kit.seed, self.task.best_known)
        result = SearchResult(self.task.formula, self.task.composition.potential, tuple(with_starts[:most]), *about)
        return replace(result, prescreen=cheap, relaxed=tuple(relaxed), compiled=self._compiled)

    @property
    def _left(self) -> list[int]:
        return [k for k in range(len(self.starts)) if k not in self._ends.minima]

    @property
    def _local(self) -> LocalSettings:
        return LocalSettings(perturb=_SHAKE * self.task.composition.potential.length, seed=self.task.kit.seed)

    def _structure(self, k: int) -> Structure:
        composition = self.task.composition
        positions = self.starts[k].found.minimum.positions
        return Structure(positions, composition.species, np.ones(composition.n_atoms, bool))

    def _see(self, k: int, n: int, positions: np.ndarray) -> None:
        """Notes a relaxation that has converged, so that nothing that follows can undo it."""
        minimum = converged_at(positions, n, self.task, self._structure(k))
        if minimum is None:
            return
        self._ends.add(k, minimum)
        if monotonic() - self._at >= _EVERY:
            self._found = self._ends.found()
            self._keep()

    def _keep(self, minima: Sequence[SearchMinimum] = ()) -> None:
        """Writes all that has ended into the database, if there is one, also what could not be written before."""
        self.problem = written(self._database, self._run, lambda database, run: self._write(database, run, minima))
        self._at = monotonic()

    def _write(self, database: Database, run: int, minima: Sequence[SearchMinimum]) -> None:
        numbers = self._ends.numbers(self._found, self._later)
        hits = [
            sum(number == k for i, number in numbers.items() if i not in self._old) for k in range(len(self._found))
        ]
        found = [one._replace(n_reached=n) for one, n in zip(self._found, hits, strict=True)]
        database.keep(run, found, [one.point_group for one in minima], [one.certificate for one in minima])
        database.note_relaxed(run, [(self._note(k), self._found[number].minimum) for k, number in numbers.items()])
        database.leave_out(run, found, self._saddles)

    def _note(self, k: int) -> Relaxation:
        start, n = self.starts[k], self._ends.minima[k].n_evaluations
        return Relaxation(digest(start), start.potential.name, k + 1, start.energy, n)


def converged_at(positions: np.ndarray, n: int, task: Task, start: Structure) -> Minimum | None:
    """The minimum at positions whose values the calculator has given, if forces are small there and atoms hang together."""
    potential, problem = task.composition.potential, task.composition.problem
    answer = problem.pool.remembered(problem.question_of(positions, start.species))
    before = problem.pool.remembered(problem.question_of(start.positions, start.species))
    if answer is None or before is None:
        return None
    fmax = float(np.linalg.norm(answer.forces, axis=1).max())
    pieces, _ = connected_components(cdist(positions, positions) < potential.cohesion_distance)
    if fmax > criterion_for(LocalSettings(), potential).tolerance or pieces > 1:
        return None
    parts = np.full(len(positions), np.nan)
    return Minimum(Status.CONVERGED, positions.copy(), before.energy, answer.energy, parts, answer.forces, fmax, n)
