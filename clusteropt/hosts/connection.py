"""The connection of a client to a Dask scheduler, its problems in words."""

import logging
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any

from clusteropt.console import say
from clusteropt.errors import Stopped, UsageError
from clusteropt.hosts.scheduler import Scheduler

_SECONDS = 30  # within which the scheduler must answer


@contextmanager
def connected(scheduler: Scheduler, quiet: bool) -> Iterator[Any]:
    """Dask's client of the scheduler, which is closed at the end.

    Raises UsageError where Dask is not installed or no scheduler is named, Stopped where it does not answer or ends.
    """
    client = _client(scheduler)
    try:
        if not client.nthreads() and not quiet:
            say("the scheduler has no worker yet: waiting for the first one")
        yield client
    except (OSError, CancelledError, StopIteration) as problem:
        raise Stopped(
            f"{scheduler.name}: the scheduler has ended ({type(problem).__name__}): "
            "start it and run the same command to continue"
        ) from None
    finally:
        with suppress(Exception):
            client.close(timeout=5)


def _client(scheduler: Scheduler) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("Dask is not installed: pip install 'clusteropt[dask]'") from None
    if not scheduler.verbose:
        _silence()
    address = scheduler.found
    try:
        return Client(address, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise Stopped(
            f"{scheduler.name}: no scheduler answers within {_SECONDS} s ({problem}): check that it is running"
        ) from None


def _silence() -> None:
    """Silences Dask's log, because our own messages tell the user what matters."""
    for name in ("distributed", *(name for name in logging.root.manager.loggerDict if name.startswith("distributed."))):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
