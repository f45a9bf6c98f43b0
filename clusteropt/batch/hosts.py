"""A batch on a Dask cluster: chunks of structures are its tasks; workers may come, go and die.

A task that was lost with its worker is done again by another one; after too many deaths Dask gives it up, and it is handed in
again here. Results are taken and released one by one, because Dask would repeat finished tasks whose worker died.
"""

import pickle
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from clusteropt.batch.folder import Line
from clusteropt.batch.inputs import Given
from clusteropt.batch.job import Job
from clusteropt.batch.worker import work
from clusteropt.clusters import n_lanes, padded_size
from clusteropt.config import OPTIMIZERS, MinimizeSettings
from clusteropt.console import say
from clusteropt.errors import ClusterOptError, UsageError

_SECONDS = 30  # to reach the scheduler
_WAITING = 3  # tasks handed in for each worker, so that none is idle
_DEATHS = 100  # of workers, one after the other at the same task
_SEARCHES = 16  # structures in a task of a global search
_QUEUES = 8  # as many structures for each lane in a task of local minimization


def computed(chunks: Iterator[list[Given]], job: Job) -> Iterator[list[Line]]:
    """The results as they come back.

    Raises UsageError where Dask is not installed, ClusterOptError where no scheduler answers or a task kills every worker.
    """
    client = _client(job)
    from distributed import KilledWorker, as_completed

    try:
        if not client.scheduler_info()["workers"] and not job.quiet:
            say("the scheduler has no worker yet: waiting for one")
        tasks = (task for given in chunks for task in tasks_of(given, job.settings))
        running = as_completed(loop=client.loop)
        given_of: dict[Any, tuple[list[Given], int]] = {}

        def hand_in(task: list[Given], deaths: int) -> None:
            future = client.submit(work, pickle.dumps((task, job.settings)), pure=False)
            given_of[future] = (task, deaths)
            running.add(future)

        def fill() -> None:
            wanted = _WAITING * max(1, len(client.scheduler_info()["workers"]))
            while len(given_of) < wanted and (task := next(tasks, None)) is not None:
                hand_in(task, 0)

        fill()
        while given_of:
            future = next(running)
            task, deaths = given_of.pop(future)
            try:
                lines = pickle.loads(future.result())  # noqa: S301  of our own workers
            except KilledWorker:
                if deaths >= _DEATHS:
                    raise ClusterOptError(
                        f"{task[0].item.label}: every worker that took it has died: look at their logs"
                    ) from None
                hand_in(task, deaths + 1)
                continue
            future.release()
            fill()
            yield lines
    finally:
        client.close(timeout=5)


def _client(job: Job) -> Any:
    where = job.scheduler or str(job.scheduler_file)
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("Dask is not installed: pip install 'clusteropt[dask]'") from None
    if job.scheduler is None and not (job.scheduler_file and job.scheduler_file.exists()):
        raise UsageError(f"{where}: no such scheduler file: start one with `dask scheduler --scheduler-file {where}`")
    try:
        if job.scheduler is None:
            return Client(scheduler_file=where, timeout=_SECONDS, set_as_default=False)
        return Client(where, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise ClusterOptError(
            f"{where}: no scheduler answers within {_SECONDS} s ({problem}): is it running?"
        ) from None


def tasks_of(given: list[Given], settings: MinimizeSettings) -> Iterator[list[Given]]:
    """Structures of one padded size together, as many as one worker computes side by side."""

    def size(one: Given) -> int:
        return padded_size(max(1, one.item.n_atoms))

    for padded, group in groupby(sorted(given, key=size), size):
        alike = list(group)
        most = _QUEUES * n_lanes(padded) if settings.optimizer in OPTIMIZERS else _SEARCHES
        yield from (alike[first : first + most] for first in range(0, len(alike), most))
