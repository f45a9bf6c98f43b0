"""The search of a composition: what the command line and Python programs call."""

import time
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

import numpy as np
from ase import Atoms

from clusteropt.clusters.pointgroups import point_group
from clusteropt.database.database import Database
from clusteropt.database.records import RunInfo
from clusteropt.database.rows import formula_of
from clusteropt.errors import ClusterOptError, UsageError
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.confidence import missed
from clusteropt.exploration.searching import Limits, Progress, Search, foresee
from clusteropt.io.best_known import best_known
from clusteropt.io.best_known import formula_of as canonical
from clusteropt.io.doubts import warn_caller
from clusteropt.optimizers.learned.weights import LearnedOptimizer, named
from clusteropt.potentials import sets
from clusteropt.runtime import host
from clusteropt.search.found import Found
from clusteropt.search.starts import symbols_of
from clusteropt.search_result import SearchMinimum, SearchResult
from clusteropt.settings.exploration import NONE, ExplorationSettings
from clusteropt.settings.keywords import changed, signed
from clusteropt.settings.options import POSITIVE

_EVERY = 2.0  # seconds between two writings into the database, at least
_RARELY = 20  # the same interval in units of the time that the last writing took


class SearchChanges(TypedDict, total=False):
    """The keyword arguments of `search`, for type checkers."""

    optimizer: str | LearnedOptimizer
    evaluations: int | None
    target: float | None
    confirm: int | None
    keep: int
    seed: int


def composition_of(formula: str, potential: str | None) -> Composition:
    """The atoms of the formula, sorted by element, under the named potential or the default one.

    Raises UsageError for text that is not a formula, for one atom, and without a potential.
    """
    symbols = tuple(sorted(symbols_of(formula)))
    if len(symbols) == 1:
        raise UsageError(f"{formula}: one atom has one structure: ask for two or more, as {formula.rstrip('1')}2")
    return Composition(symbols, sets.potential_for(tuple(sorted(set(symbols))), potential))


def positions_of(atoms: Atoms, composition: Composition, label: str) -> np.ndarray:
    """Positions (n_atoms, 3) of a structure from which to start, its atoms in the order of the composition.

    Raises UsageError, which begins with the label, for another composition and for coordinates that are not finite.
    """
    symbols = atoms.get_chemical_symbols()
    own, wanted = canonical(symbols), canonical(composition.symbols)
    if own != wanted:
        raise UsageError(
            f"{label}: is {own or 'empty'}, and the search is for {wanted}: name structures of {wanted} only"
        )
    if not np.isfinite(atoms.positions).all():
        raise UsageError(f"{label}: a coordinate is not a finite number: mend it")
    return atoms.positions[np.argsort(symbols, kind="stable")]


class Task(NamedTuple):
    """A composition to search, and how."""

    kit: Kit
    settings: ExplorationSettings
    seconds: float | None  # None for no limit
    given: Sequence[np.ndarray] = ()  # positions from which the first chains start
    command: str = ""  # as the database is to remember it


class Finding:
    """A search under way, and the database that keeps what it finds: an iterator over progress, after every round.

    A new lowest minimum is in the database before the progress tells of it. Where the database cannot be written, `problem` says
    so, the search goes on, and it is tried again.
    """

    def __init__(self, task: Task, database: Database | None = None) -> None:
        self.task, self._database = task, database
        symbols, settings = task.kit.composition.symbols, task.settings
        known = [] if database is None else database.minima(formula_of(symbols), settings.keep)
        self._known = [one._replace(n_reached=0) for one in known]
        self._search = Search(task.kit, _limits(settings, task.seconds), settings.keep, self._known, task.given)
        self._run = None if database is None else database.begin_run(RunInfo(task.command, symbols, task.kit.seed))
        self._found = self._known  # after the last whole round
        self._written = self._known[0].minimum.energy if self._known else np.inf
        self._at, self._took = time.monotonic(), 0.0  # the end and the duration of the last writing, in seconds
        self.problem: ClusterOptError | None = None

    def foresee(self) -> bool:
        """Starts to build programs in the background. Returns True where one has to be compiled."""
        with host.double_precision():
            return foresee(self.task.kit)

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
        self.problem = self._kept(lambda database, run: database.keep(run, self._found))
        if self.problem is None:
            self._written = lowest
        self._at = time.monotonic()
        self._took = self._at - began

    def _kept(self, write: Callable[[Database, int], object]) -> ClusterOptError | None:
        """Writes into the database, if there is one. Returns the problem that kept it from being written."""
        if self._database is None or self._run is None:
            return None
        try:
            write(self._database, self._run)
        except ClusterOptError as problem:
            return problem
        return None

    @property
    def n_known(self) -> int:
        """The minima that the database had before."""
        return len(self._known)

    @property
    def lowest(self) -> SearchMinimum | None:
        """The lowest minimum so far, without its point group; None before the first."""
        return self._minimum(self._found[0], "") if self._found else None

    def _minimum(self, one: Found, group: str) -> SearchMinimum:
        return SearchMinimum(one, self.task.kit.composition.symbols, self.task.kit.composition.potential, group)

    def ended(self, stopped_by: str = "") -> SearchResult:
        """Notes the end in the database, and returns what was found; `stopped_by` says what has stopped it from outside."""
        why, search = stopped_by or self._search.stopped_by, self._search
        composition = self.task.kit.composition
        groups = [
            point_group(one.minimum.positions, composition.species, composition.potential.length).symbol
            for one in self._found
        ]
        seconds = search.seconds

        def write(database: Database, run: int) -> None:
            database.keep(run, self._found, groups)
            database.end_run(run, search.n_evaluations, seconds, why)

        self.problem = self._kept(write)
        minima = tuple(self._minimum(*pair) for pair in zip(self._found, groups, strict=True))
        numbers = (search.n_evaluations, seconds, missed(self._found), self.task.kit.seed)
        best = best_known(composition.potential, composition.symbols)
        return SearchResult(canonical(composition.symbols), composition.potential, minima, why, *numbers, best)


def _limits(settings: ExplorationSettings, seconds: float | None) -> Limits:
    none = Limits()
    return Limits(
        none.seconds if seconds is None else seconds,
        none.evaluations if settings.evaluations is None else settings.evaluations,
        none.target if settings.target is None else settings.target,
        settings.n_confirm,
    )


def optimizer_of(settings: ExplorationSettings) -> LearnedOptimizer | None:
    """The learned optimizer that the settings name; None for none. Raises as `weights.named`."""
    return None if settings.optimizer == NONE else named(settings.optimizer)


def search(
    formula: str,
    potential: str | None = None,
    *,
    time_limit: float | None = None,
    database: str | PathLike[str] | None = None,
    starts: Sequence[Atoms] = (),
    **changes: Unpack[SearchChanges],
) -> SearchResult:
    """The lowest minima of a composition, such as 'Au38' or 'LJ38', the lowest first.

    The search ends by the first limit that holds. Without `time_limit` (seconds) and `evaluations` it ends after 600 s at most.
    With a `database`, a file, it goes on from the minima there, and keeps its own in it. `starts` are structures of the
    composition from which the first chains start. `optimizer` may also be what `load_optimizer` or `train_es` has returned.
    KeyboardInterrupt is raised; what was found until then is in the database. Raises UsageError for an argument that is not
    allowed, and for what is no composition with a potential.
    """
    given: dict[str, Any] = {**changes, "potential": potential}
    own = given.pop("optimizer") if isinstance(given.get("optimizer"), LearnedOptimizer) else None
    settings = changed(ExplorationSettings(), given, "search")
    if time_limit is not None and (fault := POSITIVE.fault("time_limit", time_limit)):
        raise UsageError(fault)
    warn_caller(sets.doubt(potential))
    composition = composition_of(formula, potential)
    places = [positions_of(atoms, composition, f"starts[{k}]") for k, atoms in enumerate(starts)]
    kit = Kit(composition, own or optimizer_of(settings), settings.seed)
    task = Task(kit, settings, settings.seconds(time_limit), places, f"clusteropt.search({formula!r})")
    if database is None:
        return _searched(Finding(task))
    with Database.open(Path(database), composition.potential) as opened:
        finding = Finding(task, opened)
        result = _searched(finding)
        warn_caller("" if finding.problem is None else str(finding.problem))
        return result


signed(search, ExplorationSettings())


def _searched(finding: Finding) -> SearchResult:
    try:
        finding.foresee()
        for _ in finding:
            pass
    except BaseException:
        finding.ended("interrupted")
        raise
    return finding.ended()
