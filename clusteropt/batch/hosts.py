"""A batch on a Dask cluster: chunks of structures are its tasks; workers may come, go and die.

A task that was lost with its worker is done again by another one. After some deaths Dask gives it up: its structures are
handed in one by one then, and the one that goes on killing has a status that says so. Results are taken and released one by
one, because Dask would repeat finished tasks whose worker died.
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
from clusteropt.clusters.arrays import n_lanes, padded_size
from clusteropt.console import say
from clusteropt.errors import Stopped, UsageError
from clusteropt.settings.config import MinimizeSettings

_SECONDS = 30  # to reach the scheduler
_WAITING = 3  # tasks handed in for each worker, so that none is idle
_SEARCHES = 16  # structures in a task of a global search
_QUEUES = 8  # as many structures for each lane in a task of local minimization


def computed(chunks: Iterator[list[Given]], job: BatchJob) -> Iterator[list[Line]]:
    """The results as they come back.

    Raises UsageError where Dask is not installed or the workers are not ours, Stopped where no scheduler answers (any more).
    """
    client = _client(job)
    from distributed import KilledWorker, as_completed

    common = made_of(job.settings)
    tasks = (task for given in chunks for task in tasks_of(given, job.settings))
    running = as_completed(loop=client.loop)
    task_of: dict[Any, list[Given]] = {}

    def hand_in(task: list[Given]) -> None:
        future = client.submit(work, Parcel(task), job.settings, common, pure=False)
        task_of[future] = task
        running.add(future)

    def fill() -> None:
        wanted = _WAITING * max(1, len(client.nthreads()))
        while len(task_of) < wanted and (task := next(tasks, None)) is not None:
            hand_in(task)

    try:
        if not client.nthreads() and not job.quiet:
            say("the scheduler has no worker yet: waiting for one")
        fill()
        while task_of:
            future = next(running)
            task = task_of.pop(future)
            try:
                lines = future.result()
            except KilledWorker:
                lines = [] if len(task) > 1 else lines_of([deadly(task[0], job.settings)], job.settings)
                for given in task if len(task) > 1 else ():  # one of them is to blame
                    hand_in([given])
            future.release()
            fill()
            if lines:
                yield lines
    except (OSError, CancelledError, StopIteration) as problem:
        raise Stopped(
            f"{_name(job)}: the scheduler has gone ({type(problem).__name__}): the same command goes on"
        ) from None
    finally:
        with suppress(Exception):
            client.close(timeout=5)


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
        raise Stopped(f"{_name(job)}: no scheduler answers within {_SECONDS} s ({problem}): is it running?") from None


def _silence() -> None:
    """Drops what Dask logs: what concerns the user is said in our words."""
    for name in ("distributed", *(name for name in logging.root.manager.loggerDict if name.startswith("distributed."))):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _address_in(file: Path | None) -> str | None:
    """Of a scheduler, from the file that it has written; None where that is something else."""
    try:
        return str(json.loads(Path(file or "").read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def tasks_of(given: list[Given], settings: MinimizeSettings) -> Iterator[list[Given]]:
    """Structures of one padded size together, as many as one worker computes side by side."""

    def size(one: Given) -> int:
        return padded_size(max(1, one.item.n_atoms))

    search = settings.method().search
    for padded, group in groupby(sorted(given, key=size), size):
        alike = list(group)
        most = _QUEUES * n_lanes(padded) if search is None else _SEARCHES
        yield from (alike[first : first + most] for first in range(0, len(alike), most))
