"""Writes the structure file of a search, now and then and at the end."""

from typing import TYPE_CHECKING

from clusteropt.commands.plans import STDOUT
from clusteropt.commands.search_tasks import Work, text_of_isomers, text_of_lowest
from clusteropt.console import complain
from clusteropt.errors import ClusterOptError
from clusteropt.finding.under_way import Finding
from clusteropt.runtime.files import write_atomically

if TYPE_CHECKING:
    from clusteropt.finding.relaxing import Relaxing
    from clusteropt.finding.result import SearchMinimum, SearchResult


class SearchKeeper:
    """A search under way, whose lowest minimum it writes whenever that is a new one.

    Problems are said once, and writing is tried again at the end.
    """

    def __init__(self, work: Work, finding: "Finding | Relaxing") -> None:
        self._work, self.finding = work, finding
        self._written = float("inf")
        self._said = False

    def keep(self, lowest: float) -> None:
        """Writes the lowest minimum, of that energy, if it is a new one."""
        problem = self.finding.problem
        if lowest < self._written and self._work.files.lowest != STDOUT:
            problem = written_lowest(self._work, self.finding.lowest) or problem
            self._written = lowest
        if problem is not None and not self._said:
            self._said = True
            complain(f"{problem} (the search goes on, and tries again at its end)")

    def finish(self, result: "SearchResult") -> bool:
        """Writes the lowest minimum, and says where everything is. Returns False where a file could not be written."""
        problems = [self.finding.problem, written_lowest(self._work, next(iter(result.minima), None))]
        problems.append(_written_isomers(self._work, result))
        for problem in problems:
            if problem is not None:
                complain(str(problem))
        return not any(problems)


def _written_isomers(work: Work, result: "SearchResult") -> ClusterOptError | None:
    """Writes all that was relaxed, if there is a file for it. Returns the problem that kept it from being written."""
    if work.files.isomers is None or not result.relaxed:
        return None
    try:
        write_atomically(work.files.isomers, text_of_isomers(result))
    except ClusterOptError as problem:
        return problem
    return None


def written_lowest(work: Work, lowest: "SearchMinimum | None") -> ClusterOptError | None:
    """Writes the lowest minimum, if there is one and a file for it. Returns the problem that kept it from being written."""
    path = work.files.lowest
    if lowest is None or path in (None, STDOUT):
        return None
    try:
        write_atomically(path, text_of_lowest(lowest, work.task.formula))
    except ClusterOptError as problem:
        return problem
    return None
