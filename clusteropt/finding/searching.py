"""`search`: a composition searched from Python; and what it shares with the command line, from a formula to a task."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from os import PathLike, fspath
from pathlib import Path
from time import monotonic
from typing import Any, TypedDict, Unpack

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from clusteropt.database.database import Database
from clusteropt.errors import ClusterOptError, UsageError
from clusteropt.exploration.composition import Composition, Kit
from clusteropt.exploration.seats import N_SEATS
from clusteropt.finding import levels
from clusteropt.finding.kept import kept_result
from clusteropt.finding.relaxing import Relaxing
from clusteropt.finding.result import SearchResult
from clusteropt.finding.under_way import Finding, Task
from clusteropt.io.best_known import best_known, full_formula, table_of
from clusteropt.io.doubts import warn_caller
from clusteropt.optimizers.learned.weights import LearnedOptimizer, named
from clusteropt.potentials import sets
from clusteropt.potentials.calculators import known
from clusteropt.runtime.machine import free_memory
from clusteropt.search.starts import symbols_of
from clusteropt.settings.exploration import NONE, ExplorationSettings
from clusteropt.settings.keywords import changed, signed
from clusteropt.settings.options import POSITIVE
from clusteropt.settings.values import typed

_BYTES = 10 * 3 * 8 * N_SEATS  # of memory for an atom: ten arrays of the positions of all seats


class SearchChanges(TypedDict, total=False):
    """The keyword arguments of `search`, for type checkers."""

    optimizer: str | LearnedOptimizer
    evaluations: int | None
    target: float | None
    confirm: int | None
    keep: int
    seed: int
    certify: bool
    symmetrize: bool
    best_known: str | None
    prescreen: str | None
    relax: int


def composition_of(formula: str, potential: str | None) -> Composition:
    """The atoms of the formula, sorted by element, under the named potential or the default one.

    Raises UsageError for text that is not a formula, for one atom, without a potential, and for what does not fit into memory.
    """
    symbols = tuple(sorted(symbols_of(formula)))
    if len(symbols) == 1:
        raise UsageError(f"{formula}: one atom has one structure: ask for two or more, as {formula.rstrip('1')}2")
    wanted, free = _BYTES * len(symbols), free_memory()
    if wanted > free:
        sizes = f"about {wanted / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free"
        raise UsageError(f"{formula}: a search needs {sizes}: ask for fewer atoms")
    fault = "" if potential is None else known.electron_fault(potential, [atomic_numbers[s] for s in symbols])
    if fault:  # before scales are computed
        raise UsageError(f"{formula}: {fault}")
    return Composition(symbols, sets.potential_for(tuple(sorted(set(symbols))), potential))


def positions_of(atoms: Atoms, composition: Composition, label: str) -> np.ndarray:
    """Positions (n_atoms, 3) of a structure from which to start, its atoms in the order of the composition.

    Raises UsageError, which begins with the label, for another composition and for coordinates that are not finite.
    """
    if not isinstance(atoms, Atoms):
        raise UsageError(f"{label} must be ASE Atoms, got {type(atoms).__name__}: read files with ase.io.read")
    symbols = atoms.get_chemical_symbols()
    own, wanted = full_formula(symbols), full_formula(composition.symbols)
    if own != wanted:
        raise UsageError(f"{label}: has the atoms {own or 'of none'}, and the search is for {wanted}: leave it out")
    if not np.isfinite(atoms.positions).all():
        raise UsageError(f"{label}: a coordinate is not a finite number: mend it")
    return atoms.positions[np.argsort(symbols, kind="stable")]


def optimizer_of(settings: ExplorationSettings) -> LearnedOptimizer | None:
    """The learned optimizer that the settings name; None for none. Raises as `weights.named`."""
    return None if settings.optimizer == NONE else named(settings.optimizer)


def known_to(settings: ExplorationSettings, composition: Composition) -> float | None:
    """The best-known energy; None where no table has one. Raises InputError for a table that cannot be read."""
    own = None if settings.best_known is None else table_of(settings.best_known)
    return best_known(composition.potential, composition.symbols, own)


def search(
    formula: str,
    potential: str | None = None,
    *,
    calculator: Any = None,
    time_limit: float | None = None,
    database: str | PathLike[str] | None = None,
    starts: Sequence[Atoms] = (),
    **changes: Unpack[SearchChanges],
) -> SearchResult:
    """The lowest minima of a composition, such as 'Au38' or 'LJ38', the lowest first.

    The search ends by the first limit that holds. Without `time_limit` (seconds) and `evaluations` it ends after 600 s at the
    latest. With a `database`, a file, it goes on from the minima there, and keeps its own in it. `starts` are structures of the
    composition from which the first chains start. `optimizer` may also be what `load_optimizer` or `train_es` has returned.
    KeyboardInterrupt is raised; what was found until then is in the database. Raises UsageError for an argument that is not
    allowed, and for what is no composition with a potential.

    `calculator`: an ASE calculator, its class, or a name such as 'emt', in place of a potential. With a `prescreen` at most half
    of a `time_limit` goes to the search by that potential.
    """
    potential = known.chosen(potential, calculator)
    given: dict[str, Any] = {**changes, "potential": potential}
    own = given.pop("optimizer") if isinstance(given.get("optimizer"), LearnedOptimizer) else None
    settings = changed(ExplorationSettings(), given, "search")
    levels.check(settings)
    limit = _seconds(time_limit)
    seconds = settings.seconds(limit) if settings.prescreen is None else limit
    warn_caller(sets.doubt(potential))
    composition = composition_of(typed(str, formula, "formula"), potential)
    several = [starts] if isinstance(starts, Atoms) else starts
    places = [positions_of(atoms, composition, f"starts[{k}]") for k, atoms in enumerate(several)]
    kit = Kit(composition, own or optimizer_of(settings), settings.seed)
    command = f"clusteropt.search({formula!r})"
    task = Task(kit, settings, seconds, places, command, known_to(settings, composition))
    path = None if database is None else Path(fspath(database))
    result, problem = (_in_one_level if settings.prescreen is None else _in_two_levels)(task, path)
    warn_caller("" if problem is None else str(problem))
    return result


signed(search, ExplorationSettings())


def _seconds(time_limit: float | None) -> float | None:
    seconds = typed(float | None, time_limit, "time_limit")
    if seconds is not None and (fault := POSITIVE.fault("time_limit", seconds)):
        raise UsageError(fault)
    return seconds


_Ended = tuple[SearchResult, ClusterOptError | None]  # with the problem that kept it from being written


def _in_one_level(task: Task, path: Path | None) -> _Ended:
    with _opened(path, task.composition) as database:
        finding = Finding(task, database)
        return _searched(finding), finding.problem


def _in_two_levels(task: Task, path: Path | None) -> _Ended:
    first, end = levels.prescreening(task), None if task.seconds is None else monotonic() + task.seconds
    beside = None if path is None else levels.database_of(path, first.composition.potential)
    with _opened(path, task.composition) as own, _opened(beside, first.composition) as cheap:
        due = "" if cheap is None else levels.is_due(task, cheap, own)
        found = None if due else _searched(Finding(first, cheap))
        if cheap is not None:
            how = (due, False) if found is None else (found.stopped_by, found.compiled)
            found = kept_result(first, cheap, *how)
        assert found is not None
        relaxing = Relaxing(task, found, own)
        return _relaxed(relaxing, end), relaxing.problem


def _opened(path: Path | None, composition: Composition) -> AbstractContextManager[Database | None]:
    return nullcontext() if path is None else Database.open(path, composition.potential)


def _relaxed(relaxing: Relaxing, end: float | None) -> SearchResult:
    """Runs relaxations to their ends, or until the time is over. After an error the database has all until then."""

    def look(*_: int) -> None:
        if end is not None and monotonic() > end:
            raise TimeoutError

    try:
        relaxing.relax(look)
        relaxing.certify()
    except TimeoutError:
        return relaxing.ended("time")
    except BaseException:
        relaxing.ended("interrupted")
        raise
    return relaxing.ended()


def _searched(finding: Finding) -> SearchResult:
    """Runs the search to its end. After KeyboardInterrupt or an error the database has all until then."""
    try:
        finding.foresee()
        for _ in finding:
            pass
        finding.certify()
    except BaseException:
        finding.ended("interrupted")
        raise
    return finding.ended()
