"""The result of a search that has ended without telling it, from what it has kept."""

from clusteropt.database.database import Database
from clusteropt.database.rows import formula_of
from clusteropt.exploration.confidence import missed
from clusteropt.finding.result import SearchResult
from clusteropt.finding.under_way import Task, described


def kept_result(task: Task, database: Database | None, stopped_by: str, compiled: bool = False) -> SearchResult:
    """The minima of the composition in the database, and how far its latest search has come; nothing without a database.

    `times_reached` adds up all searches in the database, which does not know whether programs had to be `compiled`.
    """
    composition = task.composition
    name = formula_of(composition.symbols)
    found = [] if database is None else database.minima(name, task.settings.keep)
    runs = [] if database is None else [run for run in database.runs() if run.formula == name]
    evaluations, seconds = (runs[-1].n_evaluations, runs[-1].seconds) if runs else (0, 0.0)
    minima = tuple(described(one, composition, {}) for one in found)
    about = (stopped_by, evaluations, seconds, missed(found), task.kit.seed, task.best_known)
    return SearchResult(task.formula, composition.potential, minima, *about, compiled=compiled)
