"""The search of a composition under way: its progress, and the database that keeps what it finds."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from clusteropt.clusters.pointgroups import point_group
from clusteropt.clusters.sameness import QUANTUM
from clusteropt.database.database import Database
from clusteropt.database.notes import Notes
from clusteropt.database.records import RunInfo
from clusteropt.database.rows import formula_of
from clusteropt.errors import ClusterOptError
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.confidence import missed
from clusteropt.exploration.foreseeing import foresee
from clusteropt.exploration.limits import Limits, Progress
from clusteropt.exploration.searching import Search
from clusteropt.finding import proving
from clusteropt.finding.result import SearchMinimum, SearchResult
from clusteropt.io.best_known import full_formula
from clusteropt.potentials.calculators.known import version_of
from clusteropt.runtime import host
from clusteropt.search.found import Found
from clusteropt.search.minimum import Minimum
from clusteropt.settings.exploration import ExplorationSettings

_EVERY = 2.0  # seconds between two writings into the database, at least
_RARELY = 20  # the same interval in units of the time that the last writing took


class Task(NamedTuple):
    """A composition to search, and how."""

    kit: Kit
    settings: ExplorationSettings
    seconds: float | None  # None for no limit
    given: Sequence[np.ndarray] = ()  # positions (n_atoms, 3) from which the first chains start
    command: str = ""  # as the database is to remember it
    best_known: float | None = None  # energy, as the result is to remember it

    @property
    def composition(self) -> Composition:
        return self.kit.composition

    @property
    def formula(self) -> str:
        """Elements in alphabetical order, each with its count: 'Ag30Pd8'."""
        return full_formula(self.composition.symbols)


class Finding:
    """A search under way: an iterator over progress, after every round.

    A new lowest minimum is in the database before the progress tells of it. Where the database cannot be written, `problem` says
    so, the search goes on, and it is tried again.
    """

    def __init__(self, task: Task, database: Database | None = None) -> None:
        self.task, self._database = task, database
        symbols, settings = task.composition.symbols, task.settings
        known = [] if database is None else database.minima(formula_of(symbols), settings.keep)
        self._found = [one._replace(n_reached=0) for one in known]  # later those after the last whole round
        self.n_known = len(known)  # minima that the database had before
        self._run = None if database is None else database.begin_run(RunInfo(task.command, symbols, task.kit.seed))
        n = 0 if database is None or self._run is None else database.repeats(self._run)
        kit = replace(task.kit, seed=_seed_of(task.kit.seed, n))
        self._search = Search(kit, _limits(settings, task.seconds), settings.keep, self._found, task.given)
        self._written = known[0].minimum.energy if known else np.inf
        self._at, self._took = time.monotonic(), 0.0  # the end and the duration of the last writing, in seconds
        self.problem: ClusterOptError | None = None
        self._certificates: dict[bytes, str] = {}  # by the bytes of positions
        self._left: list[tuple[Minimum, float]] = []  # points that are no minima, with the energies of those below
        self._seconds: float | None = None  # of the search, where it has ended
        self._compiled = False  # it has had to wait for programs

    def foresee(self) -> bool:
        """Starts to build programs in the background. Returns True where the search has to wait for one to be compiled."""
        with host.double_precision():
            self._compiled = foresee(self.task.kit)
            if self._certifies:  # meanwhile the search is under way
                proving.foresee(self.task.composition)
            return self._compiled

    @property
    def _certifies(self) -> bool:
        return self.task.settings.certify or self.task.settings.symmetrize

    def certify(self) -> None:
        """Certifies the lowest minima, if the settings ask for it. Where that is interrupted, they stay as they were."""
        self._seconds = self._search.seconds
        if self._certifies and self._found:
            with host.double_precision():
                proofs = proving.proofs_of(self._found, self.task.composition, self.task.settings.symmetrize)
            self._left = proving.left_out(self._found, proofs, self.task.composition)
            self._found = proving.replaced(self._found, proofs, self.task.composition, self.task.settings.keep)
            self._certificates = proving.by_places(proofs)

    def __iter__(self) -> Iterator[Progress]:
        rounds = iter(self._search)
        while True:
            with host.double_precision():
                progress = next(rounds, None)
            if progress is None:
                return
            self._found = self._search.pool.found
            self._keep_if_due(progress.lowest)
            yield progress

    def _keep_if_due(self, lowest: float) -> None:
        waited = time.monotonic() - self._at
        if self._database is None or (lowest >= self._written and waited < max(_EVERY, _RARELY * self._took)):
            return
        began = time.monotonic()
        self.problem = written(self._database, self._run, lambda database, run: database.keep(run, self._found))
        if self.problem is None:
            self._written = lowest
        self._at = time.monotonic()
        self._took = self._at - began

    @property
    def lowest(self) -> SearchMinimum | None:
        """The lowest minimum so far, without its point group; None before the first."""
        composition = self.task.composition
        return SearchMinimum(self._found[0], composition.symbols, composition.potential) if self._found else None

    def ended(self, stopped_by: str = "") -> SearchResult:
        """Notes the end in the database, and returns what was found; `stopped_by` says what has stopped it from outside."""
        why, seconds = stopped_by or self._search.stopped_by, self._seconds or self._search.seconds
        found = [*self._below(self._found), *self._found][: self.task.settings.keep]
        minima = tuple(described(one, self.task.composition, self._certificates) for one in found)
        groups, statuses = [one.point_group for one in minima], [one.certificate for one in minima]
        effort, facts = self._search.n_evaluations, facts_of(self.task.composition, missed(found) if found else None)

        def write(database: Database, run: int) -> None:
            database.keep(run, found, groups, statuses)
            database.leave_out(run, found, self._left)
            database.end_run(run, effort, seconds, why, facts)

        self.problem = written(self._database, self._run, write)
        about = (why, effort, seconds, missed(found), self.task.kit.seed, self.task.best_known)
        potential = self.task.composition.potential
        return SearchResult(self.task.formula, potential, minima, *about, compiled=self._compiled)

    def _below(self, found: list[Found]) -> list[Found]:
        """The minima below all of these that others have brought into the database meanwhile."""
        if self._database is None:
            return []
        composition, known = self.task.composition, []
        try:
            known = self._database.minima(formula_of(composition.symbols), self.task.settings.keep)
        except ClusterOptError as problem:
            self.problem = problem
        ceiling = found[0].minimum.energy - 2 * QUANTUM * composition.potential.energy if found else np.inf
        return [one._replace(n_reached=0) for one in known if one.minimum.energy < ceiling]


def written(
    database: Database | None, run: int | None, write: Callable[[Database, int], object]
) -> ClusterOptError | None:
    """Writes of a run into the database, if there is one. Returns the problem that kept it from being written."""
    if database is None or run is None:
        return None
    try:
        write(database, run)
    except ClusterOptError as problem:
        return problem
    return None


def _seed_of(seed: int, n: int) -> int:
    """The seed of the n-th repetition of a search, so that it makes other chains; `seed` itself for the first search."""
    return int(np.random.SeedSequence([seed, n]).generate_state(1)[0]) if n else seed


def _limits(settings: ExplorationSettings, seconds: float | None) -> Limits:
    none = Limits()
    return Limits(
        none.seconds if seconds is None else seconds,
        none.evaluations if settings.evaluations is None else settings.evaluations,
        none.target if settings.target is None else settings.target,
        settings.n_confirm,
    )


def facts_of(composition: Composition, chance: float | None) -> Notes:
    """The facts about a run that its database is to keep: the chance of a missed minimum, the version of a calculator."""
    version = version_of(composition.potential.calculator)
    return ({} if chance is None else {"missed": chance}) | ({"calculator": version} if version else {})


def described(one: Found, composition: Composition, certificates: dict[bytes, str]) -> SearchMinimum:
    """The minimum with its point group, and its certificate if there is one."""
    places, potential = one.minimum.positions, composition.potential
    group = point_group(places, composition.species, potential.length).symbol
    return SearchMinimum(one, composition.symbols, potential, group, certificates.get(places.tobytes(), ""))
