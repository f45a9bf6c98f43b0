"""A batch on a Dask cluster: each Dask task is some structures of one padded size. Workers may join, leave and die.

When a worker dies, another one repeats its task. After several deaths Dask gives the task up, and its structures are submitted
one by one. A structure that still kills its workers gets the status out-of-memory. Each result is fetched and released at
once, because Dask would repeat a finished task whose worker dies.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from clusteropt.batch.chunk import deadly, lines_of
from clusteropt.batch.identity import made_of
from clusteropt.batch.items import Given, Line, Parcel
from clusteropt.batch.worker import work
from clusteropt.clusters.arrays import padded_size
from clusteropt.hosts.connection import connected
from clusteropt.hosts.scheduler import Scheduler
from clusteropt.potentials.calculators import known
from clusteropt.runtime.backend import n_lanes
from clusteropt.settings.config import MinimizeSettings

_WAITING = 3  # tasks submitted for each worker, so that no worker is idle
_SEARCHES = 16  # structures in a task of a search
_DEAR = 4  # structures in a task of a calculator
_QUEUES = 8  # structures per lane in a task of local minimization


def computed(
    chunks: Iterator[list[Given]], scheduler: Scheduler, settings: MinimizeSettings, quiet: bool
) -> Iterator[list[Line]]:
    """Computes the chunks on the workers of the scheduler, and yields results as they come back.

    Raises as `connected`, and UsageError where a worker has another version or other files.
    """
    with connected(scheduler, quiet) as client:
        crew = _Crew(client, (task for given in chunks for task in tasks_of(given, settings)), settings)
        crew.fill()
        while crew.task_of:
            if lines := crew.finished():
                yield lines


class _Crew:
    """The workers of a scheduler, and the tasks that were submitted to them."""

    def __init__(self, client: Any, tasks: Iterator[list[Given]], settings: MinimizeSettings) -> None:
        from distributed import as_completed

        self._client, self._tasks, self._settings = client, tasks, settings
        self._common = made_of(settings)
        self._calculator = known.recipe_named(settings.potential)
        self._running = as_completed(loop=client.loop)
        self.task_of: dict[Any, list[Given]] = {}  # by Dask's futures

    def fill(self) -> None:
        """Submits tasks until every worker has some waiting."""
        wanted = _WAITING * max(1, len(self._client.nthreads()))
        while len(self.task_of) < wanted and (task := next(self._tasks, None)) is not None:
            self._hand_in(task)

    def finished(self) -> list[Line]:
        """Waits for a task to end, submits new ones, and returns its results.

        Returns no results where Dask has given the task up and its structures are submitted one by one.
        """
        future = next(self._running)
        task = self.task_of.pop(future)
        lines = self._results(future, task)
        future.release()
        self.fill()
        return lines

    def _results(self, future: Any, task: list[Given]) -> list[Line]:
        from distributed import KilledWorker

        try:
            return future.result()
        except KilledWorker:
            if len(task) == 1:
                return lines_of([deadly(task[0], self._settings)], self._settings)
            for given in task:  # one of these structures kills the workers
                self._hand_in([given])
            return []

    def _hand_in(self, task: list[Given]) -> None:
        given = (Parcel(task), self._settings, self._common, self._calculator)
        future = self._client.submit(work, *given, pure=False)
        self.task_of[future] = task
        self._running.add(future)


def tasks_of(given: list[Given], settings: MinimizeSettings) -> Iterator[list[Given]]:
    """Cuts a chunk into tasks: structures of one padded size, as many as one worker computes side by side."""

    def size(one: Given) -> int:
        return padded_size(max(1, one.item.n_atoms))

    search = settings.method().search
    for padded, group in groupby(sorted(given, key=size), size):
        alike = list(group)
        most = _QUEUES * n_lanes(padded) if search is None else _SEARCHES
        most = _DEAR if known.is_known(settings.potential or "") else most
        yield from (alike[first : first + most] for first in range(0, len(alike), most))
