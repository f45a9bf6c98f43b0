"""A batch on a Dask cluster: each Dask task is some structures of one padded size. Workers may join, leave and die.

When a worker dies, another one repeats its task. After several deaths Dask gives the task up, and its structures are submitted
one by one. A structure that still kills its workers gets the status out-of-memory. Each result is fetched and released at
once, because Dask would repeat a finished task whose worker dies.
"""

import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

from clusteropt.batch.chunk import deadly, lines_of
from clusteropt.batch.identity import made_of
from clusteropt.batch.items import Given, Line, Parcel
from clusteropt.batch.job import BatchJob
from clusteropt.batch.worker import work
from clusteropt.clusters.arrays import padded_size
from clusteropt.console import say
from clusteropt.errors import Stopped, UsageError
from clusteropt.runtime.backend import n_lanes
from clusteropt.settings.config import MinimizeSettings

_SECONDS = 30  # within which the scheduler must answer
_WAITING = 3  # tasks submitted for each worker, so that no worker is idle
_SEARCHES = 16  # structures in a task of a search
_QUEUES = 8  # structures per lane in a task of local minimization


def computed(chunks: Iterator[list[Given]], job: BatchJob) -> Iterator[list[Line]]:
    """Computes the chunks on the workers of the scheduler, and yields results as they come back.

    Raises UsageError where Dask is not installed or a worker has another version or other files, Stopped where the scheduler
    does not answer or ends.
    """
    client = _client(job)
    tasks = (task for given in chunks for task in tasks_of(given, job.settings))
    crew = _Crew(client, tasks, job.settings)
    try:
        if not client.nthreads() and not job.quiet:
            say("the scheduler has no worker yet: waiting for the first one")
        crew.fill()
        while crew.task_of:
            if lines := crew.finished():
                yield lines
    except (OSError, CancelledError, StopIteration) as problem:
        raise Stopped(
            f"{_name(job)}: the scheduler has ended ({type(problem).__name__}): start it and run the same command to continue"
        ) from None
    finally:
        with suppress(Exception):
            client.close(timeout=5)


class _Crew:
    """The workers of a scheduler, and the tasks that were submitted to them."""

    def __init__(self, client: Any, tasks: Iterator[list[Given]], settings: MinimizeSettings) -> None:
        from distributed import as_completed

        self._client, self._tasks, self._settings = client, tasks, settings
        self._common = made_of(settings)
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
        future = self._client.submit(work, Parcel(task), self._settings, self._common, pure=False)
        self.task_of[future] = task
        self._running.add(future)


def _name(job: BatchJob) -> str:
    return job.scheduler or str(job.scheduler_file)


def _client(job: BatchJob) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("Dask is not installed: pip install 'clusteropt[dask]'") from None
    if not job.verbose:
        _silence()
    address = job.scheduler if job.scheduler is not None else _address_in(job.scheduler_file)
    if address is None or not re.fullmatch(r"\w+://\S+:\d+", address):
        raise UsageError(f"{_name(job)}: names no scheduler: write tcp://host:port, or start one with `dask scheduler`")
    try:
        return Client(address, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise Stopped(
            f"{_name(job)}: no scheduler answers within {_SECONDS} s ({problem}): check that it is running"
        ) from None


def _silence() -> None:
    """Silences Dask's log, because our own messages tell the user what matters."""
    for name in ("distributed", *(name for name in logging.root.manager.loggerDict if name.startswith("distributed."))):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _address_in(file: Path | None) -> str | None:
    """The address of a scheduler, from the file that it has written; None where the file holds no address."""
    try:
        return str(json.loads(Path(file or "").read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def tasks_of(given: list[Given], settings: MinimizeSettings) -> Iterator[list[Given]]:
    """Cuts a chunk into tasks: structures of one padded size, as many as one worker computes side by side."""

    def size(one: Given) -> int:
        return padded_size(max(1, one.item.n_atoms))

    search = settings.method().search
    for padded, group in groupby(sorted(given, key=size), size):
        alike = list(group)
        most = _QUEUES * n_lanes(padded) if search is None else _SEARCHES
        yield from (alike[first : first + most] for first in range(0, len(alike), most))
