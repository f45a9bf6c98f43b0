"""The workers of a Dask cluster, and the searches that they are given: one at a time for each.

When a worker dies, another one repeats its search. After several deaths Dask gives that search up; no other one is affected.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any

from clusteropt.commands.search_worker import Answer, Request, search
from clusteropt.errors import ClusterOptError, UsageError, unexpected

_LOOK = 1.0  # seconds after which workers that have joined are seen


class Crew:
    """Deals the searches out; `request` makes the n-th of so many when a worker is free for it."""

    def __init__(self, client: Any, n: int, request: Callable[[int], Request], common: dict[str, Any]) -> None:
        self._client, self._request, self._common = client, request, common
        self._left = [*range(n)]
        self._running: dict[Any, tuple[int, str]] = {}  # number of search and address of worker, by Dask's future

    def outcomes(self) -> Iterator[tuple[int, Answer | ClusterOptError]]:
        """The answer to each search by its number, or the error that has ended it, in the order in which they end.

        Raises UsageError where a worker has another version or other files, CancelledError or OSError where the scheduler ends.
        """
        while self._left or self._running:
            self._fill()
            for future in self._ended():
                number, _ = self._running.pop(future)
                yield number, _outcome(future)
                future.release()

    def _fill(self) -> None:
        """Gives every free worker a search. A worker that joins later takes over nothing that another one has begun."""
        for address in self._free() if self._left else []:
            if self._left:
                request = self._request(self._left[0])
                where = {"workers": [address], "allow_other_workers": True}
                future = self._client.submit(search, request, self._common, pure=False, **where)
                self._running[future] = (self._left.pop(0), address)

    def _free(self) -> Sequence[str]:
        busy = {address for _, address in self._running.values()}
        busy |= {address for address, keys in self._client.processing().items() if keys}  # repeats, and other clients'
        return [address for address in self._client.nthreads() if address not in busy]

    def _ended(self) -> list[Any]:
        from distributed import wait

        if not self._running:
            time.sleep(_LOOK)
        with suppress(TimeoutError), self._client.as_current():
            wait([*self._running], timeout=_LOOK, return_when="FIRST_COMPLETED")
        return [future for future in self._running if future.done()]


def _outcome(future: Any) -> Answer | ClusterOptError:
    from distributed import KilledWorker

    if future.status == "finished":
        return future.result()
    if future.status != "error":
        raise CancelledError(future.status)
    problem = future.exception()
    if isinstance(problem, UsageError):
        raise problem
    if isinstance(problem, KilledWorker):
        text = "every worker that has searched it has died, most likely of too little memory: start larger workers"
        return ClusterOptError(text)
    return (
        problem if isinstance(problem, ClusterOptError) else ClusterOptError(f"{unexpected(problem)}: please report it")
    )
